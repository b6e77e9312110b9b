"""The relatives of the paper's attack: the step in the box is the nearest, attacks stay in it."""

import numpy as np
import pytest
import relatives
from conftest import make_problem
from scipy.optimize import minimize

from snode import Euler, tanh
from snode.linearise import jacobian_rows, norms
from snode.network import Weights, identity
from snode.perturbed import infer

pytestmark = pytest.mark.numpy_only

C, FLOW = 4, Euler(tanh)
LEAST = np.sqrt(0.2**2 + 0.2**2)  # from (-0.3, -0.7) to where both outputs are equal


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


@pytest.fixture
def linear():
    """A linear network and images: the least norm is the nearest of the half-spaces in the box."""
    p, flow, k = make_problem(np, K=12, size=0.1), Euler(identity), np.arange(12)
    x0 = (np.tanh(p.x0) - 1) / 2
    path = flow.forward(p.weights, x0)
    z, P = path.end[:C], jacobian_rows(flow, p.weights, path, C)
    j = z.argmax(axis=0)
    gap = z[j, k] - z
    gap[j, k] = 1.0  # no half-space: here P - P is 0
    least = relatives.nearest(x0, x0, P - P[j, :, k].T, gap)[1].min(axis=0)
    assert np.isfinite(least).sum() > 5
    return (flow, p.weights, x0), least, np.isfinite(least)


@pytest.mark.parametrize(
    "settings", [{"steps": 1, "cap": 1e3}, {"steps": 60, "cap": 0.02, "anchored": True}]
)
def test_in_a_linear_network_the_least_norm_is_found(linear, settings):
    of, least, there = linear
    found = relatives.in_the_box(*of, **settings, margin=1e-9, classes=C)
    np.testing.assert_allclose(found.norm[there], least[there], rtol=1e-6)


def test_a_capped_step_is_no_longer_than_its_cap(linear):
    of, least, _ = linear
    found = relatives.in_the_box(*of, steps=1, cap=0.02, margin=1e-9, classes=C)
    assert np.isinf(found.norm[least > 0.021]).all()


def test_carlini_wagner_comes_near_the_least_norm(linear):
    of, least, there = linear
    found = relatives.carlini_wagner(*of, searches=8, steps=200, classes=C)
    near = relatives.to_border(*of, found, classes=C)
    assert (near.norm >= least - 1e-9).all()
    assert (near.norm[there] < 1.1 * least[there] + 1e-3).all()


def test_shrinking_balls_find_the_smallest_that_suffices(linear):
    of, least, there = linear
    found = relatives.shrinking_pgd(*of, (0.25, 0.5, 1.0, 2.0), classes=C)
    close = there & (least < 1)
    assert (found.norm[close] <= 2 * np.maximum(least[close], 0.25)).all()


def found(times, searches):
    """The norm that Carlini and Wagner's attack finds on z = times * x, x = (-0.3, -0.7)."""
    weights = Weights((times - 1) * np.eye(2)[None], np.zeros((1, 2, 1)), 1.0)
    of = (Euler(identity), weights, np.array([[-0.3], [-0.7]]))
    return relatives.carlini_wagner(*of, searches=searches, classes=2).norm[0]


def test_where_the_weight_of_success_is_too_small_it_is_raised():
    """A tenth of x falls where c / 10 / sqrt(2) > 0.28: not for c = 1, but for 10."""
    assert np.isinf(found(0.1, searches=1))
    assert LEAST <= found(0.1, searches=2) < 1.001 * LEAST


def test_where_it_is_too_great_it_is_lowered():
    assert found(10, searches=1) > 1.05 * LEAST
    assert LEAST <= found(10, searches=4) < 1.005 * LEAST


def test_anchored_steps_end_where_the_linear_model_sees_no_nearer_point():
    """And steps that forget where they began end further away, never nearer."""
    p, flow, k = make_problem(K=12, size=0.4), Euler(tanh), np.arange(12)
    x0, settings = (np.tanh(p.x0) - 1) / 2, {"steps": 60, "margin": 1e-9, "classes": 4}
    j = infer(flow, p.weights, x0, 4)
    free, anchored = (
        relatives.in_the_box(flow, p.weights, x0, anchored=a, **settings) for a in (False, True)
    )
    path, i = flow.forward(p.weights, anchored.x), infer(flow, p.weights, anchored.x, 4)
    z, P = path.end, jacobian_rows(flow, p.weights, path, 4)
    d, g = (P[i, :, k] - P[j, :, k]).T, z[j, k] - z[i, k]
    np.testing.assert_allclose(relatives.nearest(x0, anchored.x, d, g)[0], anchored.x, atol=1e-4)
    assert (free.norm > 0.9999 * anchored.norm).all() and (free.norm > 1.1 * anchored.norm).any()
