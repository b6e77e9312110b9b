"""Runs: their names, their choices, and that a killed run ends with the same bits."""

import dataclasses
import json
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from snode.experiments import conduct
from snode.experiments.checkpoints import Checkpoint
from snode.experiments.gather import without_times
from snode.experiments.measure import measure
from snode.experiments.profiles import PROFILES, choose
from snode.experiments.runs import CHOICES, USERS, Run
from snode.experiments.storage import make_folder, read_json, runs_folder, write_arrays
from snode.experiments.training import train
from snode.files import read_arrays

pytestmark = pytest.mark.numpy_only
SMOKE = PROFILES["smoke"]
SMALL = {"layers": 6, "batch": 350, "iterations": 2}

# A run that kills itself at its n-th file: just before the draft becomes the file, or just after.
LIFE = """
import dataclasses, os, signal, sys
from snode import files
from snode.experiments import conduct
from snode.experiments.measure import measure
from snode.experiments.profiles import PROFILES
from snode.experiments.training import train

method, runs, when, n = sys.argv[1:]
replace, left = os.replace, int(n)

def deadly(draft, path):
    global left
    left -= 1
    if left == 0 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    replace(draft, path)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

files.os.replace = deadly
profile = dataclasses.replace(PROFILES["smoke"], checkpoint_seconds=0.0, toolbox_images=0)
run = profile.run(method=method, layers=6, batch=350, iterations=2)
job = conduct.prepare(profile, run, runs)
data = run.data()
trained = train(run, data, checkpoint=job.checkpoint, log_every=2)
job.finish(trained, measure(run, profile, trained.weights, data))
"""


def live(method, runs, when="never", n=0):
    command = [sys.executable, "-c", LIFE, method, str(runs), when, str(n)]
    return subprocess.run(command, capture_output=True, text=True)


def only(runs, pattern):
    (path,) = runs.glob(f"*/{pattern}")
    return path


@pytest.mark.parametrize("method", ["ncg", "adam"])
def test_a_run_killed_again_and_again_ends_with_the_same_bits(method, tmp_path):
    assert live(method, tmp_path / "quiet").returncode == 0
    for when, n in [("before", 2), ("after", 2), ("before", 1), ("after", 4), ("before", 2)]:
        assert live(method, tmp_path / "killed", when, n).returncode == -signal.SIGKILL
        assert not list((tmp_path / "killed").glob("*/smoke-*.json"))
    done = live(method, tmp_path / "killed")
    assert done.returncode == 0, done.stderr
    quiet, killed = (
        without_times(read_json(only(tmp_path / name, "*.json"))) for name in ("quiet", "killed")
    )
    assert quiet == killed
    for name in ("weights.npz", "smoke-*.npz"):
        pair = [only(tmp_path / runs, name).read_bytes() for runs in ("quiet", "killed")]
        assert pair[0] == pair[1], name
    assert "finished" in live(method, tmp_path / "killed").stderr


def test_killed_between_its_last_files_a_run_still_ends_well(tmp_path):
    assert live("ncg", tmp_path, "after", 10**6).returncode == 0
    json_file = only(tmp_path, "smoke-*.json")
    before = without_times(read_json(json_file))
    json_file.unlink()  # as if the kill had come just before it
    assert live("ncg", tmp_path).returncode == 0
    assert without_times(read_json(json_file)) == before


def test_training_with_checkpoints_and_without_is_the_same(tmp_path):
    run = SMOKE.run(method="adam", **SMALL)
    checkpoint = Checkpoint(tmp_path / "c.npz", {"run": dataclasses.asdict(run)}, 0.0)
    plain, kept = train(run, log_every=1), train(run, checkpoint=checkpoint, log_every=1)
    assert np.array_equal(plain.weights.W, kept.weights.W)
    assert plain.iterations == kept.iterations and len(plain.iterations) == 8
    again = train(run, checkpoint=checkpoint, log_every=1)  # all is done: nothing is repeated
    assert np.array_equal(plain.weights.W, again.weights.W) and again.epochs == kept.epochs


def test_another_run_does_not_go_on_from_a_checkpoint(tmp_path):
    run = SMOKE.run(**SMALL)
    path = tmp_path / "c.npz"
    train(run, checkpoint=Checkpoint(path, {"run": dataclasses.asdict(run)}, 0.0))
    other = dataclasses.replace(run, seed=1)
    with pytest.raises(ValueError, match=r"was made with another run\.seed \(0, not 1\)"):
        train(other, checkpoint=Checkpoint(path, {"run": dataclasses.asdict(other)}, 0.0))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"c\.npz: expected an npz file"):
        train(run, checkpoint=Checkpoint(path, {"run": dataclasses.asdict(run)}, 0.0))


@pytest.mark.parametrize(
    ("key", "value"),
    [("identity", None), ("identity", {}), ("epoch", None), ("batch", "no"), ("horizon", -1.0)],
)
def test_a_checkpoint_of_another_kind_is_named(key, value, tmp_path):
    run, path = SMOKE.run(**SMALL), tmp_path / "c.npz"
    checkpoint = Checkpoint(path, {"run": dataclasses.asdict(run)}, 0.0)
    train(run, checkpoint=checkpoint)
    arrays = dict(np.load(path))
    head = json.loads(str(arrays["head"]))
    head[key] = value
    if value == "no":
        del head[key]
    np.savez(path, **arrays | {"head": np.array(json.dumps(head))})
    with pytest.raises(ValueError, match=r"c\.npz: expected a checkpoint of this version \("):
        checkpoint.load()


def test_what_is_trained_may_be_measured_by_another_commit_and_what_is_not_may_not(tmp_path):
    run, path = SMOKE.run(**SMALL), tmp_path / "c.npz"
    first, later = (
        Checkpoint(path, {"run": dataclasses.asdict(run), "code": {"commit": c}}, 0.0) for c in "ab"
    )
    trained = train(run, checkpoint=first)
    assert np.array_equal(train(run, checkpoint=later).weights.W, trained.weights.W)
    assert later.trained_by() == {"commit": "a"}
    state = first.load()
    state.epoch -= 1
    first.save(state)
    with pytest.raises(ValueError, match="was made with another code"):
        later.load()


def test_a_result_names_the_commit_that_trained_if_another_measured(tmp_path):
    run, profile = SMOKE.run(**SMALL), dataclasses.replace(SMOKE, toolbox_images=0)
    job = conduct.prepare(profile, run, tmp_path)
    trained = train(run, checkpoint=job.checkpoint)
    measured = measure(run, profile, trained.weights, run.data())
    later = dataclasses.replace(job, code={"commit": "b", "dirty": False})
    origin = later.finish(trained, measured).content["provenance"]
    assert origin["commit"] == "b" and origin["trained"] == job.code
    for file in job.folder.glob("smoke-*"):
        file.unlink()
    assert "trained" not in job.finish(trained, measured).content["provenance"]


def test_what_another_process_has_finished_meanwhile_is_left_as_it_is(tmp_path):
    run, profile = SMOKE.run(**SMALL), dataclasses.replace(SMOKE, toolbox_images=0)
    first, second = (conduct.prepare(profile, run, tmp_path) for _ in range(2))
    trained = train(run, checkpoint=first.checkpoint)
    measured = measure(run, profile, trained.weights, run.data())
    first.finish(trained, measured)
    before = {path: path.read_bytes() for path in first.folder.iterdir()}
    with pytest.raises(FileExistsError, match=r"\.json: exists already"):
        second.finish(trained._replace(weights=trained.weights * 2.0), measured)
    assert {path: path.read_bytes() for path in first.folder.iterdir()} == before
    with pytest.raises(FileExistsError, match="remove its folder to repeat it, or this file to"):
        conduct.prepare(profile, run, tmp_path)


AT_WORK = """
import sys
from snode.experiments import conduct
from snode.experiments.profiles import PROFILES
conduct.prepare(PROFILES["smoke"], PROFILES["smoke"].run(), sys.argv[1])
print("at work", flush=True)
sys.stdin.read()
"""


def test_two_processes_do_not_work_on_one_run(tmp_path):
    pytest.importorskip("fcntl")
    command = [sys.executable, "-c", AT_WORK, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"at work\n"
        (folder,) = tmp_path.iterdir()
        draft = folder / ".checkpoint.npz.0123abcd.part"
        draft.touch()
        with pytest.raises(BlockingIOError, match="another process is at work on this run"):
            conduct.prepare(SMOKE, SMOKE.run(), tmp_path)
        assert draft.exists()
        other.kill()
    for _ in range(2):  # this process may prepare its own run again
        conduct.prepare(SMOKE, SMOKE.run(), tmp_path)
    assert not draft.exists()  # what the killed one has left


def test_a_diverged_training_leaves_its_last_good_checkpoint(tmp_path):
    run = SMOKE.run(method="rmsprop", rate=1e30, dtype="float32", **SMALL)
    checkpoint = Checkpoint(tmp_path / "c.npz", {"run": dataclasses.asdict(run)}, 0.0)
    for _ in range(2):  # a second start says the same, and blames no file
        with pytest.raises(FloatingPointError, match="epoch 1, batch 0: the weights have diverged"):
            train(run, checkpoint=checkpoint)


@contextmanager
def full_disk(size):
    """Let no file of this process grow beyond `size` bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_one_clear_error_and_loses_nothing(tmp_path):
    path = tmp_path / "a.npz"
    write_arrays(path, {"x": np.arange(3)})
    noise = np.random.default_rng(0).normal(size=10_000)
    with full_disk(20_000), pytest.raises(OSError, match=r"a\.npz: cannot be written \(File too"):
        write_arrays(path, {"x": noise})
    assert np.array_equal(read_arrays(path)["x"], np.arange(3))
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_a_file_where_a_folder_should_be_is_one_clear_error(tmp_path):
    (tmp_path / "runs").write_text("not a folder")
    with pytest.raises(OSError, match="runs.*: no folder can be made there"):
        conduct.prepare(SMOKE, SMOKE.run(), tmp_path / "runs")
    with pytest.raises(OSError, match="no folder can be made there"):
        make_folder(tmp_path / "runs")


def test_no_pickles(tmp_path):
    with pytest.raises(TypeError, match="x: expected numbers or text, got object"):
        write_arrays(tmp_path / "a.npz", {"x": np.array([{}])})
    np.savez(tmp_path / "b.npz", x=np.array([{}]))
    with pytest.raises(ValueError, match="without pickles"):
        read_arrays(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("profile", "choices", "name"),
    [
        ("paper", {}, "paper-tanh-l2-ncg-s0"),
        ("paper", {"epochs": 20, "flow": "rk45"}, "paper-tanh-l2-ncg-flow=rk45-epochs=20-s0"),
        (
            "paper",
            {"loss": "ce", "method": "rmsprop", "weight_decay": 1e-8, "seed": 3},
            "paper-tanh-ce-rmsprop-weight_decay=1e-08-s3",
        ),
        ("smoke", {"input_range": "0to1"}, "smoke-tanh-l2-ncg-input_range=0to1-s0"),
        ("smoke", {"std": 0.005, "horizon": 1}, "smoke-tanh-l2-ncg-horizon=1.0-std=0.005-s0"),
    ],
)
def test_an_id_is_readable_and_stable(profile, choices, name):
    assert PROFILES[profile].identify(PROFILES[profile].run(**choices)) == name


def test_every_choice_changes_the_id():
    """Two runs that differ must never share their files."""
    other = {int: 7, float: 0.123, bool: True}
    runs = {SMOKE.run()}
    for field in dataclasses.fields(Run):
        by, users = USERS.get(field.name, ("method", ("ncg",)))
        now = getattr(SMOKE.defaults, field.name)
        values = CHOICES.get(field.name, [now, other.get(field.type)])
        made = {SMOKE.run(**{by: users[0], field.name: value}) for value in values}
        assert len(made) == len(values) > 1, field.name
        runs |= made
    assert len({SMOKE.identify(run) for run in runs}) == len(runs) > len(dataclasses.fields(Run))


@pytest.mark.parametrize("name", USERS)
def test_a_choice_without_effect_is_refused(name):
    by, users = USERS[name]
    values = CHOICES.get(name, [0.123, 7, True])
    fit = {float: 0.123, int: 7, bool: True, str: values[-1]}[type(getattr(Run, name))]
    for other in CHOICES[by]:
        if other in users:
            assert getattr(SMOKE.run(**{by: other, name: fit}), name) == fit
        else:
            with pytest.raises(ValueError, match=f"{name}: expected .* with {by} {other}, where"):
                SMOKE.run(**{by: other, name: fit})


def test_the_paper_profile_is_the_papers_text():
    run = PROFILES["paper"].run()
    assert (run.dataset, run.layers, run.horizon, run.batch) == ("mnist14", 150, 3.0, 100)
    assert (run.iterations, run.epochs, run.std, run.start) == (6, 10, 0.001, "iid")
    assert (run.rate, run.mu3, run.gamma, run.dtype) == (0.01, 0.4, "fletcher-reeves", "float32")
    assert run.box() == (-1.0, 0.0) and run.readout == "all"  # the authors' prototype


def test_choose_refuses_what_it_does_not_know():
    profile, run = choose({"profile": "smoke", "seed": 2, "horizon": 1, "loss": None})
    assert profile is SMOKE and run == SMOKE.run(seed=2, horizon=1.0)
    with pytest.raises(TypeError, match=r"sead: there is no such parameter; did you mean seed\?"):
        choose({"profile": "smoke", "sead": 1})
    with pytest.raises(ValueError, match="profile: expected one of smoke, quick, paper"):
        choose({"profile": "papr"})
    with pytest.raises(ValueError, match="rate: expected a number, got 'fast'"):
        choose({"profile": "smoke", "rate": "fast"})


def test_the_paper_profile_refuses_a_dirty_work_tree(tmp_path, monkeypatch):
    monkeypatch.setattr(conduct, "code_version", lambda: {"commit": "a" * 40, "dirty": True})
    with pytest.raises(RuntimeError, match="the work tree is dirty"):
        conduct.prepare(PROFILES["paper"], PROFILES["paper"].run(), tmp_path)
    monkeypatch.setattr(conduct, "code_version", lambda: {"commit": None, "dirty": True})
    with pytest.raises(RuntimeError, match="no git work tree.* run from a clone, or choose"):
        conduct.prepare(PROFILES["paper"], PROFILES["paper"].run(), tmp_path)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(conduct, "code_version", lambda: {"commit": "a" * 40, "dirty": False})
    job = conduct.prepare(PROFILES["paper"], PROFILES["paper"].run(), tmp_path)
    assert job.folder == tmp_path / "paper-tanh-l2-ncg-s0"


def test_an_id_too_long_for_a_file_is_refused_before_the_work(tmp_path):
    long = {
        "weight_decay": 1.23456789e-5,
        "horizon": 1.23456789,
        "std": 1.23456789e-5,
        "layers": 10**9,
    }
    run = SMOKE.run(
        **long, rtol=1.23456789e-5, atol=1.23456789e-5, input_range="0to1", epochs=10**9
    )
    run = dataclasses.replace(
        run, gamma="hestenes-stiefel", direction_scale=1.23456789e-5, batch=10**9
    )
    with pytest.raises(ValueError, match="run: expected an id of at most 230 letters, got smoke-"):
        conduct.prepare(SMOKE, run, tmp_path)
    assert not list(tmp_path.iterdir())


def test_runs_go_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("SNODE_RUNS", str(tmp_path))
    assert runs_folder() == tmp_path
    job = conduct.prepare(PROFILES["quick"], PROFILES["quick"].run())
    assert job.folder.parent == tmp_path
    monkeypatch.delenv("SNODE_RUNS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert runs_folder() == tmp_path / "snode" / "runs"


def test_numpys_scalars_are_taken_as_pythons():
    run = SMOKE.run(seed=np.int64(2), std=np.float64(0.1), batch=np.int32(2), noise_clip=np.True_)
    assert run == SMOKE.run(seed=2, std=0.1, batch=2, noise_clip=True)
    assert SMOKE.identify(run).endswith("-batch=2-std=0.1-noise_clip=True-s2")
    for bad in (np.float64(2.0), np.True_, np.arange(2), True):
        with pytest.raises(ValueError, match="seed: expected a non-negative integer, got"):
            SMOKE.run(seed=bad)


def test_json_keeps_the_run():
    run = SMOKE.run(weight_decay=1e-8)
    assert Run(**json.loads(json.dumps(dataclasses.asdict(run)))) == run
