"""Student notebooks have no solutions but checks that know; plans agree with the exercises."""

import ast
import re
import subprocess
import sys

import exercises
import jupytext
import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from pages import BOOK
from student import LISTING, _pieces, _shown, has_exercises, split, student

pytestmark = pytest.mark.numpy_only

PAGES = [text for text in sorted((BOOK / "text").glob("*.md")) if has_exercises(text)]


@pytest.fixture(params=PAGES, ids=lambda path: path.stem)
def text(request):
    return request.param


def sources(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def parts(text):
    """The lines of the page's solutions, without assertions, and all its other lines."""
    inside, fence, solution, other = None, "", [], []
    for line in text.read_text(encoding="utf-8").splitlines():
        opened = re.match(r"([`:]{3,})\{(solution|solution-start|solution-end)\}", line)
        if opened:
            fence, inside = opened[1], {"solution-end": None}.get(opened[2], opened[2])
        elif inside == "solution" and line.rstrip() == fence:
            inside = None
        else:
            (solution if inside else other).append(line.strip())
    return solution, set(other)


def asserted(notebook):
    """Every line that stands in an assertion of a code cell."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return {
        line.strip() for source in code for part in split(source)[1] for line in part.split("\n")
    }


def test_no_solution_is_left(text):
    page = jupytext.read(text)
    left = {line.strip() for line in sources(student(page, text.stem)).splitlines()}
    solution, other = parts(text)
    listings = "\n".join(map(_shown, LISTING.finditer(text.read_text(encoding="utf-8"))))
    known = other | asserted(page) | {line.strip() for line in listings.splitlines()}
    secret = [line for line in solution if len(line) > 12 and line not in known]
    assert secret and not [line for line in secret if line in left]
    assert not re.search(r"\{solution", sources(student(page, text.stem)))


def test_each_solution_has_an_answer_and_a_check(text):
    page = jupytext.read(text)
    labels = re.findall(r"\{solution(?:-start)?\} (\S+)", text.read_text(encoding="utf-8"))
    cells = student(page, text.stem).cells
    for label in labels:
        places = [n for n, c in enumerate(cells) if f"check-{label}" in c.metadata.get("tags", [])]
        assert len(places) == 1, label
        answer, check = cells[places[0] - 1].source, cells[places[0]].source
        assert label in answer and label in check
        assert "NotImplementedError" in answer or 'words = """\n\n"""' in answer


def test_checks_of_code_are_folded_and_listings_written_out(text):
    """An open check shows the number that is expected; no notebook viewer knows a listing."""
    notebook = student(jupytext.read(text), text.stem)
    checks = [c for c in notebook.cells if "assert globals().get" in c.source]
    assert all(c.metadata["jupyter"]["source_hidden"] for c in checks)
    assert "{listing}" not in sources(notebook)
    page = text.read_text(encoding="utf-8")
    for name in re.findall(r"{listing}.*\n:pyobject: (\S+)", page):
        assert f"def {name.split('.')[-1]}(" in sources(notebook)


def test_each_check_fails_without_an_answer(text):
    """Run alone, and also where all earlier exercises have been answered."""
    cells = student(jupytext.read(text), text.stem).cells
    for answer, check in zip(cells, cells[1:], strict=False):
        tags = check.metadata.get("tags", [])
        if not any(tag.startswith("check-ex-") for tag in tags):
            continue
        scope = {"answered": "ex-another", "words": ""}
        with pytest.raises((NotImplementedError, AssertionError)):
            exec(answer.source, scope)
            exec(check.source, scope)
        with pytest.raises(AssertionError, match="is not answered yet"):
            exec(check.source, scope)


def test_each_name_that_a_check_looks_at_is_explained(text):
    """By the stub, or by the exercise, which says what it shall be called."""
    unknown, exercise = [], ""
    for cell in student(jupytext.read(text), text.stem).cells:
        exercise = cell.source if "{exercise}" in cell.source else exercise
        names = re.findall(r"The check below looks at: (?!nothing)(.*)\.", cell.source)
        for name in names[0].split(", ") if names else ():
            if f"#   {name}: " not in cell.source and not re.search(rf"`{name}\b", exercise):
                unknown.append((re.search(r"ex-[\w-]+", cell.source)[0], name))
    assert not unknown


def test_no_check_loses_an_assertion_to_a_loop(text):
    """Only those at the top of a solution's cell become its check."""
    pieces = _pieces(jupytext.read(text))
    inside, lost = False, []
    for kind, content in pieces:
        inside = {"solution-start": True, "solution-end": False}.get(kind, inside)
        if inside and kind == "code":
            left = ast.parse(split(content.source)[0])
            functions = [n for n in left.body if isinstance(n, ast.FunctionDef)]
            rest = [n for n in left.body if n not in functions]
            lost += [
                ast.unparse(n) for top in rest for n in ast.walk(top) if isinstance(n, ast.Assert)
            ]
    assert not lost


def test_the_reference_is_complete(text):
    """Solved, the page has the solutions' statements, each once: in an answer or in a check."""
    page = jupytext.read(text)
    solved = {line.strip() for line in sources(student(page, text.stem, solved=True)).splitlines()}
    cells = [cell for cell in page.cells if cell.cell_type == "code"]
    code = [cell.source for cell in cells if "book-only" not in cell.metadata.get("tags", ())]
    lines = {line.strip() for source in code for line in source.splitlines()}
    assert lines <= solved


def test_what_the_page_has_computed_is_no_answer(text):
    """A name that the check looks at is emptied, in case the page has used it before."""
    for cell in student(jupytext.read(text), text.stem).cells:
        if names := re.findall(r"The check below looks at: (?!nothing)(.*)\.", cell.source):
            scope = dict.fromkeys(names[0].split(", "), "left over")
            with pytest.raises(NotImplementedError):
                exec(cell.source, scope)
            assert {scope[name] for name in names[0].split(", ")} == {None}


def execute(notebook, folder):
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()


@pytest.mark.parametrize("name", ["primer_conjugate_gradients"])
def test_solved_it_runs_and_unsolved_it_stops_at_the_exercise(name):
    page = jupytext.read(BOOK / "text" / f"{name}.md")
    execute(student(page, name, solved=True), BOOK)
    with pytest.raises(CellExecutionError, match="ex-primer-cg-rate: your code"):
        execute(student(page, name), BOOK)


def test_nbval_fails_at_exactly_the_exercises(tmp_path):
    """A page of our own with two exercises, one of them solved."""
    exercise = ":::{{exercise}} ★ {0} (5 minutes)\n:label: ex-{0}\nWhat is {0}?\n:::\n\n"
    gate = "```{{solution-start}} ex-{0}\n:class: dropdown\n```\n\nAs one sees.\n"
    body = [
        nbformat.v4.new_markdown_cell("# A page\n\n" + exercise.format("one") + gate.format("one")),
        nbformat.v4.new_code_cell("one = 2\nprint(one)\nassert one < 3"),
        nbformat.v4.new_markdown_cell(
            "```{solution-end}\n```\n\n" + exercise.format("two") + gate.format("two")
        ),
        nbformat.v4.new_code_cell("two = one + 1\nassert two == 3"),
        nbformat.v4.new_markdown_cell("```{solution-end}\n```\n\n" + exercise.format("open")),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    page = nbformat.v4.new_notebook(cells=body, metadata={"kernelspec": kernel})
    half = student(page, "page")
    assert "As one sees" not in sources(half) and "an open project" in sources(half)
    stub = next(c for c in half.cells if c.source.startswith("# ex-one: your answer"))
    stub.source = 'one = 2\nanswered = "ex-one"'
    for name, notebook in (("half", half), ("solved", student(page, "page", solved=True))):
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
    command += ["--nbval-lax", "--nbval-current-env", "--rootdir", str(tmp_path)]
    command += ["half.ipynb", "solved.ipynb"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "2 failed" in result.stdout and "solved.ipynb::" not in result.stdout
    assert "ex-two: your code instead of this line" in result.stdout
    assert "ex-two is not answered yet" in result.stdout and "ex-one is" not in result.stdout


def test_every_exercise_says_its_grade_and_time():
    known = exercises.exercises()
    assert len({e.label for e in known}) == len(known) > 50
    assert not [e for e in known if e.minutes is None or e.grade not in (1, 2, 3)]


@pytest.mark.parametrize(
    ("title", "body", "minutes"),
    [
        ("★ By hand (10 min)", "One hour.", 10),
        ("★★★ Far (project, 1–2 h)", "", 120),
        ("★ Short", "Two minutes, no computer.", 2),
        ("★★ Longer", "It takes half an hour.", 30),
        ("★★★ Long", "A project for an afternoon.", 240),
        ("★★★ Slow", "A weekend of computing, an hour of work.", 60),
        ("★ Silent", "In 1952 nobody said how long.", None),
    ],
)
def test_times_are_read(title, body, minutes):
    assert exercises.time_needed(title, body) == minutes


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("★ 10 {ref}`swap", "★ 15 {ref}`swap", "ex-model-swap"),
        ("★ 10 {ref}`swap", "★★ 10 {ref}`swap", "ex-model-swap"),
        ("<ex-model-swap>", "<ex-model-gone>", "ex-model-gone"),
        ("40 min talk", "50 min talk", "100 minutes in the room"),
        (":At home: 15 min", ":At home: 25 min", "take 15 minutes, not 25"),
        ("{doc}`B_ncg` to", "the page to", "ex-ncg-agree is on the page B_ncg, which nobody"),
    ],
)
def test_a_plan_that_does_not_add_up_is_noticed(old, new, said):
    page, known = (
        (BOOK / "text" / "course_plans.md").read_text(encoding="utf-8"),
        exercises.exercises(),
    )
    assert not list(exercises.complaints(exercises.meetings(page), known))
    wrong = list(exercises.complaints(exercises.meetings(page.replace(old, new, 1)), known))
    assert wrong and said in " ".join(wrong)


def test_the_rubric_adds_up():
    page = (BOOK / "project.md").read_text(encoding="utf-8")
    weights = re.findall(r"^\| [a-z ]+ \| (\d+) \| ", page, re.M)
    assert len(weights) == 6 and sum(map(int, weights)) == 100
