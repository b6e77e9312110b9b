"""Result files: checked when written and when read, gathered without overwriting."""

import dataclasses
import json
import subprocess

import numpy as np
import pytest

from snode.cli import main
from snode.experiments.gather import collect, load_results
from snode.experiments.measure import measure
from snode.experiments.profiles import PROFILES
from snode.experiments.provenance import code_version, peak_memory, provenance
from snode.experiments.results import load, load_run, make_result, save
from snode.experiments.schema import check
from snode.experiments.training import train

pytestmark = pytest.mark.numpy_only
PROFILE = dataclasses.replace(PROFILES["smoke"], toolbox_images=0)


def make(profile, **choices):
    run = profile.run(layers=6, **choices)
    trained = train(run, log_every=2)
    measured = measure(run, profile, trained.weights, run.data())
    return run, make_result(profile, run, trained, measured, provenance(code_version()))


@pytest.fixture(scope="module")
def made():
    return make(PROFILE)


@pytest.fixture
def stored(made, tmp_path):
    """The result in a folder of runs; and that folder."""
    return save(made[1], tmp_path / made[1].content["id"]), tmp_path


def test_what_is_written_is_read(made, stored):
    run, result = made
    again = load_run(PROFILE, run, stored[0].parent)
    assert again.content == result.content
    assert all(np.array_equal(v, again.arrays[k], equal_nan=True) for k, v in result.arrays.items())
    assert stored[0].stat().st_size < 30_000
    origin = result.content["provenance"]
    assert origin["versions"]["numpy"] == np.__version__ and origin["peak_memory_MiB"] > 10


def test_a_result_is_written_once(made, stored):
    before = [stored[0].with_suffix(end).read_bytes() for end in (".json", ".npz")]
    other = made[1]._replace(arrays={k: 2 * v for k, v in made[1].arrays.items()})
    with pytest.raises(FileExistsError, match="exists already"):
        save(other, stored[0].parent)
    assert [stored[0].with_suffix(end).read_bytes() for end in (".json", ".npz")] == before


def test_a_missing_result_is_none(made, tmp_path):
    assert load_run(PROFILE, made[0], tmp_path) is None
    assert load_results(tmp_path, "smoke", seeds=range(3), layers=6) == {}
    with pytest.raises(ValueError, match="profile: expected one of smoke, quick, .*, got 'papr'"):
        load_results(tmp_path, "papr")
    with pytest.raises(TypeError, match=r"sede: there is no such parameter; did you mean seed\?"):
        load_results(tmp_path, "smoke", sede=1)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [("run", "rate", 0.02), ("run", "horizon", 2.0), ("profile", "images", 41)],
)
def test_a_result_of_another_run_is_refused(made, stored, part, field, value):
    content = json.loads(stored[0].read_text())
    content[part][field] = value
    stored[0].write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"{part}\.{field} is {value}, but .* was asked for"):
        load_run(PROFILE, made[0], stored[0].parent)


def test_a_file_named_after_another_run_is_refused(stored):
    other = stored[0].with_name("smoke-relu-l2-ncg-layers=6-s0.json")
    stored[0].rename(other)
    stored[0].with_suffix(".npz").rename(other.with_suffix(".npz"))
    with pytest.raises(ValueError, match="not the one it is named after"):
        load(other)


def remove(content, *place):
    for key in place[:-1]:
        content = content[key]
    del content[place[-1]]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: remove(c, "run"), r"result\.run: missing"),
        (lambda c: remove(c, "measurements", "noise", "measured"), r"noise\.measured: missing"),
        (lambda c: c.update(schema=2), r"result\.schema: expected 1, got 2"),
        (lambda c: c["epochs"].pop(), r"result\.epochs: expected 2 lines, got 1"),
        (lambda c: c["epochs"][0].update(test_accuracy=float("nan")), "expected a finite number"),
        (lambda c: c["provenance"].update(dirty="no"), r"provenance\.dirty: expected .*bool"),
    ],
)
def test_what_is_no_result_is_refused_with_its_place(made, spoil, message):
    content = json.loads(json.dumps(made[1].content))
    spoil(content)
    with pytest.raises(ValueError, match=message):
        check(content, made[1].arrays)


def test_arrays_are_checked(made):
    with pytest.raises(ValueError, match="missing: state_mean"):
        check(made[1].content, {k: v for k, v in made[1].arrays.items() if k != "state_mean"})
    with pytest.raises(ValueError, match=r"arrays\.x: expected numbers"):
        check(made[1].content, made[1].arrays | {"x": np.array(["text"])})


@pytest.mark.parametrize("name", ["json", "npz"])
def test_half_a_file_is_refused(stored, name):
    path = stored[0].with_suffix(f".{name}")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match=rf"{path.name}: expected"):
        load(stored[0])


def test_collect_copies_once_and_never_overwrites(made, stored, tmp_path, monkeypatch, capsys):
    target = tmp_path / "data"
    target.mkdir()
    monkeypatch.setenv("SNODE_RUNS", str(stored[1]))
    assert main(["collect", str(target)]) == 0
    name = made[1].content["id"]
    assert capsys.readouterr().out.splitlines()[0] == name
    assert sorted(p.name for p in target.iterdir()) == [f"{name}.json", f"{name}.npz"]
    assert collect(target) == []  # the same again: nothing to do
    content = json.loads((target / f"{name}.json").read_text())
    content["measurements"]["noise"]["mean"] += 0.01
    (target / f"{name}.json").write_text(json.dumps(content))
    before = (target / f"{name}.json").read_bytes()
    assert main(["collect", str(target)]) == 2
    assert "is there already and differs" in capsys.readouterr().err
    assert (target / f"{name}.json").read_bytes() == before


def test_numbers_that_are_not_finite_do_not_lose_the_run(made):
    run, trained = made[0], train(made[0])
    measured = measure(run, PROFILE, trained.weights, run.data())
    measured.numbers["noise"]["mean"] = float("nan")
    origin = provenance(code_version())
    result = make_result(PROFILE, run, trained, measured, origin)
    assert result.content["measurements"]["noise"]["mean"] is None


def committed(folder):
    """Make a git repository with one file."""
    folder.mkdir(exist_ok=True)
    (folder / "a.py").write_text("x = 1")
    git = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init"], ["add", "."], ["commit", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)


STRANGE = {
    "a link to nowhere": lambda folder: (folder / "link").symlink_to("nowhere"),
    "a repository inside": lambda folder: committed(folder / "inside"),
    "no UTF-8": lambda folder: (folder / "a.py").write_bytes(b"x = '\xe9'"),
}


@pytest.mark.parametrize("what", STRANGE)
def test_whatever_makes_a_tree_dirty_has_a_version(tmp_path, what):
    committed(tmp_path)
    STRANGE[what](tmp_path)
    code = code_version(tmp_path)
    assert code["dirty"] and len(code["changes"]) == 12


def test_the_settings_of_somebodys_git_do_not_matter(tmp_path):
    committed(tmp_path)
    set_up = ["git", "-C", tmp_path, "config"]
    for name, value in (("status.showUntrackedFiles", "no"), ("diff.external", "true")):
        subprocess.run([*set_up, name, value], check=True)
    seen = [code_version(tmp_path)]
    for name, text in (("b.py", "y = 1"), ("a.py", "x = 2"), ("a.py", "x = 3")):
        (tmp_path / name).write_text(text)
        seen.append(code_version(tmp_path))
        assert seen[-1]["dirty"] and seen[-1] not in seen[:-1]


def test_code_version_knows_a_dirty_tree(tmp_path):
    assert code_version(tmp_path / "nowhere") == {"commit": None, "dirty": True}
    committed(tmp_path)
    clean = code_version(tmp_path)
    assert clean.keys() == {"commit", "dirty"}
    assert len(clean["commit"]) == 40 and not clean["dirty"]
    (tmp_path / "book" / "data").mkdir(parents=True)
    (tmp_path / "book" / "data" / "result.json").write_text("{}")
    assert not code_version(tmp_path)["dirty"]
    assert code_version(tmp_path / "book") == {"commit": None, "dirty": True}  # of another project
    seen = [clean]  # each change, also of a new file's content, is another version
    for name, text in (("a.py", "x = 2"), ("b.py", "y = 1"), ("b.py", "y = 2")):
        (tmp_path / name).write_text(text)
        seen.append(code_version(tmp_path))
        assert seen[-1]["dirty"] and seen[-1] not in seen[:-1]
    assert code_version(tmp_path) == seen[-1]
    assert peak_memory() > 1
