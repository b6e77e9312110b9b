"""What a page suggests under "Change it" are parameters of its own, in a form that is executed."""

import jupytext
import pytest
from suggested import TEXTS, suggested, variants

pytestmark = pytest.mark.numpy_only
PAGES = [path for path in sorted(TEXTS.glob("*.md")) if "## Change it" in path.read_text("utf-8")]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_suggestion_is_found_and_is_a_parameter(path):
    text = path.read_text("utf-8")
    notebook = jupytext.reads(text, fmt="md:myst")
    (cell,) = (c for c in notebook.cells if "parameters" in c.metadata.get("tags", ()))
    own = {}
    exec(cell.source, own)
    pairs = suggested(text)
    assert pairs
    for parameter, value in pairs:
        assert type(value) is type(own[parameter]) or own[parameter] is None, parameter
        assert value != own[parameter], parameter


def test_a_row_is_read_whole():
    row = "| `L` | layers, $|h|$ | 30, 2.5 |\n| `toy` | points | `rings`, `two words` |\n"
    table = "| parameter | meaning | try |\n| --- | --- | --- |\n" + row
    assert suggested(table) == [("L", 30), ("L", 2.5), ("toy", "rings"), ("toy", "two words")]


def test_a_variant_sets_one_parameter_behind_the_page_s_own(tmp_path):
    (path, *_) = variants("cost", tmp_path)
    sources = [c.source for c in jupytext.read(path).cells if c.cell_type == "code"]
    own = next(i for i, source in enumerate(sources) if source.startswith("seed = 0"))
    assert path.name == "cost-seed=1.ipynb" and sources[own + 1] == "# Parameters\nseed = 1\n"
