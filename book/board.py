"""The scoreboard: what became of every claim, as tables for a page and plain text, and a picture.

Source: paper/claims.toml and the verdicts of `claims`; nothing about a verdict is typed here.
"""

from collections import Counter
from html import escape
from itertools import islice
from pathlib import Path
from re import match, search
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from claims import CELLS, WORDS
from contrasts import cells
from evidence import Verdict
from tables import html_table

BOOK = Path(__file__).parent
MARKS = dict(zip(WORDS, ("✓", "◐", "✗", "?", "…", "–"), strict=True))
COLOURS = dict(
    zip(WORDS, ("#009E73", "#56B4E9", "#D55E00", "#CC79A7", "#bbbbbb", "#dddddd"), strict=True)
)
LEVELS = ("test accuracy", "training accuracy", "R", "AUC own", "AUC ensemble")
KINDS = {"measurements": "TC", "formulas and text": "I", "other sentences": "L"}
SAID = CELLS | {"single": "one seed"}


class Board(NamedTuple):
    """Claims of one section of the paper with their verdicts; a notebook shows it as a list.

    Parameters
    ----------
    claims : list of dict
        From `claims.load`.
    verdicts : dict of int to Verdict
        From `claims.verdicts`.
    """

    claims: list
    verdicts: dict

    def __repr__(self):
        found = [(claim, self.verdicts[claim["number"]]) for claim in self.claims]
        return "\n".join(f"{c['number']:>2} {v.word}: {numbers(c, v)}" for c, v in found)

    def _repr_html_(self):
        rows = (_claim(claim, self.verdicts[claim["number"]]) for claim in self.claims)
        return f"<ul>{''.join(rows)}</ul>"


class Cells(NamedTuple):
    """Every network, or pair of networks, behind one verdict; a notebook shows it as a table."""

    verdict: Verdict

    def __repr__(self):
        return "\n".join("  ".join(texts) for texts in self.rows())

    def _repr_html_(self):
        heads, *rows = self.rows()
        return html_table(heads, rows, kind="table numbers")

    def rows(self):
        """Return the table's texts, its head first."""
        return [("network", "ours", "n", "verdict", "paper"), *map(_texts, self.verdict.numbers)]


def sections(claims):
    """Return the claims by section of the paper, a dict of lists, in the paper's order."""
    found = {}
    for claim in sorted(claims.values(), key=lambda claim: claim["section"][0]):
        found.setdefault(claim["section"], []).append(claim)
    return found


def count(verdicts):
    """Return how many verdicts have each word, a dict in the order of WORDS."""
    counts = Counter(verdict.word for verdict in verdicts.values())
    return {word: counts[word] for word in WORDS if counts[word]}


def tally(claims, verdicts):
    """Return the counts of measurements apart from those of formulas and text, a dict of dicts."""
    return {
        said: count({n: verdicts[n] for n, claim in claims.items() if claim["kind"] in kinds})
        for said, kinds in KINDS.items()
    }


def _claim(claim, verdict):
    """Return one claim as an item: verdict, number with a link to its rule, words, numbers."""
    number, word = claim["number"], verdict.word
    return (
        f"<li><b>{MARKS[word]} {word}</b> · "
        f'<a href="claims_list.html#claim-{number}">{number}</a> {escape(claim["says"])} '
        f"<i>{escape(numbers(claim, verdict))}</i>{page(claim)}</li>"
    )


def numbers(claim, verdict):
    """Return what a verdict rests on: sentence, range of the means by statistic, seeds."""
    known = spans(claim, verdict.numbers)
    said = [f"{name}: {text}" if len(known) > 1 else text for name, text in known.items()]
    return "; ".join([verdict.sentence, *said, *([f"n = {verdict.n}"] if verdict.n else [])])


def spans(claim, outcomes):
    """Return the range of the means with its unit for each statistic, a dict of texts."""
    found = {}
    for part, of in by_part(claim, outcomes):
        means, _ = found.setdefault(part.get("statistic", ""), ([], unit(part)))
        means += [outcome.mean for outcome in of if outcome.mean is not None]
    mixed = claim.get("table") == "table3"  # shares beside norms
    return {k: f"{span(means)}{of}" for k, (means, of) in found.items() if means and not mixed}


def by_part(claim, outcomes):
    """Return the parts of a claim, each with its outcomes, which stand in their order."""
    if "part" not in claim:
        return [(claim, outcomes)]
    sizes, rest = (len(cells(part, claim["axes"])) for part in claim["part"]), iter(outcomes)
    return [(p, list(islice(rest, size))) for p, size in zip(claim["part"], sizes, strict=True)]


def span(values):
    """Return the least and the largest of some values as text; one of them if they look alike."""
    return " … ".join(dict.fromkeys(map(short, (min(values), max(values)))))


def unit(part):
    """Return what the numbers of a part count, with a space; nothing for pure numbers."""
    statistic = part.get("statistic", "")
    if statistic.startswith("log "):
        return " (logarithm)"
    if statistic in LEVELS and not {"minus", "minus_over"} & part.keys():
        return " %"
    in_points = search("accuracy|solver|^fall|^AUC", statistic) or statistic in LEVELS
    return " points" if in_points or part.get("compute") in ("baselines", "printed") else ""


def page(claim):
    """Return a link to the page that discusses the claim, if that page is there."""
    text = BOOK / "text" / f"{claim['page']}.md"
    if not text.exists():
        return ""
    title = search("(?m)^# (.*)", text.read_text(encoding="utf-8"))[1]
    place = match("([0-9.]+|[A-D]) ", title)
    kind = "chapter" if title[0].isdigit() else "appendix"
    return f' → <a href="{text.stem}.html">{f"{kind} {place[1]}" if place else title}</a>'


def _texts(outcome):
    ours = interval(outcome.mean, outcome.low, outcome.high) if outcome.n else ""
    paper = interval(*outcome.paper) if outcome.paper else ""
    return outcome.name, ours, str(outcome.n), SAID[outcome.word], paper


def interval(mean, low, high):
    """Return a mean and its limits as text, three digits."""
    if mean is None:
        return ""
    return short(mean) if low is None else f"{short(mean)} [{short(low)}, {short(high)}]"


def short(value):
    """Return a number as text, three digits and a true minus sign."""
    return f"{value:.3g}".replace("-", "−")


def picture(parts, verdicts):
    """Draw how many claims of each part have which verdict.

    Parameters
    ----------
    parts : dict of str to sequence of int
        Labels, and the numbers of their claims.
    verdicts : dict of int to Verdict
        From `claims.verdicts`.
    """
    counts = [count({n: verdicts[n] for n in numbers}) for numbers in parts.values()]
    figure, ax = plt.subplots(figsize=(6.4, 0.34 * len(parts) + 1.2))
    left = np.zeros(len(parts))
    for word in (word for word in WORDS if any(word in of for of in counts)):
        widths = np.array([of.get(word, 0) for of in counts])
        style = {"color": COLOURS[word], "edgecolor": "white", "label": f"{MARKS[word]} {word}"}
        bars = ax.barh(list(parts), widths, left=left, **style)
        ax.bar_label(bars, [MARKS[word] * bool(w) for w in widths], label_type="center")
        left += widths
    ax.invert_yaxis()
    ax.set(xlabel="claims")
    ax.grid(axis="y", visible=False)
    figure.legend(loc="outside upper center", ncols=3, fontsize=9)
    return figure
