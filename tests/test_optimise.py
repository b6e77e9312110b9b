"""Optimise: NCG is Algorithm 1, its step is the zero of phi', a quadratic ends in N + 1 steps."""

import numpy as np
import pytest
from conftest import make_problem
from identities import error, orders
from scipy.optimize import brentq

from snode import optimise, sobolev
from snode.arrays import to_numpy
from snode.conjugate import GAMMAS, LARGEST_MOVE, step_length
from snode.cost import Cost, Line
from snode.euler import Euler
from snode.first_order import RMSprop
from snode.gradient_attacks import Margin
from snode.network import Weights, identity, initial_weights, relu, tanh
from snode.optimise import NCG, value_and_gradient

SQUARES, ENTROPY, EVERY = Cost(mu1=1.0), Cost(mu2=1.0, mu3=0.4), Cost(0.7, 0.5, 0.3, 0.2)
CLASSES = Cost(mu1=1.0, mu4=0.1, readout="classes")
COSTS = {"squares": SQUARES, "entropy": ENTROPY, "every": EVERY, "classes": CLASSES}
every_cost = pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)


def slope_along(cost, z, zeta, y, w, d):
    """phi' of App. B.1 (with the mean over the images that the paper omits), on NumPy arrays."""
    z, zeta, y = map(to_numpy, (z, zeta, y))
    C, K = y.shape
    m = len(z) if cost.readout == "all" else C
    target = np.concatenate([y, np.zeros((m - C, K))])
    ww, wd, dd = w.inner(w), w.inner(d), d.inner(d)
    assert wd**2 <= ww * dd

    def slope(eta):
        x = z + eta * zeta
        e = np.exp(x[:C] - x[:C].max(axis=0))
        phi = cost.mu1 * ((x[:m] - target) * zeta[:m]).sum() / K
        phi += cost.mu2 * ((e / e.sum(axis=0) - y) * zeta[:C]).sum() / K
        phi += cost.mu3 * (x[:m] * zeta[:m]).sum() / K
        return phi + cost.mu4 * (wd + eta * dd)

    return slope


def algorithm_1(flow, cost, w, x0, y, iterations, S=None, W12=False):
    """The paper's NCG, line by line, without any care for time or memory."""
    d, norm2_old = 0.0 * w, np.inf
    for _ in range(iterations):
        path = flow.forward(w, x0)
        lam = flow.adjoint(w, path, cost.terminal(path.end, y))
        E_prime = flow.gradient(w, path, lam) + cost.mu4 * w
        g = E_prime if S is None else sobolev.apply(S, E_prime)
        norm2 = g.inner(E_prime) if W12 else g.inner(g)
        gamma = norm2 / norm2_old
        d = -g + gamma * d
        zeta = flow.sensitivity(w, path, direction=d).end
        eta = brentq(slope_along(cost, path.end, zeta, y, w, d), 0, 1e3, xtol=1e-15, rtol=1e-14)
        w, norm2_old = w + eta * d, norm2
    return w


@every_cost
@pytest.mark.parametrize("smooth", ["L2", "Sobolev", "Sobolev, W12"])
def test_ncg_is_algorithm_1(problem, cost, smooth):
    _, weights, _, x0, y, _, _ = problem
    flow, S, log = Euler(tanh), None, []
    settings = {"sobolev": smooth != "L2", "gamma_norm": "W12" if "W12" in smooth else "L2"}
    if settings["sobolev"]:
        S = sobolev.matrix(12, 3.0)
    result = NCG(flow, cost, **settings).update(weights, x0, y, log.append)
    assert not any(entry.restarted for entry in log)  # Algorithm 1 as printed has no restart
    expected = algorithm_1(flow, cost, weights, x0, y, 6, S, "W12" in smooth)
    assert error(result - weights, expected - weights) < (1e-12 if cost is SQUARES else 1e-11)


@pytest.mark.numpy_only
def test_algorithm_1_is_the_default():
    default, given = (
        NCG(Euler(tanh), SQUARES, *settings)
        for settings in ((), (6, False, "fletcher-reeves", "L2", 1.0))
    )
    assert vars(default) == vars(given)


def test_a_matrix_may_be_given_for_the_sobolev_transform(problem):
    _, weights, _, x0, y, _, _ = problem
    flow, S = Euler(tanh), sobolev.matrix(12, 3.0, 0.5, "riesz")
    result = NCG(flow, SQUARES, iterations=3, sobolev=S).update(weights, x0, y)
    assert error(result, algorithm_1(flow, SQUARES, weights, x0, y, 3, S)) < 1e-13
    eye = NCG(flow, SQUARES, iterations=3, sobolev=np.eye(12)).update(weights, x0, y)
    assert error(eye, NCG(flow, SQUARES, iterations=3).update(weights, x0, y)) < 1e-13


def test_a_sobolev_matrix_of_another_size_is_refused(problem):
    S = sobolev.matrix(11, 3.0)
    with pytest.raises(ValueError, match=r"sobolev: expected shape \(12, 12\), got \(11, 11\)"):
        NCG(Euler(tanh), SQUARES, sobolev=S).update(problem.weights, problem.x0, problem.y)


@pytest.fixture
def quadratic(xp):
    """One layer, no nonlinearity: E is a quadratic with N + 1 different curvatures."""
    rng, N, K = np.random.default_rng(11), 6, 25
    x0, y = rng.normal(size=(N, K)), np.eye(3)[:, rng.integers(0, 3, K)]
    weights = Weights(*(xp.asarray(rng.normal(size=(1, N, n))) for n in (N, 1)), 1.5)
    return weights, xp.asarray(x0), xp.asarray(y)


def least_squares(weights, x0, y):
    """The least mean of |z - y|^2 / 2 over all W and b, for z = x0 + h (W x0 + b)."""
    x0 = to_numpy(x0)
    target = np.concatenate([to_numpy(y), np.zeros((3, 25))]) - x0
    A = np.concatenate([x0, np.ones((1, 25))]).T
    return np.linalg.lstsq(A, target.T)[1].sum() / (2 * 25)


CONJUGATE = [name for name in GAMMAS if name != "steepest-descent"]


@pytest.mark.parametrize("gamma", CONJUGATE)
def test_a_quadratic_ends_in_n_plus_1_iterations(quadratic, gamma):
    log = []
    NCG(Euler(identity), SQUARES, 7, gamma=gamma).update(*quadratic, log.append)
    least = least_squares(*quadratic)
    assert abs(log[-1].true - least) < 1e-10
    assert log[-2].true - least > 1e-7  # and not before
    assert log[-1].gradient_norm < log[0].gradient_norm
    for entry in log:
        assert entry.predicted == pytest.approx(entry.true, rel=1e-12)  # z is linear in w
        assert not entry.restarted


@pytest.mark.parametrize("gamma", CONJUGATE)
@pytest.mark.parametrize("gamma_norm", ["L2", "W12"])
def test_all_gammas_agree_on_a_quadratic(quadratic, gamma, gamma_norm):
    flow = Euler(identity)
    usual = NCG(flow, SQUARES, 4).update(*quadratic)
    optimiser = NCG(flow, SQUARES, 4, sobolev=True, gamma=gamma, gamma_norm=gamma_norm)
    assert error(optimiser.update(*quadratic), usual) < 1e-10  # with L = 1, S is a number


def linear_cg(weights, x0, y, rounds):
    """Hestenes and Stiefel's method for U = (W, b), a row each: the quadratic has the Hessian M."""
    x0, W, b, h = to_numpy(x0), to_numpy(weights.W[0]), to_numpy(weights.b[0]), weights.h
    target = np.concatenate([to_numpy(y), np.zeros((3, 25))]) - x0
    x, U = np.concatenate([x0, np.ones((1, 25))]), np.concatenate([W, b], axis=1)
    M = h * h * x @ x.T / 25
    r = h * target @ x.T / 25 - U @ M
    d = r
    for _ in range(rounds):
        alpha = np.vdot(r, r) / np.vdot(d, d @ M)
        U, r, old = U + alpha * d, r - alpha * d @ M, r
        d = r + np.vdot(r, r) / np.vdot(old, old) * d
    return U


@pytest.mark.parametrize("rounds", [1, 2, 3, 5])
@pytest.mark.parametrize("gamma", CONJUGATE)
def test_on_a_quadratic_ncg_is_linear_cg(quadratic, gamma, rounds):
    result = NCG(Euler(identity), SQUARES, rounds, gamma=gamma).update(*quadratic)
    U = np.concatenate([to_numpy(result.W[0]), to_numpy(result.b[0])], axis=1)
    assert np.abs(U - linear_cg(*quadratic, rounds)).max() < 1e-10


def test_steepest_descent_takes_longer(quadratic):
    log = []
    NCG(Euler(identity), SQUARES, 7, gamma="steepest-descent").update(*quadratic, log.append)
    assert log[-1].true > 1.001 * least_squares(*quadratic)
    assert all(entry.gamma == 0.0 for entry in log)


def test_the_gammas_are_their_formulas(problem):
    _, weights, direction, x0, y, _, _ = problem
    flow = Euler(tanh)
    g_old = value_and_gradient(flow, SQUARES, weights, x0, y)[1]
    g = value_and_gradient(flow, SQUARES, weights + 0.05 * direction, x0, y)[1]
    new, old = (optimise.Gradient(v, v, v.inner(v)) for v in (g, g_old))
    change = g - g_old
    expected = {
        "fletcher-reeves": g.inner(g) / g_old.inner(g_old),
        "polak-ribiere": max(0.0, g.inner(change) / g_old.inner(g_old)),
        "hestenes-stiefel": g.inner(change) / direction.inner(change),
        "dai-yuan": g.inner(g) / direction.inner(change),
        "steepest-descent": 0.0,
    }
    assert set(expected) == set(GAMMAS)
    for name, gamma in expected.items():
        assert GAMMAS[name](new, old, direction) == pytest.approx(gamma, rel=1e-11)
    assert GAMMAS["polak-ribiere"](old._replace(norm2=0.0), old, direction) == 0.0
    for name in ("hestenes-stiefel", "dai-yuan"):  # no change of the gradient: no conjugacy
        assert GAMMAS[name](new, new, direction) == 0.0


def line(mu2=0.0, quadratic=(1.0, -2.0, 3.0), seed=0, C=4, K=6):
    rng = np.random.default_rng(seed)
    z, zeta = rng.normal(size=(2, C, K))
    y = np.eye(C)[:, rng.integers(0, C, K)]
    phi = Line(np.array(quadratic), mu2, z, zeta, y)
    return phi if phi.derivative(0.0) < 0 else Line(np.array(quadratic), mu2, z, -zeta, y)


@pytest.mark.numpy_only
def test_the_closed_form_is_the_zero_that_brent_finds():
    phi = line()
    eta = step_length(phi)
    assert type(eta) is float and eta == pytest.approx(1 / 3, rel=1e-15)
    assert eta == pytest.approx(brentq(phi.derivative, 0, 10, xtol=1e-15), rel=1e-12)
    entropy = line(mu2=1e-13)  # so little cross-entropy that the other branch finds the same
    assert step_length(entropy) == pytest.approx(eta, rel=1e-11)


@pytest.mark.numpy_only
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("quadratic", [(0.0, 0.0, 0.0), (1.0, -0.1, 0.3), (0.0, -3.0, 9.0)])
def test_the_slope_at_the_step_is_zero(seed, quadratic):
    phi = line(1.0, quadratic, seed)
    eta = step_length(phi)
    assert type(eta) is float and eta > 0
    assert abs(phi.derivative(eta)) < 1e-10 * abs(phi.derivative(0.0))
    assert phi.value(eta) < phi.value(0.0)
    assert phi.value(eta) < min(phi.value(0.99 * eta), phi.value(1.01 * eta))


@pytest.mark.numpy_only
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_cross_entropy_without_a_minimum_stops_at_the_largest_move(size):
    y = np.eye(3)
    phi = Line(np.zeros(3), 1.0, np.zeros((3, 3)), size * y, y)  # phi' < 0 for every eta
    assert step_length(phi) * size == pytest.approx(LARGEST_MOVE, rel=1e-15)
    near = Line(np.array([0.0, -6.0, 0.1]), 1.0, np.zeros((3, 3)), y, y)  # least near 30
    assert step_length(near) == pytest.approx(30.0, rel=1e-11)
    far = Line(np.array([0.0, -30.0, 0.1]), 1.0, np.zeros((3, 3)), y, y)  # least near 150
    assert step_length(far) == LARGEST_MOVE and type(step_length(far)) is float


@pytest.mark.numpy_only
def test_a_direction_that_does_not_lead_down_is_refused():
    y = np.eye(3)
    for mu2 in (0.0, 1.0):
        for c1 in (0.0, 2.0, np.nan):
            phi = Line(np.array([0.0, c1, 1.0]), mu2, np.zeros((3, 3)), -mu2 * y, y)
            with pytest.raises(FloatingPointError, match=r"expected phi'\(0\) < 0, got"):
                step_length(phi)


@every_cost
def test_value_and_gradient_agree_with_differences(problem, cost):
    _, weights, direction, x0, y, _, _ = problem
    flow = Euler(tanh)
    E, E_prime = value_and_gradient(flow, cost, weights, x0, y)
    assert cost.value(flow.forward(weights, x0).end, y, weights) == E

    def value(s):
        return value_and_gradient(flow, cost, weights + s * direction, x0, y)[0]

    slope = E_prime.inner(direction)
    errors = [abs((value(s) - value(-s)) / (2 * s) - slope) for s in (0.004, 0.002, 0.001)]
    assert errors[-1] < 5e-3 * abs(slope)
    assert np.all((orders(errors) > 1.9) & (orders(errors) < 2.1)), errors


def ascending(new, old, direction):
    """A gamma so large, and of such a sign, that the direction would lead up."""
    return 1e6 * np.sign(new.dual.inner(direction))


def rising(new, old, direction):
    """The gamma whose direction leads up as little as 1e-3 |E'|^2."""
    return 1.001 * new.norm2 / new.g.inner(direction)


def vanishing(new, old, direction):
    """Make the direction zero, -g + g."""
    direction.axpby(1.0, new.g, 0.0)
    return 1.0


@pytest.mark.parametrize("gamma", [ascending, rising, vanishing])
def test_a_direction_not_downwards_is_replaced_by_steepest_descent(problem, monkeypatch, gamma):
    _, weights, _, x0, y, _, _ = problem
    log, flow = [], Euler(tanh)
    monkeypatch.setitem(GAMMAS, "polak-ribiere", gamma)
    optimiser = NCG(flow, EVERY, iterations=5, gamma="polak-ribiere")
    result = optimiser.update(weights, x0, y, log.append)
    assert [entry.restarted for entry in log] == [False] + 4 * [True]
    assert all(entry.gamma == 0 for entry in log if entry.restarted)  # the one that was used
    assert all(entry.true < entry.E and entry.eta > 0 for entry in log)
    steepest = NCG(flow, EVERY, iterations=5, gamma="steepest-descent").update(weights, x0, y)
    assert error(result, steepest) < 1e-14


@every_cost
@pytest.mark.parametrize("activation", [tanh, relu], ids=["tanh", "relu"])
def test_the_log_tells_what_happened(problem, cost, activation):
    _, weights, _, x0, y, _, _ = problem
    flow, log = Euler(activation), []
    result = NCG(flow, cost).update(0.3 * weights, x0, y, log.append)
    assert [entry.iteration for entry in log] == list(range(6))
    E, g = value_and_gradient(flow, cost, 0.3 * weights, x0, y)
    assert abs(log[0].E - E) < 1e-13 * E and log[0].gamma == 0.0
    assert log[0].gradient_norm == pytest.approx(g.norm(), rel=1e-12)
    for before, after in zip(log, log[1:]):
        assert abs(after.E - before.true) < 1e-12 * before.true
        gamma = (after.gradient_norm / before.gradient_norm) ** 2
        assert after.gamma == pytest.approx(gamma, rel=1e-12)
    assert all(entry.eta > 0 and entry.predicted < entry.E for entry in log)
    assert log[-1].true == value_and_gradient(flow, cost, result, x0, y)[0]
    assert log[-1].true < log[0].E


def test_the_log_changes_nothing(problem):
    _, weights, _, x0, y, _, _ = problem
    optimiser = NCG(Euler(tanh), EVERY)
    watched = optimiser.update(weights, x0, y, [].append)
    assert error(watched, optimiser.update(weights, x0, y)) == 0


def test_the_weights_given_are_not_changed(problem):
    _, weights, _, x0, y, _, _ = problem
    kept = [to_numpy(a).copy() for a in (weights.W, weights.b, x0, y)]
    result = NCG(Euler(tanh), EVERY).update(weights, x0, y)
    assert all(np.array_equal(to_numpy(a), b) for a, b in zip((weights.W, weights.b, x0, y), kept))
    assert error(result, weights) > 1e-3 and result.horizon == weights.horizon


@pytest.mark.parametrize("gamma", GAMMAS)
def test_the_same_start_gives_the_same_bits(problem32, gamma):
    _, weights, _, x0, y, _, _ = problem32
    first, second = (
        NCG(Euler(tanh), ENTROPY, sobolev=True, gamma=gamma).update(weights, x0, y)
        for _ in range(2)
    )
    assert to_numpy(first.W).tobytes() == to_numpy(second.W).tobytes()
    assert to_numpy(first.b).tobytes() == to_numpy(second.b).tobytes()


@every_cost
@pytest.mark.parametrize("smooth", [False, True])
def test_float32_stays_float32(problem, problem32, cost, smooth):
    results = []
    for _, weights, _, x0, y, _, _ in (problem, problem32):
        optimiser = NCG(Euler(tanh), cost, iterations=1, sobolev=smooth)
        results.append(optimiser.update(weights, x0, y))
    double, single = results
    assert single.W.dtype == single.b.dtype == np.float32 and double.W.dtype == np.float64
    assert error(single, double) < 1e-4
    assert error(single - problem32.weights, double - problem.weights) < 2e-3


def test_a_scale_of_the_direction_makes_the_conjugate_term_vanish(problem):
    _, weights, _, x0, y, _, _ = problem
    flow = Euler(tanh)

    def result(**settings):
        return NCG(flow, SQUARES, iterations=4, **settings).update(weights, x0, y)

    steepest = result(gamma="steepest-descent")
    assert error(result(gamma="steepest-descent", direction_scale=1e-3), steepest) < 1e-12
    conjugate = (result() - steepest).norm()
    for scale in (1e-2, 1e-3):
        assert (result(direction_scale=scale) - steepest).norm() < 5 * scale * conjugate


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_cost_that_overflows_is_reported(problem):
    _, weights, _, x0, y, _, _ = problem
    message = r"iteration 0: expected a finite cost .* got E = (nan|inf) and \|g\|\^2 = (nan|inf)"
    with pytest.raises(FloatingPointError, match=message):
        NCG(Euler(relu), SQUARES).update(1e60 * weights, x0, y)


def test_a_gradient_that_vanishes_is_reported(problem):
    xp, weights, _, x0, _, _, _ = problem
    message = r"iteration 0: expected .* a gradient > 0, got E = 0.0 and \|g\|\^2 = 0.0"
    with pytest.raises(FloatingPointError, match=message):  # the outputs are the targets already
        NCG(Euler(tanh), SQUARES).update(0.0 * weights, x0, x0)


@pytest.mark.numpy_only
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"iterations": 0}, "iterations: expected a positive integer, got 0"),
        ({"iterations": 2.0}, "iterations: expected a positive integer, got 2.0"),
        ({"gamma": "newton"}, "gamma: expected one of fletcher-reeves, .*, got 'newton'"),
        ({"gamma_norm": "H1"}, "gamma_norm: expected 'L2' or 'W12', got 'H1'"),
        ({"direction_scale": 0.0}, "direction_scale: expected a positive finite number, got 0.0"),
        (
            {"direction_scale": np.nan},
            "direction_scale: expected a positive finite number, got nan",
        ),
        (
            {"direction_scale": np.inf},
            "direction_scale: expected a positive finite number, got inf",
        ),
        ({"sobolev": np.eye(3)[0]}, r"sobolev: expected shape \(L, L\), got \(3,\)"),
        ({"sobolev": np.ones((3, 5))}, r"sobolev: expected shape \(L, L\), got \(3, 5\)"),
    ],
)
def test_bad_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        NCG(Euler(tanh), SQUARES, **setting)


def test_one_class_is_enough(problem):
    _, weights, _, x0, y, _, _ = problem
    result = NCG(Euler(tanh), SQUARES, iterations=2).update(weights, x0, y[:1])
    expected = algorithm_1(Euler(tanh), SQUARES, weights, x0, y[:1], 2)
    assert error(result - weights, expected - weights) < 1e-12


def test_bad_batches_are_refused(problem):
    xp, weights, _, x0, y, _, _ = problem
    update = NCG(Euler(tanh), SQUARES).update
    with pytest.raises(ValueError, match=r"x0: expected shape \(13, K\), got \(5, 13\)"):
        update(weights, x0.T, y)
    with pytest.raises(ValueError, match=r"x0: expected shape \(13, K\), got \(13,\)"):
        update(weights, x0[:, 0], y)
    with pytest.raises(ValueError, match=r"y: expected shape \(C, 5\), got \(4, 4\)"):
        update(weights, x0, y[:, :4])
    with pytest.raises(ValueError, match=r"y: expected between 1 and N = 13 classes, got 14"):
        update(weights, x0, xp.zeros((14, 5)))
    with pytest.raises(ValueError, match=r"y: expected shape \(C, 5\), no length 0, got \(0, 5\)"):
        update(weights, x0, y[:0])
    with pytest.raises(TypeError, match="x0: expected dtype float64, got float32"):
        update(weights, x0.astype(np.float32), y)
    with pytest.raises(TypeError, match="y: expected dtype float64, got int64"):
        update(weights, x0, y.astype(np.int64))
    with pytest.raises(ValueError, match="x0: expected finite numbers"):
        update(weights, x0 * np.nan, y)
    with pytest.raises(TypeError, match="y: expected a NumPy or CuPy array, got list"):
        update(weights, x0, [0, 1, 2, 3, 0])


@pytest.mark.parametrize("pixel", [60, 98])
def test_a_batch_that_is_learnt_beyond_float32_is_reported(xp, pixel):
    """A class that leads by 60 leaves a gradient whose square is 0: no gamma, no finite step."""
    x0, y = xp.zeros((4, 1), np.float32), xp.asarray(np.float32([[1], [0], [0]]))
    x0[0] = pixel
    ncg = NCG(Euler(tanh), Cost(mu2=1.0), iterations=2)
    with pytest.raises(FloatingPointError, match="iteration 0: .* a gradient > 0"):
        ncg.update(initial_weights(5, 4, xp=xp), x0, y)


@pytest.mark.parametrize("make", [NCG, RMSprop])
def test_cross_entropy_wants_unit_vectors(problem, make):
    """The gradient soft(z) - y of (8) is written for these."""
    p, smooth = problem, 0.8 * problem.y + 0.05
    message = r"y: expected one 1 in each column, else 0, got \[.*\] in column 0"
    with pytest.raises(ValueError, match=message):
        make(Euler(tanh), ENTROPY).update(p.weights, p.x0, smooth)
    with pytest.raises(ValueError, match=message):
        value_and_gradient(Euler(tanh), ENTROPY, p.weights, p.x0, 2 * p.y)
    make(Euler(tanh), SQUARES).update(p.weights, p.x0, smooth)


@pytest.mark.numpy_only
def test_a_batch_is_checked_where_the_gradient_is_taken(problem):
    p = problem
    with pytest.raises(ValueError, match=r"y: expected shape \(C, 5\), got \(4, 1\)"):
        value_and_gradient(Euler(tanh), SQUARES, p.weights, p.x0, p.y[:, :1])


@pytest.mark.numpy_only
def test_at_a_minimum_the_iterations_end():
    """One image: E falls to its least value, where no direction falls any more."""
    p, log = make_problem(K=1, size=0.3), []
    ncg = NCG(Euler(tanh), Cost(mu2=1.0, mu3=0.4), 600)
    weights = ncg.update(p.weights, p.x0, p.y, log.append)
    _, gradient = value_and_gradient(Euler(tanh), ncg.cost, weights, p.x0, p.y)
    assert len(log) < 600 and gradient.norm() < 1e-6


@pytest.mark.numpy_only
@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ((Euler, SQUARES), TypeError, "flow: expected Euler or RK45, got type"),
        ((Euler(tanh), Cost), TypeError, "cost: expected a Cost, got type"),
        ((Euler(tanh), Margin()), TypeError, "cost: expected a Cost, got Margin"),
        ((Euler(tanh), Cost()), ValueError, "cost: expected a mu above 0, got none"),
    ],
)
def test_parts_that_cannot_train_are_refused(parts, error, message):
    for make in (NCG, RMSprop):
        with pytest.raises(error, match=message):
            make(*parts)
