"""Structure: imports go strictly downward, CuPy is imported in one file, files stay short."""

import ast
import sys
from pathlib import Path

import pytest

import snode

pytestmark = pytest.mark.numpy_only

FOLDER = Path(snode.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))
TREES = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
LEVELS = (
    ("scalars",),
    ("arrays", "files"),
    ("network", "ode", "data", "mnist", "trajectory"),
    ("euler", "rk45", "cost", "sobolev", "conjugate", "linearise", "perturbed"),
    ("optimise", "first_order", "attacks", "gradient_attacks", "robustness", "propagation")
    + ("art_adapter",),
)  # whatever is not named here is above them
BESIDE = {("first_order", "optimise"), ("data", "mnist")}  # imports within one level


def level(module):
    return next((i for i, names in enumerate(LEVELS) if module in names), len(LEVELS))


def imports(tree):
    """Return the dotted names imported anywhere in a file, also inside functions."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = ("snode." if node.level else "") + (node.module or "")
            names |= {f"{source.rstrip('.')}.{alias.name}" for alias in node.names}
    return names


def siblings(module):
    """Return the files of snode that a file imports; "__init__" for the package itself."""
    parts = [name.split(".") for name in imports(TREES[module]) if name.split(".")[0] == "snode"]
    names = [p[2:] if p[1:2] == ["experiments"] else p[1:] for p in parts]
    return {p[0] if p and p[0] in TREES else "__init__" for p in names}


@pytest.mark.parametrize("module", [m for m in TREES if m != "__init__"])
def test_imports_go_downward(module):
    for other in siblings(module):
        if other == "__init__":
            assert level(module) == len(LEVELS), f"{module} imports the whole package"
        elif level(module) < len(LEVELS):
            below = level(other) < level(module) or (module, other) in BESIDE
            assert below, f"{module} imports {other}, which is not below it"


def test_the_top_level_has_no_circles():
    top = {m: {s for s in siblings(m) if level(s) == len(LEVELS)} for m in TREES}
    while free := [m for m, others in top.items() if not others & set(top)]:
        for module in free:
            del top[module]
    assert not top, f"circular imports among {sorted(top)}"


def test_the_levels_name_existing_files():
    assert {name for names in LEVELS for name in names} <= set(TREES)


def test_the_mathematics_needs_no_machinery():
    """Below the experiments: NumPy and SciPy, the data's own libraries, the standard library."""
    allowed = {"numpy", "scipy", "snode", "sklearn", "pooch", "tqdm", "art"}
    for module in TREES:
        if level(module) < len(LEVELS):
            found = {name.split(".")[0] for name in imports(TREES[module])}
            found -= set(sys.stdlib_module_names) | allowed
            assert found <= ({"cupy"} if module == "arrays" else set()), f"{module}: {found}"


@pytest.mark.parametrize(
    ("library", "where"),
    [
        ("cupy", {"arrays"}),
        ("cupyx", {"arrays"}),
        ("matplotlib", set()),
        ("art", {"art_adapter", "toolbox"}),
    ],
)
def test_a_library_is_imported_only_where_it_belongs(library, where):
    users = {m for m, tree in TREES.items() if library in {n.split(".")[0] for n in imports(tree)}}
    assert users <= where, f"{library} is imported by {sorted(users - where)}"


def code_lines(path):
    """Count the lines that are neither blank nor part of a docstring."""
    text = path.read_text(encoding="utf-8")
    docstrings, documented = set(), (ast.Module, ast.ClassDef, ast.FunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, documented) and ast.get_docstring(node):
            docstrings |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return sum(bool(t.strip()) and i not in docstrings for i, t in enumerate(text.splitlines(), 1))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_can_be_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 280
    assert code_lines(path) <= 200
