"""The hidden cell that fetches the book where it is missing: on every page, and idle at home."""

import importlib.util
import os
import sys

import jupytext
import nbformat
import pytest
from jupytext.compare import compare_notebooks
from pages import BOOK, ROOT

pytestmark = pytest.mark.numpy_only

sys.path.insert(0, str(BOOK / "_tools"))
import colab  # noqa: E402

sys.path.pop(0)

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


def test_it_names_the_projects_repository(tmp_path):
    (tmp_path / "p.toml").write_text('[project.urls]\nRepository = "https://github.com/a/b"\n')
    assert '    repository = "https://github.com/a/b"\n' in colab.cell(tmp_path / "p.toml")
    lines = [line for line in colab.CELL.splitlines() if line.strip()]
    assert len(lines) <= 10


def test_it_does_nothing_where_the_package_is():
    names, folder, path = {}, os.getcwd(), list(sys.path)
    exec(colab.cell(), names)
    assert set(names) == {"__builtins__", "find_spec"}
    assert (os.getcwd(), sys.path) == (folder, path)


def test_without_a_repository_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (tmp_path / "p.toml").write_text("[project]\n")
    with pytest.raises(AssertionError, match="a copy of the book, see its README"):
        exec(colab.cell(tmp_path / "p.toml"), {})


def test_binder_finds_the_environment_at_the_top():
    assert (ROOT / "environment.yml").is_file()
    assert not (ROOT / "binder").exists() and not (ROOT / ".binder").exists()
