"""Measurements of one trained network: their sizes, and identities between them."""

import dataclasses

import numpy as np
import pytest

from snode.attacks import attack, nine_targets
from snode.data import Split
from snode.euler import Euler
from snode.experiments import measure as module
from snode.experiments import strength
from snode.experiments.measure import measure
from snode.experiments.profiles import PROFILES
from snode.experiments.strength import NORMS, shape, summary
from snode.experiments.training import train
from snode.network import Weights
from snode.perturbed import infer
from snode.propagation import noise_propagation
from snode.rk45 import RK45
from snode.robustness import accuracy, accuracy_under_noise

pytestmark = pytest.mark.numpy_only
PROFILE = dataclasses.replace(PROFILES["smoke"], toolbox_images=0)
K = PROFILE.images


@pytest.fixture(scope="module")
def run():
    return PROFILE.run()


@pytest.fixture(scope="module")
def trained(run):
    return train(run)


@pytest.fixture(scope="module")
def measured(run, trained):
    return measure(run, PROFILE, trained.weights, run.data())


def test_every_part_is_there_with_its_time(measured):
    assert list(measured.numbers) == list(module.PARTS) == list(measured.seconds)


def test_accuracies_are_those_of_robustness(run, trained, measured):
    test, n = run.data().test, PROFILE.train_images

    def own(images):
        x = test.x[:, :images].copy()
        return accuracy(run.solver(), trained.weights, x, test.labels[:images])

    assert measured.numbers["accuracy"]["euler"][1] == own(n)
    assert measured.numbers["noise"]["clean"] == own(K)
    assert measured.numbers["accuracy"]["images"] == [n, n]
    assert len(measured.numbers["noise"]["measured"]) == 9


def test_the_noise_is_that_of_the_runs_seed(run, trained):
    network = module._network(
        dataclasses.replace(run, seed=1), PROFILE, trained.weights, run.data(), np
    )
    of = (network.flow, network.weights, network.x)
    found, travelled = module.noise(network)[0], module.propagation(network)[1]
    accuracies = [accuracy_under_noise(*of, network.labels, found["sigma"], s) for s in (0, 1)]
    errors = [noise_propagation(*of, 0.01, s).error for s in (0, 1)]
    np.testing.assert_array_equal(found["measured"], accuracies[1])
    np.testing.assert_array_equal(travelled["error"], errors[1])
    assert (accuracies[0] != accuracies[1]).any() and (errors[0][1:] != errors[1][1:]).all()


def test_sizes_over_depth(trained, measured):
    w, arrays = trained.weights, measured.arrays
    assert arrays["smoothness_W"].shape == (12,) and arrays["state_mean"].shape == (13,)
    both = np.sqrt(w.h * (arrays["smoothness_W"] ** 2 + arrays["smoothness_b"] ** 2).sum())
    assert both == pytest.approx(w.norm(), rel=1e-12)
    assert measured.numbers["state"]["start"] == pytest.approx(arrays["state_mean"][0])


def test_roughness_of_a_cosine(run, trained):
    """|W'| / |W| of cos(pi t / T) is pi / T, up to O(h^2)."""
    errors = []
    for L in (20, 40):
        t = (np.arange(L) + 0.5) / L
        W = np.cos(np.pi * t)[:, None, None] * np.ones((1, 64, 64))
        w = Weights(W, np.zeros((L, 64, 1)), 3.0)
        network = module._network(dataclasses.replace(run, layers=L), PROFILE, w, run.data(), np)
        errors.append(abs(module.smoothness(network)[0]["W"] - np.pi / 3))
    assert errors[0] < 0.01 and errors[0] / errors[1] > 3


def test_total_variation_counts_up_and_down(run):
    """|W| = 0, 1, 0 through the layers."""
    W = np.zeros((3, 64, 64))
    W[1, 0, 0] = 1
    of = (dataclasses.replace(run, layers=3), PROFILE, Weights(W, np.zeros((3, 64, 1)), 3.0))
    numbers, _ = module.smoothness(module._network(*of, run.data(), np))
    assert numbers["total variation of |W(t)|"] == 2


def test_finer_steps_see_the_same_weights_for_longer(run, trained, measured):
    w, test = trained.weights, run.data().test
    x = test.x[:, : PROFILE.train_images].copy()
    labels = test.labels[: PROFILE.train_images]
    for m, found in zip((2, 4), measured.numbers["accuracy"]["finer"]):
        z = x.copy()
        for W, b in zip(w.W, w.b):
            for _ in range(m):
                z = z + w.h / m * np.tanh(W @ z + b)
        assert found == (z[:10].argmax(axis=0) == labels).mean()


def test_attacks_are_made_on_rightly_inferred_images_only(measured):
    norm, numbers = measured.arrays["attacks_own_norm"], measured.numbers["attacks"]
    assert norm.shape == (K,) and norm.dtype == np.float16
    assert (~np.isnan(norm)).sum() == numbers["attacked"]
    assert np.isfinite(norm).sum() == round(numbers["own"]["success"] * numbers["attacked"])
    for name in ("pgd", "pgd-long", "one-step"):
        assert np.array_equal(np.isnan(measured.arrays[f"attacks_{name}_norm"]), np.isnan(norm))
        assert numbers[name]["largest"] <= max(PROFILE.radii) * (1 + 1e-6)


@pytest.mark.parametrize("name", ["pgd", "pgd-long", "one-step"])
def test_bisection_finds_what_all_balls_find(run, trained, name):
    """An image falls in the ball told, and where more room never hurts it is the least one."""
    network = module._network(run, PROFILE, trained.weights, run.data(), np)
    x, radii = network.x[:, network.right][:, :12], np.array(PROFILE.radii)
    norm, moved, spent = strength._in_balls(network, x, name)
    balls = [strength._in_ball(network, x, name, r) for r in radii]
    won = np.array([found.success for found in balls])
    steady = (won[1:] >= won[:-1]).all(axis=0)
    least = np.min([np.where(b.success, b.norm, np.inf) for b in balls], axis=0)
    assert steady.sum() > 5 and np.isfinite(norm).sum() > 3
    np.testing.assert_array_equal(np.isfinite(norm[steady]), won[-1][steady])
    assert (norm >= least * (1 - 1e-9)).all()
    first = np.append(radii, np.inf)[np.where(won.any(axis=0), won.argmax(axis=0), len(radii))]
    assert (norm[steady] <= first[steady] * (1 + 1e-9)).all()
    np.testing.assert_allclose(np.linalg.norm(moved - x, axis=0)[won[-1]], norm[won[-1]])
    assert spent.max() <= balls[0].gradients[0] * 4  # of 7 balls


def test_examples_are_perturbations_with_the_norms_told(measured):
    index = measured.arrays["attacks_examples"]
    change = measured.arrays["attacks_own_examples"].astype(float)
    norm = measured.arrays["attacks_own_norm"][index].astype(float)
    assert change.shape == (64, PROFILE.examples)
    won = np.isfinite(norm)
    np.testing.assert_allclose(np.linalg.norm(change, axis=0)[won], norm[won], rtol=2e-3)


def test_nine_targets_are_the_best_of_nine_attacks(run, trained, measured):
    n = module._network(run, PROFILE, trained.weights, run.data(), np)
    first = np.flatnonzero(n.right)[: PROFILE.target_images]
    best = nine_targets(n.flow, n.weights, n.x[:, first], 10, box=run.box(), chunk=n.chunk)
    targets = measured.numbers["targets"]
    assert targets["attacked"] == PROFILE.target_images
    x, j = n.x[:, first], n.labels[first]
    aims = [(j + shift) % 10 for shift in range(1, 10)]
    found = [attack(n.flow, n.weights, x, 10, aim, box=run.box(), chunk=n.chunk) for aim in aims]
    third = np.concatenate([f.final != aim for f, aim in zip(found, aims)])
    assert targets["third class won"] == third[np.concatenate([f.success for f in found])].mean()
    assert targets["nine"] == summary(np.where(best.success, best.norm, np.inf)) | {
        "gradients an image": float(best.gradients.mean())
    }


def test_a_network_that_rk45_cannot_follow_is_measured(run, trained, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("100000 steps reached only t = 0.1")

    monkeypatch.setattr(RK45, "forward", fail)
    accuracy, _ = module.accuracies(module._network(run, PROFILE, trained.weights, run.data(), np))
    assert np.isnan(accuracy["rk45"]).all() and min(accuracy["euler"]) > 0


def test_a_failure_of_the_device_is_no_measurement(run, trained, monkeypatch):
    """CuPy's errors are subclasses of RuntimeError."""

    def fail(*_, **__):
        raise type("CUBLASError", (RuntimeError,), {})("CUBLAS_STATUS_ALLOC_FAILED")

    network = module._network(run, PROFILE, trained.weights, run.data(), np)
    monkeypatch.setattr(Euler, "forward", fail)
    with pytest.raises(RuntimeError, match="CUBLAS_STATUS_ALLOC_FAILED"):
        module.accuracies(network)


def test_numbers_are_those_of_their_definitions(run, trained, measured):
    n = module._network(run, PROFILE, trained.weights, run.data(), np)
    start = np.linalg.norm(n.start.W, axis=(1, 2))
    np.testing.assert_allclose(measured.arrays["smoothness_W0"], start, rtol=1e-6)
    assert measured.numbers["smoothness"]["norm of change"] == (n.weights - n.start).norm()
    assert (measured.arrays["state_p95"] > measured.arrays["state_mean"]).all()
    clipped = module.noise(dataclasses.replace(n, run=dataclasses.replace(run, noise_clip=True)))[0]
    levels = accuracy_under_noise(n.flow, n.weights, n.x, n.labels, seed=run.seed, clip=run.box())
    assert clipped["measured"] == levels.tolist() != measured.numbers["noise"]["measured"]


def test_ranks_that_are_turned_round_correlate_to_minus_one(run, trained, monkeypatch):
    real = module.noise_propagation

    def turned(*of, **rest):
        p = real(*of, **rest)
        return p._replace(delta_end=-p.xi_end)

    monkeypatch.setattr(module, "noise_propagation", turned)
    network = module._network(run, PROFILE, trained.weights, run.data(), np)
    assert module.propagation(network)[0]["rank correlation"] == pytest.approx([-1] * 9)


def test_targets_leave_out_what_is_inferred_and_not_the_label(run, trained):
    """With RK45 an image may be inferred otherwise among other images, whose steps it shares."""
    network = module._network(run, PROFILE, trained.weights, run.data(), np)
    inferred = infer(network.flow, network.weights, network.x)
    of = dataclasses.replace(network, right=np.full(K, True), labels=inferred)
    other = dataclasses.replace(of, labels=(inferred + 1) % 10)
    assert strength.targets(other) == strength.targets(of)


def test_summary_of_known_norms():
    found = summary(np.array([0.05, 0.2, np.inf, 0.3]))
    assert found["success"] == 0.75 and found["median"] == 0.2 and found["largest"] == 0.3
    assert found["susceptible"][:4] == [0.25, 0.25, 0.25, 0.5] and len(NORMS) == 20
    assert summary(np.array([np.inf]))["mean"] is None


def test_shape_of_one_pixel_and_of_all():
    one, every = np.zeros((16, 1)), np.ones((16, 1))
    one[3] = -0.2
    assert shape(one) == {"peak": 1.0, "participation": 1.0}
    assert shape(every) == {"peak": 0.25, "participation": 16.0}
    assert shape(np.zeros((16, 0))) == {"peak": None, "participation": None}


def test_noise_is_paired_and_depends_on_the_seed(run, trained, measured):
    again = measure(run, PROFILE, trained.weights, run.data())
    assert again.numbers == measured.numbers
    other = measure(dataclasses.replace(run, seed=1), PROFILE, trained.weights, run.data())
    assert other.numbers["propagation"] != measured.numbers["propagation"]
    assert other.numbers["attacks"] == measured.numbers["attacks"]


def test_a_network_that_is_always_wrong_is_measured_too(run, trained):
    data = run.data()
    wrong = Split(data.test.x, 9 - trained_labels(run, trained, data))
    found = measure(run, PROFILE, trained.weights, dataclasses.replace(data, test=wrong))
    assert found.numbers["noise"]["clean"] == 0 and found.numbers["attacks"] == {}


def trained_labels(run, trained, data):
    z = run.solver().forward(trained.weights, data.test.x).end[:10]
    return z.argmax(axis=0)


@pytest.mark.parametrize("choices", [{"flow": "rk45"}, {"noise_clip": True, "dtype": "float32"}])
def test_other_choices_are_measured(choices):
    run = PROFILE.run(layers=6, epochs=1, **choices)
    found = measure(run, PROFILE, train(run).weights, run.data())
    assert len(found.arrays["state_mean"]) == 7
    attacked = [name for name in module.ATTACKS if found.numbers[name]]
    assert attacked == ([] if run.flow == "rk45" else ["attacks", "targets"])


def test_the_toolbox_attacks_and_leaves_the_global_generator_alone(run, trained):
    pytest.importorskip("art")
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    network = module._network(run, PROFILES["smoke"], trained.weights, run.data(), np)
    numbers, _ = module.PARTS["toolbox"](network)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    assert list(numbers) == ["attacked", "carlini-wagner default", "carlini-wagner configured"]
    assert numbers["attacked"] == 4
    assert numbers == module.PARTS["toolbox"](network)[0]


def test_carlini_wagner_configured_fools_more_with_less(run, trained):
    pytest.importorskip("art")
    profile = dataclasses.replace(PROFILES["smoke"], toolbox_images=10, toolbox_iterations=40)
    network = module._network(run, profile, trained.weights, run.data(), np)
    found = strength.toolbox(network)[0]
    default, configured = (found[f"carlini-wagner {name}"] for name in ("default", "configured"))
    assert configured["success"] == 1 >= default["success"]
    assert configured["mean"] < 0.9 * default["mean"]
