"""Every notebook is the executed twin of a text, in the table of contents, small and clean."""

import base64
import io
import re

import jupytext
import nbformat
import numpy as np
import pytest
import yaml
from execute import lighter
from jupytext.compare import NotebookDifference, compare_notebooks
from pages import BOOK, NOTEBOOKS, ROOT
from PIL import Image

pytestmark = pytest.mark.numpy_only

HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
UNTESTED = ("NBVAL_IGNORE_OUTPUT", "NBVAL_SKIP", "NBVAL_RAISES_EXCEPTION")
UNTESTED_TAGS = {"nbval-ignore-output", "nbval-skip", "nbval-raises-exception", "raises-exception"}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def tags(cell):
    return set(cell.metadata.get("tags", []))


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def has_image(cell):
    outputs = [output.get("data", {}) for output in cell.outputs]
    return any(kind.startswith("image/") for data in outputs for kind in data)


def printed(cell):
    """The text of a cell's outputs, without what stands in for a picture."""
    texts = [
        o.text if o.output_type == "stream" else o.data.get("text/plain", "")
        for o in cell.outputs
        if o.output_type in ("stream", "execute_result")
    ]
    return "".join(texts)


def toc_files(entry):
    if isinstance(entry, dict):
        here = [entry[key] for key in ("root", "file") if key in entry]
        return here + [name for value in entry.values() for name in toc_files(value)]
    return [name for part in entry for name in toc_files(part)] if isinstance(entry, list) else []


def test_there_is_a_book():
    assert NOTEBOOKS, f"no notebook in {BOOK}: run `make notebooks`"


def test_table_of_contents():
    listed = toc_files(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8")))
    assert len(listed) == len(set(listed))
    for name in listed:
        assert any((ROOT / name).with_suffix(end).is_file() for end in (".ipynb", ".md")), name
    assert {f"book/{path.stem}" for path in NOTEBOOKS} <= set(listed)
    texts = {path.stem for path in (BOOK / "text").glob("*.md")}
    assert texts == {path.stem for path in NOTEBOOKS}


def test_twins_agree(path, notebook):
    text = jupytext.read(BOOK / "text" / f"{path.stem}.md")
    compare_notebooks(notebook, text, "md:myst", compare_outputs=False)


def test_twins_that_differ_are_noticed(path, notebook):
    text = jupytext.read(BOOK / "text" / f"{path.stem}.md")
    text.cells[-1].source += "\nand one line more"
    with pytest.raises(NotebookDifference):
        compare_notebooks(notebook, text, "md:myst", compare_outputs=False)


def test_executed_in_order(notebook):
    counts = [cell.execution_count for cell in code(notebook) if cell.source.strip()]
    assert counts == list(range(1, len(counts) + 1))


def test_no_errors_and_no_warnings(notebook):
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error"]
    assert not [o for o in outputs if o.get("name") == "stderr"]


def test_metadata_is_clean(path, notebook):
    assert notebook.metadata.kernelspec.name == "python3"
    assert not {"widgets", "papermill"} & set(notebook.metadata)
    for cell in notebook.cells:
        assert not {"execution", "ExecuteTime", "papermill"} & set(cell.metadata)
    assert path.stat().st_size <= 500_000


def test_pictures_are_light_and_true(notebook):
    bundles = [o.get("data", {}) for cell in code(notebook) for o in cell.outputs]
    for picture in [data["image/png"] for data in bundles if "image/png" in data]:
        assert Image.open(io.BytesIO(base64.b64decode(picture))).mode == "P"


def test_a_lighter_picture_looks_the_same():
    y, x = np.mgrid[:200, :300] / 300
    shaded = np.uint8(255 * np.stack([x, y, 1 - x], axis=-1))
    shaded[:20] = 255  # the paper must stay white
    file = io.BytesIO()
    Image.fromarray(shaded).save(file, "PNG")
    light = lighter(base64.b64encode(file.getvalue()).decode())
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(light))).convert("RGB"))
    assert (found[:20] == 255).all()
    assert np.abs(found - shaded.astype(float)).max() < 20
    assert lighter(light) == light


def test_every_output_is_compared(path, notebook):
    twin = BOOK / "text" / f"{path.stem}.md"
    for marker in UNTESTED:
        assert marker not in path.read_text(encoding="utf-8") + twin.read_text(encoding="utf-8")
    assert not [cell.source for cell in notebook.cells if tags(cell) & UNTESTED_TAGS]


def test_code_cells_are_short(notebook):
    for cell in code(notebook):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        limit = 16 if has_image(cell) else 12
        assert len(lines) <= limit or tags(cell) & HIDDEN, cell.source


def test_pictures_have_words(notebook):
    for cell in filter(has_image, code(notebook)):
        shown = cell.metadata.get("mystnb", {})
        assert len(shown.get("image", {}).get("alt", "").split()) >= 5, cell.source
        assert shown.get("figure", {}).get("caption"), cell.source


def test_pictures_are_backed_by_a_tested_number(notebook):
    """nbval compares no pictures: the cell or the one before prints and asserts a number."""
    cells = code(notebook)
    for before, cell in zip([None, *cells], cells, strict=False):
        if has_image(cell):
            pair = [part for part in (before, cell) if part is not None]
            assert re.search(r"\d", "".join(map(printed, pair))), cell.source
            assert re.search(r"^\s*assert ", "\n".join(c.source for c in pair), re.M), cell.source


def test_checks_assert_and_print(notebook):
    for cell in code(notebook):
        if any(tag.startswith("check-") for tag in tags(cell)):
            assert re.search(r"^\s*assert ", cell.source, re.MULTILINE), cell.source
            assert printed(cell).strip(), cell.source


def test_no_semicolon_hides_an_output(notebook):
    """nbval ignores a trailing semicolon, so a figure cell ends with plt.show() instead."""
    for cell in code(notebook):
        assert not cell.source.rstrip().endswith(";"), cell.source
