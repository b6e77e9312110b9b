"""Make notebooks without solutions: book/text/X.md -> _build/student/X.ipynb.

python book/_tools/student.py [--solved] [--to FOLDER] [NAME...]

In the place of each solution stand an empty answer and, behind it, a check: the solution's own
assertions. The check fails until the answer is there. --solved puts the book's answers in, which
makes the checks pass: for the teacher, and for our tests. Pages without exercises are left out.
Listings of the package, which no notebook viewer knows, are written out.
"""

import argparse
import ast
import io
import re
import shutil
import tokenize
from pathlib import Path
from textwrap import dedent

import jupytext
import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell

ROOT = Path(__file__).resolve().parents[2]
BOOK, TEXTS, TARGET = ROOT / "book", ROOT / "book" / "text", ROOT / "_build" / "student"
# an exercise, a solution in words, the two ends of a solution with code
BLOCK = re.compile(
    r"^(?P<fence>[`:]{3,})\{(?P<kind>exercise|solution|solution-start|solution-end)\}(?P<rest>[^\n]*)\n"
    r"(?P<body>.*?)^(?P=fence) *$\n?",
    re.M | re.S,
)
LISTING = re.compile(r"^```\{listing\} (\S+)\n:pyobject: (\S+)\n(?::.*\n)*```$", re.M)
LABEL = re.compile(r"^:label: (\S+)", re.M)
NOTE = """\
> **Student version.** The solutions are left out. Write your code in the place of the line
> `raise …` where it says `your answer`; the cell behind it checks you, and fails until you have
> answered. The whole notebook is checked, in its folder and with the book's environment active,
> by `python -m pytest --nbval-lax {name}.ipynb`; `snode` must be installed, and the files beside
> this notebook must stay there."""
STUB = """\
# {label}: your answer. The check below looks at: {names}.
{explained}{empty}raise NotImplementedError("{label}: your code instead of this line")
answered = "{label}"  # stays the last line"""
CHECK = """\
# {label}: the check. Leave it as it is; where it stops, your answer is not yet what it asks for.
assert globals().get("answered") == "{label}", "{label} is not answered yet"
{asserts}
print("{label}: right")"""
WORDS = '''\
# {label}: your answer, in words or formulas
words = """
{words}
"""'''
WORDS_CHECK = """\
# {label}: the check sees that there is an answer; whether it is right, you must judge.
assert words.strip(), "{label} is not answered yet"
print("{label}: answered")"""


def student(notebook, name, solved=False):
    """Return the notebook without solutions, or with the book's answers in the student's places.

    Parameters
    ----------
    notebook : nbformat notebook
        A page, as its text twin says it.
    name : str
        Of the page.
    solved : bool
        True: the solutions' code without their assertions, which stand in the checks.
    """
    pieces, cells, code, label = _pieces(notebook), [], [], None
    answers = {rest for kind, rest in pieces if kind in ("solution", "solution-start")}
    for kind, content in pieces:
        if kind == "solution-start":
            label, code = content, []
        elif kind == "solution-end":
            cells, label = cells + _answer(label, code, solved), None
        elif kind == "code" and label:
            code.append(content)
        elif kind == "solution":
            cells += _answer_in_words(content, solved)
        elif kind == "code":
            cells.append(content)
        elif not label:
            cells.append(new_markdown_cell(LISTING.sub(_shown, content)))
        if kind == "exercise" and LABEL.search(content)[1] not in answers:
            cells.append(new_markdown_cell("*Your answer: an open project, without a check.*"))
    cells.insert(1, new_markdown_cell(NOTE.format(name=name)))
    for n, cell in enumerate(cells):
        cell["id"] = f"cell-{n}"
    metadata = {"kernelspec": notebook.metadata.kernelspec}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def _pieces(notebook):
    """Return (kind, content) in order: code cells, markdown, exercises, labels of solutions.

    What looks at the book's own outputs, tagged book-only, is left out.
    """
    found = []
    for cell in notebook.cells:
        if "book-only" in cell.metadata.get("tags", ()):
            continue
        if cell.cell_type == "code":
            found.append(("code", cell))
            continue
        end = 0
        for block in BLOCK.finditer(cell.source):
            found.append(("markdown", cell.source[end : block.start()]))
            kind, end = block["kind"], block.end()
            found.append((kind, block[0] if kind == "exercise" else block["rest"].strip()))
        found.append(("markdown", cell.source[end:]))
    return [(kind, content) for kind, content in found if kind != "markdown" or content.strip()]


def _shown(listing):
    """Return a listing's code, and where it stands, as any viewer of notebooks shows it."""
    file, name = listing.groups()
    source = (BOOK / file).read_text(encoding="utf-8")
    node = ast.parse(source)
    for part in name.split("."):
        node = next(n for n in node.body if getattr(n, "name", "") == part)
    first = min(n.lineno for n in [node, *node.decorator_list])
    code = dedent("\n".join(source.splitlines()[first - 1 : node.end_lineno]))
    return f"`{file.removeprefix('../')}`, `{name}`:\n\n```python\n{code}\n```"


def _answer(label, cells, solved):
    """Return the cells that stand for a solution: the answer, then the check."""
    sources, asserts = zip(*(split(cell.source) for cell in cells)) if cells else ((), ())
    if not any(asserts):
        return _answer_in_words(label, solved)
    asserts = [line for part in asserts for line in part]
    defined = {name: kind for source in sources for name, kind in bound(source).items()}
    names = sorted(_names(asserts) & set(defined))
    check = CHECK.format(label=label, asserts="\n".join(asserts))
    # emptied first: the page may have used a name before
    empty = f"{' = '.join(names)} = None\n" if names else ""
    explained = "".join(f"#   {name}: {defined[name]}\n" for name in names if defined[name])
    said = ", ".join(names) or "nothing that you define"
    stub = STUB.format(label=label, names=said, explained=explained, empty=empty)
    answer = [new_code_cell(stub)]
    if solved:
        answer = [new_code_cell(source, metadata=c.metadata) for source, c in zip(sources, cells)]
        answer.append(new_code_cell(f'answered = "{label}"'))
    folded = {"tags": [f"check-{label}"], "jupyter": {"source_hidden": True}}
    return [*answer, new_code_cell(check, metadata=folded)]


def _answer_in_words(label, solved):
    answer = WORDS.format(label=label, words="As the book says." if solved else "")
    check = WORDS_CHECK.format(label=label)
    return [new_code_cell(answer), new_code_cell(check, metadata={"tags": [f"check-{label}"]})]


def split(source):
    """Return a cell's source without its assertions, and the assertions, each as text.

    Those in a loop or a function stay where they are: a check sees what is there at the end.
    """
    lines, asserts = source.splitlines(), []
    for node in reversed([n for n in ast.parse(source).body if isinstance(n, ast.Assert)]):
        asserts.insert(0, "\n".join(lines[node.lineno - 1 : node.end_lineno]))
        lines[node.lineno - 1 : node.end_lineno] = []
    return "\n".join(lines), asserts


def _names(asserts):
    trees = [ast.parse(text) for text in asserts]
    return {n.id for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Name)}


def bound(source):
    """Return the names that a cell defines, each with what the cell says of it.

    That is the comment at the end of a line that binds the name, or a function's arguments.
    """
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {t.start[0]: t.string.strip("# ") for t in tokens if t.type == tokenize.COMMENT}
    names = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            function = isinstance(node, ast.FunctionDef)
            kind = f"a function ({ast.unparse(node.args)})" if function else "a class"
            names[node.name] = comments.get(node.lineno, kind)
            continue
        for n in ast.walk(node):
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
                names[n.id] = names.get(n.id) or comments.get(n.lineno, "")
    return names


def has_exercises(text):
    """True if a page's text twin has an exercise."""
    return "{exercise}" in text.read_text(encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--solved", action="store_true", help="with the book's answers put in")
    parser.add_argument("--to", type=Path, default=TARGET, help="folder (default _build/student)")
    parser.add_argument("names", nargs="*", help="pages, without ending (default: all)")
    options = parser.parse_args()
    texts = [TEXTS / f"{name}.md" for name in options.names] or sorted(TEXTS.glob("*.md"))
    options.to.mkdir(parents=True, exist_ok=True)
    for helper in [*BOOK.glob("*.py"), BOOK / "references.bib"]:
        shutil.copy(helper, options.to)
    for folder in ("data", "paper", "workflow"):  # what the pages read
        shutil.copytree(BOOK / folder, options.to / folder, dirs_exist_ok=True)
    pages = [text for text in texts if has_exercises(text)]
    for text in pages:
        notebook = student(jupytext.read(text), text.stem, options.solved)
        nbformat.write(notebook, options.to / f"{text.stem}.ipynb")
    print(f"{len(pages)} notebooks in {options.to}")


if __name__ == "__main__":
    main()
