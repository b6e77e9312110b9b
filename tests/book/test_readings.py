"""The Toolbox's other readings: probabilities have the right gradients, each radius its share."""

import warnings

import numpy as np
import pytest
from conftest import make_problem

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the Toolbox names the frameworks it does not find
    pytest.importorskip("art.attacks.evasion")
    import readings

from snode import Euler, tanh
from snode.experiments.runs import Run

pytestmark = pytest.mark.numpy_only


def test_probabilities_and_their_gradients():
    p = make_problem(dtype=np.float32, K=6, size=0.4)
    network, x = readings.Probabilities(Euler(tanh), p.weights, 4), (np.tanh(p.x0.T) - 1) / 2
    np.testing.assert_allclose(network.predict(x).sum(axis=1), 1, rtol=1e-6)
    d = np.random.default_rng(0).normal(size=x.shape).astype(np.float32)
    rise = network.predict(x + 0.01 * d) - network.predict(x - 0.01 * d)
    every, label = network.class_gradient(x), np.arange(6) % 4
    np.testing.assert_allclose((every * d[:, None]).sum(axis=2), rise / 0.02, atol=1e-3)
    for asked in (label, 2):
        own = every[np.arange(6), np.broadcast_to(asked, 6)]
        np.testing.assert_array_equal(network.class_gradient(x, asked)[:, 0], own)


def test_more_images_fall_in_larger_balls():
    p = make_problem(dtype=np.float32, N=12, K=6, C=10, size=0.4)
    x = (np.tanh(p.x0) - 1) / 2
    found = readings.balls(Run(), Euler(tanh), p.weights, x)
    assert len(found) == 5 and "PGD 0.06, squared-error" in found
    assert all(len(shares) == len(readings.RADII) for shares in found.values())
    assert all(0 <= share <= 100 for shares in found.values() for share in shares)
    assert np.all(np.diff(found["Algorithm 2"]) >= 0)
