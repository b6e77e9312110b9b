"""Network: Weights is a Hilbert space, activations know their derivatives, files keep every bit."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from identities import error, orders, random_like

from snode.arrays import to_numpy
from snode.euler import Euler, _forward_step
from snode.network import (
    ACTIVATIONS,
    Weights,
    identity,
    initial_weights,
    inner_products,
    relu,
    tanh,
)
from snode.rk45 import RK45


@pytest.fixture
def uvw(problem):
    return problem.weights, problem.direction, random_like(problem.weights, 5)


@pytest.mark.parametrize("flow", [Euler(tanh), RK45(tanh)], ids=["euler", "rk45"])
@pytest.mark.parametrize("L", [3, 5])
def test_a_direction_of_other_layers_is_refused(flow, L):
    w, d = (initial_weights(n, 6, dtype=np.float64) for n in (4, L))
    path = flow.forward(w, np.ones((6, 2)))
    with pytest.raises(ValueError, match=rf"\(4, 6, 3.0, 'float64'\), got \({L}, 6"):
        flow.sensitivity(w, path, direction=d)


def test_vector_space_axioms(uvw):
    u, v, w = uvw
    zero = u * 0.0
    assert error((u + v) + w, u + (v + w)) < 1e-15
    assert error(u + v, v + u) == 0
    assert error(u + zero, u) == 0 and error(u + (-u) + v, v) < 1e-15
    assert error(u - v, u + (-1.0) * v) == 0
    assert error(2.5 * (u + v), 2.5 * u + 2.5 * v) < 1e-15
    assert error((2.5 + 0.3) * u, 2.5 * u + 0.3 * u) < 1e-15
    assert error(2.5 * (0.3 * u), (2.5 * 0.3) * u) < 1e-15
    assert error(u * 2.5, 2.5 * u) == 0 and error(1.0 * u, u) == 0


def test_inner_product_is_symmetric_bilinear_positive(uvw):
    u, v, w = uvw
    size = u.norm() * v.norm()
    assert abs(u.inner(v) - v.inner(u)) < 1e-15 * size
    assert abs((2.5 * u + w).inner(v) - 2.5 * u.inner(v) - w.inner(v)) < 1e-14 * size
    assert u.inner(u) > 0 and (u * 0.0).inner(u * 0.0) == 0
    assert abs(u.inner(v)) < size  # Cauchy and Schwarz
    assert abs(u.inner(-3.0 * u)) == pytest.approx(u.norm() * (3.0 * u).norm(), rel=1e-14)
    assert (u + v).norm() < u.norm() + v.norm()
    assert abs((u + v).norm() ** 2 + (u - v).norm() ** 2 - 2 * (u.norm() ** 2 + v.norm() ** 2)) < (
        1e-13 * size
    )


def test_inner_product_is_the_midpoint_rule(uvw):
    u, v, _ = uvw
    W, b = to_numpy(u.W * v.W), to_numpy(u.b * v.b)
    assert u.inner(v) == pytest.approx(3.0 / 12 * (W.sum() + b.sum()), rel=1e-13)
    assert (u.h, u.norm()) == (0.25, u.inner(u) ** 0.5)
    assert inner_products((u, v), (v, v)) == [u.inner(v), v.inner(v)]


def test_a_constant_keeps_its_norm_however_many_layers(xp):
    norms = []
    for L in (1, 7, 50):
        one = Weights(xp.ones((L, 2, 2)), xp.ones((L, 2, 1)), 3.0)
        norms.append(one.norm() ** 2)
        assert one.times[0] == pytest.approx(one.h / 2) and one.times.mean() == pytest.approx(1.5)
    np.testing.assert_allclose(norms, 3.0 * 6, rtol=1e-14)


def test_axpby_changes_its_own_vector_only(uvw):
    u, v, _ = uvw
    result, expected, kept = u.copy(), 0.3 * v + 2.5 * u, v.copy()
    assert result.axpby(0.3, v, 2.5) is result
    assert error(result, expected) < 1e-15
    assert error(v, kept) == 0 and error(u, result) > 0.1  # the copy shares nothing with u


COMBINE = {
    "sum": lambda u, v: u + v,
    "difference": lambda u, v: u - v,
    "axpby": lambda u, v: u.copy().axpby(2.0, v, 0.5),
    "inner product": lambda u, v: u.inner(v),
}


@pytest.mark.parametrize("combine", COMBINE.values(), ids=COMBINE)
def test_vectors_of_two_spaces_are_refused(xp, combine):
    """NumPy would broadcast one layer over all, widen float32, and take T from either."""
    u = initial_weights(4, 3, horizon=2.0, xp=xp)
    combine(u, initial_weights(4, 3, horizon=2, seed=1, xp=xp))
    others = {
        r"got \(1, 3, 2.0": initial_weights(1, 3, horizon=2.0, xp=xp),
        r"got \(4, 1, 2.0": initial_weights(4, 1, horizon=2.0, xp=xp),
        r"got \(4, 3, 3.0": initial_weights(4, 3, horizon=3.0, xp=xp),
        "got .*float64": initial_weights(4, 3, horizon=2.0, dtype=np.float64, xp=xp),
    }
    for message, v in others.items():
        with pytest.raises(ValueError, match=message):
            combine(u, v)
    for v in (0, u.W, None):
        with pytest.raises(TypeError, match="expected Weights, got"):
            combine(u, v)


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_activation_has_the_slope_that_differences_find(xp, activation):
    a = np.linspace(-2.0, 2.0, 40)  # the kink of ReLU lies between two points
    slope, errors = activation(xp.asarray(a))[1], []
    for step in (0.04, 0.02, 0.01):
        up, down = (to_numpy(activation(xp.asarray(a + s))[0]) for s in (step, -step))
        errors.append(np.abs((up - down) / (2 * step) - to_numpy(slope)).max())
    straight = max(errors) < 1e-13  # in pieces: no error but rounding
    assert straight or np.all((orders(errors) > 1.9) & (orders(errors) < 2.1))
    assert straight == (activation in (relu, identity))


def test_activations_are_their_formulas(xp):
    a = np.array([[-2.0, -0.0, 0.0, 3.0]])
    for activation, formula in ((tanh, np.tanh), (identity, lambda a: a)):
        np.testing.assert_allclose(to_numpy(activation(xp.asarray(a))[0]), formula(a), atol=1e-15)
    sigma, slope = map(to_numpy, relu(xp.asarray(a)))
    assert sigma.tolist() == [[0, 0, 0, 3]] and slope.tolist() == [[0, 0, 0, 1]]


def test_a_step_of_relu_at_the_ends_of_the_line(xp):
    a = xp.asarray([[-np.inf], [-1.0], [2.0], [np.inf], [np.nan]])
    zero = xp.zeros_like(a)
    x, slope = xp.empty_like(a), xp.empty_like(a)
    _forward_step(relu)(zero, a, zero, 1.0, x, slope)
    np.testing.assert_array_equal(to_numpy(x), [[0], [0], [2], [np.inf], [np.nan]])
    np.testing.assert_array_equal(to_numpy(slope), [[0], [0], [1], [1], [0]])


@pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
def test_activation_keeps_float32(xp, activation):
    sigma, slope = activation(xp.ones((2, 3), np.float32))
    assert sigma.dtype == slope.dtype == np.float32


def test_bad_weights_are_refused(xp):
    W, b = xp.zeros((4, 3, 3)), xp.zeros((4, 3, 1))
    for bad_W in (xp.zeros((4, 3, 2)), xp.zeros((0, 3, 3)), xp.zeros((3, 3))):
        with pytest.raises(ValueError, match=r"W: expected shape \(L, N, N\).*got \("):
            Weights(bad_W, b, 3.0)
    for bad_b in (xp.zeros((4, 3)), xp.zeros((4, 1, 3)), xp.zeros((5, 3, 1))):
        with pytest.raises(ValueError, match=r"b: expected shape \(4, 3, 1\), got"):
            Weights(W, bad_b, 3.0)
    with pytest.raises(TypeError, match="b: expected dtype float64, got float32"):
        Weights(W, b.astype(np.float32), 3.0)
    with pytest.raises(TypeError, match="W: expected dtype float32 or float64, got int64"):
        Weights(W.astype(np.int64), b, 3.0)
    with pytest.raises(TypeError, match="W: expected a NumPy or CuPy array, got list"):
        Weights([0.0], b, 3.0)
    with pytest.raises(ValueError, match="W: expected finite numbers"):
        Weights(W * np.nan, b, 3.0)
    with pytest.raises(ValueError, match="b: expected finite numbers"):
        Weights(W, b + np.inf, 3.0)


@pytest.mark.parametrize("horizon", [0, -3.0, np.nan, np.inf, "3", None])
def test_a_bad_horizon_is_refused(xp, horizon):
    with pytest.raises(ValueError, match=f"horizon: expected a positive finite.*got {horizon!r}"):
        Weights(xp.zeros((4, 3, 3)), xp.zeros((4, 3, 1)), horizon)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_file_keeps_every_bit(xp, tmp_path, dtype):
    weights = initial_weights(5, 4, 2.5, seed=3, std=0.7, dtype=dtype, xp=xp)
    weights.save(tmp_path / "weights.npz")
    loaded = Weights.load(tmp_path / "weights.npz")
    for a, b in ((loaded.W, weights.W), (loaded.b, weights.b)):
        assert a.dtype == dtype and a.tobytes() == to_numpy(b).tobytes()
    assert loaded.horizon == 2.5 and loaded.to(xp).inner(weights) == weights.inner(weights)


@pytest.mark.numpy_only
def test_a_bad_file_is_refused(tmp_path):
    path = tmp_path / "weights.npz"
    good = {"W": np.zeros((2, 3, 3)), "b": np.zeros((2, 3, 1)), "horizon": 3.0}
    for missing in good:
        rest = {name: a for name, a in good.items() if name != missing}
        np.savez(path, **rest)
        message = f"weights.npz: expected W, b and horizon, got {', '.join(rest)}$"
        with pytest.raises(ValueError, match=message):
            Weights.load(path)
    np.savez(path, **{**good, "W": np.array([print, None])})
    with pytest.raises(ValueError, match=r"an npz file without pickles, whole \(ValueError\)"):
        Weights.load(path)
    for content in (b"", b"not a zip file", path.read_bytes()[:200]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="expected an npz file without pickles"):
            Weights.load(path)
    for name, bad in (("W", np.eye(3, dtype=int)), ("b", np.zeros((2, 4, 1))), ("horizon", -1.0)):
        np.savez(path, **{**good, name: bad})
        with pytest.raises(ValueError, match=rf"weights\.npz: {name}: expected"):
            Weights.load(path)
    np.savez(path, **{**good, "horizon": np.ones(2)})
    with pytest.raises(ValueError, match=r"weights\.npz: "):
        Weights.load(path)


def draws(weights):
    return np.concatenate([to_numpy(weights.W), to_numpy(weights.b)], axis=2)


@pytest.mark.parametrize(("L", "N"), [(6, 5), (3, 1), (1, 4)])
@pytest.mark.parametrize("start", ["iid", "spline"])
def test_initial_weights_have_the_shape_and_the_size_asked_for(xp, start, L, N):
    weights = initial_weights(L, N, 2.5, std=0.2, start=start, xp=xp)
    assert weights.W.shape == (L, N, N) and weights.b.shape == (L, N, 1)
    assert weights.horizon == 2.5 and not np.any(draws(weights) == 0.0)
    assert not np.any(draws(initial_weights(L, N, std=0.0, start=start, xp=xp)))


def test_the_initial_weights_are_those_of_the_paper_by_default(xp):
    given = initial_weights(6, 5, 3.0, 0, 0.001, "iid", np.float32, xp)
    weights = initial_weights(6, 5, xp=xp)
    assert np.array_equal(draws(weights), draws(given))
    assert weights.horizon == given.horizon and weights.W.dtype == given.W.dtype


def test_initial_weights_are_normal(xp):
    x = draws(initial_weights(40, 30, std=0.2, dtype=np.float64, xp=xp)).ravel()
    assert abs(x.mean()) < 4 * 0.2 / len(x) ** 0.5
    assert abs(x.std() - 0.2) < 4 * 0.2 / (2 * len(x)) ** 0.5
    assert abs((x**4).mean() / 0.2**4 - 3) < 4 * (96 / len(x)) ** 0.5  # kurtosis of a normal
    layers = x.reshape(40, -1)
    assert np.abs(np.corrcoef(layers) - np.eye(40)).max() < 6 / layers.shape[1] ** 0.5


def test_a_spline_start_is_one_cubic_in_time(xp):
    L, N, std = 60, 20, 0.2
    weights = initial_weights(L, N, 1.5, 1, std, "spline", np.float64, xp)
    x = draws(weights).reshape(L, -1)
    assert np.abs(np.diff(x, 4, axis=0)).max() < 1e-12 * std
    assert np.abs(np.diff(x, 3, axis=0)).max() < 40 * std * (3 / L) ** 3  # iid: 4 std or more
    cubic = np.polynomial.polynomial.polyfit(weights.times, x, 3)
    knots = np.polynomial.polynomial.polyval(np.array([0, 0.5, 1.0, 1.5]), cubic)
    drawn = np.random.default_rng(1).normal(0.0, std, (4, N * (N + 1)))
    assert error(knots.T, drawn) < 1e-11  # through the four draws, at 0, T/3, 2T/3 and T
    assert np.abs(knots.std(axis=0) - std).max() < 4 * std / (2 * N * N) ** 0.5
    assert np.abs(np.corrcoef(knots.T) - np.eye(4)).max() < 5 / N


@pytest.mark.parametrize("start", ["iid", "spline"])
def test_the_seed_decides_every_bit_on_every_device(xp, start):
    first = draws(initial_weights(6, 5, seed=7, start=start, xp=xp))
    assert first.tobytes() == draws(initial_weights(6, 5, seed=7, start=start)).tobytes()
    assert np.all(first != draws(initial_weights(6, 5, seed=8, start=start, xp=xp)))
    double = draws(initial_weights(6, 5, seed=7, start=start, dtype=np.float64, xp=xp))
    assert first.dtype == np.float32 and np.array_equal(first, double.astype(np.float32))


def test_initial_weights_live_where_asked(xp):
    weights = initial_weights(6, 5, xp=xp)
    assert isinstance(weights.W, xp.ndarray) and weights.W.flags.c_contiguous
    assert weights.b.flags.c_contiguous and weights.to(np).to(xp).norm() == weights.norm()


@pytest.mark.numpy_only
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"L": 0}, "L: expected a positive integer, got 0"),
        ({"L": 2.0}, "L: expected a positive integer, got 2.0"),
        ({"N": -1}, "N: expected a positive integer, got -1"),
        ({"horizon": 0.0}, "horizon: expected a positive finite number, got 0.0"),
        ({"seed": -1}, "seed: expected a non-negative integer, got -1"),
        ({"std": -0.1}, "std: expected a finite number >= 0, got -0.1"),
        ({"std": np.nan}, "std: expected a finite number >= 0, got nan"),
        ({"start": "zero"}, "start: expected 'iid' or 'spline', got 'zero'"),
        ({"dtype": "float16"}, "dtype: expected float32 or float64, got 'float16'"),
    ],
)
def test_bad_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        initial_weights(**{"L": 2, "N": 3, **setting})


@pytest.mark.numpy_only
def test_activations_can_be_sent_to_another_process():
    for activation in (tanh, relu, identity):
        assert pickle.loads(pickle.dumps(activation)) is activation


@pytest.mark.numpy_only
def test_a_horizon_of_any_kind_of_number_comes_back_from_its_file(tmp_path):
    weights = Weights(np.zeros((2, 3, 3)), np.zeros((2, 3, 1)), Fraction(3))
    weights.save(tmp_path / "w.npz")
    assert Weights.load(tmp_path / "w.npz").horizon == 3.0
