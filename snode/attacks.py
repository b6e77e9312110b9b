"""Algorithm 2: attacks by short steps in the direction of the perturbation of least norm.

    i      the target, or for a moving target the class of least (15)                line 5
    xi0    the perturbation of least norm that makes (13) an equality: Eq. (14)      line 6
    x <- point of the valid region nearest to x + s xi0 / |xi0|                      line 7
    until the inferred class is not j any more, M steps at most                      line 9

A targeted step needs one pull-back, of kappa e_i - e_j, because (14) is parallel to
kappa P_i - P_j; a step with a moving target needs all C rows of P.

Negative outputs: for z_j < 0 and kappa < 1, (15) is negative for a class i close behind j.  Read
literally, a moving target then is that class, and (14) leads *away* from it: (13) has room to
spare, though j still wins.  `literal=False` gives such a pair kappa = 1, for which (15) >= 0
always.  Either way an image counts as fooled when the argmax changes, not because (13) holds.

Letters: N width, K images, C classes; x0 (N, K), z (C, K), P (C, N, K), i, j (K,), xi0 (N, K).
"""

from dataclasses import dataclass
from numbers import Real

import numpy as np

from snode.arrays import array_module, to_device, to_numpy
from snode.linearise import divisor, jacobian_rows, least_norms, rows_of, unit
from snode.perturbed import (
    Attacked,
    check_images,
    check_labels,
    check_settings,
    chunks,
    infer,
    nearest_valid,
    outcome,
)
from snode.scalars import check_positive


@dataclass(frozen=True)
class Rule:
    """The settings of Algorithm 2.

    Parameters
    ----------
    step : float
        s > 0, a scalar in units of the input: 0.06 in Sec. 5.
    iterations : int
        M, a scalar: 15 in Sec. 5.
    kappa : float
        Safety margin of (13), a scalar in (0, 1]; the authors' prototype has 0.975.
    margin : float
        m >= 0, a scalar in units of the output.
    cap : bool
        Never step further than (15) says.  Then kappa < 1 or a margin must carry x over the border.
    literal : bool
        How to read negative outputs, see the head of this file.
    box : (float, float) or None
        The valid region of every pixel.
    chunk : int
        How many images are solved for at once (scalar).

    Raises
    ------
    ValueError
        Naming the setting out of range.
    """

    step: float = 0.06
    iterations: int = 15
    kappa: float = 0.975
    margin: float = 0.0
    cap: bool = False
    literal: bool = True
    box: tuple[float, float] | None = (-1.0, 0.0)
    chunk: int = 250

    def __post_init__(self):
        """Check the settings."""
        check_settings(self.step, self.iterations, self.box, self.chunk)
        if not (isinstance(self.kappa, Real) and 0 < self.kappa <= 1):
            raise ValueError(f"kappa: expected a number in (0, 1], got {self.kappa!r}")
        check_positive("margin", self.margin, zero=True)


def attack(flow, weights, x0, classes=10, target=None, **settings):
    """Attack images until the inferred class changes.  Algorithm 2, Eqs. (14), (15).

    Parameters
    ----------
    flow : Euler or RK45
        The discretisation.
    weights : Weights
        (L, N, N), (L, N, 1).
    x0 : array (N, K)
        Images inside the valid region.
    classes : int
        C, a scalar.
    target : array (K,), optional
        Class i of each image; without it the target moves: in every step the i of least (15).
    **settings : float, int or bool
        Scalars: the fields of `Rule`.

    Returns
    -------
    Attacked

    Raises
    ------
    TypeError, ValueError
        Naming what does not fit; a target must differ from the inferred class.
    """
    rule = Rule(**settings)
    check_images("x0", x0, weights, classes, rule.box)
    xp, j = array_module(x0), infer(flow, weights, x0, classes, rule.chunk)
    targets = [None] * x0.shape[1]  # one for each chunk suffices
    if target is not None:
        targets = chunks(to_device(_check_target(target, to_numpy(j), classes), xp), rule.chunk)
    found = [
        _algorithm_2(flow, weights, *part, classes, rule)
        for part in zip(chunks(x0, rule.chunk), chunks(j, rule.chunk), targets, strict=False)
    ]
    x, final, iterations = (xp.concatenate(parts, axis=-1) for parts in zip(*found, strict=True))
    pull_backs = classes if target is None else 1
    return outcome(x0, x, j, final, iterations, pull_backs * iterations)


def nine_targets(flow, weights, x0, classes=10, **settings):
    """Attack towards every other class; keep the success of least norm.  App. D.4.

    Parameters
    ----------
    flow, weights, x0, classes, **settings : as in `attack`
        Images (N, K).

    Returns
    -------
    Attacked
        `gradients` counts those of all C - 1 attacks.

    Raises
    ------
    TypeError, ValueError
        As `attack` does.
    """
    rule = Rule(**settings)
    check_images("x0", x0, weights, classes, rule.box)
    j = to_numpy(infer(flow, weights, x0, classes, rule.chunk))
    best = None
    for shift in range(1, classes):
        found = attack(flow, weights, x0, classes, (j + shift) % classes, **settings)
        best = found if best is None else smaller(best, found)
    return best


def smaller(a, b):
    """Keep, image by image, the success of least norm of two attacks.  App. D.4.

    Parameters
    ----------
    a, b : Attacked
        Attacks on the same images, x (N, K); their gradients are added.  Trusts its input.

    Returns
    -------
    Attacked
        Where neither succeeded: a.
    """
    better = b.success & (~a.success | (b.norm < a.norm))
    xp = array_module(a.x, b.x)
    x = xp.where(to_device(better, xp), b.x, a.x)
    rest = [np.where(better, v, u) for u, v in zip(a[1:-1], b[1:-1], strict=True)]
    return Attacked(x, *rest, a.gradients + b.gradients)


def _algorithm_2(flow, weights, x0, j, target, classes, rule):
    """Run Algorithm 2 on one chunk; return x, the final class and the steps of each image."""
    xp = array_module(x0)
    x, final, iterations = x0.copy(), j.copy(), xp.zeros_like(j)
    active = xp.arange(x.shape[1])
    path = flow.forward(weights, x)
    for m in range(1, rule.iterations + 1):
        i = None if target is None else target[active]
        moved = x[:, active] + _step(flow, weights, path, i, j[active], classes, rule)
        x[:, active] = moved = nearest_valid(moved, rule.box)
        path = flow.forward(weights, moved)
        final[active] = path.end[:classes].argmax(axis=0)
        iterations[active] = m
        fooled = final[active] != j[active]
        if bool(fooled.any()):  # the one copy to the CPU of an iteration
            left = xp.flatnonzero(~fooled)
            active = active[left]
            if len(active) == 0 or m == rule.iterations:
                break
            path = path.columns(left)
    return x, final, iterations


def _step(flow, weights, path, i, j, classes, rule):
    """Return s xi0 / |xi0|, (14) cut to the step length (lines 3 to 7)."""
    z = path.end[:classes]
    xp = array_module(z)
    k = xp.arange(z.shape[1])
    kappa, m = _kappa(z, j, rule), float(rule.margin)  # NumPy's float64 would widen float32
    if i is None:
        P = jacobian_rows(flow, weights, path, classes)
        i = least_norms(z, P, j, kappa, m).argmin(axis=0)
        direction = kappa[i, k] * rows_of(P, i) - rows_of(P, j)
    else:
        lam_T = xp.zeros_like(path.end)
        lam_T[i, k] = kappa[i, k]
        lam_T[j, k] = -1
        direction = flow.adjoint(weights, path, lam_T, keep=False).start
    gap = z[j, k] - kappa[i, k] * z[i, k] + m
    direction, length = unit(direction)
    size = xp.full_like(gap, rule.step)
    if rule.cap:
        size = xp.minimum(size, abs(gap) / divisor(length))
    return xp.where(gap < 0, -size, size) * direction


def _kappa(z, j, rule):
    """Return kappa for each pair, (C, K): 1 where (15) is negative and not read literally."""
    xp = array_module(z)
    kappa = xp.full_like(z, rule.kappa)
    if rule.literal:
        return kappa
    gap = z[j, xp.arange(z.shape[1])] - kappa * z + float(rule.margin)
    return xp.where(gap > 0, kappa, xp.ones_like(z))


def _check_target(target, initial, classes):
    """Return the targets on the CPU, or refuse those that equal the inferred class."""
    target = check_labels("target", target, len(initial), classes)
    if (target == initial).any():
        k = int(np.flatnonzero(target == initial)[0])
        raise ValueError(f"target: image {k} is inferred to be {target[k]} already")
    return target
