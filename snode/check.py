"""A self-check for people who have a GPU: `snode check --backend cupy`.

Every number is computed in float32 on the device and again by NumPy in float64, from the same
images and weights; what must be an identity is checked as one.  The test suite does the same on a
small problem in float64; here the precision, the size and the speed are those of a real run.

Letters: L layers, N width, K images, C classes; W (L, N, N), b (L, N, 1), x0 (N, K), y (C, K).
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from snode import machine
from snode.arrays import to_device, to_numpy
from snode.attacks import attack
from snode.cost import Cost
from snode.euler import Euler
from snode.linearise import jacobian_rows
from snode.network import Weights, initial_weights, relu, tanh
from snode.optimise import NCG
from snode.rk45 import RK45

SIZES = {"small": (12, 13, 5, 4), "full": (150, 196, 100, 10)}  # L, N, K, C; Sec. 5
L2, CE = Cost(mu1=1.0), Cost(mu2=1.0, mu3=0.4)
STEPS = 3  # NCG iterations


class Check(NamedTuple):
    """One line of the report.  Source: this package.

    Parameters
    ----------
    name : str
        What was compared.
    value : float or None
        An error, a count or a time; NaN where the check broke down, None where it cannot be made.
    limit : float or None
        The largest value allowed; None where the value is for information.
    note : str
        What to think of it.  Trusts its input.
    """

    name: str
    value: float | None
    limit: float | None
    note: str = ""

    @property
    def verdict(self):
        """Return "ok", "FAILED" or "--", a str.  Source: this package; trusts its input."""
        if self.value is None or self.limit is None:
            return "--"
        return "ok" if self.value <= self.limit else "FAILED"

    def __str__(self):
        """Return the line."""
        value = "not measurable here" if self.value is None else f"{self.value:.3g}"
        limit = "" if self.limit is None or self.value is None else f" (limit {self.limit:g})"
        return f"{self.verdict:6} {self.name}: {value}{limit}{self.note and '; ' + self.note}"


class _Data(NamedTuple):
    """What a batch needs, in one precision and on one device."""

    weights: Weights
    direction: Weights
    x0: Any
    y: Any
    xi0: Any
    lam_T: Any


@dataclass(frozen=True)
class _Problem:
    """The same random batch in float32 on the device and in float64 on the CPU."""

    xp: Any
    size: tuple
    device: _Data
    host: _Data


def run(xp=np, small=False, report=print):
    """Make all checks, one line for each.  Source: this package.

    Parameters
    ----------
    xp : module
        numpy or cupy, as `arrays.backend` returns it.
    small : bool
        A few layers and images, for seconds instead of minutes, in place of the paper's size.
    report : callable
        Is given each line, a str.

    Returns
    -------
    dict
        "ok", "device", "problem" and "checks": numbers, texts and lists, for a JSON file.  Whatever
        a check raises is reported as its failure.  Trusts its input.
    """
    device, checks = machine.describe(xp), []
    report("device: " + ", ".join(f"{key} {value}" for key, value in device.items()))
    problem = _problem(xp, SIZES["small" if small else "full"])
    for name, limit, measure in CHECKS:
        try:
            found = measure(problem)
            check = Check(name, *(found if isinstance(found, tuple) else (found, limit)))
        except Exception as error:  # a broken CUDA raises many types, and all belong in the report
            check = Check(name, math.nan, limit or 0.0, f"{type(error).__name__}: {error}")
        checks.append(check)
        report(str(check))
    return {
        "ok": all(check.verdict != "FAILED" for check in checks),
        "device": device,
        "problem": dict(zip("LNKC", problem.size, strict=True)),
        "checks": [_entry(check) for check in checks],
    }


def _entry(check):
    """Return a check for the JSON file, which knows neither NaN nor infinity."""
    value = check.value if check.value is not None and math.isfinite(check.value) else None
    return {**check._asdict(), "value": value, "verdict": check.verdict}


def _problem(xp, size):
    """Draw smooth weights of a size that matters, a direction, images, targets and states."""
    L, N, K, C = size
    rng = np.random.default_rng(1)
    w, d = (initial_weights(L, N, 3.0, seed, N**-0.5, "spline", np.float32, np) for seed in (2, 3))
    y = np.eye(C)[:, rng.integers(0, C, K)]
    numbers = rng.uniform(-1, 0, (N, K)), y, *rng.normal(size=(2, N, K))
    numbers = [a.astype(np.float32) for a in numbers]
    host = _Data(*(v.like(v.W.astype(np.float64), v.b.astype(np.float64)) for v in (w, d)),
                 *(a.astype(np.float64) for a in numbers))  # fmt: skip
    device = _Data(w.to(xp), d.to(xp), *(to_device(a, xp) for a in numbers))
    return _Problem(xp, size, device, host)


def _error(device, host):
    """Return the largest difference, relative to the largest number."""
    return float(np.abs(to_numpy(device) - host).max() / np.abs(host).max())


def _multiply(a, b):
    return a @ b


def _product(p):
    """Return the error of plain, transposed and batched products, as the flow uses them."""
    n = 2 * p.size[1]
    a, b = np.random.default_rng(4).normal(size=(2, 3, n, n)).astype(np.float32)
    A, B = to_device(a, p.xp), to_device(b, p.xp)
    a, b = a.astype(np.float64), b.astype(np.float64)
    error = max(
        _error(_multiply(A[0], B[0]), a[0] @ b[0]),
        _error(_multiply(A[0].T, B[0]), a[0].T @ b[0]),
        _error(_multiply(A, B.swapaxes(1, 2)), a @ b.swapaxes(1, 2)),
    )
    rounded = 1e-5 < error < 1e-2
    note = "products rounded to TF32: unset CUPY_TF32 and NVIDIA_TF32_OVERRIDE"
    return error, 1e-5, note if rounded else ""


def _forward(activation):
    flow = Euler(activation)

    def measure(p):
        device, host = (flow.forward(d.weights, d.x0).end for d in (p.device, p.host))
        return _error(device, host)

    return measure


def _dot_test(p):
    """<xi(T), lam(T)> = <xi0, lam(0)> + K <E', d>, relative to the size of the terms."""
    d, flow = p.device, Euler(tanh)
    path = flow.forward(d.weights, d.x0)
    xi = flow.sensitivity(d.weights, path, d.xi0, d.direction)
    lam = flow.adjoint(d.weights, path, d.lam_T)
    end, start = (
        float(np.vdot(to_numpy(u).astype(np.float64), to_numpy(v)))
        for u, v in ((xi.end, d.lam_T), (d.xi0, lam.start))
    )
    inside = p.size[2] * flow.gradient(d.weights, path, lam).inner(d.direction)
    return abs(end - start - inside) / (abs(end) + abs(start) + abs(inside))


def _trained(cost, smooth, data):
    ncg = NCG(Euler(tanh), cost, STEPS, sobolev=smooth)
    return ncg.update(data.weights, data.x0, data.y)


def _training(cost, smooth):
    def measure(p):
        """The difference of the trained weights, relative to the change by training."""
        device, host = (_trained(cost, smooth, data) for data in (p.device, p.host))
        change = np.linalg.norm(host.W - p.host.weights.W)
        return float(np.linalg.norm(to_numpy(device.W) - host.W) / change)

    return measure


def _adaptive(p):
    flow = RK45(tanh, 1e-5)
    return _error(*(flow.forward(d.weights, d.x0).end for d in (p.device, p.host)))


def _rows(p):
    flow = Euler(tanh)
    device, host = (
        jacobian_rows(flow, d.weights, flow.forward(d.weights, d.x0), p.size[3])
        for d in (p.device, p.host)
    )
    return _error(device, host)


def _attack(p):
    device, host = (
        attack(Euler(tanh), d.weights, d.x0, p.size[3], iterations=1).x for d in (p.device, p.host)
    )
    return _error(device, host)


def _repeated(p):
    """Count the weights that differ between two equal runs."""
    first, second = (to_numpy(_trained(CE, False, p.device).W) for _ in range(2))
    return float((first != second).sum())


def _waits(p):
    """Count the solves that wait for the device."""
    d, flow = p.device, Euler(tanh)
    path = flow.forward(d.weights, d.x0)
    lam = flow.adjoint(d.weights, path, d.lam_T)
    solves = (
        lambda: flow.forward(d.weights, d.x0),
        lambda: flow.sensitivity(d.weights, path, direction=d.direction),
        lambda: flow.adjoint(d.weights, path, d.lam_T),
        lambda: flow.gradient(d.weights, path, lam),
    )
    found = [machine.waits(p.xp, solve) for solve in solves]
    return None if None in found else float(sum(found))


def _growth(p):
    found = machine.pool_growth(p.xp, lambda: _trained(CE, False, p.device))
    return found and (found[0], 0.0, f"it holds {found[1] / 2**20:.0f} MiB")


def _milliseconds(p):
    d = p.device
    value = machine.milliseconds(p.xp, lambda: _trained(CE, False, d)) / STEPS
    if p.xp is np:
        return value
    d = _Data(d.weights.to(np), d.direction.to(np), *(to_numpy(a) for a in d[2:]))
    on_cpu = machine.milliseconds(np, lambda: _trained(CE, False, d)) / STEPS
    return value, None, f"{on_cpu:.3g} by NumPy on this computer's CPU"


CHECKS = (  # name, limit, function of the problem -> value, or (value, limit, note)
    ("matrix product", 1e-5, _product),
    ("forward solve (1), tanh", 2e-5, _forward(tanh)),
    ("forward solve (1), ReLU", 2e-5, _forward(relu)),
    ("dot test of (2) and (8)", 1e-4, _dot_test),
    ("NCG, l2", 1e-4, _training(L2, False)),
    ("NCG, cross-entropy, Sobolev", 1e-4, _training(CE, True)),
    ("RK45 at rtol 1e-5", 1e-3, _adaptive),
    ("rows of P", 1e-4, _rows),
    ("step of an attack", 1e-4, _attack),
    ("weights that differ in a second run", 0.0, _repeated),
    ("solves that wait for the device", 0.0, _waits),
    ("bytes that a run adds to the memory pool", 0.0, _growth),
    ("milliseconds for an NCG iteration", None, _milliseconds),
)
