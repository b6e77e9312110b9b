"""Print the paper's own numbers in the book.

A label that ends in ``paper-3`` or ``paper-3-1`` carries the number of the paper, (3) or 3.1:

==================  ===============================  ======================  ==================
what                label, for example               prints                  a reference
==================  ===============================  ======================  ==================
equation            ``eq-paper-3``                   (3) beside the formula  ``{eq}`eq-paper-3```
lemma, corollary    ``lemma-paper-3-1``              Lemma 3.1               ``{prf:ref}`` same
algorithm           ``algorithm-paper-1``            Algorithm 1             ``{prf:ref}`` same
figure, table       ``figure-paper-4``               Figure 4, Fig. 4        ``{numref}`` same
==================  ===============================  ======================  ==================

Everything else that has a number is the book's own, and the paper has no such numbers: the
chapter of the file name and a letter, in ``03_model`` (3.a), Lemma 3.b, Figure 3.c, in
``05_1_euler`` (5.1.a), in the appendix ``B_ncg`` (B.a).  The pages outside the chapters share one
count: (a), on the next page (b).  Exercises and listings, of which the paper has none, have plain
counts: Exercise 3.1, Exercise B.1, outside the chapters Exercise 1.

A label with a number that the paper does not have (Lemma 4.2, which is a corollary) is a
warning, hence an error under ``-W``.  A paper's equation may be shown twice: give the second one
another beginning, ``again-paper-3``.
"""

import re
from collections import Counter

from sphinx.util import logging

LOGGER = logging.getLogger(__name__)

PAPER = {
    "displaymath": {str(n) for n in range(1, 16)},
    "lemma": {"3.1", "4.1"},
    "corollary": {"4.2"},
    "algorithm": {"1", "2"},
    "figure": {str(n) for n in range(1, 16)},
    "table": {"1", "2", "3"},
}
COUNTED = {"exercise", "code-block"}
LABEL = re.compile(r"(?:^|-)paper-(\d+(?:-\d+)*)$")
CHAPTER = re.compile(r"^(?:(\d+)_(?:(\d+)_)?|([A-D])_)")


def paper_number(label):
    """``("3", "1")`` for a label that ends in ``paper-3-1``, None for any other."""
    match = LABEL.search(label)
    return tuple(match[1].split("-")) if match else None


def chapter(docname):
    """``("5", "1")`` for ``book/05_1_euler``, ``("B",)`` for ``book/B_ncg``, ``()`` elsewhere."""
    match = CHAPTER.match(docname.rsplit("/", 1)[-1])
    return tuple(n.lstrip("0") or n for n in match.groups() if n) if match else ()


def letters(n):
    """1 to "a", 26 to "z", 27 to "aa"."""
    text = ""
    while n:
        n, rest = divmod(n - 1, 26)
        text = chr(ord("a") + rest) + text
    return text


def renumber(figtype, docname, labels, counts):
    """The number of each of ``labels``, which are in the order of the page, as a tuple.

    ``counts`` holds how many of our own each chapter has so far, and is updated.
    """
    numbers, place = {}, chapter(docname)
    for label in labels:
        number = paper_number(label)
        if number is None:
            counts[place, figtype] += 1
            own = counts[place, figtype]
            number = (*place, str(own) if figtype in COUNTED else letters(own))
        elif ".".join(number) not in PAPER.get(figtype, ()):
            text = "the paper has no %s %s (label %s)"
            LOGGER.warning(text, figtype, ".".join(number), label, location=docname)
        numbers[label] = number
    return numbers


def set_numbers(app, env):
    """Replace Sphinx's numbers, which it has just counted, before any page is written."""
    counts = Counter()
    for docname, figtypes in env.toc_fignumbers.items():  # in the order of the book
        for figtype, numbers in figtypes.items():
            figtypes[figtype] = renumber(figtype, docname, list(numbers), counts)
    return []


def setup(app):
    # 900: after Sphinx's own collector has counted; unlike env-check-consistency, this event
    # also comes when no source has changed and all pages are written anew
    app.connect("env-get-updated", set_numbers, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
