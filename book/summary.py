"""The paper's main conclusions in one table: our effect, the paper's, the verdicts, a likely cause.

Source: the verdicts of `claims` on the results in a folder, and paper/printed.toml by way of
`contrasts`; the questions and the words on causes, which have no result, paper/conclusions.toml.
"""

import tomllib
from html import escape
from math import exp
from pathlib import Path
from re import search
from typing import NamedTuple

from board import MARKS, by_part, page, span
from contrasts import outcomes

CONCLUSIONS = Path(__file__).parent / "paper" / "conclusions.toml"
HEADS = ("", "ours", "paper", "cells", "n")


class Line(NamedTuple):
    """Cells of one statistic: their label, an Outcome of each, whether these are logarithms."""

    label: str
    outcomes: list
    logarithms: bool = False

    def texts(self):
        """Return the texts of HEADS: ranges of the means or factors, cells, seeds."""
        there = [outcome for outcome in self.outcomes if outcome.mean is not None]
        ours = [exp(o.mean) if self.logarithms else o.mean for o in there]
        paper = [outcome.paper[0] for outcome in self.outcomes if outcome.paper]
        seeds = [outcome.n for outcome in there]
        ranges = [span(values) if values else "–" for values in (ours, paper, seeds)]
        every = len(there) == len(self.outcomes)
        cells = str(len(there)) if every else f"{len(there)} of {len(self.outcomes)}"
        return self.label, *ranges[:2], cells, ranges[2].replace(" … ", "–")

    def said(self):
        """Return the line as plain text."""
        label, ours, paper, cells, seeds = self.texts()
        return f"{label}: ours {ours}; paper {paper}; cells {cells}; n = {seeds}"


class Summary(NamedTuple):
    """Questions, each with its lines; a notebook shows them as a table.

    Parameters
    ----------
    rows : list of (dict, list of Line)
        Questions as in conclusions.toml, and their lines.
    claims, verdicts : dict
        By number, from `claims`.
    """

    rows: list
    claims: dict
    verdicts: dict

    def __repr__(self):
        texts = []
        for question, lines in self.rows:
            words = ", ".join(f"{self.verdicts[n].word} ({n})" for n in question["claims"])
            texts += [question["asks"], *(f"  {line.said()}" for line in lines)]
            texts += [f"  {words}: {question['why']}"]
        return "\n".join(texts)

    def _repr_html_(self):
        heads = "".join(f'<th scope="col">{text}</th>' for text in HEADS)
        body = "".join(self._group(*row) for row in self.rows)
        return f'<table class="table"><thead><tr>{heads}</tr></thead>{body}</table>'

    def _group(self, question, lines):
        """Return one question as rows: itself, its numbers, its verdicts with the cause."""
        place, wide = page(self.claims[question["claims"][0]]), f'colspan="{len(HEADS)}"'
        rows = [f'<th scope="rowgroup" {wide}>{escape(question["asks"])}{place}</th>']
        for first, *rest in (line.texts() for line in lines):
            cells = "".join(f"<td>{text}</td>" for text in rest)
            rows.append(f'<th scope="row">{escape(first)}</th>{cells}')
        words = ", ".join(map(self._verdict, question["claims"]))
        rows.append(f"<td {wide}>{words}: {escape(question['why'])}</td>")
        return f"<tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody>"

    def _verdict(self, n):
        word = self.verdicts[n].word
        return f'<b>{MARKS[word]} {word}</b> (<a href="claims_list.html#claim-{n}">{n}</a>)'


def summary(claims, verdicts, folder, profile):
    """Return the Summary of verdicts on claims.

    Parameters
    ----------
    claims, verdicts : dict
        By number, from `claims`.
    folder, profile : str or Path, str
        Where the results are, and their size.
    """

    def line(label, claim=None, part=0, cells="", own=None):
        if own:
            of, found = own, outcomes(own, claims[1]["axes"], folder, profile)
        else:
            of, found = by_part(claims[claim], verdicts[claim].numbers)[part]
        chosen = [outcome for outcome in found if search(cells, outcome.name)]
        return Line(label, chosen, of["statistic"].startswith("log "))

    questions = tomllib.loads(CONCLUSIONS.read_text(encoding="utf-8"))["question"]
    rows = [(question, [line(**of) for of in question["lines"]]) for question in questions]
    return Summary(rows, claims, verdicts)
