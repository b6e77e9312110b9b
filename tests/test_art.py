"""The network inside the Adversarial Robustness Toolbox, and the Toolbox as a reference."""

import warnings

import numpy as np
import pytest
from conftest import make_problem

from snode import Euler, Weights, linearise, relu, tanh
from snode.gradient_attacks import one_step, pgd

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the Toolbox names the frameworks it does not find
    art = pytest.importorskip("art.attacks.evasion")
    from snode.art_adapter import ArtClassifier

pytestmark = pytest.mark.numpy_only
C, K = 4, 12


@pytest.fixture(params=[tanh, relu], ids=lambda a: a.name)
def setting(request):
    p = make_problem(dtype=np.float32, K=K, size=0.4)
    flow, x0 = Euler(request.param), (np.tanh(p.x0) - 1) / 2
    return flow, p.weights, x0, ArtClassifier(flow, p.weights, C)


def test_class_gradient_is_P(setting):
    flow, weights, x0, estimator = setting
    P = linearise.jacobian_rows(flow, weights, flow.forward(weights, x0), C)
    every = estimator.class_gradient(x0.T)
    assert every.shape == (K, C, 13) and every.dtype == np.float32
    np.testing.assert_allclose(every, P.transpose(2, 0, 1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        estimator.class_gradient(x0.T, label=2)[:, 0], every[:, 2], 1e-4, 1e-6
    )
    label = np.arange(K) % C
    own = estimator.class_gradient(x0.T, label=label)
    np.testing.assert_allclose(own[:, 0], every[np.arange(K), label], 1e-4, 1e-6)


def test_loss_gradient_is_the_derivative_of_the_loss(setting):
    flow, weights, x0, _ = setting
    p = make_problem(K=K, size=0.4)
    estimator, x = ArtClassifier(flow, p.weights, C), (np.tanh(p.x0.T) - 1) / 2
    label = np.arange(K) % C
    g = estimator.loss_gradient(x, label)
    np.testing.assert_array_equal(g, estimator.loss_gradient(x, np.eye(C)[label]))
    d = np.random.default_rng(0).normal(size=x.shape)
    rise = [estimator.compute_loss(x + s * 1e-6 * d, label) for s in (1, -1)]
    np.testing.assert_allclose(
        (g * d).sum(axis=1), (rise[0] - rise[1]) / 2e-6, rtol=1e-4, atol=1e-4
    )
    total = estimator.compute_loss(x, label, reduction="sum")
    assert total == pytest.approx(K * estimator.compute_loss(x, label, reduction="mean"))


def test_the_loss_has_no_ceiling():
    """Without weights the outputs are the image."""
    weights = Weights(np.zeros((1, 13, 13)), np.zeros((1, 13, 1)), 3.0)
    x = 1000.0 * np.eye(1, 13)
    assert ArtClassifier(Euler(tanh), weights, C).compute_loss(x, np.array([1])) == [1000.0]


@pytest.mark.parametrize("step", [0.06, 0.6])
def test_our_pgd_is_theirs(setting, step):
    flow, weights, x0, estimator = setting
    options = {"norm": 2, "eps": 0.5, "eps_step": step, "max_iter": 6, "verbose": False}
    theirs = art.ProjectedGradientDescentNumpy(estimator, **options).generate(x0.T)
    ours = pgd(flow, weights, x0, C, radius=0.5, step=step, iterations=6, least_norm=False)
    np.testing.assert_allclose(ours.x.T, theirs, atol=2e-5)


def test_our_single_step_is_theirs(setting):
    flow, weights, x0, estimator = setting
    theirs = art.FastGradientMethod(estimator, norm=2, eps=0.3).generate(x0.T)
    ours = one_step(flow, weights, x0, C, radius=0.3)
    np.testing.assert_allclose(ours.x.T, theirs, atol=2e-6)


def test_step_of_least_norm_with_kappa_one_is_deepfools(setting):
    flow, weights, x0, _ = setting
    free = ArtClassifier(flow, weights, C, box=None)
    theirs = art.DeepFool(free, max_iter=1, epsilon=0.0, verbose=False, batch_size=K).generate(x0.T)
    path = flow.forward(weights, x0)
    z = path.end[:C]
    P, j = linearise.jacobian_rows(flow, weights, path, C), z.argmax(axis=0)
    i = linearise.least_norms(z, P, j).argmin(axis=0)
    ours = linearise.least_norm_step(z, P, i, j)
    np.testing.assert_allclose(theirs - x0.T, ours.T, atol=1e-5)


@pytest.mark.parametrize(
    "attack",
    [
        lambda e: art.CarliniL2Method(e, max_iter=4, binary_search_steps=3, verbose=False),
        lambda e: art.AutoProjectedGradientDescent(
            e, norm=2, eps=1.0, eps_step=0.3, max_iter=8, nb_random_init=2, verbose=False
        ),
        lambda e: art.HopSkipJump(
            e, norm=2, max_iter=1, max_eval=20, init_eval=5, init_size=10, verbose=False
        ),
    ],
    ids=["Carlini-Wagner", "APGD", "HopSkipJump"],
)
def test_other_attacks_run_and_stay_in_the_valid_region(setting, attack):
    _, _, x0, estimator = setting
    np.random.seed(0)  # noqa: NPY002  the Toolbox draws from the global generator
    x = attack(estimator).generate(np.ascontiguousarray(x0.T))
    assert x.shape == (K, 13) and np.isfinite(x).all()
    assert x.min() >= -1 - 1e-6 and x.max() <= 1e-6


def test_bad_input_is_refused(setting):
    _, _, x0, estimator = setting
    with pytest.raises(ValueError, match=r"x: expected images in rows, shape \(K, 13\)"):
        estimator.predict(x0)
    with pytest.raises(ValueError, match="reduction: expected"):
        estimator.compute_loss(x0.T, np.zeros(K, int), reduction="max")
    for label in (-1, C):
        for call in (estimator.class_gradient, estimator.loss_gradient, estimator.compute_loss):
            with pytest.raises(ValueError, match="labels: expected 0 to 3"):
                call(x0.T, np.full(K, label))
    for targets in (np.eye(K, C - 1), np.eye(1, C), np.zeros(1, int)):
        for call in (estimator.loss_gradient, estimator.compute_loss):
            with pytest.raises(ValueError, match=r"y: expected labels \(12,\) or rows \(12, 4\)"):
                call(x0.T, targets)
    with pytest.raises(NotImplementedError, match="snode.optimise"):
        estimator.fit(x0.T, np.zeros(K, int))
