"""The test problem, on the backend chosen by `pytest --backend numpy|cupy`, and the skip rule."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from snode.arrays import backend
from snode.network import Weights


def pytest_addoption(parser):
    parser.addoption("--backend", default="numpy", choices=("numpy", "cupy"))


def pytest_configure(config):
    config.addinivalue_line("markers", "numpy_only: has no meaning on CuPy arrays")
    config.addinivalue_line("markers", "cupy_only: has no meaning on NumPy arrays")
    config.addinivalue_line("markers", "peers: compares with JAX and friends (extra `peers`)")
    config.addinivalue_line("markers", "sweep: runs Snakemake (extra `sweep`)")
    config.addinivalue_line("markers", "browser: opens the built pages (extra `browser`)")


def pytest_collection_modifyitems(config, items):
    """Leave out (not skip) what has no meaning on this backend, such as notebooks on a GPU."""
    other = {"numpy": "cupy_only", "cupy": "numpy_only"}[config.getoption("--backend")]
    kept = [item for item in items if not item.get_closest_marker(other)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


class Problem(NamedTuple):
    """Twelve layers, width 13, five images, four classes, in float64 (or float32)."""

    xp: Any
    weights: Weights
    direction: Weights
    x0: Any
    y: Any
    xi0: Any
    lam_T: Any


def make_problem(xp=np, dtype=np.float64, seed=0, L=12, N=13, K=5, C=4, size=0.6):
    """Return a random problem whose numbers depend on the seed alone, not on the backend."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return xp.asarray(rng.normal(size=shape).astype(dtype))

    weights = Weights(normal(L, N, N) * dtype(size), normal(L, N, 1) * dtype(size), 3.0)
    direction = Weights(normal(L, N, N), normal(L, N, 1), 3.0)
    y = xp.asarray(np.eye(C, dtype=dtype)[:, rng.integers(0, C, K)])
    return Problem(xp, weights, direction, normal(N, K), y, normal(N, K), normal(N, K))


@pytest.fixture(scope="session")
def xp(request):
    """The array library under test."""
    return backend(request.config.getoption("--backend"))


@pytest.fixture
def problem(xp):
    return make_problem(xp)


@pytest.fixture
def problem32(xp):
    return make_problem(xp, np.float32)
