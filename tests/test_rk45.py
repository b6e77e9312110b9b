"""RK45: interpolated weights, transposes up to the tolerance, the limit of Euler's method."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import make_problem
from identities import error, orders
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from snode import rk45
from snode.arrays import to_numpy
from snode.euler import Euler
from snode.network import Activation, Weights, identity, initial_weights, relu, tanh
from snode.ode import Statistics, solve
from snode.rk45 import RK45


def mismatch(flow, problem):
    """Return |<xi(T), lam(T)> - <xi0, lam(0)> - K <gradient, d>|, relative to its terms."""
    _, weights, direction, x0, _, xi0, lam_T = problem
    path = flow.forward(weights, x0)
    xi = flow.sensitivity(weights, path, xi0, direction)
    lam = flow.adjoint(weights, path, lam_T)
    grad = flow.gradient(weights, path, lam)
    end, start = float((xi.end * lam.end).sum()), float((xi.start * lam.start).sum())
    terms = np.array([end, -start, -x0.shape[1] * grad.inner(direction)])
    assert min(abs(terms)) > 1e-2 * max(abs(terms))  # or the test would not see each of them
    return abs(terms.sum()) / abs(terms).sum()


def interpolate(weights, times):
    """Return W and b on the CPU at the times, linear between nodes and constant outside."""
    place = np.clip(times / weights.h - 0.5, 0, len(weights.W) - 1)
    l = np.minimum(place.astype(int), len(weights.W) - 2)
    u = (place - l)[:, None, None]
    return [(1 - u) * a[l] + u * a[l + 1] for a in map(to_numpy, (weights.W, weights.b))]


def refined(weights, m, xp):
    """Return the same W(t), b(t) at the midpoints of m times as many layers."""
    times = (np.arange(m * len(weights.W)) + 0.5) * weights.h / m
    return Weights(*interpolate(weights, times), weights.horizon).to(xp)


def test_dot_test_falls_with_the_tolerance(xp):
    """The median of three: now and then one step leaps over a kink of W(t) unnoticed."""
    problems = [make_problem(xp, seed=seed) for seed in range(3)]
    for rtol in (1e-3, 1e-6, 1e-9):
        errors = [mismatch(RK45(tanh, rtol, 1e-3 * rtol), problem) for problem in problems]
        assert np.median(errors) < 10 * rtol, errors


def test_dot_test_falls_with_relu(xp):
    """The kinks of ReLU cost many steps, not accuracy."""
    problem = make_problem(xp, K=1, seed=1, size=0.3)
    for rtol in (1e-4, 1e-7):
        assert mismatch(RK45(relu, rtol, 0.1 * rtol), problem) < 100 * rtol


def test_dot_test_in_float32(problem32):
    def single(a):
        assert a.dtype == np.float32
        return tanh.sigma(a)

    flow = RK45(Activation("tanh", single, tanh.slope, tanh.cuda), 1e-5, 1e-6)
    path = flow.forward(problem32.weights, problem32.x0)
    lam = flow.adjoint(problem32.weights, path, problem32.lam_T)
    xi = flow.sensitivity(problem32.weights, path, direction=problem32.direction)
    grad = flow.gradient(problem32.weights, path, lam)
    for a in (path.end, path(0.5), lam.start, xi.end, grad.W, grad.b):
        assert a.dtype == np.float32
    assert mismatch(flow, problem32) < 2e-3


def test_what_is_not_kept_does_not_change_what_is(problem):
    """x(T), xi(T) and lam(0) to the last bit, and the steps; E' in one call, too."""
    _, weights, direction, x0, _, xi0, lam_T = problem
    flow = RK45(tanh, 1e-5, 1e-8)
    path = flow.forward(weights, x0)
    for method, given, end in (
        (flow.forward, (weights, x0), "end"),
        (flow.sensitivity, (weights, path, xi0, direction), "end"),
        (flow.adjoint, (weights, path, lam_T), "start"),
    ):
        all_of_it, rest = method(*given), method(*given, keep=False)
        assert bool((getattr(rest, end) == getattr(all_of_it, end)).all())
        assert rest.statistics == all_of_it.statistics
        assert len(all_of_it.values) > 5 and len(rest.values) == 2
    E_prime = flow.gradient(weights, path, flow.adjoint(weights, path, lam_T))
    assert error(flow.backpropagate(weights, path, lam_T), E_prime) == 0


@pytest.mark.parametrize(("activation", "rtol"), [(tanh, 1e-9), (relu, 1e-7)], ids=["tanh", "relu"])
def test_forward_meets_dop853(problem, activation, rtol):
    """Against SciPy, started anew at every node, where W(t) has its kinks."""
    weights, x = problem.weights, to_numpy(problem.x0)
    breaks = [0.0, *weights.times, weights.horizon]

    def rate(t, x):
        W, b = (a[0] for a in interpolate(weights, np.array([t])))
        a = W @ x.reshape(13, 5) + b
        return (np.tanh(a) if activation is tanh else np.maximum(a, 0)).ravel()

    path = RK45(activation, rtol, rtol).forward(weights, problem.x0)
    for t0, t1 in zip(breaks, breaks[1:]):
        assert error(path(t0), x) < 300 * rtol
        run = solve_ivp(rate, (t0, t1), x.ravel(), "DOP853", rtol=rtol / 30, atol=rtol / 30)
        x = run.y[:, -1].reshape(13, 5)
    assert error(path.end, x) < 300 * rtol


def test_tanh_backwards_in_time_is_tanh_of_the_reversed_weights(problem):
    """tanh is odd: x(T - t) solves (1) with -W(T - t), -b(T - t)."""
    flow = RK45(tanh, 1e-10, 1e-10)
    path = flow.forward(problem.weights, problem.x0)
    W, b = (-a[::-1].copy() for a in (problem.weights.W, problem.weights.b))
    back = flow.forward(Weights(W, b, problem.weights.horizon), path.end)
    assert error(back.end, problem.x0) < 1e-7
    assert error(back(0.7), path(2.3)) < 1e-7


@pytest.mark.parametrize("L", [1, 2, 7])
def test_constant_linear_weights_give_the_exponential(xp, L):
    rng, T = np.random.default_rng(4), 1.5
    W, x0, lam_T = (rng.normal(size=s) for s in ((6, 6), (6, 3), (6, 3)))
    weights = Weights(xp.asarray(np.array([W / 2] * L)), xp.zeros((L, 6, 1)), T)
    flow, P = RK45(identity, 1e-11, 1e-11), expm(T * W / 2)
    path = flow.forward(weights, xp.asarray(x0))
    assert path.times[0] == 0 and path.times[-1] == T and bool((path.start == xp.asarray(x0)).all())
    assert error(path.end, P @ x0) < 1e-9
    assert error(path(0.4), expm(0.4 * W / 2) @ x0) < 1e-9
    assert error(flow.sensitivity(weights, path, xp.asarray(lam_T)).end, P @ lam_T) < 1e-9
    lam = flow.adjoint(weights, path, xp.asarray(lam_T))
    assert error(lam.start, P.T @ lam_T) < 1e-9
    assert error(lam(0.4), expm(1.1 * W.T / 2) @ lam_T) < 1e-9


@pytest.mark.parametrize("size", [1.0, 0.0])
def test_the_gradient_is_the_projection_on_the_hats(xp, size):
    """W = 0, constant b: E'(t) = lam x(t)^T / K is linear in t; the end hats lean outwards."""
    rng, L, T = np.random.default_rng(5), 5, 2.0
    x0, lam, b = (rng.normal(size=(4, n)) for n in (3, 3, 1))
    h, b = T / L, size * b
    weights = Weights(xp.zeros((L, 4, 4)), xp.asarray(np.array([b] * L)), T)
    flow = RK45(identity, 1e-9, 1e-9)
    path = flow.forward(weights, xp.asarray(x0))
    grad = flow.gradient(weights, path, flow.adjoint(weights, path, xp.asarray(lam)))
    centres = [13 / 24 * h, 1.5 * h, 2.5 * h, 3.5 * h, T - 13 / 24 * h]
    expected = [lam @ (x0 + t * b).T / 3 for t in centres]
    assert error(grad.W, np.array(expected)) < 1e-12
    assert error(grad.b, np.array([lam.mean(axis=1, keepdims=True)] * L)) < 1e-12


@pytest.mark.numpy_only
@pytest.mark.parametrize(("rtol", "L"), [(1e-3, 12), (1e-3, 60), (1e-6, 12), (1e-9, 12)])
def test_the_quadrature_is_finer_than_the_tolerance(monkeypatch, rtol, L):
    weights = initial_weights(L, 13, seed=1, std=0.4, start="spline", dtype=np.float64)
    _, _, _, x0, _, _, lam_T = make_problem()
    flow, points = RK45(tanh, rtol, rtol), rk45._points
    path = flow.forward(weights, x0)
    lam = flow.adjoint(weights, path, lam_T)
    grad = flow.gradient(weights, path, lam)
    monkeypatch.setattr(rk45, "_points", lambda *args: points(*args) + 4)
    assert (grad - flow.gradient(weights, path, lam)).norm() < rtol * grad.norm()


def gauss_error(q):
    """The error of Gauss's rule with q points for t^(2q) / (2q)! on (0, 1)."""
    t, mass = np.polynomial.legendre.leggauss(q)
    exact = 1 / (2 * q + 1)
    return (exact - ((1 + t) / 2) ** (2 * q) @ mass / 2) / math.factorial(2 * q)


@pytest.mark.numpy_only
@pytest.mark.parametrize("rtol", [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8])
def test_the_quadrature_has_as_many_points_as_it_needs(rtol):
    """The least q whose error for the rate 2 r, (r H)^5 = 1000 rtol, is below the tolerance."""
    for steps in range(2, 200, 3):
        for layers in (4, 12, 60):
            T = 3.0
            H, h = T / steps, T / layers
            lam = SimpleNamespace(times=[0, H, 2 * H, T], statistics=Statistics(steps, 1, 1))
            q = rk45._points(h, lam, rtol)
            change = 2 * (1000 * rtol) ** 0.2 / H * min(h, H)
            assert gauss_error(q) * change ** (2 * q) <= rtol * (1 + 1e-6)
            assert q == 1 or gauss_error(q - 1) * change ** (2 * q - 2) > rtol * (1 - 1e-6)


def test_atol_is_relative_to_the_data(problem, monkeypatch):
    """To max(|xi0|, T |xi'(0)|) and to max |lam(T)|; to 1 where there is nothing."""
    _, weights, direction, x0, _, xi0, lam_T = problem
    flow, atols = RK45(tanh, 1e-4, 1e-7), []
    path = flow.forward(weights, x0)

    def watched(f, t_span, y0, rtol, atol, keep):
        atols.append(atol)
        return solve(f, t_span, y0, rtol, atol, keep=keep)

    monkeypatch.setattr(rk45, "solve", watched)
    flow.sensitivity(weights, path, 100 * xi0)
    flow.sensitivity(weights, path, direction=direction)
    flow.sensitivity(weights, path)
    flow.adjoint(weights, path, lam_T)
    flow.adjoint(weights, path, 0 * lam_T)
    slope = tanh(weights.W[0] @ x0 + weights.b[0])[1]
    rates = slope * (weights.W[0] @ xi0), slope * (direction.W[0] @ x0 + direction.b[0])
    rates = [3.0 * float(abs(rate).max()) for rate in rates]
    sizes = [100 * max(float(abs(xi0).max()), rates[0]), rates[1], 1, float(abs(lam_T).max()), 1]
    np.testing.assert_allclose(atols, 1e-7 * np.array(sizes), rtol=1e-12)


def test_the_sensitivity_is_that_of_differences(problem):
    _, weights, direction, x0, _, xi0, _ = problem
    flow = RK45(tanh, 1e-9, 1e-9)
    xi = flow.sensitivity(weights, flow.forward(weights, x0), xi0, direction)
    errors = {1.1: [], 3.0: []}
    for s in (0.01, 0.005, 0.0025):
        up, down = (flow.forward(weights + e * direction, x0 + e * xi0) for e in (s, -s))
        for t in errors:
            errors[t].append(error((up(t) - down(t)) / (2 * s), xi(t)))
    for observed in map(orders, errors.values()):
        assert np.all((observed > 1.9) & (observed < 2.1)), errors


def test_euler_converges_to_it_with_order_1(problem):
    xp, weights, direction, x0, _, xi0, lam_T = problem
    names, results, flow = ("path", "xi", "lam", "E'"), [], RK45(tanh, 1e-9, 1e-9)
    for m in (1, 32, 64, 128):
        fine, step = refined(weights, m, xp), refined(direction, m, xp)
        if m == 1:
            assert error(fine, weights) < 1e-14
        path = flow.forward(fine, x0)
        xi, lam = flow.sensitivity(fine, path, xi0, step), flow.adjoint(fine, path, lam_T)
        slope = np.array([flow.gradient(fine, path, lam).inner(step)])
        results.append((path.end, xi.end, lam.start, slope))
        flow = Euler(tanh)
    for name, exact, *euler in zip(names, *results):
        errors = [error(z, exact) for z in euler]
        assert errors[-1] < 0.1 and np.all(abs(orders(errors) - 1) < 0.2), (name, errors)


def test_sensitivity_and_adjoint_scale_with_their_data(problem):
    """atol is relative to the data: whatever its size, the steps are the same."""
    _, weights, direction, x0, _, xi0, lam_T = problem
    flow, tiny = RK45(tanh), 2.0**-40
    path = flow.forward(weights, x0)
    lam, small = (flow.adjoint(weights, path, s * lam_T) for s in (1.0, tiny))
    assert lam.times == small.times and error(small.start / tiny, lam.start) < 1e-13
    xi, small = (flow.sensitivity(weights, path, s * xi0, s * direction) for s in (1.0, tiny))
    assert xi.times == small.times and error(small.end / tiny, xi.end) < 1e-13
    nothing = flow.sensitivity(weights, path)
    assert nothing.end.shape == x0.shape and float(abs(nothing.end).max()) == 0


def test_leading_axes_and_more_columns_than_images(problem):
    xp, weights, _, x0, _, _, lam_T = problem
    flow = RK45(tanh, 1e-10, 1e-13)
    path = flow.forward(weights, x0)
    stacked = flow.adjoint(weights, path, xp.stack([lam_T, -2 * lam_T]))
    assert error(stacked.start[1], -2 * flow.adjoint(weights, path, lam_T).start) < 1e-7
    path = flow.forward(weights, x0[:, :1].copy())
    P = flow.sensitivity(weights, path, xp.eye(13)).end
    pulled = flow.adjoint(weights, path, lam_T[:, :1].copy()).start
    assert error(pulled, P.T @ lam_T[:, :1]) < 1e-6


def test_smooth_weights_allow_steps_longer_than_the_layers(xp):
    weights = initial_weights(150, 13, std=0.1, start="spline", dtype=np.float64, xp=xp)
    x0 = xp.asarray(np.random.default_rng(6).normal(size=(13, 5)))
    path = RK45(tanh).forward(weights, x0)
    assert path.statistics.accepted < 30
    assert error(path.end, RK45(tanh, 1e-9, 1e-9).forward(weights, x0).end) < 1e-3


@pytest.mark.numpy_only
def test_the_tolerances_of_ode45_are_the_defaults():
    assert RK45(tanh) == RK45(tanh, 1e-3, 1e-6)


@pytest.mark.numpy_only
@pytest.mark.parametrize("name", ["rtol", "atol"])
@pytest.mark.parametrize("value", [0.0, -1e-3, np.nan, np.inf])
def test_bad_tolerances_are_refused(name, value):
    with pytest.raises(ValueError, match=f"^{name}: expected a positive finite number, got"):
        RK45(tanh, **{name: value})


@pytest.mark.parametrize("scale", [1e-4, 1e-8])
def test_what_starts_at_rest_scales_with_its_direction(xp, scale):
    """A direction in the last layer alone: xi' is 0 at the start and says nothing of its size."""
    weights = initial_weights(12, 5, std=0.5, dtype="float64", start="spline", xp=xp)
    direction = 0.0 * weights
    direction.W[-1], direction.b[-1] = 1.0, 1.0
    x0 = xp.asarray(np.random.default_rng(0).uniform(-1, 0, (5, 3)))
    flow = RK45(tanh, 1e-8, 1e-10)
    path = flow.forward(weights, x0)
    whole, small = (flow.sensitivity(weights, path, direction=s * direction) for s in (1.0, scale))
    assert small.statistics == whole.statistics
    assert error(small.end / scale, whole.end) < 1e-9
