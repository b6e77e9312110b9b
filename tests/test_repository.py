"""The repository's own rules: versions pinned once, nothing stray at the top, no silent skips."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from snode import __version__

pytestmark = pytest.mark.numpy_only
ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
TOP_LEVEL = """
book snode tests _config.yml _toc.yml environment.yml README.md pyproject.toml constraints.txt
Makefile LICENSE LICENSE-text CITATION.cff CONTRIBUTING.md CHANGELOG.md
.github .ci .pre-commit-config.yaml .gitignore
"""
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[0-9][A-Za-z0-9.]*)")


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned():
    """The requirements of the extras; those of the GPU extras depend on the machine."""
    return [x for name, lines in EXTRAS.items() if not name.startswith("gpu") for x in lines]


def least():
    """The package's own requirements and the lowest versions that they allow."""
    return dict(line.split(">=") for line in PROJECT["dependencies"])


def frozen():
    """Return the lines of constraints.txt, without their markers."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [line.split(" ;")[0] for line in lines if line and not line.startswith("#")]


def test_each_version_is_pinned_once():
    names = [plain(PIN.fullmatch(line)["name"]) for line in pinned() + frozen()]
    assert len(names) == len(set(names)) and len(frozen()) > 100


def test_the_package_asks_for_a_range_that_holds_the_frozen_version():
    versions = dict(line.split("==") for line in frozen())
    for name, low in least().items():
        low, version = (tuple(map(int, v.split("."))) for v in (low, versions[name]))
        assert low <= version, name


def test_the_lowest_versions_are_tested_every_week():
    rows = workflows()["weekly"]["jobs"]["other-numpys"]["strategy"]["matrix"]["include"]
    (oldest,) = (row for row in rows if "==" in row["ask"])
    assert oldest["ask"].split() == [f"{name}=={low}.*" for name, low in least().items()]
    assert PROJECT["requires-python"].startswith(f">={oldest['python']},")


def test_environment_is_python_pip_and_the_extras():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, wheels = environment["dependencies"]
    low = re.match(r">=([\d.]+),", PROJECT["requires-python"])[1]
    assert python == f"python={low}" and pip == "pip"
    assert wheels == {"pip": ["-c constraints.txt", "-e .[book,test]"]}


def test_make_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split()
    assert phony == re.findall(r"^([a-z]+):.* ## ", makefile, re.M)


def workflows():
    folder = ROOT / ".github/workflows"
    return {path.stem: yaml.safe_load(path.read_text()) for path in folder.glob("*.yml")}


def test_workflows_call_targets_that_exist():
    targets = set(re.findall(r"^([a-z]+):.* ## ", (ROOT / "Makefile").read_text(), re.M))
    steps = [s for flow in workflows().values() for j in flow["jobs"].values() for s in j["steps"]]
    called = re.findall(r"\bmake (\w+)", "\n".join(step.get("run", "") for step in steps))
    assert {"lint", "test", "html", "release", "links"} <= set(called) <= targets


def test_workflows_may_write_only_where_they_publish():
    for name, flow in workflows().items():
        assert flow["permissions"] == {"contents": "read"}, name
        jobs = {k for k, job in flow["jobs"].items() if "permissions" in job}
        assert jobs <= {"pages": {"deploy"}, "release": {"release"}}.get(name, set())


def test_the_pdf_asks_for_what_the_release_installs():
    script = (ROOT / "book/_tools/pdf.sh").read_text()
    wanted = re.search(r'^packages="(.*)"$', script, re.M)[1].split()
    steps = workflows()["release"]["jobs"]["release"]["steps"]
    (install,) = (s["run"] for s in steps if "apt-get" in s.get("run", ""))
    assert set(wanted) <= set(install.split())


def test_the_environment_script_knows_the_range_of_pythons():
    low, high = (v.split(".") for v in re.findall(r"[\d.]+", PROJECT["requires-python"]))
    script = (ROOT / "book/_tools/venv.sh").read_text()
    assert f"({', '.join(low)}) <= sys.version_info[:2] < ({', '.join(high)})" in script


def test_top_level_holds_only_what_it_should():
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    files = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {name.split("/")[0] for name in files.split("\0") if name}
    assert top == set(TOP_LEVEL.split())


def test_licences_and_citation_name_what_they_should():
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    assert "Attribution 4.0 International" in (ROOT / "LICENSE-text").read_text()
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    paper = citation["preferred-citation"]
    assert paper["doi"].endswith("2205.13933") and len(paper["authors"]) == 6


@pytest.mark.parametrize("workers", ["0", "2"])
def test_ci_counts_a_skip_as_a_failure(tmp_path, workers):
    (tmp_path / "test_one.py").write_text(
        "import pytest\n"
        "def test_run(): pass\n"
        "def test_allowed(): pytest.skip('no GPU here')\n"
        "def test_forgotten(): pytest.skip('later')\n"
        "@pytest.mark.xfail\ndef test_known(): assert False\n"
    )
    (tmp_path / "test_two.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    strict = ["-p", "strict_skips", "--allow-skip", "no GPU", "-n", workers]
    variables = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    whole = ["--continue-on-collection-errors", "--rootdir", tmp_path, tmp_path]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *strict, *whole],
        env=variables | {"PYTHONPATH": str(ROOT / ".ci")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode != 0
    assert "skip that is not allowed here: Skipped: later" in run.stdout
    assert "no_such_module" in run.stdout and "no GPU here" not in run.stdout
