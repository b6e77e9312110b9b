"""The texts themselves: pictures with words, listings that exist, works that are in the list."""

import ast
import re

import pytest
from pages import BOOK, ROOT, TEXTS

from snode.attacks import Rule
from snode.conjugate import LARGEST_MOVE

pytestmark = pytest.mark.numpy_only

INCLUDE = re.compile(r"^[`:]{3,}\{(?:listing|literalinclude)\} (\S+)\n((?::[\w-]+:.*\n)*)", re.M)
PICTURE = re.compile(r"^[`:]{3,}\{(?:image|figure)\} .*\n((?::[\w-]+:.*\n)*)", re.M)
CITATION = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")


@pytest.fixture(params=TEXTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def text(request):
    return request.param.read_text(encoding="utf-8")


def names(file):
    """``f`` and ``C.m`` for each function, class and method of a Python file."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
            yield from (f"{node.name}.{p.name}" for p in ast.walk(node) if hasattr(p, "name"))


def test_pictures_have_alternative_text(text):
    for options in PICTURE.findall(text):
        assert re.search(r"^:alt: \S+ \S+ \S+", options, re.MULTILINE), options
    assert not re.search(r"!\[\s*\]\(", text)


def test_listings_exist(text):
    """Paths are relative to book/, where the pages are, also in the twins in book/text/."""
    for target, options in INCLUDE.findall(text):
        file = (BOOK / target).resolve()
        assert file.is_file(), target
        for name in re.findall(r"^:pyobject: (\S+)", options, re.MULTILINE):
            assert name in set(names(file)), f"{name} in {target}"


def test_cited_works_are_in_the_list(text):
    bib = (BOOK / "references.bib").read_text(encoding="utf-8")
    known = re.findall(r"^@\w+\{([^,]+),", bib, re.MULTILINE)
    assert len(known) == len(set(known))
    for keys in CITATION.findall(text):
        assert {key.strip() for key in keys.split(",")} <= set(known)


def test_no_private_macros(text):
    """Formulas must also show in Colab and in print, which know no macros of ours."""
    assert not re.search(r"\\(newcommand|renewcommand|def|DeclareMathOperator)\b", text)


def test_style_sheet_asks_the_network_for_nothing():
    for sheet in (BOOK / "_static").rglob("*.css"):
        css = sheet.read_text(encoding="utf-8")
        assert not re.search(r"@import|url\(\s*['\"]?(https?:)?//", css), sheet.name


def test_package_page_lists_every_module():
    page = (BOOK / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\.\. automodule:: snode\.([\w.]+)$", page, re.MULTILINE)
    paths = [path.relative_to(ROOT / "snode") for path in (ROOT / "snode").rglob("[!_]*.py")]
    modules = {".".join(path.with_suffix("").parts) for path in paths}
    assert set(listed) == modules and len(listed) == len(modules)


def test_the_rules_name_the_settings_of_the_code():
    rules = (BOOK / "rules.md").read_text(encoding="utf-8")
    assert f"an output moves by {LARGEST_MOVE:g} at most" in rules
    assert f"| its margin $\\kappa$ | {Rule.kappa:g} |" in rules
    assert f"| the paper's attack | {Rule.iterations} steps of {Rule.step:g} |" in rules
