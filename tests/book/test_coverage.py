"""What has a number in the paper stands on the page of its own section, once, and is checked."""

import re
from collections import Counter

import nbformat
import pytest
from pages import BOOK

pytestmark = pytest.mark.numpy_only


def equations(*numbers):
    return [f"eq-paper-{n}" for n in numbers]


def figures(*numbers):
    return [f"figure-paper-{n}" for n in numbers]


# The page of each section, the sections whose headings it carries, and its labels.
PAPER = {
    "01_introduction": (["1"], figures(1)),
    "02_related_work": (["2"], []),
    "03_model": (["3"], [*equations(1, 2), "lemma-paper-3-1"]),
    "04_training": (["4"], [*equations(*range(3, 10)), "lemma-paper-4-1", "corollary-paper-4-2"]),
    "05_1_setup": (["5.1"], []),
    "05_2_euler_ode45": (["5.2"], [*figures(2), "table-paper-1"]),
    "05_3_accuracy": (["5.3"], [*figures(3), "table-paper-2"]),
    "05_4_noise": (["5.4"], figures(4)),
    "05_5_attacks": (["5.5"], [*equations(10), *figures(5)]),
    "06_conclusion": (["6"], []),
    "A_background": (["A", "A.1", "A.2", "A.3", "A.4"], equations(11)),
    "B_ncg": (["B", "B.1", "B.2"], ["algorithm-paper-1", *figures(6)]),
    "C_sensitivity": (["C"], figures(*range(7, 12))),
    "D_attacks": (
        ["D", "D.1", "D.2", "D.3", "D.4"],
        [
            *equations(*range(12, 16)),
            "algorithm-paper-2",
            *figures(*range(12, 16)),
            "table-paper-3",
        ],
    ),
}
CELL = re.compile(r"^```\{code-cell\}.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(?:# ([\dA-D])|#{1,3} ([\dA-D]\.\d)) ", re.MULTILINE)  # "## A way" is none
LABEL = re.compile(
    r"\$\$ *\(([\w-]+)\)"  # $$ ... $$ (eq-paper-3)
    r"|^:(?:label|name): +([\w-]+)"  # a directive's option
    r"|^ +name: +([\w-]+)"  # in the metadata of a cell that draws a figure
    r"|^\(([\w-]+)\)=",  # a target
    re.MULTILINE,
)
OF_THE_PAPER = re.compile(r"(eq|lemma|corollary|algorithm|figure|table)-paper-[\d-]+")
EXPECTED = {
    page: [*(f"section {s}" for s in sections), *labels]
    for page, (sections, labels) in PAPER.items()
}


def standing(text):
    """The sections and the labels of the paper that a page defines, with how often."""
    sections = [f"section {a or b}" for a, b in HEADING.findall(CELL.sub("", text))]
    labels = ["".join(groups) for groups in LABEL.findall(text)]
    return Counter(sections + [label for label in labels if OF_THE_PAPER.fullmatch(label)])


def complaints(found):
    """Say what is missing, repeated or on another page; ``found`` is ``{page: standing(text)}``."""
    home = {label: page for page, labels in EXPECTED.items() for label in labels}
    for page, labels in EXPECTED.items():
        here = found.get(page, Counter())
        missing = [label for label in labels if not here[label]]
        if missing:
            yield f"{page} lacks {', '.join(missing)}" + ("" if page in found else ": no such page")
    for page, here in found.items():
        for label, times in here.items():
            if label in home and home[label] != page:
                yield f"{page} has {label}, which belongs on {home[label]}"
            elif label in home and times > 1:
                yield f"{page} has {label} {times} times"


def checks(notebook):
    """How many executed code cells carry the tag ``check-paper-N``, for each N."""
    cells = [c for c in notebook.cells if c.cell_type == "code" and c.execution_count]
    tags = [tag for cell in cells for tag in cell.metadata.get("tags", [])]
    return Counter(f"eq-{tag[6:]}" for tag in tags if tag.startswith("check-paper-"))


def test_everything_stands_on_its_own_page_once():
    texts = {path.stem: path.read_text(encoding="utf-8") for path in BOOK.glob("text/*.md")}
    wrong = list(complaints({name: standing(text) for name, text in texts.items()}))
    assert not wrong, "\n".join(["the book and the paper's sections:", *wrong])


def test_each_numbered_equation_has_one_check_on_its_page():
    found = {p.stem: checks(nbformat.read(p, as_version=4)) for p in BOOK.glob("*.ipynb")}
    home = {label: page for page, labels in EXPECTED.items() for label in labels}
    wrong = []
    for label in equations(*range(1, 16)):
        pages = {page: here[label] for page, here in found.items() if here[label]}
        if pages != {home[label]: 1}:
            where = ", ".join(f"{n} on {page}" for page, n in pages.items()) or "none"
            wrong.append(f"check-{label[3:]} belongs once on {home[label]}; found: {where}")
    assert not wrong, "\n".join(["cells that check the paper's equations:", *wrong])


def test_the_list_is_the_whole_paper():
    labels = [label for labels in EXPECTED.values() for label in labels]
    count = Counter(re.split(r"[ -]", label)[0] for label in labels)
    assert len(labels) == len(set(labels))
    assert count == Counter(
        section=24, eq=15, lemma=2, corollary=1, algorithm=2, figure=15, table=3
    )


SMALL = """# 3 Model

$$ a $$ (eq-paper-1)

:::{prf:lemma} One
:label: lemma-paper-3-1
It follows from {eq}`eq-paper-2`, shown again as

$$ b $$ (eq-again-paper-2)
:::

```{code-cell} ipython3
---
mystnb:
  figure:
    caption: A picture.
    name: figure-paper-4
---
# 1 comment is no heading
```

## A way to see it

(table-paper-1)=
"""


def test_labels_are_found_where_they_are_defined():
    assert standing(SMALL) == dict.fromkeys(
        ["section 3", "eq-paper-1", "lemma-paper-3-1", "figure-paper-4", "table-paper-1"], 1
    )


def test_what_is_missing_repeated_or_elsewhere_is_named():
    whole = {page: Counter(labels) for page, labels in EXPECTED.items()}
    assert not list(complaints(whole))
    whole["03_model"] -= Counter(["eq-paper-2"])
    whole["03_model"] += Counter(["eq-paper-1", "eq-paper-11"])
    del whole["06_conclusion"]
    assert list(complaints(whole)) == [
        "03_model lacks eq-paper-2",
        "06_conclusion lacks section 6: no such page",
        "03_model has eq-paper-1 2 times",
        "03_model has eq-paper-11, which belongs on A_background",
    ]
