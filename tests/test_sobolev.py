"""Sobolev: S is the kernel (9), the Riesz map of W^{1,2}; its two kinds agree to O(h^2)."""

import numpy as np
import pytest
from identities import error, orders, random_like
from scipy.integrate import quad

from snode.arrays import to_numpy
from snode.network import Weights
from snode.sobolev import KINDS, apply, matrix

both_kinds = pytest.mark.parametrize("kind", KINDS)
numpy_only = pytest.mark.numpy_only  # `matrix` makes NumPy arrays


def midpoints(L, T):
    return (np.arange(L) + 0.5) * T / L


def differences(L, T):
    """The difference quotients between neighbouring midpoints, (L-1, L)."""
    return np.diff(np.eye(L), axis=0) * L / T


@numpy_only
@both_kinds
@pytest.mark.parametrize("k", [0, 1, 2, 5])
def test_cosines_are_the_eigenfunctions(kind, k):
    """S cos(k pi t/T) = cos(k pi t/T) / (1 + (k pi/T)^2), with an error of order 2."""
    T, errors = 3.0, []
    for L in (75, 150, 300):
        u = np.cos(k * np.pi * midpoints(L, T) / T)
        errors.append(np.abs(matrix(L, T, kind=kind) @ u - u / (1 + (k * np.pi / T) ** 2)).max())
    if kind == "riesz" and k == 0:
        assert max(errors) < 1e-11  # a constant has no difference quotients
        return
    assert errors[1] < 3.4e-5  # h^2/12 at L = 150
    assert np.all((orders(errors) > 1.95) & (orders(errors) < 2.05)), errors


@numpy_only
@both_kinds
@pytest.mark.parametrize("k", [0, 1, 7, 39])
def test_cosines_are_eigenvectors_of_the_matrix_too(kind, k):
    """The kernel's mirror images lie on the grid: the discrete gains are known in closed form."""
    L, T = 40, 3.0
    h, u = T / L, np.cos(k * np.pi * midpoints(L, T) / T)
    angle = k * np.pi / L
    gain = {
        "kernel": h / 2 * np.sinh(h) / (np.cosh(h) - np.cos(angle)),
        "riesz": 1 / (1 + (2 / h * np.sin(angle / 2)) ** 2),
    }[kind]
    assert np.abs(matrix(L, T, kind=kind) @ u - gain * u).max() < 1e-12 * gain


@numpy_only
@both_kinds
@pytest.mark.parametrize("T", [0.3, 3.0, 40.0])
def test_symmetric_and_positive_definite(kind, T):
    S = matrix(60, T, kind=kind)
    assert S.shape == (60, 60) and S.dtype == np.float64
    assert np.abs(S - S.T).max() < 1e-15
    eigenvalues = np.linalg.eigvalsh((S + S.T) / 2)
    assert eigenvalues.min() > 0 and eigenvalues.max() < 1 + 0.1 * (T / 60) ** 2 + 1e-12


@numpy_only
def test_the_matrix_is_the_printed_kernel():
    """(9) with the hyperbolic functions as printed, the integrals by the midpoint rule."""
    L, T = 40, 3.0
    t, h = midpoints(L, T), T / L
    S = np.empty((L, L))
    for i in range(L):
        for j in range(L):
            if t[j] <= t[i]:
                S[i, j] = np.cosh(T - t[i]) / np.sinh(T) * np.cosh(t[j]) * h
            else:
                S[i, j] = np.cosh(t[i]) / np.sinh(T) * np.cosh(T - t[j]) * h
    assert error(matrix(L, T), S) < 1e-13


@numpy_only
def test_the_kernel_is_the_integral():
    """(9) by adaptive quadrature, for a function that is no cosine; the error is of order 2."""
    T = 3.0

    def u(s):
        return np.exp(0.4 * s) + np.sin(5 * s)

    def Su(t):
        early = quad(lambda s: u(s) * np.cosh(s), 0, t, epsabs=1e-13)[0]
        late = quad(lambda s: u(s) * np.cosh(T - s), t, T, epsabs=1e-13)[0]
        return (np.cosh(T - t) * early + np.cosh(t) * late) / np.sinh(T)

    errors = []
    for L in (30, 60, 120):
        t = midpoints(L, T)
        errors.append(np.abs(matrix(L, T) @ u(t) - np.array([Su(x) for x in t])).max())
    assert errors[-1] < 1e-3
    assert np.all((orders(errors) > 1.9) & (orders(errors) < 2.1)), errors


@numpy_only
@pytest.mark.parametrize("length", [1.0, 0.4, 3.0])
def test_riesz_represents_exactly(length):
    """<u, v>_L2 = <S u, v>_{W^{1,2}} in the discrete norm, for every u and v."""
    L, T = 50, 3.0
    S, D, h = matrix(L, T, length, "riesz"), differences(L, T), T / L
    u, v = np.random.default_rng(1).normal(size=(2, L))
    sobolev = h * ((S @ u) @ v + length**2 * (D @ (S @ u)) @ (D @ v))
    size = h * np.linalg.norm(u) * np.linalg.norm(v)
    assert abs(sobolev - h * u @ v) < 1e-12 * size


@numpy_only
def test_the_two_kinds_differ_by_the_square_of_the_step():
    gaps = []
    for L in (50, 100, 200, 400):
        gap = matrix(L, 3.0) - matrix(L, 3.0, kind="riesz")
        gaps.append(np.linalg.norm(gap, 2))
    assert gaps[1] < 2e-4
    assert np.all((orders(gaps) > 1.9) & (orders(gaps) < 2.1)), gaps


@numpy_only
@both_kinds
def test_a_length_scale_is_another_horizon(kind):
    assert error(matrix(40, 3.0, 0.5, kind), matrix(40, 6.0, 1.0, kind)) < 1e-13
    assert error(matrix(40, 3.0, 2.0, kind), matrix(40, 1.5, 1.0, kind)) < 1e-13
    u = np.cos(np.pi * midpoints(200, 3.0) / 3.0)
    expected = u / (1 + (2.0 * np.pi / 3.0) ** 2)
    assert np.abs(matrix(200, 3.0, 2.0, kind) @ u - expected).max() < 3e-5


@numpy_only
@both_kinds
@pytest.mark.filterwarnings("error")
def test_a_long_horizon_does_not_overflow(kind):
    assert np.isfinite(matrix(50, 5000.0, kind=kind)).all()
    S = matrix(800, 30.0, 0.0375, kind)  # cosh(T / c) = cosh(800) is beyond float64, h / c = 1
    expected = 0.5 / np.tanh(0.5) if kind == "kernel" else 1.0
    assert np.abs(S.sum(axis=1) - expected).max() < 1e-12


@numpy_only
@both_kinds
def test_limits(kind):
    """A short length scale changes nothing, a long one takes the mean over the layers."""
    u = np.random.default_rng(2).normal(size=30)
    if kind == "riesz":
        assert error(matrix(30, 3.0, 1e-6, kind) @ u, u) < 1e-8
    assert error(matrix(30, 3.0, 1e4, kind) @ u, np.full(30, u.mean())) < 1e-5
    assert matrix(1, 3.0, kind="riesz").tolist() == [[1.0]]


@numpy_only
@both_kinds
def test_the_transform_smooths(kind):
    u = np.random.default_rng(3).normal(size=150)
    Su = matrix(150, 3.0, kind=kind) @ u
    assert np.abs(np.diff(Su)).max() < 0.05 * np.abs(np.diff(u)).max()


@both_kinds
def test_apply_acts_on_every_component_alike(problem, kind):
    S = matrix(12, 3.0, kind=kind)
    result = apply(S, problem.direction)
    for name in ("W", "b"):
        expected = np.einsum("lm,mij->lij", S, to_numpy(getattr(problem.direction, name)))
        assert error(getattr(result, name), expected) < 1e-14
        assert isinstance(getattr(result, name), problem.xp.ndarray)
    assert result.horizon == problem.direction.horizon


def test_apply_keeps_the_dtype(problem32):
    result = apply(matrix(12, 3.0), problem32.direction)
    assert result.W.dtype == result.b.dtype == np.float32
    assert result.W.shape == (12, 13, 13) and result.b.shape == (12, 13, 1)


def test_the_sobolev_direction_is_the_steepest(xp):
    """Among directions of unit W^{1,2} norm none has a larger <E', d> than S E'."""
    L, T = 20, 3.0
    zero = Weights(xp.zeros((L, 3, 3)), xp.zeros((L, 3, 1)), T)
    E_prime, D = random_like(zero, 4), differences(L, T)
    inverse = np.eye(L) + D.T @ D  # <u, v>_{W^{1,2}} = <u, inverse v>_L2

    def unit(d):
        return d * (1 / d.inner(apply(inverse, d)) ** 0.5)

    best = E_prime.inner(unit(apply(matrix(L, T, kind="riesz"), E_prime)))
    assert E_prime.inner(unit(apply(matrix(L, T), E_prime))) > 0.999 * best
    assert E_prime.inner(unit(E_prime)) < 0.9 * best  # the L2 gradient is not the steepest
    S = matrix(L, T, kind="riesz")
    for seed in range(30):
        other = random_like(zero, seed + 10)
        near = apply(S, E_prime) + (0.1 / L) * apply(S, other)
        for d in (other, apply(S, other), near):
            assert E_prime.inner(unit(d)) < best
    norm2 = E_prime.inner(apply(S, E_prime))
    assert best == pytest.approx(norm2**0.5, rel=1e-12)


@numpy_only
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"L": 0}, "L: expected a positive integer, got 0"),
        ({"L": 2.5}, "L: expected a positive integer, got 2.5"),
        ({"horizon": -1.0}, "horizon: expected a positive finite number, got -1.0"),
        ({"horizon": np.nan}, "horizon: expected a positive finite number, got nan"),
        ({"length": 0.0}, "length: expected a positive finite number, got 0.0"),
        ({"length": np.inf}, "length: expected a positive finite number, got inf"),
        ({"kind": "spline"}, "kind: expected one of kernel, riesz, got 'spline'"),
    ],
)
def test_bad_settings_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        matrix(**{"L": 5, "horizon": 3.0, **setting})
