"""The relatives of the paper's attack: the step in the box is the nearest, attacks stay in it."""

import sys

import numpy as np
import pytest
from conftest import make_problem
from pages import BOOK
from scipy.optimize import minimize

from snode import Euler, tanh
from snode.linearise import norms
from snode.perturbed import infer

sys.path.insert(0, str(BOOK))
import relatives

pytestmark = pytest.mark.numpy_only

C, FLOW = 4, Euler(tanh)


@pytest.fixture
def problem():
    """Weights, twelve images inside [-1, 0], and their classes."""
    p = make_problem(np, K=12, size=0.4)
    x0 = (np.tanh(p.x0) - 1) / 2
    return p.weights, x0, infer(FLOW, p.weights, x0, C)


@pytest.mark.parametrize("seed", range(4))
def test_nearest_is_what_a_quadratic_program_finds(seed):
    rng = np.random.default_rng(seed)
    x0, x, d = -rng.random(7), -rng.random(7), rng.normal(size=7)
    x0[:2] = 0, -1
    most = (d * np.where(d > 0, 0, -1)).sum() - d @ x
    g = 0.6 * most + 0.4 * (d @ (x0 - x))
    found, length = relatives.nearest(x0[:, None], x[:, None], d[:, None], np.array([g]))
    inside = {"type": "ineq", "fun": lambda y: d @ (y - x) - g, "jac": lambda y: d}
    square = {"fun": lambda y: ((y - x0) ** 2).sum(), "jac": lambda y: 2 * (y - x0)}
    box = {"bounds": [(-1, 0)] * 7, "constraints": inside, "method": "SLSQP"}
    exact = minimize(**square, **box, x0=x0, options={"ftol": 1e-14}).x
    np.testing.assert_allclose(found[:, 0], exact, atol=1e-6)
    np.testing.assert_allclose(length, np.linalg.norm(exact - x0), atol=1e-6)


def test_without_need_or_without_hope_nothing_moves():
    x0, d = np.array([[-0.5], [-0.5]]), np.array([[1.0], [0.0]])
    near, length = relatives.nearest(x0, x0, d, np.array([-0.1]))
    assert length[0] == 0 and (near == x0).all()
    near, length = relatives.nearest(x0, x0 - 0.1, d, np.array([0.7]))  # 0.6 is the most
    assert np.isinf(length[0]) and (near == x0 - 0.1).all()
    assert np.isinf(relatives.nearest(x0, x0, 0 * d, np.array([0.1]))[1][0])


@pytest.mark.parametrize(
    "attack",
    [
        lambda *of: relatives.in_the_box(*of, classes=C),
        lambda *of: relatives.in_the_box(*of, anchored=True, classes=C),
        lambda *of: relatives.carlini_wagner(*of, classes=C),
        lambda *of: relatives.shrinking_pgd(*of, (0.5, 1.0, 2.0), classes=C),
    ],
)
def test_what_is_found_is_in_the_box_and_of_another_class(problem, attack):
    weights, x0, j = problem
    found = attack(FLOW, weights, x0)
    nearer = relatives.to_border(FLOW, weights, x0, found, classes=C)
    assert np.isfinite(found.norm).any()
    for a in (found, nearer):
        won = np.isfinite(a.norm)
        assert a.x.min() >= -1 and a.x.max() <= 0
        np.testing.assert_array_equal(infer(FLOW, weights, a.x, C) != j, won)
        np.testing.assert_allclose(norms(a.x - x0)[won], a.norm[won], rtol=1e-12)
        np.testing.assert_array_equal(a.x[:, ~won], x0[:, ~won])
    assert (nearer.norm <= found.norm).all()


def test_bisection_ends_at_the_border(problem):
    weights, x0, j = problem
    found = relatives.in_the_box(FLOW, weights, x0, classes=C)
    near = relatives.to_border(FLOW, weights, x0, found, halvings=20, classes=C)
    won = np.isfinite(near.norm)
    back = x0 + (1 - 1e-4) * (near.x - x0)
    assert (infer(FLOW, weights, back, C) == j)[won].all()
