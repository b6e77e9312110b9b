"""Predicted against measured perturbations, at every depth."""

import numpy as np
import pytest
from conftest import make_problem

from snode import Euler, tanh
from snode.arrays import to_numpy
from snode.network import identity
from snode.perturbed import noise
from snode.propagation import noise_propagation
from snode.rk45 import RK45


def test_averages_are_means_of_ratios(problem):
    """Everything again from xi and delta themselves, at the times 0, h, ..., T."""
    p, flow, sigma = problem, Euler(tanh), 0.05
    r = noise_propagation(flow, p.weights, p.x0, sigma, seed=4, chunk=2)
    n = p.xp.asarray(noise(p.x0.shape, sigma, 4))
    path = flow.forward(p.weights, p.x0)
    xi = to_numpy(flow.sensitivity(p.weights, path, xi0=n).x)
    delta = to_numpy(flow.forward(p.weights, p.x0 + n).x - path.x)

    def size(a):
        return np.linalg.norm(a, axis=1)

    x, error = to_numpy(path.x), size(xi - delta) / size(xi)
    assert len(r.times) == 13 and r.times[0] == 0 and r.times[-1] == 3.0
    np.testing.assert_allclose(r.predicted, (size(xi) / size(x)).mean(axis=1), rtol=1e-9)
    np.testing.assert_allclose(r.measured, (size(delta) / size(x)).mean(axis=1), rtol=1e-9)
    np.testing.assert_allclose(r.error, error.mean(axis=1), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(r.error_95, np.percentile(error, 95, axis=1), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(r.xi_end, size(xi)[-1], rtol=1e-9)
    np.testing.assert_allclose(r.delta_end, size(delta)[-1], rtol=1e-9)


def test_error_falls_linearly_with_the_noise(problem):
    """The same seed gives different numbers per level, hence many images for the mean."""
    p = make_problem(problem.xp, K=200, size=0.3)
    error = [noise_propagation(Euler(tanh), p.weights, p.x0, s).error[-1] for s in (1e-3, 1e-4)]
    assert error[0] / error[1] == pytest.approx(10, rel=0.15)


def test_linear_network_has_no_error(problem):
    r = noise_propagation(Euler(identity), problem.weights, problem.x0, 0.5)
    assert r.error.max() < 1e-12
    np.testing.assert_allclose(r.delta_end, r.xi_end, rtol=1e-12)


def test_a_blank_image_is_refused(problem):
    x = problem.x0.copy()
    x[:, 2] = 0
    with pytest.raises(ValueError, match="x: expected images with ink, got 1 blank, first 2"):
        noise_propagation(Euler(tanh), problem.weights, x)


def test_the_continuous_flow_is_measured_alike(problem):
    p = problem
    r = noise_propagation(RK45(tanh, rtol=1e-8, atol=1e-10), p.weights, p.x0, 1e-3)
    assert len(r.times) == 13 and r.error[-1] < 0.05
    np.testing.assert_allclose(r.xi_end, r.delta_end, rtol=0.05)


def test_the_noise_of_the_paper_by_default(problem):
    p, flow = problem, Euler(tanh)
    default = noise_propagation(flow, p.weights, p.x0)
    given = noise_propagation(flow, p.weights, p.x0, 0.01, 0)
    np.testing.assert_array_equal(default.xi_end, given.xi_end)
    assert noise_propagation(flow, p.weights, p.x0, times=[0, 3]).times.dtype == float


def test_two_components_are_enough(xp):
    p = make_problem(xp, N=2, C=2)
    assert noise_propagation(Euler(identity), p.weights, p.x0).error.max() < 1e-12


def test_times_may_be_chosen(problem):
    p, flow = problem, Euler(tanh)
    full = noise_propagation(flow, p.weights, p.x0)
    some = noise_propagation(flow, p.weights, p.x0, times=[0.75, 3.0])
    np.testing.assert_allclose(some.predicted, full.predicted[[3, 12]], rtol=1e-12)
    with pytest.raises(ValueError, match="t: expected"):
        noise_propagation(flow, p.weights, p.x0, times=[3.1])


def test_bad_input_is_named(problem):
    p, flow = problem, Euler(tanh)
    with pytest.raises(ValueError, match="sigma: expected"):
        noise_propagation(flow, p.weights, p.x0, sigma=0.0)
    with pytest.raises(ValueError, match="x: expected shape"):
        noise_propagation(flow, p.weights, p.x0[:3])


def test_loose_tolerances_do_not_pass_for_perturbations(problem):
    """At the solver's own tolerance delta is as small as the noise, not as the tolerance."""
    p = make_problem(problem.xp, K=50, size=0.3)
    loose, tight = (RK45(tanh, rtol, rtol) for rtol in (1e-3, 1e-9))
    found, exact = (noise_propagation(flow, p.weights, p.x0, 1e-4) for flow in (loose, tight))
    np.testing.assert_allclose(found.delta_end, exact.delta_end, rtol=0.05)
    assert found.error.max() < 0.05


@pytest.mark.numpy_only
@pytest.mark.parametrize("times", [(), 3.0])
def test_no_times_are_refused(problem, times):
    with pytest.raises(ValueError, match="times: expected a sequence of times, got "):
        noise_propagation(Euler(tanh), problem.weights, problem.x0, times=times)
