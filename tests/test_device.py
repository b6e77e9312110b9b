"""What a step costs on a GPU, and what stays on it: copies to the host, kernels, precision.

The counts come from the emulated device (`pytest -p hostcupy_plugin --backend cupy`).
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import make_problem

import snode
from snode import attacks, sobolev
from snode.arrays import array_module, axpby, is_array
from snode.cost import Cost
from snode.euler import Euler
from snode.experiments import toolbox
from snode.first_order import OPTIMISERS
from snode.linearise import jacobian_rows
from snode.network import ACTIVATIONS, Activation, Weights, tanh
from snode.optimise import NCG
from snode.rk45 import RK45

COSTS = {
    "l2": Cost(mu1=1.0),
    "ce": Cost(mu2=1.0, mu3=0.4),
    "mixed": Cost(mu1=0.5, mu2=1.0, mu3=0.4, mu4=1e-3, readout="classes"),
}
every_kind = pytest.mark.parametrize("kind", COSTS)
with_and_without_sobolev = pytest.mark.parametrize("smooth", [False, True], ids=["l2", "sobolev"])


@pytest.fixture
def device():
    """The emulated device, whose counters tell what a call did."""
    emulation = sys.modules.get("hostcupy")
    if emulation is None:
        pytest.skip("counted on the emulated device only")
    return emulation


def counts(device, call):
    """Return what a call costs, once its kernels are compiled and the memory pool is filled."""
    call()
    device.reset()
    call()
    return device.counters()


def of_one_iteration(device, xp, kind, smooth, L):
    """Return what one NCG iteration costs: the difference of three and two iterations."""
    p = make_problem(xp, np.float32, L=L, size=0.1)
    two, three = (
        counts(device, lambda ncg=ncg: ncg.update(p.weights, p.x0, p.y))
        for ncg in (NCG(Euler(tanh), COSTS[kind], n, sobolev=smooth) for n in (2, 3))
    )
    return {name: three[name] - two[name] for name in three}


@pytest.mark.cupy_only
@every_kind
@with_and_without_sobolev
def test_an_iteration_waits_for_the_device_twice_whatever_the_depth(device, xp, kind, smooth):
    shallow, deep = (of_one_iteration(device, xp, kind, smooth, L) for L in (12, 24))
    # |E'|^2, then x(T) and xi(T) in one array; with weight decay three more inner products in one
    assert shallow["d2h"] == deep["d2h"] == 2 + (COSTS[kind].mu4 > 0)
    assert shallow["sync"] == deep["sync"] == shallow["d2h"]
    assert shallow["h2d"] == deep["h2d"] == 0
    assert shallow["malloc"] == deep["malloc"] == 0  # a new block from CUDA waits too


@pytest.mark.cupy_only
@every_kind
@with_and_without_sobolev
def test_an_iteration_at_full_depth_needs_few_launches(device, xp, kind, smooth):
    used = of_one_iteration(device, xp, kind, smooth, L=150)
    assert used["launch"] <= 700 and used["blas"] <= 460


@pytest.mark.cupy_only
def test_an_adaptive_step_waits_once(device, xp):
    p = make_problem(xp, np.float32, size=0.1)
    flow = RK45(tanh, 1e-4)
    path = flow.forward(p.weights, p.x0)
    calls = {
        "forward": lambda: flow.forward(p.weights, p.x0),
        "sensitivity": lambda: flow.sensitivity(p.weights, path, p.xi0, p.direction),
        "adjoint": lambda: flow.adjoint(p.weights, path, p.lam_T),
    }
    for name, call in calls.items():
        steps = sum(call().statistics[:2])
        assert counts(device, call)["d2h"] <= steps + 8, name


FLOAT32_STEP = """
import re, sys
import hostcupy
hostcupy.install()
sources, compile_kernel = [], hostcupy._host_compile
hostcupy._host_compile = lambda source, options: (
    sources.append(source), compile_kernel(source, options))[1]
import numpy as np, cupy
from conftest import make_problem
from test_device import COSTS
from snode.euler import Euler
from snode.experiments import toolbox
from snode.first_order import OPTIMISERS
from snode.network import ACTIVATIONS
from snode.optimise import NCG
p = make_problem(cupy, np.float32, size=0.1)
seen = len(sources)
for activation in ACTIVATIONS.values():
    for cost in COSTS.values():
        for smooth in (False, True):
            NCG(Euler(activation), cost, 3, sobolev=smooth).update(p.weights, p.x0, p.y)
        for method in OPTIMISERS.values():
            method(Euler(activation), cost).update(p.weights, p.x0, p.y)
assert any("_adjoint_step" in source for source in sources[seen:])
wide = r"\\bdouble\\b|\\b\\d+\\.\\d*(e[-+]?\\d+)?(?![\\w.])"  # the type, or a literal such as 0.5
for source in sources:
    if re.search(wide, source):
        print("float64 in:", re.search(r"__global__ void (\\w+)", source)[1])
print(len(sources), "kernels")
"""


@pytest.mark.cupy_only
def test_a_float32_step_has_no_float64_kernel(device):
    """In a process of its own, where no kernel has been compiled for anybody else."""
    folders = [Path(snode.__file__).parents[1], Path(__file__).parent, *sys.path]
    run = subprocess.run(
        [sys.executable, "-c", FLOAT32_STEP],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert "float64 in" not in run.stdout and run.stdout.endswith("kernels\n"), run.stdout


def arrays_in(thing):
    """Yield every floating-point array of a result."""
    if isinstance(thing, Weights):
        yield from (thing.W, thing.b)
    elif isinstance(thing, (list, tuple)):
        for part in thing:
            yield from arrays_in(part)
    elif is_array(thing):
        yield thing
    elif hasattr(thing, "__dict__"):  # a path or a solution
        yield from arrays_in(list(vars(thing).values()))


def results(p, dtype):
    """Yield the name and result of every function that a float32 run calls."""
    cost = COSTS["mixed"]
    for flow in [*map(Euler, ACTIVATIONS.values()), RK45(tanh, 1e-4)]:
        path = flow.forward(p.weights, p.x0)
        xi = flow.sensitivity(p.weights, path, p.xi0, p.direction)
        lam = flow.adjoint(p.weights, path, p.lam_T)
        for name, t in (("path", path), ("xi", xi), ("lam", lam)):
            yield f"{flow} {name}", [t.start, t.end, t(1.0), t(p.weights.horizon / 2), t]
        yield f"{flow} gradient", flow.gradient(p.weights, path, lam)
        yield f"{flow} rows", jacobian_rows(flow, p.weights, path, 4)
        for smooth in (False, True):
            yield f"{flow} NCG", NCG(flow, cost, 2, sobolev=smooth).update(p.weights, p.x0, p.y)
        for name, method in OPTIMISERS.items():
            yield f"{flow} {name}", method(flow, cost).update(p.weights, p.x0, p.y)
    yield "terminal", cost.terminal(p.x0, p.y)
    yield "Sobolev", sobolev.apply(sobolev.matrix(12, 3.0), p.direction)
    yield "attack", attacks.attack(Euler(tanh), p.weights, p.x0.clip(-1.0, 0.0), 4).x
    for vector in (p.weights + p.direction, 2.0 * p.weights, -p.weights, p.weights.copy()):
        yield "vector", vector


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_keep_the_precision_and_the_device(xp, dtype):
    p = make_problem(xp, dtype, size=0.1)
    for name, result in results(p, dtype):
        found = list(arrays_in(result))
        assert found, name
        for a in found:
            assert a.dtype == dtype and array_module(a) is xp, name


MIXED = {
    "Weights": lambda p, q: Weights(p.weights.W, q.weights.b, 3.0),
    "axpby": lambda p, q: axpby(1.0, p.direction.W, 1.0, q.weights.W),
    "sum": lambda p, q: p.weights + q.weights,
    "inner": lambda p, q: p.weights.inner(q.weights),
    "forward": lambda p, q: Euler(tanh).forward(p.weights, q.x0),
    "sensitivity, xi0": lambda p, q: Euler(tanh).sensitivity(
        p.weights, Euler(tanh).forward(p.weights, p.x0), q.xi0
    ),
    "sensitivity, direction": lambda p, q: Euler(tanh).sensitivity(
        p.weights, Euler(tanh).forward(p.weights, p.x0), direction=q.direction
    ),
    "adjoint": lambda p, q: Euler(tanh).adjoint(
        p.weights, Euler(tanh).forward(p.weights, p.x0), q.lam_T
    ),
    "RK45": lambda p, q: RK45(tanh).forward(p.weights, q.x0),
    "terminal": lambda p, q: COSTS["ce"].terminal(p.x0, q.y),
    "NCG": lambda p, q: NCG(Euler(tanh), COSTS["ce"], 1).update(p.weights, q.x0, q.y),
    "NCG, targets": lambda p, q: NCG(Euler(tanh), COSTS["ce"], 1).update(p.weights, p.x0, q.y),
    "attack": lambda p, q: attacks.attack(Euler(tanh), p.weights, q.x0.clip(-1, 0), 4),
}


@pytest.mark.cupy_only
@pytest.mark.parametrize("name", MIXED)
def test_devices_are_never_mixed(xp, name):
    here, there = make_problem(np, np.float32, size=0.1), make_problem(xp, np.float32, size=0.1)
    for p, q in [(here, there), (there, here)]:
        with pytest.raises(TypeError):
            MIXED[name](p, q)


def test_the_toolbox_attacks_a_network_where_its_weights_are(xp):
    """Its own arrays are NumPy's; the numbers are those of the same network on the CPU."""
    adapter = pytest.importorskip("snode.art_adapter")
    p, classes = make_problem(dtype=np.float32, K=6, size=0.4), 4
    x0, label = (np.tanh(p.x0) - 1) / 2, np.arange(6) % classes
    rows = np.ascontiguousarray(x0.T)
    here, there = (
        adapter.ArtClassifier(Euler(tanh), w, classes) for w in (p.weights, p.weights.to(xp))
    )
    for ask in (
        lambda e: e.predict(rows),
        lambda e: e.class_gradient(rows),
        lambda e: e.class_gradient(rows, label=label),
        lambda e: e.loss_gradient(rows, label),
        lambda e: e.compute_loss(rows, label),
    ):
        assert isinstance(ask(there), np.ndarray)
        np.testing.assert_allclose(ask(there), ask(here), rtol=1e-4, atol=1e-6)
    found = toolbox.toolbox_attacks(
        Euler(tanh), p.weights.to(xp), xp.asarray(x0), classes, iterations=2
    )
    assert all(isinstance(norm, np.ndarray) and norm.shape == (6,) for norm in found.values())


@pytest.mark.cupy_only
def test_an_activation_without_cuda_is_refused(xp):
    p = make_problem(xp, L=2)
    sine = Activation("sine", xp.sin, lambda a, sigma: xp.cos(a))
    with pytest.raises(TypeError, match="sine: on a GPU an activation needs its field cuda"):
        Euler(sine).forward(p.weights, p.x0)
