"""Execute every page with every value that its section "Change it" suggests, one at a time.

python book/_tools/suggested.py [--jobs 2] [PAGE...]

A page promises that its assertions hold with these values too.  The executed copies stay in
_build/suggested; about an hour on two cores for all pages.
"""

import argparse
import ast
import os
import re
import sys
from pathlib import Path

import jupytext
import nbformat
from execute import execute_all
from papermill.parameterize import parameterize_notebook

ROOT = Path(__file__).resolve().parents[2]
BOOK, TEXTS, TARGET = ROOT / "book", ROOT / "book" / "text", ROOT / "_build" / "suggested"
TABLE = re.compile(r"^\| parameter \|[^|\n]*\| try \|\n\|[-| ]+\|\n((?:\|.*\|\n)+)", re.M)
ROW = re.compile(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", re.M)  # a meaning may hold a bar
ADVICE = {"your own, from `snode collect`", "your own folder"}  # no value, but words


def suggested(text):
    """Return the pairs (parameter, value) in the tables of a page's text; numbers are Python's."""
    rows = [row for table in TABLE.findall(text) for row in ROW.findall(table)]
    words = [(p, v.strip(" `")) for p, cell in rows if cell not in ADVICE for v in cell.split(",")]
    return [(p, ast.literal_eval(v) if re.fullmatch(r"[-\d.e]+", v) else v) for p, v in words]


def variants(page, folder):
    """Write the page once for each suggested value and return the files."""
    text = (TEXTS / f"{page}.md").read_text(encoding="utf-8")
    paths = []
    for parameter, value in suggested(text):
        notebook = jupytext.reads(text, fmt="md:myst")
        for cell in notebook.cells:  # where papermill looks
            cell.metadata.setdefault("tags", [])
        notebook.metadata.setdefault("papermill", {})
        notebook = parameterize_notebook(notebook, {parameter: value})
        paths.append(folder / f"{page}-{parameter}={value}.ipynb")
        nbformat.write(notebook, paths[-1])
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument(
        "pages", nargs="*", default=sorted(path.stem for path in TEXTS.glob("*.md"))
    )
    options = parser.parse_args()
    TARGET.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("SNODE_RUNS", str(TARGET / "runs"))
    paths = [path for page in options.pages for path in variants(page, TARGET)]
    failed = execute_all(paths, options.jobs, folder=BOOK)
    print(f"{len(paths) - len(failed)} of {len(paths)} suggestions hold.")
    if failed:
        sys.exit(f"Not executed to the end: {', '.join(path.name for path in failed)}")


if __name__ == "__main__":
    main()
