"""The paper's numbers beside formulas and statements, and the book's own beside those."""

import re
from collections import Counter

import paper_numbers as numbers
import pytest
from pages import build

pytestmark = pytest.mark.numpy_only

MODEL = r"""# 3 Model

$$ a = 1 $$ (eq-own)

$$ b = 2 $$ (eq-paper-3)

$$ c = 3 $$

$$ d = 4 $$ (eq-paper-1)

:::{prf:lemma} Theirs
:label: lemma-paper-3-1
Text, with a formula inside:

$$ e = 5 $$ (eq-inside)
:::

:::{prf:lemma} Ours
:label: lemma-own
Text.
:::

:::{prf:algorithm} NCG
:label: algorithm-paper-1
Text.
:::

:::{table} Accuracies
:name: table-paper-2

| a | b |
| - | - |
| 1 | 2 |
:::

:::{exercise}
:label: ex-one
Text.
:::
"""

TRAINING = """# 4 Training

From afar: {eq}`eq-paper-3`, {eq}`eq-own`, {eq}`eq-inside`; {prf:ref}`lemma-paper-3-1`,
{prf:ref}`lemma-own`, {prf:ref}`algorithm-paper-1`; {numref}`table-paper-2`, {ref}`ex-one`.

$$ f = 6 $$ (eq-here)

$$ b = 2 $$ (eq-again-paper-3)

{eq}`eq-here` and {eq}`eq-again-paper-3`.
"""

APPENDIX = """# B The method

$$ g = 7 $$ (eq-appendix)

$$ h = 8 $$ (eq-paper-11)

:::{prf:lemma} Ours
:label: lemma-appendix
Text.
:::

:::{exercise}
:label: ex-appendix
Text.
:::

{eq}`eq-appendix`, {eq}`eq-paper-11`, {prf:ref}`lemma-appendix`, {ref}`ex-appendix`.
"""

INDEX = """# Book

$$ i = 9 $$ (eq-front)

```{toctree}
03_model
04_training
cost
B_ncg
```
"""

OUTSIDE = "# Beyond\n\n$$ j = 10 $$ (eq-outside)\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    files = {"book/index.md": INDEX, "book/03_model.md": MODEL, "book/04_training.md": TRAINING}
    files |= {"book/B_ncg.md": APPENDIX, "book/cost.md": OUTSIDE}
    site = build(tmp_path_factory.mktemp("site"), files)
    assert site.code == 0, site.messages
    return site


def plain(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


def test_numbers_beside_formulas(site):
    beside = re.findall(r'class="eqno">\(([^)<]*)\)', site.page("book/03_model"))
    assert beside == ["3.a", "3", "1", "3.b"]
    beside = re.findall(r'class="eqno">\(([^)<]*)\)', site.page("book/04_training"))
    assert beside == ["4.a", "3"]
    beside = re.findall(r'class="eqno">\(([^)<]*)\)', site.page("book/B_ncg"))
    assert beside == ["B.a", "11"]


def test_pages_outside_the_chapters_share_one_count(site):
    for page, number in (("book/index", "a"), ("book/cost", "b")):
        assert re.findall(r'class="eqno">\(([^)<]*)\)', site.page(page)) == [number]


def test_numbers_of_statements(site):
    text = plain(site.page("book/03_model"))
    for title in ("Lemma 3.1", "Lemma 3.a", "Algorithm 1", "Table 2", "Exercise 3.1"):
        assert title in text, title


def test_references_print_the_same_numbers(site):
    text = plain(site.page("book/04_training"))
    assert "From afar: (3), (3.a), (3.b); Lemma 3.1, Lemma 3.a, Algorithm 1; Table 2, " in text
    assert "Exercise 3.1" in text
    assert "(4.a) and (3)." in text
    assert "(B.a), (11), Lemma B.a, Exercise B.1." in plain(site.page("book/B_ncg"))


def test_a_number_that_the_paper_lacks_fails_the_build(tmp_path):
    wrong = ":::{prf:lemma}\n:label: lemma-paper-4-2\nIt is a corollary.\n:::\n"
    site = build(tmp_path, {"book/index.md": f"# Book\n\n{wrong}"})
    assert site.code != 0
    assert "the paper has no lemma 4.2" in site.messages


@pytest.mark.parametrize(
    ("label", "number"),
    [
        ("eq-paper-3", ("3",)),
        ("lemma-paper-3-1", ("3", "1")),
        ("paper-15", ("15",)),
        ("eq-paper", None),
        ("eq-paper-3-sum", None),
        ("newspaper-3", None),
    ],
)
def test_labels(label, number):
    assert numbers.paper_number(label) == number


def test_own_numbers_never_look_like_the_papers():
    labels = [f"eq-{n}" for n in range(60)]
    for document in ("book/03_model", "book/05_1_euler", "book/B_ncg", "book/index"):
        found = numbers.renumber("displaymath", document, labels, Counter())
        printed = list(map(".".join, found.values()))
        assert len(set(printed)) == 60
        assert not any(re.fullmatch(r"[\d.]+", number) for number in printed)


def test_chapters_and_letters():
    assert numbers.chapter("book/03_model") == ("3",)
    assert numbers.chapter("book/05_1_euler") == ("5", "1")
    for letter, page in zip("ABCD", ("background", "ncg", "sensitivity", "attacks"), strict=True):
        assert numbers.chapter(f"book/{letter}_{page}") == (letter,)
    for outside in ("book/index", "book/bibliography", "book/ABC_page", "book/Ax", "book/a_page"):
        assert numbers.chapter(outside) == ()
    assert [numbers.letters(n) for n in (1, 26, 27, 53)] == ["a", "z", "aa", "ba"]
