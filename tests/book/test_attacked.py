"""What is measured of the attacked networks, against networks whose outputs are their inputs."""

import attacked
import numpy as np
import pytest
from attacked import Found

from snode import Euler
from snode.network import Weights, identity

pytestmark = pytest.mark.numpy_only

FLOW, N, K = Euler(identity), 12, 5
LABELS = np.zeros(K, int)
X0 = np.full((N, K), -0.5)
X0[0] += 0.3  # the least step to another class has length 0.3 / sqrt(2)


def plain(lead=0.0):
    """A network that returns its input, with a lead for class 0."""
    b = np.zeros((2, N, 1))
    b[:, 0] = lead / 3.0
    return Weights(np.zeros((2, N, N)), b, 3.0)


def towards(i, length):
    """The images, moved from class 0 to class i."""
    way = np.zeros((N, 1))
    way[[0, i]] = [[-1], [1]]
    return X0 + length * way / 2**0.5


def test_around_an_image_a_linear_network_is_what_its_margins_say():
    found = attacked.surroundings(FLOW, plain(), X0, LABELS)
    sigma, gain = np.array(found["sigma"]), 2**0.5
    assert found["margin"] == pytest.approx(0.3) and found["slope"] == [1.0] * len(sigma)
    np.testing.assert_allclose(found["gain"], gain, rtol=1e-3)
    np.testing.assert_allclose(found["foretold"], sigma * gain, rtol=1e-3)
    noisy = sigma > 0
    assert found["shift"][0] == found["deviation"][0] == 0
    drawn = np.array(found["deviation"])[noisy] / (sigma * gain)[noisy]
    assert (abs(drawn - 1) < 0.35).all()  # of eight draws each


def test_what_fells_one_network_fells_another_beyond_its_own_distance():
    networks = [(FLOW, plain()), (FLOW, plain(lead=0.3))]  # distances 0.21 and 0.42
    best = {"A": Found(towards(3, 0.3), np.full(K, 0.3)), "B": Found(X0, np.full(K, np.inf))}
    at = dict(zip(attacked.TRANSFERRED, attacked.transfers(networks, best, X0, LABELS)))
    assert at[0.25] == [[100, 0], [0, 0]] and at[0.5] == [[100, 100], [0, 0]]


def test_an_image_that_no_attack_fells_is_nobodys(monkeypatch):
    near, far = (np.array([1, 1, 1, 1, np.inf]) * r for r in (0.25, 0.3))
    far[0], near[1] = np.nan, np.inf  # not asked; failed
    results = {"far": Found(towards(2, 0.3), far), "near": Found(towards(1, 0.25), near)}
    monkeypatch.setattr(attacked, "attacks", lambda *of: results)
    numbers, best = attacked.measure(FLOW, plain(), X0, LABELS)
    assert numbers["found by"] == [0.2, 0.6] and numbers["norms"] == [0.25, 0.3, 0.25, 0.25, None]
    assert numbers["least"]["fooled"] == 80 and numbers["attacks"]["far"]["images"] == 4
    assert np.isinf(best.norm[4]) and (best.x[:, 4] == X0[:, 4]).all()


def test_a_summary_counts_failures_and_leaves_out_what_was_not_asked():
    found = attacked.summary(np.array([0.1, 0.31, np.inf, np.nan]))
    assert (found["images"], found["fooled"], found["median"]) == (3, 66.7, 0.31)
    at = dict(zip(attacked.RADII, found["within"]))
    assert (at[0.05], at[0.1], at[0.3], at[0.35]) == (0, 33.3, 33.3, 66.7)
    assert attacked.summary(np.array([0.1, np.inf, np.inf]))["median"] is None


def test_no_class_is_nearest_to_itself():
    margins, gains = np.array([[0.0], [0.6], [0.2]]), np.array([[0.0], [3.0], [2.0]])
    np.testing.assert_allclose(attacked.distances(margins, gains).ravel(), [np.inf, 0.2, 0.1])
