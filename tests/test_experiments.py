"""Runs and the command line: good settings train, bad ones get one clear sentence."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from snode.cli import main
from snode.cost import Cost
from snode.euler import Euler
from snode.experiments.runs import Run
from snode.experiments.storage import write_json
from snode.experiments.training import shuffled, train
from snode.first_order import OPTIMISERS
from snode.network import Weights, tanh
from snode.optimise import NCG
from snode.rk45 import RK45

pytestmark = pytest.mark.numpy_only
SMALL = {"layers": 12, "epochs": 2, "batch": 200, "iterations": 3}


def arguments(**options):
    return [f"--{k.replace('_', '-')}={v}" for k, v in options.items()]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("loss", ["l2", "ce"])
def test_the_shipped_defaults_learn_the_digits(activation, loss):
    epochs = train(Run(activation=activation, loss=loss)).epochs
    assert len(epochs) == 5
    assert max(epoch.test_accuracy for epoch in epochs) >= 0.9


@pytest.mark.parametrize("method", ["ncg", "ncg-sobolev", "rmsprop"])
def test_the_same_seed_gives_the_same_bits_and_another_does_not(method):
    runs = [Run(method=method, seed=seed, **SMALL) for seed in (3, 3, 4)]
    first, again, other = (train(run).weights for run in runs)
    assert np.array_equal(first.W, again.W) and np.array_equal(first.b, again.b)
    assert not np.array_equal(first.W, other.W)


def test_seeds_are_paired_over_methods_and_losses():
    starts = [
        Run(method=m, loss=l, seed=1).start_weights(64)
        for m, l in [("ncg", "l2"), ("rmsprop", "ce")]
    ]
    assert np.array_equal(starts[0].W, starts[1].W)


def test_the_order_of_the_batches_depends_on_seed_and_epoch_alone():
    data = Run().data()

    def first(epoch, **choices):
        return next(shuffled(Run(**choices), data, epoch))[0]

    x0 = first(1, seed=3)
    assert np.array_equal(x0, first(1, seed=3, method="rmsprop", activation="relu", loss="ce"))
    assert not np.array_equal(x0, first(2, seed=3)) and not np.array_equal(x0, first(1, seed=4))


def test_training_takes_each_epochs_batches_in_their_order():
    run = Run(method="momentum", seed=3, **SMALL)
    data, optimiser = run.data(), run.optimiser()
    w = run.start_weights(len(data.train.x))
    for epoch in (1, 2):
        for x0, y in shuffled(run, data, epoch):
            w = optimiser.update(w, x0, y)
    assert np.array_equal(train(run, data).weights.W, w.W)


def test_train_prints_a_line_an_epoch_and_writes_the_result_once(tmp_path, capsys):
    output, saved = tmp_path / "result.json", tmp_path / "weights.npz"
    options = ["train", *arguments(**SMALL, seed=2, output=output)]
    assert main([*options, *arguments(save=saved)]) == 0
    assert np.array_equal(Weights.load(saved).W, train(Run(seed=2, **SMALL)).weights.W)
    saved.unlink()
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert "will not be kept" not in err
    assert [line.split(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    content = json.loads(output.read_text())
    assert content["run"] == dataclasses.asdict(Run(seed=2, **SMALL))
    assert len(content["epochs"]) == 2
    before = output.read_bytes()
    assert main(options) == 2
    assert "exists already" in capsys.readouterr().err
    assert output.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == [output.name]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed: expected a non-negative integer, got -1"),
        ({"epochs": 0}, "epochs: expected a positive integer, got 0"),
        ({"weight_decay": -1e-8}, "weight_decay: expected a finite number >= 0"),
        ({"batch": 5000}, "batch: expected a whole number from 1 to 1400, got 5000"),
        ({"horizon": 0}, "horizon: expected a positive finite number"),
        ({"rtol": 1e-6}, "rtol: expected a number above 1.19e-06 in float32"),
        ({"std": "nan"}, "std: expected a finite number, got nan"),
        ({"std": -1.0}, "std: expected a finite number >= 0"),
        ({"output": "/nowhere/result.json"}, "there is no folder /nowhere"),
        ({"output": "one", "save": "one"}, "--save and --checkpoint to differ, got "),
        ({"output": "/one", "save": "/tmp/../one"}, "--checkpoint to differ, got /one"),
        ({"checkpoint": "one", "save": "one"}, "--save and --checkpoint to differ, got "),
        ({"checkpoint": "/nowhere/c.npz"}, "there is no folder /nowhere"),
        ({"checkpoint": "/"}, "--checkpoint: expected a file, got the folder /"),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence(options, message, capsys):
    assert main(["train", *arguments(**options)]) == 2
    out, err = capsys.readouterr()
    assert message in err and not out and len(err.splitlines()) == 1


def test_weights_that_diverge_are_no_result():
    message = r"epoch 1, batch 0: the weights have diverged, \|w\| = "
    with pytest.raises(FloatingPointError, match=message):
        train(Run(method="rmsprop", rate=1e30, **SMALL))


@pytest.mark.parametrize("kind", [FloatingPointError, RuntimeError])
@pytest.mark.parametrize("log_every", [0, 1])
def test_an_error_within_a_batch_names_it(monkeypatch, log_every, kind):
    update, done = NCG.update, []

    def failing(self, *batch):
        done.append(batch)
        if len(done) == 10:  # of 7 batches an epoch
            raise kind("iteration 2: what went wrong")
        return update(self, *batch)

    monkeypatch.setattr(NCG, "update", failing)
    with pytest.raises(kind, match="^epoch 2, batch 2: iteration 2: what went wrong$"):
        train(Run(**SMALL), log_every=log_every)


@pytest.mark.parametrize("option", ["dataset", "activation", "loss", "method", "readout", "start"])
def test_an_unknown_name_is_refused_with_the_good_ones(option, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", *arguments(**{option: "nonsense"})])
    assert stop.value.code == 2
    assert "nonsense" in capsys.readouterr().err
    with pytest.raises(ValueError, match=f"{option}: expected one of .*, got 'nonsense'"):
        Run(**{option: "nonsense"})


def test_whoever_does_not_save_is_told_at_once(capsys, monkeypatch):
    assert main(["train", *arguments(**SMALL)]) == 0
    assert capsys.readouterr().err.count("The weights will not be kept; --save FILE") == 1
    monkeypatch.setattr(NCG, "update", stop)
    assert main(["train", *arguments(**SMALL)]) == 130
    assert "will not be kept" in capsys.readouterr().err


def stop(*args):
    raise KeyboardInterrupt


@pytest.mark.parametrize("method", ["ncg", "rmsprop"])
def test_a_training_that_was_stopped_goes_on_from_its_checkpoint(
    method, tmp_path, capsys, monkeypatch
):
    checkpoint, saved = tmp_path / "c.npz", tmp_path / "w.npz"
    command = ["train", *arguments(**SMALL, method=method, checkpoint=checkpoint, save=saved)]
    with monkeypatch.context() as patch:
        patch.setattr("snode.cli._report", stop)  # Ctrl-C as the first epoch ends
        assert main(command) == 130
    assert not saved.exists() and main(command) == 0
    assert capsys.readouterr().out.startswith("epoch 2/2")
    again = command[:-1]  # without --save: all is done, and it says how it ended
    assert main(again) == 0 and capsys.readouterr().out.startswith("epoch 2/2")
    assert np.array_equal(Weights.load(saved).W, train(Run(method=method, **SMALL)).weights.W)
    other = ["train", *arguments(**SMALL, method=method, seed=1, checkpoint=checkpoint)]
    assert main(other) == 2
    assert "c.npz: was made with another run.seed (0, not 1)" in capsys.readouterr().err


def test_an_abbreviated_option_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--epochs", "1", "--epoch", "3"])
    assert "--epoch" in capsys.readouterr().err


def test_collect_says_that_there_are_no_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SNODE_RUNS", str(tmp_path / "nothing"))
    assert main(["collect", str(tmp_path)]) == 2
    assert f"{tmp_path / 'nothing'}: there is no such folder" in capsys.readouterr().err


@pytest.mark.parametrize("method", [NCG, *OPTIMISERS.values()])
def test_a_flow_and_a_cost_are_asked_for_in_this_order(method):
    with pytest.raises(TypeError, match="cost: expected a Cost, got str 'l2'"):
        method(Euler(tanh), "l2")
    with pytest.raises(TypeError, match="flow: expected Euler or RK45, got Cost"):
        method(Cost(mu1=1), Euler(tanh))
    for flow in (Euler, RK45):
        with pytest.raises(
            TypeError, match="activation: expected an Activation .* got <ufunc 'tanh'>"
        ):
            flow(np.tanh)


def test_write_json_leaves_nothing_behind_when_it_fails(tmp_path):
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"x": object()})
    assert not list(tmp_path.iterdir())


def test_the_module_runs_as_a_program():
    command = [sys.executable, "-m", "snode", "data", "digits"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "digits: 1400 training and 397 test images, N = 64 (8 x 8)\n"
