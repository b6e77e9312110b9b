"""The PDF edition: the book's own numbers, its cells' tables, and no silent stop without LaTeX."""

import os
import subprocess
import sys

import nbformat
import pytest
from docutils import nodes
from pages import BOOK, CONF, ROOT
from printed_outputs import to_nodes

pytestmark = pytest.mark.numpy_only

TABLE = (
    "<table><caption>Two <b>rows</b></caption><thead><tr><th></th><th>ours</th></tr></thead>"
    '<tbody><tr><th colspan="2">SGD</th></tr><tr><th>tanh &amp; l2</th><td>98.25</td></tr>'
    "</tbody></table>"
)
CLAIMS = '<ul><li><b>open</b> · <a href="#1">1</a> A claim. <i>n = 1</i></li><li>Two</li></ul>'
CHAPTER = """\
# 3 Model

$$ x' = \\sigma(Wx + b) $$ (eq-paper-1)

$$ y = x $$ (eq-ours)

By {eq}`eq-ours`, and see {ref}`ex-hand`.

:::{table} Some
:name: table-some

| a | b |
| - | - |
| 1 | 2 |
:::

:::{exercise} By hand
:label: ex-hand
Do it.
:::

```{solution-start} ex-hand
```
It is done.
```{solution-end}
```
"""


def test_a_table_of_a_cell_becomes_a_table():
    (table,) = to_nodes(TABLE)
    title, group = table.children
    assert title.astext() == "Two rows" and group["cols"] == 2
    head, body = group.children[2:]
    assert isinstance(head, nodes.thead) and [e.astext() for e in head[0]] == ["", "ours"]
    assert body[0][0]["morecols"] == 1 and body[1][0].astext() == "tanh & l2"


def test_a_list_of_a_cell_keeps_its_words_and_their_weight():
    (bullets,) = to_nodes(CLAIMS)
    assert [item.astext() for item in bullets] == ["open · 1 A claim. n = 1", "Two"]
    assert bullets.next_node(nodes.strong).astext() == "open"
    assert bullets.next_node(nodes.emphasis).astext() == "n = 1"


@pytest.fixture(scope="module")
def tex(tmp_path_factory):
    """The LaTeX of a small book with the extensions of ours."""
    folder = tmp_path_factory.mktemp("tex")
    conf = CONF.format(extensions=str(BOOK / "_ext"))
    conf += '\nexercise_style = "solution_follow_exercise"\n'
    output = nbformat.v4.new_output("execute_result", {"text/html": TABLE, "text/plain": "plain"})
    cell = nbformat.v4.new_code_cell("table", outputs=[output], execution_count=1)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(CHAPTER), cell])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    (folder / "book").mkdir()
    (folder / "conf.py").write_text(conf)
    (folder / "book/index.md").write_text("# Book\n\n```{toctree}\n03_model\n```\n")
    (folder / "book/03_model.ipynb").write_text(nbformat.writes(notebook))
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", "-b", "latex", ".", "latex"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    (file,) = (folder / "latex").glob("*.tex")
    return file.read_text(encoding="utf-8")


def test_equations_have_the_numbers_of_the_pages(tex):
    assert r"\tag{1}\label{equation:book/03_model:eq-paper-1}" in tex
    assert r"\tag{3.a}\label{equation:book/03_model:eq-ours}" in tex
    assert r"\eqref{equation:book/03_model:eq-ours}" in tex


def test_tables_have_the_numbers_of_the_pages(tex):
    assert r"\renewcommand{\thetable}{3.a}" in tex


def test_exercises_can_be_found_and_solutions_go_over_the_page(tex):
    assert r"\label{book/03_model:ex-hand}" in tex and "Exercise 3.1" in tex
    assert r"\begin{booksolution}{" in tex and "It is done." in tex


def test_the_table_of_a_cell_is_printed_as_one(tex):
    assert "98.25" in tex and "\nplain\n" not in tex


def test_without_latex_it_says_what_is_needed(tmp_path):
    script, variables = str(BOOK / "_tools/pdf.sh"), os.environ | {"PATH": str(tmp_path)}
    run = subprocess.run(
        ["/bin/sh", script, "bin"], cwd=ROOT, env=variables, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert run.stderr.startswith("Needed: xelatex and latexmk, e.g. apt-get install")
