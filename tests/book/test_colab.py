"""The hidden cell that fetches the book where it is missing: on every page, and idle at home."""

import importlib.util
import os
import subprocess
import sys

import colab
import jupytext
import nbformat
import pytest
from jupytext.compare import compare_notebooks
from pages import ROOT

pytestmark = pytest.mark.numpy_only

PIP = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
NAMELESS = """\
[project.optional-dependencies]
book = ["matplotlib==3.0", "adversarial-robustness-toolbox==9.8.7"]
"""
PAGE = """\
---
kernelspec:
  display_name: Python 3
  name: python3
---

# A page

```{code-cell} ipython3
x = 1
print(x)
```
"""


def test_every_executable_page_has_it():
    assert not [path.name for path in colab.lacking(colab.cell())], "run `make notebooks`"


def test_it_is_the_first_code_cell_of_both_twins_once():
    notebook = jupytext.reads(PAGE, "md:myst")
    notebook.cells[1].update(
        execution_count=1, outputs=[nbformat.v4.new_output("stream", text="1\\n")]
    )
    text = PAGE
    for source in ("old = 1", colab.cell()):
        text = colab.in_text(text, source)
        colab.in_notebook(notebook, source)
    compare_notebooks(notebook, jupytext.reads(text, "md:myst"), "md:myst", compare_outputs=False)
    title, first, second = notebook.cells
    assert first.source == colab.cell() and "remove-cell" in first.metadata["tags"]
    assert [first.execution_count, second.execution_count] == [1, 2] and second.outputs
    assert text.replace(colab.in_text(PAGE, colab.cell()), "") == ""


def test_a_page_without_code_has_none():
    assert colab.in_text("# Words only\n", "x = 1") == "# Words only\n"


def test_it_names_the_projects_repository_and_toolbox(tmp_path):
    urls = '[project.urls]\nRepository = "https://github.com/a/b"\n'
    (tmp_path / "p.toml").write_text(urls + NAMELESS)
    cell = colab.cell(tmp_path / "p.toml")
    assert '    repository = "https://github.com/a/b"\n' in cell
    assert '[*pip, "adversarial-robustness-toolbox==9.8.7"]' in cell
    assert len([line for line in cell.splitlines() if line.strip()]) <= 12


def test_it_fetches_and_installs_where_the_package_is_missing(monkeypatch, tmp_path):
    urls, called = '[project.urls]\nRepository = "https://github.com/a/b"\n', []
    (tmp_path / "p.toml").write_text(urls + NAMELESS)
    (tmp_path / "the-book" / "book").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda command, check: called.append(command))
    exec(colab.cell(tmp_path / "p.toml"), {})
    assert called == [[*PIP, "adversarial-robustness-toolbox==9.8.7"]]
    assert sys.path[:2] == [os.getcwd(), str(tmp_path / "the-book")]


def test_it_does_nothing_where_the_package_is():
    names, folder, path = {}, os.getcwd(), list(sys.path)
    exec(colab.cell(), names)
    assert set(names) == {"__builtins__", "find_spec"}
    assert (os.getcwd(), sys.path) == (folder, path)


def test_without_a_repository_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (tmp_path / "p.toml").write_text(NAMELESS)
    with pytest.raises(AssertionError, match="a copy of the book, see its README"):
        exec(colab.cell(tmp_path / "p.toml"), {})


def test_binder_finds_the_environment_at_the_top():
    assert (ROOT / "environment.yml").is_file()
    assert not (ROOT / "binder").exists() and not (ROOT / ".binder").exists()
