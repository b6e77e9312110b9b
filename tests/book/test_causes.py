"""The suspects of book/_tools/causes.py are what their names say; no entry of its file is lost."""

from multiprocessing import get_context

import causes
import numpy as np
import pytest
from kept import keep, kept

from snode.cost import cross_entropy, softmax

pytestmark = pytest.mark.numpy_only


@pytest.mark.parametrize(
    ("name", "reads"),
    [("Twice", lambda z: (softmax(z[:10]), 10)), ("Wide", lambda z: (z, 12))],
)
def test_a_suspect_has_the_gradient_of_its_cost(name, reads):
    rng = np.random.default_rng(0)
    z, dz = rng.normal(size=(2, 12, 3))

    def cost(z):
        outputs, classes = reads(z)
        y = np.eye(classes)[:, [0, 4, 9]]
        return 0.4 * np.vdot(z, z) / 2 + 3 * cross_entropy(outputs, y)

    slope = (cost(z + 1e-6 * dz) - cost(z - 1e-6 * dz)) / 2e-6
    lam = getattr(causes, name)(**causes.TEXT).terminal(z, np.eye(10)[:, [0, 4, 9]])
    assert np.vdot(lam, dz) == pytest.approx(slope, 1e-8)


def test_the_sum_over_a_batch_is_its_mean_times_its_size():
    cost = causes.WAYS["μ₃ term summed over the batch"]["cost"]
    z, y = np.ones((12, causes.K)), np.zeros((10, causes.K))
    y[0] = 1
    assert cost.value(z, y) == pytest.approx(np.log(10) + 0.4 * np.vdot(z, z) / 2)


def add(path, name):
    for k in range(20):
        keep(path, name, str(k), value=k)


def test_two_processes_lose_nothing(tmp_path):
    path = tmp_path / "both.json"
    both = [get_context("spawn").Process(target=add, args=(path, name)) for name in "ab"]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert {name: len(kept(path, name)) for name in "ab"} == {"a": 20, "b": 20}


def test_what_another_process_adds_during_a_run_is_kept(tmp_path, monkeypatch):
    path, trained = tmp_path / "causes.json", []

    def train(activation, settings, seed, data):
        if not trained:  # meanwhile another process ends one of the runs that are still to come
            keep(path, "no μ₃", "tanh", "0", value={"accuracy": [12.5]})
        trained.append(activation)
        return [98.0]

    monkeypatch.setattr(causes, "train", train)
    monkeypatch.setattr(type(causes.RUN), "data", lambda self: None)
    causes.main((0,), path)
    assert len(trained) == 2 * len(causes.WAYS) - 1
    assert kept(path, "no μ₃", "tanh", "0") == {"accuracy": [12.5]}
    assert kept(path, "no μ₃", "relu", "0")["accuracy"] == [98.0]
    causes.main((0,), path)
    assert len(trained) == 2 * len(causes.WAYS) - 1
