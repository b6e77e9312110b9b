"""Accuracy under noise, measured and predicted."""

import numpy as np
import pytest
from conftest import make_problem
from scipy.stats import multivariate_normal, norm

from snode import Euler, Weights, robustness, tanh
from snode.arrays import to_numpy
from snode.linearise import jacobian_rows
from snode.network import identity, initial_weights
from snode.perturbed import infer, noise
from snode.robustness import (
    NOISE_LEVELS,
    accuracy,
    accuracy_under_noise,
    pairwise_margins,
    predicted_accuracy,
)

C = 4


def labelled(xp, activation=tanh, K=40, **options):
    """A network, images and labels of which about every fourth is wrong."""
    p = make_problem(xp, K=K, size=0.3, **options)
    flow = Euler(activation)
    labels = to_numpy(infer(flow, p.weights, p.x0, C))
    labels = np.where(np.arange(K) % 4, labels, (labels + 1) % C)
    return flow, p.weights, p.x0, labels


def test_levels_are_those_of_figure_3():
    assert NOISE_LEVELS == (0.01, 0.03, 0.05, 0.08, 0.1, 0.13, 0.15, 0.18, 0.2)


def test_ten_classes_and_seed_0_by_default(xp):
    flow, weights, x, _ = labelled(xp)
    labels = infer(flow, weights, x, 10)
    assert accuracy(flow, weights, x, labels) == 1.0
    for function in (predicted_accuracy, pairwise_margins):
        default, ten = (function(flow, weights, x, labels, **c) for c in ({}, {"classes": 10}))
        np.testing.assert_array_equal(default, ten)
    for sigmas in (NOISE_LEVELS, (2.0,)):
        default = accuracy_under_noise(flow, weights, x, labels, sigmas)
        given = accuracy_under_noise(flow, weights, x, labels, sigmas, 0, None, 10)
        np.testing.assert_array_equal(default, given)


def test_accuracy_counts(xp):
    flow, weights, x, labels = labelled(xp)
    assert accuracy(flow, weights, x, labels, C) == 0.75
    assert accuracy(flow, weights, x, xp.asarray(labels), C, chunk=7) == 0.75


def test_vanishing_noise_changes_nothing_and_strong_noise_does(xp):
    flow, weights, x, labels = labelled(xp)
    weak, strong = accuracy_under_noise(flow, weights, x, labels, (1e-9, 2.0), classes=C)
    assert weak == 0.75 and strong < 0.7


@pytest.mark.parametrize("classes", [-1, 0, 1, True, 2.5, 7])
def test_a_wrong_number_of_classes_is_refused(classes):
    weights = initial_weights(3, 6, dtype=np.float64)
    with pytest.raises(ValueError, match="classes: expected an integer from 2 to N = 6"):
        infer(Euler(tanh), weights, np.ones((6, 2)), classes)


def test_no_level_of_one_seed_has_the_noise_of_another_seed():
    """The bits of the next level are one more: seed 0 there must not be seed 1 here."""
    here, there = noise((4, 5), 0.5, 1), noise((4, 5), np.nextafter(0.5, 1), 0)
    assert not np.isclose(here, there).any()


def test_noise_is_the_same_for_every_network_and_may_be_clipped(xp):
    flow, weights, x, labels = labelled(xp)
    noisy = to_numpy(x) + noise(x.shape, 0.5, 3)
    score = accuracy_under_noise(flow, weights, x, labels, [0.5], seed=3, classes=C)
    assert score[0] == accuracy(flow, weights, xp.asarray(noisy), labels, C)
    clipped = accuracy_under_noise(flow, weights, x, labels, [0.5], 3, (-0.1, 0.1), C)
    expected = accuracy(flow, weights, xp.asarray(noisy.clip(-0.1, 0.1)), labels, C)
    assert clipped[0] == expected != score[0]


def test_margins_and_gains(xp):
    flow, weights, x, labels = labelled(xp)
    margins, gains = pairwise_margins(flow, weights, x, labels, C, chunk=7)
    path = flow.forward(weights, x)
    z, P = to_numpy(path.end), to_numpy(jacobian_rows(flow, weights, path, C))
    for k, y in enumerate(labels):
        for i in range(C):
            gain = np.linalg.norm(P[y, :, k] - P[i, :, k])
            np.testing.assert_allclose(margins[i, k], z[y, k] - z[i, k], atol=1e-12)
            np.testing.assert_allclose(gains[i, k], gain, atol=1e-12)


def test_prediction_for_two_classes_and_linear_outputs_is_exact(xp):
    """Then Phi is the probability: 4 standard errors from a Monte Carlo estimate at most."""
    flow, weights, x, labels = labelled(xp, identity)
    y, draws = labels % 2, 300
    for sigma in (0.05, 0.3):
        predicted = predicted_accuracy(flow, weights, x, y, [sigma], classes=2)
        scores = [
            accuracy_under_noise(flow, weights, x, y, [sigma], seed, classes=2)[0]
            for seed in range(draws)
        ]
        np.testing.assert_allclose(predicted.lower, predicted.upper, atol=1e-14)
        np.testing.assert_allclose(predicted.accuracy, predicted.upper, atol=1e-11)
        error = max(np.std(scores), 1e-3) / draws**0.5
        assert abs(np.mean(scores) - predicted.accuracy[0]) < 4 * error


def test_prediction_brackets_linear_outputs_of_more_classes(xp):
    flow, weights, x, labels = labelled(xp, identity)
    predicted, draws = predicted_accuracy(flow, weights, x, labels, [0.2], classes=C), 300
    scores = [
        accuracy_under_noise(flow, weights, x, labels, [0.2], seed, classes=C)[0]
        for seed in range(draws)
    ]
    error = 4 * np.std(scores) / draws**0.5
    assert predicted.lower[0] - error < np.mean(scores) < predicted.upper[0] + error
    assert abs(np.mean(scores) - predicted.accuracy[0]) < 0.02


def test_prediction_image_by_image(xp):
    """The normal integral itself instead of its quadrature, the bounds by loops."""
    flow, weights, x, labels = labelled(xp)
    margins, gains = pairwise_margins(flow, weights, x, labels, C)
    expected = np.zeros(3)
    for k, y in enumerate(labels):
        rivals = [i for i in range(C) if i != y]
        p = norm.cdf([-margins[i, k] / (0.7 * gains[i, k]) for i in rivals])
        correlated = np.full((C - 1, C - 1), 0.5) + 0.5 * np.eye(C - 1)
        joint = multivariate_normal(cov=correlated).cdf(norm.ppf(1 - p), rng=k)
        expected += [joint, max(0, 1 - sum(p)), 1 - max(p)]
    predicted = predicted_accuracy(flow, weights, x, labels, [0.7], classes=C)
    np.testing.assert_allclose(np.ravel(predicted), expected / len(labels), atol=1e-5)
    assert predicted.lower[0] < predicted.accuracy[0] < predicted.upper[0]


def test_prediction_tends_to_the_clean_accuracy(xp):
    flow, weights, x, labels = labelled(xp)
    predicted = predicted_accuracy(flow, weights, x, labels, (1e-9, 0.1, 1.0), classes=C, chunk=7)
    np.testing.assert_allclose([p[0] for p in predicted], 0.75)
    assert (predicted.lower <= predicted.accuracy + 1e-12).all()
    assert (predicted.accuracy <= predicted.upper + 1e-12).all()
    assert (np.diff(predicted.upper) < 0).all()


def test_classes_that_noise_cannot_part_are_no_nan(xp):
    """One layer with x + h (W x + b) = b: P = 0, and the margin alone decides."""
    _, _, x, labels = labelled(xp)
    b = np.arange(13.0)[None, :, None] % 4
    weights = Weights(xp.asarray(-np.eye(13)[None]), xp.asarray(b), 1.0)
    predicted = predicted_accuracy(Euler(identity), weights, x, labels, [0.1], classes=C)
    np.testing.assert_allclose(np.ravel(predicted), np.mean(labels == 3), rtol=1e-12)


def test_a_network_that_has_failed_is_not_predicted_to_be_right(xp, monkeypatch):
    nothing = np.full((C, 40), np.nan), np.full((C, 40), np.nan)
    monkeypatch.setattr(robustness, "pairwise_margins", lambda *_: nothing)
    assert np.isnan(predicted_accuracy(*labelled(xp), [0.1], C)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, w, x, y: accuracy(f, w, x[:3], y, C), "x: expected shape"),
        (lambda f, w, x, y: accuracy_under_noise(f, w, x[:3], y, classes=C), "x: expected shape"),
        (lambda f, w, x, y: pairwise_margins(f, w, x[:3], y, C), "x: expected shape"),
        (lambda f, w, x, y: pairwise_margins(f, w, x, y[:3], C), "labels: expected integers"),
        (lambda f, w, x, y: accuracy(f, w, x, y[:3], C), "labels: expected integers"),
        (lambda f, w, x, y: accuracy(f, w, x, y, C, chunk=0), "chunk: expected a positive integer"),
        (lambda f, w, x, y: accuracy(f, w, x, y + C, C), "labels: expected classes"),
        # without a flow: every level is checked before the first is solved for
        (lambda _, w, x, y: accuracy_under_noise(None, w, x, y, [0.1, 0], classes=C), "sigmas: "),
        (lambda f, w, x, y: accuracy_under_noise(f, w, x, y, seed=-1, classes=C), "seed: exp"),
        (lambda f, w, x, y: predicted_accuracy(f, w, x, y, [-0.1], C), "sigmas: expected"),
        (lambda f, w, x, y: predicted_accuracy(f, w, x, y, [0.0], C), "sigmas: expected"),
        (lambda f, w, x, y: predicted_accuracy(f, w, x, y, [np.inf], C), "sigmas: expected"),
    ],
)
def test_bad_input_is_named(xp, call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call(*labelled(xp))
