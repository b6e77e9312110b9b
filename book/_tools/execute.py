"""Execute notebooks in place, some at a time; the first line of a failure names the notebook.

python book/_tools/execute.py [--jobs 2] NOTEBOOK...
"""

import argparse
import base64
import io
import os
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import matplotlib.font_manager  # noqa: F401  (fills the font cache, whose notice would end up in a page)
import nbformat
from nbclient import NotebookClient
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from PIL import Image

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def execute(path, folder=None):
    """Execute one notebook in place, with `folder` (default: its own) as working folder.

    Returns the seconds it took and the text of the error, which is empty when all went well;
    then, and only then, the file is replaced.
    """
    started = time.perf_counter()
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(folder or path.parent)}}
    client = NotebookClient(
        notebook,
        timeout=None,
        extra_arguments=["--log-level=ERROR"],
        kernel_name="python3",
        record_timing=False,
        resources=where,
    )
    error = ""
    try:
        client.execute()
    except Exception as problem:  # whatever it is, it is reported with the notebook's name
        error = COLOURS.sub("", str(problem)).strip()
    else:
        # the same file from every Python in range
        notebook.metadata.get("language_info", {}).pop("version", None)
        replace(path, notebook)
    return time.perf_counter() - started, error


def lighter(picture):
    """Return a PNG (base64) with 256 colours: a third of the bytes, the same to the eye."""
    image = Image.open(io.BytesIO(base64.b64decode(picture)))
    if image.mode == "P":
        return picture
    # maximum coverage keeps the few colours of a drawing; the median cut greys thin lines
    few = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    few.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def replace(path, notebook):
    """Write the notebook beside `path` first: a build that is stopped leaves no half a file."""
    draft = path.with_name(path.name + ".part")
    # on a busy machine what a cell prints arrives in pieces
    notebook, _ = CoalesceStreamsPreprocessor().preprocess(notebook, {})
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if picture := output.get("data", {}).get("image/png"):
                output["data"]["image/png"] = lighter(picture)
    nbformat.write(notebook, draft)
    os.replace(draft, path)


def execute_all(paths, jobs, folder=None):
    """Execute the notebooks, `jobs` at a time; print a line for each and return the failures."""
    failed = []
    with ProcessPoolExecutor(jobs) as pool:
        results = pool.map(partial(execute, folder=folder), paths)
        for path, (seconds, error) in zip(paths, results, strict=True):
            print(f"{path.name:40} {seconds:6.1f} s {'FAILED' if error else ''}", flush=True)
            if error:
                print(f"\n{path.name} stopped with an error:\n\n{error}\n", flush=True)
                failed.append(path)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("notebooks", nargs="+", type=Path)
    options = parser.parse_args()
    failed = execute_all(options.notebooks, options.jobs)
    if failed:
        sys.exit(f"Not executed to the end: {', '.join(path.name for path in failed)}")


if __name__ == "__main__":
    main()
