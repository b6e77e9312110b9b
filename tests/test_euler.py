"""Euler: the transposes are exact, the slopes are those of differences, the flow is the ResNet."""

import tracemalloc

import numpy as np
import pytest
from conftest import make_problem
from identities import error, orders, random_like
from scipy.linalg import expm

from snode.arrays import to_numpy
from snode.cost import Cost
from snode.euler import Euler, Trajectory
from snode.network import ACTIVATIONS, Activation, Weights, identity, relu, tanh
from snode.rk45 import RK45

every_activation = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
curved = pytest.mark.parametrize("activation", [tanh, relu], ids=["tanh", "relu"])


def inner(a, b):
    return float((a * b).sum())


@every_activation
def test_dot_test(problem, activation):
    """<xi(T), lam(T)> = <xi0, lam(0)> + K <gradient, d>, to round-off."""
    _, weights, direction, x0, _, xi0, lam_T = problem
    flow, K = Euler(activation), x0.shape[1]
    path = flow.forward(weights, x0)
    xi = flow.sensitivity(weights, path, xi0, direction)
    lam = flow.adjoint(weights, path, lam_T)
    left = inner(xi.end, lam_T)
    right = inner(xi0, lam.start) + K * flow.gradient(weights, path, lam).inner(direction)
    assert abs(left - right) < 1e-12 * inner(abs(xi.end), abs(lam_T))
    assert abs(left) > 1e-3 * inner(abs(xi.end), abs(lam_T))  # or the test would see nothing


@every_activation
def test_dot_test_holds_between_any_two_layers(problem, activation):
    """Without a direction <xi(t), lam(t)> is constant in t."""
    _, weights, _, x0, _, xi0, lam_T = problem
    flow = Euler(activation)
    path = flow.forward(weights, x0)
    xi, lam = flow.sensitivity(weights, path, xi0), flow.adjoint(weights, path, lam_T)
    products = to_numpy((xi.x * lam.x).sum(axis=(1, 2)))
    assert np.ptp(products) < 1e-12 * float((abs(xi.x) * abs(lam.x)).sum(axis=(1, 2)).max())


@every_activation
def test_what_is_not_kept_does_not_change_what_is(problem, activation):
    """x(T), xi(T) and lam(0) to the last bit, whether or not the times between are kept."""
    xp, weights, direction, x0, _, xi0, lam_T = problem
    flow = Euler(activation)
    path = flow.forward(weights, x0)
    many = xp.stack([lam_T, xi0])
    for solve, given in (
        (flow.forward, (weights, x0)),
        (flow.sensitivity, (weights, path, xi0)),
        (flow.sensitivity, (weights, path, None, direction)),
        (flow.sensitivity, (weights, path, many, direction)),
    ):
        assert bool((solve(*given, keep=False).end == solve(*given).end).all())
    for end in (lam_T, many):
        start = flow.adjoint(weights, path, end).start
        assert bool((flow.adjoint(weights, path, end, keep=False).start == start).all())


@every_activation
def test_backpropagation_is_the_adjoint_and_then_the_gradient(problem, activation):
    _, weights, _, x0, _, _, lam_T = problem
    flow = Euler(activation)
    path = flow.forward(weights, x0)
    E_prime = flow.gradient(weights, path, flow.adjoint(weights, path, lam_T))
    found = flow.backpropagate(weights, path, lam_T)
    assert error(found.W, E_prime.W) < 1e-13 and error(found.b, E_prime.b) < 1e-13


@pytest.mark.numpy_only
def test_what_is_not_kept_takes_no_memory():
    """Bytes allocated at once, in states (N, K): a few besides the result, not L."""
    p = make_problem(L=100, N=20, K=40, size=0.1)
    flow, L, result = Euler(tanh), 100, p.weights.W.nbytes + p.weights.b.nbytes
    path = flow.forward(p.weights, p.x0)

    def most(solve, *given, **settings):
        tracemalloc.start()
        solve(p.weights, *given, **settings)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / p.x0.nbytes

    for solve, *given in (
        (flow.forward, p.x0),
        (flow.sensitivity, path, p.xi0, p.direction),
        (flow.adjoint, path, p.lam_T),
    ):
        assert most(solve, *given) > L and most(solve, *given, keep=False) < 10
    assert most(flow.backpropagate, path, p.lam_T) < result / p.x0.nbytes + 10


def resnet(sigma, slope, W, b, x):
    """Textbook residual network for one image: x <- x + f(a), a = W x + b; backpropagation."""
    inputs, sums = [], []
    for W_l, b_l in zip(W, b):
        inputs.append(x)
        sums.append(W_l @ x + b_l)
        x = x + sigma(sums[-1])

    def backward(delta):
        grad_W, grad_b = np.zeros_like(W), np.zeros_like(b)
        for l in range(len(W) - 1, -1, -1):
            error_l = slope(sums[l]) * delta
            grad_W[l], grad_b[l] = np.outer(error_l, inputs[l]), error_l
            delta = delta + W[l].T @ error_l
        return grad_W, grad_b, delta

    return x, backward


FUNCTIONS = {
    "tanh": (np.tanh, lambda a: 1 / np.cosh(a) ** 2),
    "relu": (lambda a: np.maximum(a, 0), lambda a: np.where(a > 0, 1.0, 0.0)),
    "identity": (lambda a: a, np.ones_like),
}


@every_activation
def test_the_flow_is_the_residual_network_and_its_gradient_is_backpropagation(problem, activation):
    _, weights, _, x0, _, _, lam_T = problem
    h, K = weights.h, x0.shape[1]
    sigma, slope = FUNCTIONS[activation.name]
    W, b = to_numpy(weights.W), to_numpy(weights.b)[:, :, 0]
    flow = Euler(activation)
    path = flow.forward(weights, x0)
    lam = flow.adjoint(weights, path, lam_T)
    E_prime = flow.gradient(weights, path, lam)
    total_W, total_b, outputs, starts = np.zeros_like(W), np.zeros_like(b), [], []
    for k in range(K):
        x = to_numpy(x0)[:, k]
        z, backward = resnet(lambda a: h * sigma(a), lambda a: h * slope(a), W, b, x)
        grad_W, grad_b, delta = backward(to_numpy(lam_T)[:, k])
        total_W, total_b = total_W + grad_W / K, total_b + grad_b / K
        outputs.append(z)
        starts.append(delta)
    assert error(path.end, np.array(outputs).T) < 1e-13
    assert error(lam.start, np.array(starts).T) < 1e-13
    assert error(h * E_prime.W, total_W) < 1e-13
    assert error(h * E_prime.b, total_b) < 1e-13


def test_any_function_with_its_derivative_can_be_the_activation(problem):
    """One that no kernel has been made for yet."""
    xp, weights, _, x0, _, _, _ = problem
    cuda = "sigma = sin(a); slope = cos(a);"
    sine = Activation("sine", xp.sin, lambda a, sigma: xp.cos(a), cuda)
    x = to_numpy(x0)
    for W, b in zip(to_numpy(weights.W), to_numpy(weights.b)):
        x = x + weights.h * np.sin(W @ x + b)
    for _ in range(2):
        assert error(Euler(sine).forward(weights, x0).end, x) < 1e-13


def central_differences(f, steps):
    return [(f(s) - f(-s)) / (2 * s) for s in steps]


def test_the_gradient_is_that_of_differences(problem):
    """The error of central differences is of order 2."""
    _, weights, direction, x0, y, _, _ = problem
    flow, cost = Euler(tanh), Cost(mu1=0.7, mu2=0.5, mu3=0.3)

    def E(s):
        return cost.value(flow.forward(weights + s * direction, x0).end, y)

    path = flow.forward(weights, x0)
    lam = flow.adjoint(weights, path, cost.terminal(path.end, y))
    slope = flow.gradient(weights, path, lam).inner(direction)
    errors = [abs(d - slope) for d in central_differences(E, (0.01, 0.005, 0.0025))]
    assert errors[-1] < 5e-3 * abs(slope)
    assert np.all((orders(errors) > 1.9) & (orders(errors) < 2.1)), (errors, slope)


def test_the_sensitivity_is_that_of_differences(problem):
    """Lemma 3.1 for weights and input at once; the error of central differences is of order 2."""
    _, weights, direction, x0, _, xi0, _ = problem
    flow = Euler(tanh)

    def z(s):
        return flow.forward(weights + s * direction, x0 + s * xi0).end

    zeta = flow.sensitivity(weights, flow.forward(weights, x0), xi0, direction).end
    errors = [error(d, zeta) for d in central_differences(z, (0.01, 0.005, 0.0025))]
    assert errors[-1] < 1e-2
    assert np.all((orders(errors) > 1.9) & (orders(errors) < 2.1)), errors


def test_the_relu_gradient_away_from_the_kinks(problem):
    _, weights, direction, x0, y, xi0, _ = problem
    flow, cost, s = Euler(relu), Cost(mu1=1.0), 1e-5
    path = flow.forward(weights, x0)
    up, down = (flow.forward(weights + e * direction, x0 + e * xi0) for e in (s, -s))
    assert bool((up.slope == path.slope).all()) and bool((down.slope == path.slope).all())
    zeta = flow.sensitivity(weights, path, xi0, direction).end
    assert error((up.end - down.end) / (2 * s), zeta) < 1e-7
    lam = flow.adjoint(weights, path, cost.terminal(path.end, y))
    slope = flow.gradient(weights, path, lam).inner(direction)
    up, down = (flow.forward(weights + e * direction, x0).end for e in (s, -s))
    assert (cost.value(up, y) - cost.value(down, y)) / (2 * s) == pytest.approx(slope, rel=1e-6)


@curved
def test_lemma_3_1_the_remainder_is_of_second_order(problem, activation):
    """x(w + eps d) = x(w) + eps xi + O(eps^2), at every time."""
    _, weights, direction, x0, _, xi0, _ = problem
    flow = Euler(activation)
    path = flow.forward(weights, x0)
    xi = flow.sensitivity(weights, path, xi0, direction)
    size, remainders = float(abs(xi.x).max()), []
    steps = (4e-5, 2e-5, 1e-5)  # ReLU: small enough to cross no kink
    for eps in steps:
        moved = flow.forward(weights + eps * direction, x0 + eps * xi0)
        remainders.append(float(abs(moved.x - path.x - eps * xi.x).max()))
    assert remainders[-1] < 1e-3 * steps[-1] * size
    assert np.all((orders(remainders) > 1.9) & (orders(remainders) < 2.1)), remainders


def test_the_sensitivity_is_linear(problem):
    _, weights, direction, x0, _, xi0, _ = problem
    flow = Euler(tanh)
    path = flow.forward(weights, x0)
    both = flow.sensitivity(weights, path, 2.0 * xi0, -3.0 * direction)
    from_input = flow.sensitivity(weights, path, xi0)
    from_weights = flow.sensitivity(weights, path, direction=direction)
    assert error(both.x, 2.0 * from_input.x - 3.0 * from_weights.x) < 1e-13
    assert float(abs(from_weights.start).max()) == 0 and bool((from_input.start == xi0).all())
    nothing = flow.sensitivity(weights, path)
    assert nothing.x.shape == path.x.shape and float(abs(nothing.x).max()) == 0


def test_euler_converges_to_the_exponential(xp):
    """x' = W x with constant W, x(T) = expm(T W) x0: order 1; the same for (2) and (8)."""
    rng, T = np.random.default_rng(4), 1.5
    W, x0 = rng.normal(size=(6, 6)) / 6**0.5, rng.normal(size=(6, 3))
    exact = {"forward": expm(T * W) @ x0, "adjoint": expm(T * W.T) @ x0}
    errors, flow, x0 = {"forward": [], "adjoint": []}, Euler(identity), xp.asarray(x0)
    for L in (200, 400, 800):
        weights = Weights(xp.asarray(np.array([W] * L)), xp.zeros((L, 6, 1)), T)
        path = flow.forward(weights, x0)
        errors["forward"].append(error(path.end, exact["forward"]))
        errors["adjoint"].append(error(flow.adjoint(weights, path, x0).start, exact["adjoint"]))
        assert error(flow.sensitivity(weights, path, x0).end, path.end) < 1e-13
    for observed in map(orders, errors.values()):
        assert np.all((observed > 0.95) & (observed < 1.05)), observed


def test_a_bias_alone_moves_every_image_along_a_line(xp):
    """W = 0: x(T) = x0 + h sum of sigma(b_l), whatever the image."""
    b = np.random.default_rng(5).normal(size=(8, 4, 1))
    weights = Weights(xp.zeros((8, 4, 4)), xp.asarray(b), 2.0)
    x0 = xp.asarray(np.random.default_rng(6).normal(size=(4, 3)))
    expected = to_numpy(x0) + 0.25 * np.tanh(b).sum(axis=0)
    assert error(Euler(tanh).forward(weights, x0).end, expected) < 1e-14


def test_leading_axes_are_solved_one_by_one(problem):
    xp, weights, direction, x0, _, _, _ = problem
    flow = Euler(tanh)
    path = flow.forward(weights, x0)
    rng = np.random.default_rng(7)
    many = xp.asarray(rng.normal(size=(2, 3, *x0.shape)))
    lam, xi = flow.adjoint(weights, path, many), flow.sensitivity(weights, path, many, direction)
    assert lam.x.shape == xi.x.shape == (13, 2, 3, 13, 5)
    for i in range(2):
        for j in range(3):
            one = flow.adjoint(weights, path, many[i, j])
            assert error(lam.x[:, i, j], one.x) < 1e-14
            one = flow.sensitivity(weights, path, many[i, j], direction)
            assert error(xi.x[:, i, j], one.x) < 1e-14


def test_the_solve_from_the_identity_gives_the_matrix_P(problem):
    """One image, xi0 = I: xi(T) = P, and P xi0 is the sensitivity of any other xi0; rows too."""
    xp, weights, _, x0, _, xi0, _ = problem
    flow, N = Euler(tanh), len(x0)
    path = flow.forward(weights, x0[:, 1:2])
    eye = xp.eye(N)
    P = flow.sensitivity(weights, path, eye).end
    assert P.shape == (N, N)
    one = xi0[:, 1:2]
    assert error(P @ one, flow.sensitivity(weights, path, one).end) < 1e-13
    assert error(flow.adjoint(weights, path, eye).start, P.T) < 1e-13
    batch = flow.sensitivity(weights, flow.forward(weights, x0), xi0)
    assert error(P @ one, batch.end[:, 1:2]) < 1e-13


def test_an_image_does_not_see_its_neighbours(problem):
    _, weights, _, x0, _, _, _ = problem
    flow = Euler(tanh)
    alone, together = flow.forward(weights, x0[:, 2:3]), flow.forward(weights, x0)
    assert error(alone.x, together.x[:, :, 2:3]) < 1e-14
    assert error(alone.slope, together.slope[:, :, 2:3]) < 1e-14


def test_columns_of_a_path_are_the_paths_of_these_images(problem):
    xp, weights, _, x0, _, _, lam_T = problem
    flow, k = Euler(tanh), [3, 0]
    some, alone = flow.forward(weights, x0).columns(xp.asarray(k)), flow.forward(weights, x0[:, k])
    assert error(some.x, alone.x) < 1e-14 and error(some.slope, alone.slope) < 1e-14
    starts = (flow.adjoint(weights, path, lam_T[:, k]).start for path in (some, alone))
    assert error(*starts) < 1e-13 and some.horizon == alone.horizon


def test_the_path_is_a_polygon_through_the_layers(problem):
    _, weights, _, x0, _, _, _ = problem
    path = Euler(tanh).forward(weights, x0)
    assert path.horizon == 3.0 and path.x.shape == (13, 13, 5) and path.slope.shape == (12, 13, 5)
    assert bool((path.start == x0).all()) and bool((path.start == path.x[0]).all())
    assert bool((path.end == path.x[-1]).all())
    for l in range(13):
        assert error(path(0.25 * l), path.x[l]) < 1e-14
    assert error(path(0.25 * 4 + 0.1), 0.6 * path.x[4] + 0.4 * path.x[5]) < 1e-14
    assert path(np.nextafter(3.0, 4)).tolist() == path.end.tolist()  # L h, rounded
    for t in (-1e-9, 3.0 + 1e-9, np.nan):
        with pytest.raises(ValueError, match=r"t: expected a time in \[0, 3.0\], got"):
            path(t)


def test_a_trajectory_of_one_step(xp):
    line = Trajectory(xp.asarray(np.array([[[1.0]], [[3.0]]], np.float32)), np.float64(2.0))
    assert [float(line(t)[0, 0]) for t in (0, 0.5, 2.0)] == [1.0, 1.5, 3.0]
    assert line(0.5).dtype == np.float32


@every_activation
def test_float32_stays_float32(problem, problem32, activation):
    results = []
    for _, weights, direction, x0, _, xi0, lam_T in (problem, problem32):
        flow = Euler(activation)
        path = flow.forward(weights, x0)
        lam = flow.adjoint(weights, path, lam_T)
        xi = flow.sensitivity(weights, path, xi0, direction)
        gradient = flow.gradient(weights, path, lam)
        results.append(
            [path.x, path(np.float64(0.1)), path.slope, lam.x, xi.x, gradient.W, gradient.b]
        )
    for double, single in zip(*results):
        assert double.dtype == np.float64 and single.dtype == np.float32
        assert error(single, double) < 1e-4


def test_nothing_given_is_changed(problem):
    _, weights, direction, x0, _, xi0, lam_T = problem
    given = [weights.W, weights.b, direction.W, direction.b, x0, xi0, lam_T]
    kept = [to_numpy(a).copy() for a in given]
    flow = Euler(tanh)
    path = flow.forward(weights, x0)
    before = to_numpy(path.x).copy(), to_numpy(path.slope).copy()
    flow.sensitivity(weights, path, xi0, direction)
    flow.gradient(weights, path, flow.adjoint(weights, path, lam_T))
    flow.forward(weights, x0, keep=False)
    flow.sensitivity(weights, path, xi0, direction, keep=False)
    flow.adjoint(weights, path, lam_T, keep=False)
    flow.backpropagate(weights, path, lam_T)
    assert all(np.array_equal(to_numpy(a), b) for a, b in zip(given, kept))
    assert np.array_equal(to_numpy(path.x), before[0])
    assert np.array_equal(to_numpy(path.slope), before[1])


def test_a_random_direction_changes_the_output(problem):
    """Each layer's weights and biases matter: their columns of the sensitivity are not zero."""
    xp, weights, _, x0, _, _, _ = problem
    flow = Euler(tanh)
    path = flow.forward(weights, x0)
    d = random_like(weights, 8)
    for l in range(12):
        for keep_W in (True, False):
            W, b = xp.zeros_like(d.W), xp.zeros_like(d.b)
            if keep_W:
                W[l] = d.W[l]
            else:
                b[l] = d.b[l]
            xi = flow.sensitivity(weights, path, direction=weights.like(W, b))
            assert float(abs(xi.x[l]).max()) == 0 and float(abs(xi.x[l + 1]).max()) > 1e-4


@pytest.mark.parametrize("flow", [Euler(tanh), RK45(tanh)])
def test_a_start_that_does_not_fit_is_refused(problem, flow):
    """Nothing is rounded to the images' precision, or broadcast, without a word."""
    p = problem
    for x0, message in (
        (p.x0.astype("float32"), "x0: expected dtype float64, got float32"),
        (p.x0.astype(int), "x0: expected dtype float64, got int"),
        (p.x0[1:], r"x0: expected shape \(..., 13, K\), got \(12, 5\)"),
        (p.x0[:, 0], r"x0: expected shape \(..., 13, K\), got \(13,\)"),
        ([[1.0]] * 13, "x0: expected a NumPy or CuPy array, got list"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            flow.forward(p.weights, x0)
