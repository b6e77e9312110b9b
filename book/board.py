"""The scoreboard: what became of every claim, as tables for a page and plain text, and a picture.

Source: paper/claims.toml and the verdicts of `claims`; nothing about a verdict is typed here.
"""

from collections import Counter
from html import escape
from pathlib import Path
from re import match, search
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from claims import CELLS, WORDS
from evidence import Verdict
from tables import html_table

BOOK = Path(__file__).parent
MARKS = dict(zip(WORDS, ("✓", "◐", "✗", "?", "…", "–"), strict=True))
COLOURS = dict(
    zip(WORDS, ("#009E73", "#56B4E9", "#D55E00", "#CC79A7", "#bbbbbb", "#dddddd"), strict=True)
)
LEVELS = ("test accuracy", "training accuracy", "R", "AUC own", "AUC ensemble")
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


def _claim(claim, verdict):
    """Return one claim as an item: verdict, number with a link to its rule, words, numbers."""
    number, word = claim["number"], verdict.word
    return (
        f"<li><b>{MARKS[word]} {word}</b> · "
        f'<a href="claims_list.html#claim-{number}">{number}</a> {escape(claim["says"])} '
        f"<i>{escape(numbers(claim, verdict))}</i>{_page(claim)}</li>"
    )


def numbers(claim, verdict):
    """Return what a verdict rests on: sentence, range of the means (of one kind), seeds."""
    kinds = {part["statistic"] for part in claim.get("part", ())} | {claim.get("table")} - {None}
    means = [outcome.mean for outcome in verdict.numbers if outcome.mean is not None]
    ends = dict.fromkeys(map(short, (min(means), max(means)))) if means else ()
    alike = len(kinds) <= 1 and "table3" not in kinds
    span = f"; {' … '.join(ends)}{unit(claim)}" if ends and alike else ""
    return f"{verdict.sentence}{span}{f'; n = {verdict.n}' if verdict.n else ''}"


def unit(claim):
    """Return what the numbers behind a verdict count, with a space; nothing for pure numbers."""
    part = claim.get("part", [{}])[0]
    statistic = part.get("statistic", "")
    if statistic.startswith("log "):
        return " (logarithm)"
    if statistic in LEVELS and not {"minus", "minus_over"} & part.keys():
        return " %"
    in_points = search("accuracy|solver|^fall|^AUC", statistic) or statistic in LEVELS
    return " points" if in_points or claim.get("compute") in ("baselines", "printed") else ""


def _page(claim):
    """Return a link to the page that discusses the claim, if that page is there."""
    page = BOOK / "text" / f"{claim['page']}.md"
    if not page.exists():
        return ""
    title = search("(?m)^# (.*)", page.read_text(encoding="utf-8"))[1]
    place = match("([0-9.]+|[A-D]) ", title)
    kind = "chapter" if title[0].isdigit() else "appendix"
    return f' → <a href="{page.stem}.html">{f"{kind} {place[1]}" if place else title}</a>'


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
