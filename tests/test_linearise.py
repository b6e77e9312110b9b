"""The rows of P and the perturbation of least norm: Eqs. (12) to (15), App. D.1 and D.2."""

import numpy as np
import pytest
from conftest import make_problem
from scipy.optimize import minimize

from snode import Euler, linearise, relu, tanh
from snode.arrays import to_numpy
from snode.linearise import jacobian_rows, least_norm_step, least_norms
from snode.perturbed import noise
from snode.rk45 import RK45

C, KAPPA = 4, 0.9


def on(xp, *arrays):
    return [xp.asarray(np.asarray(a)) for a in arrays]


def pair(xp, P_i, P_j, z=(0.5, 2.0)):
    """Two classes, one image: z (2, 1), P (2, N, 1), i = 0, j = 1."""
    P = np.array([P_i, P_j], dtype=float)[:, :, None]
    return on(xp, np.array(z)[:, None], P, [0], [1])


def random_pairs(xp, seed=1, N=13, K=6):
    rng = np.random.default_rng(seed)
    z, P = rng.normal(size=(C, K)), rng.normal(size=(C, N, K))
    j = z.argmax(axis=0)
    return on(xp, z, P, (j + 1) % C, j)


def picked(z, P, i, j):
    """The rows and outputs of i and j on the CPU: P_i, P_j (N, K), z_i, z_j (K,)."""
    z, P, i, j = map(to_numpy, (z, P, i, j))
    k = np.arange(len(i))
    return P[i, :, k].T, P[j, :, k].T, z[i, k], z[j, k]


@pytest.mark.parametrize("activation", [tanh, relu])
def test_pull_backs_are_the_rows_of_the_solve_from_the_unit_matrix(xp, activation):
    p = make_problem(xp, K=1)
    flow = Euler(activation)
    path = flow.forward(p.weights, p.x0)
    P = to_numpy(jacobian_rows(flow, p.weights, path, C))[:, :, 0]
    reference = to_numpy(flow.sensitivity(p.weights, path, xi0=xp.eye(13)).end)[:C]
    np.testing.assert_allclose(P, reference, rtol=0, atol=1e-12 * np.abs(reference).max())


def test_rows_of_the_continuous_flow(xp):
    """Optimised, then discretised: the two agree up to the tolerance."""
    p = make_problem(xp, K=1)
    flow = RK45(tanh, rtol=1e-8, atol=1e-10)
    path = flow.forward(p.weights, p.x0)
    P = to_numpy(jacobian_rows(flow, p.weights, path, C))[:, :, 0]
    reference = to_numpy(flow.sensitivity(p.weights, path, xi0=xp.eye(13)).end)[:C]
    np.testing.assert_allclose(P, reference, rtol=0, atol=1e-5 * np.abs(reference).max())


@pytest.mark.parametrize("at_once", [1, 3])
def test_rows_do_not_depend_on_how_many_are_solved_for_at_once(problem, monkeypatch, at_once):
    flow = Euler(tanh)
    path = flow.forward(problem.weights, problem.x0)
    all_at_once = to_numpy(jacobian_rows(flow, problem.weights, path, C))
    room = at_once * path.end.nbytes
    monkeypatch.setattr(linearise, "MEMORY", {problem.xp.__name__: room})
    rows = to_numpy(jacobian_rows(flow, problem.weights, path, C))
    np.testing.assert_allclose(rows, all_at_once, rtol=1e-12, atol=1e-14)


class SinglePrecision(Euler):
    """Euler's method with an adjoint that takes nothing but float32."""

    def adjoint(self, weights, path, lam_T, keep=True):
        assert lam_T.dtype == np.float32
        return super().adjoint(weights, path, lam_T, keep)


def test_rows_keep_float32(problem32):
    flow = SinglePrecision(tanh)
    path = flow.forward(problem32.weights, problem32.x0)
    P = jacobian_rows(flow, problem32.weights, path, C)
    j = path.end[:C].argmax(axis=0)
    assert P.dtype == least_norms(path.end[:C], P, j, 0.9, 0.1).dtype == np.float32
    assert least_norm_step(path.end[:C], P, 0 * j, j, 0.9, 0.1).dtype == np.float32


@pytest.mark.parametrize(("kappa", "margin"), [(1.0, 0.0), (KAPPA, 0.0), (1.0, 0.3), (KAPPA, 0.3)])
def test_13_holds_with_equality_at_14_and_15_is_its_norm(xp, kappa, margin):
    z, P, i, j = random_pairs(xp)
    xi0 = to_numpy(least_norm_step(z, P, i, j, kappa, margin))
    norms = to_numpy(least_norms(z, P, j, kappa, margin))
    P_i, P_j, z_i, z_j = picked(z, P, i, j)
    left = kappa * (z_i + (P_i * xi0).sum(axis=0))
    np.testing.assert_allclose(left, z_j + (P_j * xi0).sum(axis=0) + margin, rtol=1e-12)
    signed = norms[to_numpy(i), np.arange(len(z_i))]
    np.testing.assert_allclose(np.abs(signed), np.linalg.norm(xi0, axis=0), rtol=1e-12)
    assert np.isposinf(norms[to_numpy(j), np.arange(len(z_j))]).all()


def test_ten_classes_and_no_safety_by_default(problem):
    xp, weights, _, x0, _, _, _ = problem
    path = Euler(tanh).forward(weights, x0)
    P = jacobian_rows(Euler(tanh), weights, path)
    assert P.shape == (10, 13, 5)
    assert np.array_equal(to_numpy(P[:C]), to_numpy(jacobian_rows(Euler(tanh), weights, path, C)))
    z, P, i, j = random_pairs(xp)
    for function, where in ((least_norm_step, (i, j)), (least_norms, (j,))):
        result, expected = function(z, P, *where), function(z, P, *where, 1.0, 0.0)
        assert np.array_equal(to_numpy(result), to_numpy(expected))


@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_a_steeper_network_needs_less(xp, size):
    """(14) and (15) for s P are those for P, divided by s."""
    z, P, i, j = random_pairs(xp)
    for function, where in ((least_norm_step, (i, j)), (least_norms, (j,))):
        result, once = (function(z, s * P, *where, KAPPA, 0.1) for s in (size, 1.0))
        np.testing.assert_allclose(size * to_numpy(result), to_numpy(once), rtol=1e-13)


def test_lengths_to_divide_by_are_never_zero(xp):
    lengths = linearise.divisor(xp.asarray([[0.0, 0.5], [2.0, 0.0]]))
    assert np.array_equal(to_numpy(lengths), [[1.0, 0.5], [2.0, 1.0]])


def test_14_is_the_solution_10_of_rank_two(xp):
    z, P, i, j = random_pairs(xp)
    xi0 = to_numpy(least_norm_step(z, P, i, j, KAPPA))
    for k, (P_i, P_j, z_i, z_j) in enumerate(zip(*(a.T for a in picked(z, P, i, j)), strict=True)):
        P_ij = np.array([P_i, P_j])
        G = np.linalg.inv(P_ij @ P_ij.T)
        zeta_i = ([1, KAPPA] @ G @ [0, z_j - KAPPA * z_i]) / ([1, KAPPA] @ G @ [1, KAPPA])
        zeta = np.array([zeta_i, KAPPA * zeta_i + KAPPA * z_i - z_j])
        np.testing.assert_allclose(xi0[:, k], P_ij.T @ G @ zeta, rtol=1e-9, atol=1e-12)


@pytest.mark.numpy_only
def test_no_feasible_perturbation_is_shorter():
    z, P, i, j = random_pairs(np, N=5, K=3)
    xi0 = least_norm_step(z, P, i, j, KAPPA, 0.2)
    for k, (P_i, P_j, z_i, z_j) in enumerate(zip(*(a.T for a in picked(z, P, i, j)), strict=True)):

        def slack(xi, P_i=P_i, P_j=P_j, z_i=z_i, z_j=z_j):
            return KAPPA * (z_i + P_i @ xi) - (z_j + P_j @ xi) - 0.2

        constraint = {"type": "ineq", "fun": slack}
        found = minimize(lambda xi: xi @ xi, 3 * xi0[:, k] + 0.1, constraints=constraint)
        np.testing.assert_allclose(found.x, xi0[:, k], atol=1e-5)


def test_rank_one(xp):
    """P_j = lambda P_i: the solution of D.2, (kappa z_i - z_j) / (lambda - kappa) P_i / |P_i|^2."""
    P_i = np.array([3.0, 0.0, 4.0])
    step = to_numpy(least_norm_step(*pair(xp, P_i, -0.5 * P_i), KAPPA))[:, 0]
    np.testing.assert_allclose(step, (KAPPA * 0.5 - 2.0) / (-0.5 - KAPPA) * P_i / 25, rtol=1e-13)


def test_rank_one_with_a_row_of_zeros(xp):
    P_j = np.array([3.0, 0.0, 4.0])
    step = to_numpy(least_norm_step(*pair(xp, 0 * P_j, P_j), KAPPA))[:, 0]
    np.testing.assert_allclose(step, (KAPPA * 0.5 - 2.0) * P_j / 25, rtol=1e-13)


@pytest.mark.parametrize("P_i", [[0.0, 0.0, 0.0], [3.0, -1.0, 4.0]])
def test_no_step_where_kappa_P_i_is_P_j(xp, P_i):
    """Rank 0, and the rank-1 case without a solution."""
    z, P, i, j = pair(xp, P_i, KAPPA * np.array(P_i))
    assert (to_numpy(least_norm_step(z, P, i, j, KAPPA)) == 0).all()
    assert np.isposinf(to_numpy(least_norms(z, P, j, KAPPA))).all()


def test_a_margin_is_shift_invariant_and_kappa_is_not(xp):
    z, P, i, j = random_pairs(xp)
    by_margin = [to_numpy(least_norm_step(z + s, P, i, j, 1.0, 0.2)) for s in (0.0, 5.0)]
    by_kappa = [to_numpy(least_norm_step(z + s, P, i, j, KAPPA)) for s in (0.0, 5.0)]
    np.testing.assert_allclose(*by_margin, rtol=1e-10)
    assert np.abs(by_kappa[0] - by_kappa[1]).max() > 0.01


def test_15_turns_negative_for_negative_outputs(xp):
    """The runner-up has the least (15), and (14) leads away from it; kappa = 1 mends that."""
    z, P, _, j = on(xp, [[-1.0], [-1.05], [-1.5]], np.eye(3)[:, :, None], [0], [0])
    distance = to_numpy(least_norms(z, P, j, KAPPA))[:, 0]
    assert distance[1] < 0 < distance[2]
    i = j + 1
    step = least_norm_step(z, P, i, j, KAPPA)
    outputs = to_numpy(z[:, 0] + P[:, :, 0] @ step[:, 0])
    assert outputs[1] < -1.05 and outputs[0] > -1.0
    assert (to_numpy(least_norms(z, P, j, 1.0))[1:] > 0).all()


def test_noise_depends_on_seed_and_level_alone():
    a = noise((3, 4), 0.1, 5)
    np.testing.assert_array_equal(a, noise((3, 4), 0.1, 5))
    assert not np.allclose(a, noise((3, 4), 0.1, 6))
    assert not np.allclose(2 * a, noise((3, 4), 0.2, 5))
    assert abs(noise((100, 100), 0.1, 0).std() - 0.1) < 0.003


@pytest.mark.parametrize(
    ("sigma", "seed"), [(0.0, 1), (-1.0, 1), (np.inf, 1), (0.1, -1), (0.1, 1.5)]
)
def test_noise_refuses(sigma, seed):
    with pytest.raises(ValueError, match="sigma|seed"):
        noise((2, 2), sigma, seed)


@pytest.mark.parametrize("size", [1e-30, 1e-22, 1.0, 1e20])
def test_a_direction_has_length_1_whatever_its_size(xp, size):
    """Its square would be 0 or infinite in float32."""
    d = xp.full((4, 3), size, np.float32)
    d[:, 0] = 0
    direction, length = map(to_numpy, linearise.unit(d))
    assert direction == pytest.approx(np.array([[0, 0.5, 0.5]] * 4), rel=1e-6)
    assert length == pytest.approx(np.float32(size) * np.array([0, 2, 2]), rel=1e-6)
