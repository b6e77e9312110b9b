"""The run notebook under papermill, and a sweep of six runs that is killed and goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from snode.experiments.gather import without_times
from snode.experiments.profiles import choose
from snode.experiments.runs import Run

pytestmark = pytest.mark.numpy_only
ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "book" / "one_run.ipynb"
SETTINGS = {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def papermill(output, *parameters):
    words = [word for pair in parameters for word in ("-p", *map(str, pair))]
    command = [
        sys.executable,
        "-m",
        "papermill",
        NOTEBOOK,
        output,
        "--cwd",
        NOTEBOOK.parent,
        *words,
    ]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | SETTINGS, capture_output=True, text=True
    )


def test_the_parameters_are_the_fields_of_a_run():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    (cell,) = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
    names = {}
    exec(cell.source, names)
    names = {k: v for k, v in names.items() if k != "__builtins__"}
    assert names.keys() - {"profile", "runs", "backend"} == set(Run.__dataclass_fields__)
    choices = {k: v for k, v in names.items() if k not in ("runs", "backend")}
    assert choose(choices)[0].name == "smoke"


def test_a_misspelt_parameter_stops_the_run_before_it_begins(tmp_path):
    done = papermill(tmp_path / "out.ipynb", ("sead", 1), ("runs", tmp_path / "runs"))
    assert done.returncode != 0
    assert "sead: there is no such parameter; did you mean seed?" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_parameter_reaches_the_run_and_a_finished_run_is_not_repeated(tmp_path):
    line = (("seed", 1), ("flow", "rk45"), ("layers", 6), ("runs", tmp_path / "runs"))
    assert papermill(tmp_path / "out.ipynb", *line).returncode == 0
    name = "smoke-tanh-l2-ncg-flow=rk45-layers=6-s1"
    folder = tmp_path / "runs" / name
    content = json.loads((folder / f"{name}.json").read_text())
    assert content["run"]["seed"] == 1 and content["run"]["layers"] == 6
    assert content["measurements"]["attacks"] == {}  # as in Table 1
    assert {p.name for p in folder.iterdir()} == {
        f"{name}.json",
        f"{name}.npz",
        "weights.npz",
        "checkpoint.npz",
    }
    again = papermill(tmp_path / "out.ipynb", *line)
    assert again.returncode != 0 and "this run is finished" in again.stderr


def snakemake(folder, *more):
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        "book/workflow/Snakefile",
        "-c2",
        "--nolock",
    ]
    choices = ["profile=smoke", "only=[try]", "seeds=[0,1]", f"runs={folder}", *more]
    return subprocess.Popen(
        [*command, "--config", *choices],
        cwd=ROOT,
        env=os.environ | SETTINGS,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end(sweep):
    """Its exit code and what it said."""
    message = sweep.communicate()[1]
    return sweep.returncode, message


def finished(folder):
    return {p.stem: without_times(json.loads(p.read_text())) for p in folder.glob("*/smoke-*.json")}


@pytest.mark.sweep
def test_a_sweep_killed_twice_equals_an_uninterrupted_one(tmp_path):
    pytest.importorskip("snakemake", reason="extra sweep")
    quiet, killed = tmp_path / "quiet", tmp_path / "killed"
    begin = time.monotonic()
    code, message = end(snakemake(quiet))
    seconds = time.monotonic() - begin
    assert code == 0 and len(finished(quiet)) == 6, message
    done = []
    for share in (0.3, 0.5):  # engine and workers at once
        sweep = snakemake(killed)
        time.sleep(share * seconds)
        os.killpg(sweep.pid, signal.SIGKILL)
        sweep.wait()
        done.append(len(finished(killed)))
    assert done[0] < 6
    code, message = end(snakemake(killed))
    assert code == 0, message
    assert finished(killed) == finished(quiet)


# Its first call dies before it answers, as a kernel does whose port another has taken.
MORTAL = """
from pathlib import Path
from ipykernel.kernelapp import launch_new_instance

try:
    Path(__file__).with_name("called").mkdir()
except FileExistsError:
    launch_new_instance()
"""


@pytest.mark.sweep
def test_a_kernel_that_dies_at_its_start_is_started_again(tmp_path, monkeypatch):
    pytest.importorskip("snakemake", reason="extra sweep")
    kernels = tmp_path / "jupyter" / "kernels" / "python3"
    kernels.mkdir(parents=True)
    (kernels / "mortal.py").write_text(MORTAL)
    argv = [sys.executable, str(kernels / "mortal.py"), "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "dies once", "language": "python"}
    (kernels / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    code, message = end(snakemake(tmp_path / "runs", "seeds=[0]"))
    assert code == 0 and len(finished(tmp_path / "runs")) == 3, message
    assert message.count("Error in rule run") == 1


@pytest.mark.sweep
def test_a_failed_run_leaves_the_others_going_and_keeps_its_notebook(tmp_path):
    pytest.importorskip("snakemake", reason="extra sweep")
    bad = tmp_path / "smoke-tanh-l2-ncg-s1"
    bad.mkdir()
    (bad / "checkpoint.npz").write_text("no checkpoint")
    code, message = end(snakemake(tmp_path))
    assert code != 0 and len(finished(tmp_path)) == 5, message
    assert "expected an npz file" in (bad / "smoke-tanh-l2-ncg-s1.log").read_text()
    assert (bad / "smoke-tanh-l2-ncg-s1.ipynb").exists()
    (bad / "checkpoint.npz").unlink()
    times = {p: p.stat().st_mtime_ns for p in tmp_path.glob("*/smoke-*.json")}
    code, message = end(snakemake(tmp_path))
    assert code == 0 and len(finished(tmp_path)) == 6, message
    assert all(p.stat().st_mtime_ns == t for p, t in times.items())


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("profil=smoke", "no such setting: profil; there are profile, backend, seeds"),
        ("profile=smok", "no such profile: smok; there are smoke, quick, paper"),
        ("only=tri", "no such entry: tri; there are table1"),
    ],
)
def test_a_misspelt_setting_plans_nothing(tmp_path, setting, message):
    pytest.importorskip("snakemake", reason="extra sweep")
    code, said = end(snakemake(tmp_path, setting))
    assert code != 0 and message in said
    assert not list(tmp_path.iterdir())
