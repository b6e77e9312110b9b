"""Put the cell that fetches the book where it is missing, as on Colab, into every executable page.

python book/_tools/colab.py

It is hidden on the page, the same everywhere, and the first code cell of a page: in its text twin
and in its notebook, whose outputs stay.  Where `snode` can be imported it does nothing at all.  The
repository's address is that of `project.urls` in pyproject.toml; while there is none, the cell says
so to whoever needs it.  Of the extras only the Adversarial Robustness Toolbox is installed, and by
itself: Colab has NumPy, SciPy, Matplotlib and scikit-learn, in versions of its own, and pins would
only make it restart.
"""

import re
import tomllib
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
PAGES, TEXTS = ROOT / "book", ROOT / "book" / "text"
TAGS = ["remove-cell", "fetch-the-book"]
TOOLBOX = "adversarial-robustness-toolbox=="
CELL = """\
from importlib.util import find_spec

if find_spec("snode") is None:  # as on Colab: fetch the book, and let Python find its package
    import os, subprocess, sys

    repository = "{repository}"
    assert repository, "snode is missing: open this page in a copy of the book, see its README"
    if not os.path.isdir("the-book"):
        subprocess.run(["git", "clone", "-q", "--depth=1", repository, "the-book"], check=True)
    if find_spec("art") is None:  # the Adversarial Robustness Toolbox, which Colab lacks
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
        subprocess.run([*pip, "{toolbox}"], check=True)
    os.chdir("the-book/book")
    sys.path[:0] = [os.getcwd(), os.path.dirname(os.getcwd())]"""
FIRST = re.compile(r"^```\{code-cell\}", re.M)
OLD = re.compile(
    r"^```\{code-cell\}[^\n]*\n:tags: \[remove-cell, fetch-the-book\]\n.*?^```\n\n", re.M | re.S
)


def cell(project=ROOT / "pyproject.toml"):
    """Return the cell's text, with the project's pin of the Toolbox, and its repository if any."""
    named = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    (toolbox,) = (p for p in named["optional-dependencies"]["book"] if p.startswith(TOOLBOX))
    return CELL.format(repository=named.get("urls", {}).get("Repository", ""), toolbox=toolbox)


def in_text(text, source):
    """Return a page's text with the cell before its first code cell, if it has any code."""
    text = OLD.sub("", text)
    block = f"```{{code-cell}} ipython3\n:tags: [{', '.join(TAGS)}]\n\n{source}\n```\n\n"
    return FIRST.sub(lambda match: block + match[0], text, count=1)


def in_notebook(notebook, source):
    """Put the cell into a notebook, in place; the other cells keep their outputs, renumbered."""
    cells = [c for c in notebook.cells if TAGS[1] not in c.metadata.get("tags", ())]
    code = [c for c in cells if c.cell_type == "code"]
    if not code:
        return
    new = nbformat.v4.new_code_cell(source, id=TAGS[1], metadata={"tags": TAGS})
    cells.insert(cells.index(code[0]), new)
    executed = any(c.execution_count for c in code)
    for n, one in enumerate((c for c in [new, *code] if executed and c.source.strip()), start=1):
        one.execution_count = n
    notebook.cells = cells


def lacking(source):
    """Return the texts and notebooks that differ from themselves with the cell, and how."""
    changes = {}
    for path in sorted(TEXTS.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if (wanted := in_text(text, source)) != text:
            changes[path] = wanted
    for path in sorted(PAGES.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        in_notebook(notebook, source)
        if (wanted := nbformat.writes(notebook)) != before:
            changes[path] = wanted + "\n"
    return changes


def main():
    changes = lacking(cell())
    for path, text in changes.items():
        path.write_text(text, encoding="utf-8")
    if changes:
        print(f"The first cell of {', '.join(path.name for path in changes)} is up to date.")


if __name__ == "__main__":
    main()
