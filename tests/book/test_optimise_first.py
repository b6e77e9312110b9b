"""The gradient of the differential equation, put on the grid, beside the exact discrete one."""

import numpy as np
import pytest
from conftest import make_problem
from identities import error, orders
from optimise_first import OptimiseFirst

from snode import Euler, tanh
from snode.network import Weights, identity
from snode.trajectory import Path

pytestmark = pytest.mark.numpy_only


def test_one_neuron_by_hand():
    """x' = w x: lambda at its own time is (1 + h w)^(L - l), one factor more than is exact."""
    L, h, w = 3, 0.5, 0.4
    weights = Weights(np.full((L, 1, 1), w), np.zeros((L, 1, 1)), L * h)
    both = []
    for flow in (OptimiseFirst(identity), Euler(identity)):
        path = flow.forward(weights, np.ones((1, 1)))
        both.append(flow.backpropagate(weights, path, np.ones((1, 1))).b.ravel())
    np.testing.assert_allclose(both, [[1.2**3, 1.2**2, 1.2], [1.2**2, 1.2, 1]])


def test_it_is_the_discrete_gradient_with_each_layers_successor_in_the_adjoint():
    """The next layer pulls back, the last one twice; then (6) and (7) with lambda[l] in p[l]."""
    p, flow = make_problem(), Euler(tanh)
    path, (W, b) = flow.forward(p.weights, p.x0), (p.weights.W, p.weights.b)
    slope = np.append(path.slope[1:], [1 - np.tanh(W[-1] @ path.x[-1] + b[-1]) ** 2], axis=0)
    later = p.weights.like(np.append(W[1:], W[-1:], axis=0), b)
    lam = flow.adjoint(later, Path(path.x, path.horizon, slope), p.lam_T).x[:-1]
    E_omega = (path.slope * lam) @ path.x[:-1].swapaxes(1, 2) / 5  # images
    E_beta = (path.slope * lam).mean(axis=2, keepdims=True)
    found = OptimiseFirst(tanh).backpropagate(p.weights, path, p.lam_T)
    assert error(found, p.weights.like(E_omega, E_beta)) < 1e-13


def test_it_differs_from_the_discrete_gradient_by_order_h():
    p, apart = make_problem(L=1), []
    for L in (40, 80, 160):
        t = np.arange(L)[:, None, None] / L
        w = Weights(np.cos(t) * p.weights.W, np.sin(t) * p.weights.b, 1.0)
        path = Euler(tanh).forward(w, p.x0)
        ours, exact = (
            flow(tanh).backpropagate(w, path, p.lam_T) for flow in (OptimiseFirst, Euler)
        )
        apart.append(error(ours, exact))
    assert orders(apart) == pytest.approx([1, 1], abs=0.1)
