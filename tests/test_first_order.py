"""First order: each optimiser is its textbook formula on the Euclidean gradient G = h E'."""

import dataclasses

import numpy as np
import pytest
from conftest import make_problem
from identities import error

from snode.arrays import to_numpy
from snode.cost import Cost
from snode.euler import Euler
from snode.first_order import OPTIMISERS, Adam, Momentum, RMSprop
from snode.network import Weights, initial_weights, relu, tanh
from snode.optimise import value_and_gradient
from snode.perturbed import infer

COST = Cost(mu1=0.7, mu2=0.5, mu3=0.3)
DECAY = Cost(mu1=0.7, mu2=0.5, mu3=0.3, mu4=0.2)
every_optimiser = pytest.mark.parametrize("optimiser", OPTIMISERS.values(), ids=OPTIMISERS)


def vector(weights):
    """Return the weights as one NumPy vector."""
    return np.concatenate([to_numpy(weights.W).ravel(), to_numpy(weights.b).ravel()])


def euclidean_gradient(problem, w, cost=COST, flow=Euler(tanh)):  # noqa: B008
    """Return the partial derivatives of E by the entries of W and b, as one NumPy vector."""
    W, b = problem.weights.W, problem.weights.b
    w_W, w_b = w[: W.size].reshape(W.shape), w[W.size :].reshape(b.shape)
    weights = problem.weights.like(problem.xp.asarray(w_W), problem.xp.asarray(w_b))
    return weights.h * vector(value_and_gradient(flow, cost, weights, problem.x0, problem.y)[1])


def three_updates(problem, optimiser):
    weights = problem.weights
    for _ in range(3):
        weights = optimiser.update(weights, problem.x0, problem.y)
    return vector(weights)


def test_the_euclidean_gradient_is_that_of_single_entries(problem):
    """G = h E': moving one weight by s changes E by s G."""
    w, s = vector(problem.weights), 1e-5
    G = euclidean_gradient(problem, w)
    flow, weights = Euler(tanh), problem.weights
    for l, i, j in ((0, 0, 0), (5, 2, 7), (11, 12, 3)):
        values = []
        for move in (s, -s):
            W = weights.W.copy()
            W[l, i, j] += move
            moved = weights.like(W, weights.b)
            values.append(value_and_gradient(flow, COST, moved, problem.x0, problem.y)[0])
        found = (values[0] - values[1]) / (2 * s)
        assert found == pytest.approx(G[(l * 13 + i) * 13 + j], rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "inside"])
@pytest.mark.parametrize("epsilon", [1e-7, 1e-2])
def test_rmsprop_is_its_formula(problem, inside, epsilon):
    rate, rho = 0.01, 0.9
    w, v = vector(problem.weights), 0.0
    for _ in range(3):
        G = euclidean_gradient(problem, w)
        v = rho * v + (1 - rho) * G**2
        root = np.sqrt(v + epsilon) if inside else np.sqrt(v) + epsilon
        w = w - rate * G / root
    optimiser = RMSprop(Euler(tanh), COST, epsilon=epsilon, epsilon_inside=inside)
    assert error(three_updates(problem, optimiser), w) < 1e-11


def test_the_place_of_epsilon_matters(problem):
    results = [
        three_updates(problem, RMSprop(Euler(tanh), COST, epsilon_inside=inside))
        for inside in (False, True)
    ]
    assert error(*results) > 1e-4


def test_the_first_step_of_rmsprop_has_one_length_for_all_weights(problem):
    """v = (1 - rho) G^2: each weight moves by rate / sqrt(1 - rho), however small its gradient."""
    optimiser = RMSprop(Euler(tanh), COST, epsilon=0.0)
    new = optimiser.update(problem.weights, problem.x0, problem.y)
    moves = np.abs(vector(new) - vector(problem.weights))
    np.testing.assert_allclose(moves, 0.01 / 0.1**0.5, rtol=1e-9)


@pytest.mark.parametrize(
    ("optimiser", "setting"),
    [(RMSprop, {"rho": 0.0}), (Adam, {"beta1": 0.0, "beta2": 0.0})],
    ids=["rmsprop", "adam"],
)
def test_without_memory_every_weight_moves_by_the_rate(problem, optimiser, setting):
    """m = G and v = G^2: the step is rate sign(G)."""
    w = vector(problem.weights)
    new = optimiser(Euler(tanh), COST, rate=0.01, epsilon=0.0, **setting).update(
        problem.weights, problem.x0, problem.y
    )
    expected = -0.01 * np.sign(euclidean_gradient(problem, w))
    np.testing.assert_allclose(vector(new) - w, expected, rtol=1e-9)


def test_adam_is_its_formula(problem):
    """Kingma and Ba's moments; epsilon stands beside the root of the uncorrected v (Keras 2)."""
    rate, beta1, beta2, epsilon = 0.02, 0.8, 0.95, 1e-3
    w, m, v = vector(problem.weights), 0.0, 0.0
    for t in (1, 2, 3):
        G = euclidean_gradient(problem, w)
        m = beta1 * m + (1 - beta1) * G
        v = beta2 * v + (1 - beta2) * G**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        w = w - rate * m_hat / (np.sqrt(v_hat) + epsilon / np.sqrt(1 - beta2**t))
    optimiser = Adam(Euler(tanh), COST, rate, beta1, beta2, epsilon)
    assert error(three_updates(problem, optimiser), w) < 1e-12


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_momentum_is_its_formula(problem, momentum):
    w, velocity = vector(problem.weights), 0.0
    for _ in range(3):
        velocity = momentum * velocity - 0.05 * euclidean_gradient(problem, w)
        w = w + velocity
    optimiser = Momentum(Euler(tanh), COST, rate=0.05, momentum=momentum)
    assert error(three_updates(problem, optimiser), w) < 1e-13


@pytest.mark.parametrize(
    ("optimiser", "settings"),
    [
        (RMSprop, (0.01, 0.9, 1e-7, False, 1, "cost")),
        (Adam, (0.001, 0.9, 0.999, 1e-7, 1, "cost")),
        (Momentum, (0.01, 0.9, 1, "cost")),
    ],
)
def test_the_settings_of_keras_2_are_the_defaults(problem, optimiser, settings):
    default, given = optimiser(Euler(tanh), DECAY), optimiser(Euler(tanh), DECAY, *settings)
    assert np.array_equal(three_updates(problem, default), three_updates(problem, given))


@every_optimiser
def test_a_copy_with_another_setting_starts_anew(problem, optimiser):
    used = optimiser(Euler(tanh), COST)
    used.update(problem.weights, problem.x0, problem.y)
    assert used.state and not dataclasses.replace(used, rate=0.5).state


@every_optimiser
def test_passes_are_repeated_updates(problem, optimiser):
    once = optimiser(Euler(tanh), COST, passes=3).update(problem.weights, problem.x0, problem.y)
    assert error(once, problem.weights) > 1e-4
    assert np.array_equal(vector(once), three_updates(problem, optimiser(Euler(tanh), COST)))


def test_the_two_weight_decays(problem):
    """Of the cost, mu4/2 of the squared norm of L2(0, T): h mu4 w; of Keras, mu4 w^2: 2 mu4 w."""
    _, weights, _, x0, y, _, _ = problem
    rate, w, h = 0.05, vector(weights), weights.h

    def step(cost, decay):
        optimiser = Momentum(Euler(tanh), cost, rate=rate, momentum=0.0, decay=decay)
        return vector(optimiser.update(weights, x0, y))

    plain = step(COST, "cost")
    assert np.array_equal(plain, step(COST, "keras"))
    assert error(plain - step(DECAY, "cost"), rate * h * 0.2 * w) < 1e-13
    assert error(plain - step(DECAY, "keras"), rate * 2 * 0.2 * w) < 1e-13


@pytest.mark.parametrize("decay", ["cost", "keras"])
@every_optimiser
def test_decay_enters_every_optimiser(problem, optimiser, decay):
    update = optimiser(Euler(tanh), DECAY, passes=2, decay=decay).update
    plain = optimiser(Euler(tanh), COST, passes=2).update
    first, second = (u(problem.weights, problem.x0, problem.y) for u in (update, plain))
    assert error(first, second) > 1e-5


@every_optimiser
@pytest.mark.parametrize("activation", [tanh, relu], ids=["tanh", "relu"])
def test_training_reduces_the_cost(problem, optimiser, activation):
    _, weights, _, x0, y, _, _ = problem
    flow, cost, start = Euler(activation), Cost(mu1=1.0), 0.2 * weights
    trained = optimiser(flow, cost, rate=0.01, passes=60).update(start, x0, y)
    values = [value_and_gradient(flow, cost, w, x0, y)[0] for w in (trained, start)]
    assert values[0] < 0.7 * values[1]


@every_optimiser
def test_float32_stays_float32_and_the_given_weights_as_they_are(problem, problem32, optimiser):
    kept = vector(problem32.weights)
    single = optimiser(Euler(tanh), COST).update(problem32.weights, problem32.x0, problem32.y)
    double = optimiser(Euler(tanh), COST).update(problem.weights, problem.x0, problem.y)
    assert single.W.dtype == single.b.dtype == np.float32
    assert np.array_equal(vector(problem32.weights), kept)
    assert error(single, double) < 1e-3


@every_optimiser
def test_the_same_start_gives_the_same_bits(problem32, optimiser):
    first, second = (three_updates(problem32, optimiser(Euler(tanh), COST)) for _ in range(2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.numpy_only
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"rate": 0.0}, "rate: expected a positive finite number, got 0.0"),
        ({"rate": np.inf}, "rate: expected a positive finite number, got inf"),
        ({"passes": 0}, "passes: expected a positive integer, got 0"),
        ({"passes": 1.0}, "passes: expected a positive integer, got 1.0"),
        ({"decay": "l2"}, "decay: expected 'cost' or 'keras', got 'l2'"),
    ],
)
@every_optimiser
def test_bad_settings_are_refused(optimiser, setting, message):
    with pytest.raises(ValueError, match=message):
        optimiser(Euler(tanh), COST, **setting)


@pytest.mark.numpy_only
@pytest.mark.parametrize(
    ("optimiser", "setting"),
    [
        (RMSprop, {"rho": 1.0}),
        (RMSprop, {"rho": -0.1}),
        (RMSprop, {"epsilon": -1e-7}),
        (RMSprop, {"epsilon": np.inf}),
        (Adam, {"beta1": 1.0}),
        (Adam, {"beta1": -0.1}),
        (Adam, {"beta2": 1.0}),
        (Adam, {"beta2": 1.5}),
        (Adam, {"beta2": -0.1}),
        (Adam, {"epsilon": -1e-7}),
        (Adam, {"epsilon": np.inf}),
        (Momentum, {"momentum": 1.0}),
        (Momentum, {"momentum": -0.1}),
    ],
)
def test_bad_constants_are_refused(optimiser, setting):
    ((name, value),) = setting.items()
    with pytest.raises(ValueError, match=rf"^{name}: expected .* got {value}$"):
        optimiser(Euler(tanh), COST, **setting)


@every_optimiser
def test_bad_batches_are_refused(problem, optimiser):
    update = optimiser(Euler(tanh), COST).update
    with pytest.raises(ValueError, match=r"x0: expected shape \(13, K\), got \(5, 13\)"):
        update(problem.weights, problem.x0.T, problem.y)
    with pytest.raises(TypeError, match="y: expected dtype float64, got float32"):
        update(problem.weights, problem.x0, problem.y.astype(np.float32))


@pytest.mark.parametrize("optimiser", OPTIMISERS.values())
@pytest.mark.parametrize("L", [3, 7])
def test_an_optimiser_knows_the_shape_of_its_memory(xp, optimiser, L):
    _, _, _, x0, y, _, _ = make_problem(xp, L=5)
    used = optimiser(Euler(tanh), COST)
    used.update(initial_weights(5, len(x0), dtype="float64", xp=xp), x0, y)
    message = rf"weights: expected the optimiser's, \(\(5, .*, got \(\({L}, "
    with pytest.raises(ValueError, match=message):
        used.update(initial_weights(L, len(x0), dtype="float64", xp=xp), x0, y)


@pytest.mark.numpy_only
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_weights_that_diverge_are_reported_and_have_no_class(problem):
    p = problem
    with pytest.raises(FloatingPointError, match=r"the weights have diverged, \|w\| = (nan|inf)"):
        RMSprop(Euler(relu), COST, rate=1e300).update(p.weights, p.x0, p.y)
    with pytest.raises(FloatingPointError, match="class outputs of the network are not finite"):
        infer(Euler(relu), 1e300 * p.weights, p.x0, classes=4)


@pytest.mark.numpy_only
def test_an_optimiser_serves_one_training(problem):
    p, optimiser = problem, RMSprop(Euler(tanh), COST)
    optimiser.update(p.weights, p.x0, p.y)
    assert "Weights" not in repr(optimiser)
    other = Weights(p.weights.W, p.weights.b, 2.0)
    with pytest.raises(ValueError, match=r"weights: expected the optimiser's, .* 3\.0\), got "):
        optimiser.update(other, p.x0, p.y)


@pytest.mark.numpy_only
@pytest.mark.parametrize("make", [RMSprop, Adam, Momentum])
def test_scalars_of_numpy_do_not_widen(problem32, make):
    p = problem32
    one, other = (
        make(Euler(tanh), COST, rate=rate).update(p.weights, p.x0, p.y)
        for rate in (0.01, np.float64(0.01))
    )
    assert np.array_equal(one.W, other.W) and np.array_equal(one.b, other.b)
