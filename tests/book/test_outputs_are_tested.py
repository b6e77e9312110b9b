"""Change the book's outputs, one number after the other, and see nbval notice each change."""

import copy
import re
import subprocess
import sys

import nbformat
import pytest
from nbval.plugin import IPyNbFile
from pages import NOTEBOOKS

pytestmark = pytest.mark.numpy_only

WORD = re.compile(r"[A-Za-z0-9]+")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def cells(request):
    """The cells as nbval collects them."""
    return list(IPyNbFile.from_parent(request.session, path=request.param).collect())


def texts(outputs):
    """Every text in the outputs: the mapping that holds it, and its key."""
    for output in outputs:
        if output.output_type == "stream":
            yield output, "text"
        for kind in output.get("data", {}):
            if kind.startswith("text/"):
                yield output.data, kind


def other(word):
    """A word of the same length with another last sign."""
    return word[:-1] + ("7" if word[-1] != "7" else "3")


def test_unchanged_outputs_pass(cells):
    for cell in cells:
        assert cell.compare_outputs(copy.deepcopy(cell.cell.outputs), cell.cell.outputs)
        assert cell.options["check"] and not cell.options["skip"]


def test_every_changed_number_and_word_is_noticed(cells):
    for cell in cells:
        outputs = copy.deepcopy(cell.cell.outputs)
        for holder, key in texts(outputs):
            text = holder[key]
            for place in WORD.finditer(text):
                holder[key] = text[: place.start()] + other(place[0]) + text[place.end() :]
                assert not cell.compare_outputs(outputs, cell.cell.outputs), holder[key]
            holder[key] = text


def test_a_missing_or_additional_output_is_noticed(cells):
    extra = nbformat.v4.new_output("display_data", {"text/plain": "one more"})
    for cell in cells:
        outputs = cell.cell.outputs
        assert not cell.compare_outputs([*outputs, extra], outputs)
        if any(True for _ in texts(outputs)):
            assert not cell.compare_outputs([], outputs)


@pytest.mark.parametrize(("shown", "code"), [("1.25\n", 0), ("1.26\n", 1)])
def test_nbval_itself(tmp_path, shown, code):
    """A real run: two cells, the second with the right or with a wrong output."""
    first = nbformat.v4.new_code_cell("x = 1.25", execution_count=1)
    output = nbformat.v4.new_output("stream", name="stdout", text=shown)
    second = nbformat.v4.new_code_cell("print(x)", execution_count=2, outputs=[output])
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(
        nbformat.v4.new_notebook(cells=[first, second], metadata={"kernelspec": kernel}),
        tmp_path / "tiny.ipynb",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
    command += ["--nbval", "--nbval-current-env", "--rootdir", str(tmp_path), "tiny.ipynb"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == code, result.stdout + result.stderr
    assert ("1 failed, 1 passed" if code else "2 passed") in result.stdout
