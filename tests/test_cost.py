"""Cost: E is formula (3), lambda(T) its derivative, phi its restriction to a line."""

import itertools

import numpy as np
import pytest
from identities import error, orders, random_like

from snode.arrays import to_numpy
from snode.cost import READOUTS, Cost, cross_entropy, softmax
from snode.euler import Euler
from snode.network import identity, relu, tanh

MUS = [
    (1.0, 0.0, 0.0, 0.0),
    (0.0, 1.0, 0.0, 0.0),
    (0.0, 0.0, 1.0, 0.0),
    (0.0, 0.0, 0.0, 1.0),
    (0.0, 1.0, 0.4, 0.0),
    (0.7, 0.5, 0.3, 0.2),
]
COSTS = [Cost(*mu, readout) for mu, readout in itertools.product(MUS, READOUTS)]
every_cost = pytest.mark.parametrize("cost", COSTS, ids=str)


@pytest.fixture
def outputs(problem):
    """z, zeta, y, weights, direction; z is no longer near the targets."""
    return 2.0 * problem.x0, problem.xi0, problem.y, problem.weights, problem.direction


def formula(cost, z, y, weights):
    """E by (3), image by image, term by term."""
    z, y, C = to_numpy(z), to_numpy(y), len(y)
    total, K = 0.0, z.shape[1]
    for k in range(K):
        if cost.readout == "all":
            target, seen = np.concatenate([y[:, k], np.zeros(len(z) - C)]), z[:, k]
        else:
            target, seen = y[:, k], z[:C, k]
        p = np.exp(z[:C, k]) / np.exp(z[:C, k]).sum()
        total += cost.mu1 / 2 * np.linalg.norm(seen - target) ** 2 / K
        total += cost.mu2 * -np.log(p[y[:, k].argmax()]) / K
        total += cost.mu3 / 2 * np.linalg.norm(seen) ** 2 / K
    W, b = to_numpy(weights.W), to_numpy(weights.b)
    return total + cost.mu4 / 2 * weights.h * ((W**2).sum() + (b**2).sum())


@every_cost
def test_the_value_is_the_formula(outputs, cost):
    z, _, y, weights, _ = outputs
    assert cost.value(z, y, weights) == pytest.approx(formula(cost, z, y, weights), rel=1e-13)


@every_cost
def test_the_end_value_of_the_adjoint_is_the_derivative(outputs, cost):
    """lambda(T) = K dE/dz, component by component; the error of differences is of order 2."""
    z, _, y, weights, _ = outputs
    lam, z, K = cost.terminal(z, y), to_numpy(z), z.shape[1]
    assert lam.shape == z.shape and type(lam) is type(y)

    def difference(i, k, s):
        up, down = z.copy(), z.copy()
        up[i, k] += s
        down[i, k] -= s
        return K * (formula(cost, up, y, weights) - formula(cost, down, y, weights)) / (2 * s)

    steps = (0.08, 0.04, 0.02)
    found = np.array([[[difference(i, k, s) for k in range(K)] for i in range(13)] for s in steps])
    errors = np.abs(found - to_numpy(lam)).max(axis=(1, 2))
    if cost.mu2:
        assert np.all((orders(errors) > 1.9) & (orders(errors) < 2.1)), errors
        assert errors[-1] < 1e-4
    else:
        assert errors.max() < 1e-10  # E is quadratic in z: exact but for rounding


@every_cost
@pytest.mark.parametrize("activation", [tanh, relu, identity], ids=lambda a: a.name)
def test_the_slope_of_phi_is_the_inner_product_with_the_gradient(problem, cost, activation):
    """phi'(0) = <E', d>: sensitivity, adjoint, gradient and cost agree to round-off."""
    _, weights, direction, x0, y, _, _ = problem
    flow = Euler(activation)
    path = flow.forward(weights, x0)
    lam = flow.adjoint(weights, path, cost.terminal(path.end, y))
    E_prime = flow.gradient(weights, path, lam) + cost.mu4 * weights
    zeta = flow.sensitivity(weights, path, direction=direction).end
    phi = cost.along(path.end, zeta, y, weights, direction)
    assert abs(phi.derivative(0.0) - E_prime.inner(direction)) < 1e-13 * (
        E_prime.norm() * direction.norm()
    )
    assert phi.derivative(0.0) != 0


@every_cost
@pytest.mark.parametrize("eta", [0.0, 0.7, -2.0])
def test_phi_is_the_cost_along_the_line(outputs, cost, eta):
    z, zeta, y, weights, direction = outputs
    phi = cost.along(z, zeta, y, weights, direction)
    expected = cost.value(z + eta * zeta, y, weights + eta * direction)
    assert phi.value(eta) == pytest.approx(expected, rel=1e-13)


@every_cost
def test_without_a_direction_the_weights_stay(outputs, cost):
    z, zeta, y, weights, _ = outputs
    phi = cost.along(z, zeta, y, weights)
    assert phi.value(0.7) == pytest.approx(cost.value(z + 0.7 * zeta, y, weights), rel=1e-13)
    still = cost.along(z, zeta, y, weights, 0.0 * weights)
    assert phi.derivative(0.7) == pytest.approx(still.derivative(0.7), rel=1e-13)


@every_cost
def test_the_derivative_of_phi_is_that_of_differences(outputs, cost):
    z, zeta, y, weights, direction = outputs
    phi = cost.along(z, zeta, y, weights, direction)
    for eta in (0.0, 0.4, -1.3):
        steps = (0.08, 0.04, 0.02)
        found = [(phi.value(eta + s) - phi.value(eta - s)) / (2 * s) for s in steps]
        errors = np.abs(np.array(found) - phi.derivative(eta))
        if cost.mu2:
            assert np.all((orders(errors) > 1.9) & (orders(errors) < 2.1)), errors
        else:
            assert errors.max() < 1e-10 * max(1, abs(phi.derivative(eta)))


@every_cost
def test_phi_is_convex(outputs, cost):
    phi = cost.along(*outputs)
    slopes = [phi.derivative(eta) for eta in np.linspace(-5, 5, 41)]
    assert np.all(np.diff(slopes) >= 0)
    assert slopes[-1] > slopes[0]


def test_the_readout_says_what_the_quadratic_terms_see(outputs):
    z, _, y, _, _ = outputs
    padded = np.concatenate([to_numpy(y), np.zeros((9, 5))])
    every, few = Cost(mu1=1.0), Cost(mu1=1.0, readout="classes")
    assert every.value(z, y) == pytest.approx(((to_numpy(z) - padded) ** 2).sum() / 10, rel=1e-14)
    assert few.value(z, y) == pytest.approx(every.value(z[:4], y), rel=1e-14)
    assert error(every.terminal(z, y), to_numpy(z) - padded) < 1e-15
    assert float(abs(few.terminal(z, y)[4:]).max()) == 0
    entropy = Cost(mu2=1.0)
    assert float(abs(entropy.terminal(z, y)[4:]).max()) == 0  # on both readouts
    assert entropy.value(z, y) == Cost(mu2=1.0, readout="classes").value(z, y)


def test_the_mean_over_images_does_not_depend_on_their_number(outputs):
    z, _, y, _, _ = outputs
    z, y = to_numpy(z), to_numpy(y)
    for cost in COSTS:
        if cost.mu4 == 0:
            twice = np.tile(z, 2), np.tile(y, 2)
            assert cost.value(*twice) == pytest.approx(cost.value(z, y), rel=1e-14)
            assert error(cost.terminal(*twice)[:, 5:], cost.terminal(z, y)) < 1e-14


def test_softmax_is_a_probability_that_ignores_shifts(outputs):
    z = outputs[0][:4]
    p = softmax(z)
    assert float(p.min()) > 0 and error(p.sum(axis=0), np.ones(5)) < 1e-15
    assert error(softmax(z + 100.0), p) < 1e-13
    assert error(softmax(z + z[:1]), softmax(z + 2 * z[:1])) < 1e-13  # a shift of each image
    expected = np.exp(to_numpy(z)) / np.exp(to_numpy(z)).sum(axis=0)
    assert error(p, expected) < 1e-14


def test_nothing_overflows(xp):
    z, y = np.diag([1e4, -1e4, 1e4]), np.eye(3)
    assert np.isfinite(to_numpy(softmax(xp.asarray(z)))).all()
    assert cross_entropy(z, y) == pytest.approx((0 + (1e4 + np.log(2)) + 0) / 3, rel=1e-14)
    cost = Cost(mu2=1.0)
    assert np.isfinite(cost.value(xp.asarray(z), xp.asarray(y)))
    assert np.isfinite(to_numpy(cost.terminal(xp.asarray(z), xp.asarray(y)))).all()
    phi = cost.along(xp.asarray(z), xp.asarray(z), xp.asarray(y))
    assert np.isfinite([phi.value(1e3), phi.derivative(1e3)]).all()


def test_equal_outputs_give_the_logarithm_of_the_number_of_classes(xp):
    z, y = xp.zeros((4, 3)), xp.asarray(np.eye(4)[:, :3])
    assert Cost(mu2=1.0).value(z, y) == pytest.approx(np.log(4), rel=1e-15)


def test_weight_decay_needs_the_weights(outputs):
    z, zeta, y, weights, direction = outputs
    cost = Cost(mu1=1.0, mu4=0.5)
    with pytest.raises(ValueError, match=r"weights: needed where mu4 > 0 \(mu4 = 0.5\), got None"):
        cost.value(z, y)
    decay = cost.value(z, y, weights) - Cost(mu1=1.0).value(z, y)
    assert decay == pytest.approx(0.25 * weights.inner(weights), rel=1e-13)
    other = random_like(weights, 9)
    first, second = (cost.along(z, zeta, y, weights, d) for d in (direction, other))
    assert first.derivative(0.0) != second.derivative(0.0)


def test_float32_stays_float32_and_is_summed_in_double(problem32):
    _, weights, _, x0, y, xi0, _ = problem32
    cost = Cost(0.7, 0.5, 0.3, 0.0)
    assert cost.terminal(x0, y).dtype == np.float32
    phi = cost.along(x0, xi0, y, weights)
    assert phi.z.dtype == phi.zeta.dtype == phi.y.dtype == phi.quadratic.dtype == np.float64
    assert isinstance(phi.z, np.ndarray) and isinstance(phi.y, np.ndarray)
    assert type(phi.value(0.1)) is type(phi.derivative(0.1)) is float
    double = cost.value(x0.astype(np.float64), y.astype(np.float64))
    assert cost.value(x0, y) == double


def test_nothing_given_is_changed(outputs):
    z, zeta, y, weights, direction = outputs
    given = [z, zeta, y, weights.W, direction.W]
    kept = [to_numpy(a).copy() for a in given]
    for cost in COSTS:
        cost.terminal(z, y)
        cost.along(z, zeta, y, weights, direction).value(0.3)
    assert all(np.array_equal(to_numpy(a), b) for a, b in zip(given, kept))


@pytest.mark.numpy_only
@pytest.mark.parametrize("name", ["mu1", "mu2", "mu3", "mu4"])
@pytest.mark.parametrize("mu", [-1e-9, np.nan, np.inf, "1", None])
def test_bad_weights_of_the_terms_are_refused(name, mu):
    with pytest.raises(ValueError, match=f"{name}: expected a finite number >= 0, got {mu!r}"):
        Cost(**{name: mu})


@pytest.mark.numpy_only
def test_no_term_is_the_default():
    assert Cost() == Cost(0.0, 0.0, 0.0, 0.0, "all")


def test_an_unknown_readout_is_refused():
    with pytest.raises(ValueError, match="readout: expected 'all' or 'classes', got 'ten'"):
        Cost(mu1=1.0, readout="ten")


@pytest.mark.parametrize("lead", [1, 18, 80])
def test_a_leading_class_still_feels_its_rivals(xp, lead):
    """In float32 soft(z) - y is 0 for a class that leads by 16, not minus the sum of the others."""
    z, y = xp.zeros((3, 2), np.float32), xp.zeros((3, 2), np.float32)
    z[0], y[0] = lead, 1
    found = to_numpy(Cost(mu2=1.0).terminal(z, y)).astype(float)
    rival = np.exp(-lead) / (1 + 2 * np.exp(-lead))
    assert found == pytest.approx(np.repeat([[-2 * rival], [rival], [rival]], 2, 1), rel=1e-5)
    exact = Cost(mu2=1.0).terminal(z.astype(float), y.astype(float))
    assert to_numpy(exact) == pytest.approx(to_numpy(softmax(z.astype(float)) - y), abs=1e-15)
