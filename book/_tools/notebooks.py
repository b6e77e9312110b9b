"""Make the notebooks book/X.ipynb from their text twins book/text/X.md and execute them.

python book/_tools/notebooks.py [--all] [--check] [--jobs 2] [NAME...]

Without --all, only those whose twin has changed or that have not been executed; where no code has
changed, the outputs stay, and nothing is executed.  --check changes nothing and fails if there
are any.
"""

import argparse
import base64
import os
import shutil
import sys
from pathlib import Path

import jupytext
import nbformat
from execute import execute_all
from jupytext.cli import jupytext as jupytext_command
from jupytext.compare import NotebookDifference, compare_notebooks

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "book" / "_static" / "front.png"
PAGES, TEXTS, DRAFTS = ROOT / "book", ROOT / "book" / "text", ROOT / "_build" / "notebooks"


def stale(text):
    """True if the notebook is missing, differs from its text twin or was not executed."""
    page = PAGES / f"{text.stem}.ipynb"
    if not page.exists():
        return True
    notebook = nbformat.read(page, as_version=4)
    try:
        compare_notebooks(notebook, jupytext.read(text), fmt="md:myst")
    except NotebookDifference:
        return True
    return not executed(notebook)


def code(notebook):
    """Return the cells that compute."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def executed(notebook):
    return all(cell.execution_count is not None for cell in code(notebook))


def same_code(path):
    """True if a draft differs from its page in words alone, and the page was executed."""
    if not (page := PAGES / path.name).exists():
        return False
    old, new = (nbformat.read(p, as_version=4) for p in (page, path))
    return executed(old) and [c.source for c in code(old)] == [c.source for c in code(new)]


def draft(text):
    """Write the notebook with the twin's cells, beside the pages, and return its path."""
    DRAFTS.mkdir(parents=True, exist_ok=True)
    path, page = DRAFTS / f"{text.stem}.ipynb", PAGES / f"{text.stem}.ipynb"
    path.unlink(missing_ok=True)
    if page.exists():
        shutil.copy(page, path)
    jupytext_command(["--quiet", "--update", "--to", "ipynb", "--output", str(path), str(text)])
    return path


def front_picture():
    """Return the picture of the front page, which the README shows too, as bytes."""
    notebook = nbformat.read(PAGES / "index.ipynb", as_version=4)
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    pictures = (output.get("data", {}).get("image/png") for output in outputs)
    return base64.b64decode(next(picture for picture in pictures if picture))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="also those that have not changed")
    parser.add_argument("--check", action="store_true", help="only name those that would be made")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("names", nargs="*", help="chapters, without ending (default: every one)")
    options = parser.parse_args()
    texts = sorted(TEXTS / f"{n}.md" for n in options.names) or sorted(TEXTS.glob("*.md"))
    if missing := [text.stem for text in texts if not text.exists()]:
        sys.exit(f"No such chapter: {', '.join(missing)}")
    changed = [text for text in texts if options.all or stale(text)]
    if options.check:
        sys.exit(f"Run make notebooks: {', '.join(t.stem for t in changed)}" if changed else 0)
    drafts = [draft(text) for text in changed]
    to_execute = [path for path in drafts if options.all or not same_code(path)]
    failed = execute_all(to_execute, options.jobs, folder=PAGES)
    for path in drafts:
        if path not in failed:
            os.replace(path, PAGES / path.name)
    PICTURE.write_bytes(front_picture())
    made = len(drafts) - len(failed)
    print(f"{made} of {len(texts)} notebooks made anew, {len(to_execute)} of them executed.")
    if failed:
        sys.exit(f"Not executed to the end: {', '.join(path.name for path in failed)}")


if __name__ == "__main__":
    main()
