"""What a release packs is enough: the notebooks' archive judges the claims as the book does."""

import json
import os
import shutil
import subprocess
import sys

import claims
import exercises
import pytest
import release

pytestmark = pytest.mark.numpy_only

ASK = """
import json, exercises, claims
words = {n: v.word for n, v in claims.verdicts().items()}
print(json.dumps([words, len(exercises.exercises())]))
"""


@pytest.fixture
def unpacked(tmp_path):
    for name, file in release.tracked().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, tmp_path / name)
    return tmp_path


def test_the_archive_of_notebooks_is_complete(unpacked):
    known = {name for name in os.environ if not name.startswith("SNODE_")}
    env = {name: os.environ[name] for name in known} | {"PYTHONPATH": str(unpacked)}
    command = [sys.executable, "-c", ASK]
    said = subprocess.run(
        command, cwd=unpacked / "book", env=env, capture_output=True, text=True, check=True
    ).stdout
    words, count = json.loads(said)
    ours = claims.verdicts()
    assert words == {str(number): verdict.word for number, verdict in ours.items()}
    assert count == len(exercises.exercises())


def test_a_packed_archive_has_the_same_bytes_each_time(tmp_path):
    source, archives = tmp_path / "a.txt", []
    for time in (1e9, 2e9):
        source.write_text("the same")
        os.utime(source, (time, time))
        archives.append(tmp_path / str(time) / "x.zip")
        archives[-1].parent.mkdir()
        release.pack(archives[-1], {"b.txt": source, "a.txt": source})
    assert archives[0].read_bytes() == archives[1].read_bytes()
