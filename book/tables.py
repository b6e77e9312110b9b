"""Tables 1, 2 and 3: the numbers that the paper prints, ours beside them, and a verdict for each.

A verdict follows from rules fixed before any result was there: see `evidence`.  Ours is the mean
and the deviation (ddof 1) over the n seeds whose results are in the folder.
"""

from html import escape
from math import hypot, inf, sqrt
from typing import NamedTuple

import numpy as np
from cells import METHODS, NETWORKS, PAPER, numbers, printed
from evidence import Comparison, Printed, compare, prediction_factor

MARGIN = 0.3  # points of accuracy that do not matter, fixed before any result was there
MARKS = {"agrees": "✓", "differs": "✗", "inside": "·", "outside": "·", "undecided": "?"}
MARKS |= {"not run yet": "–", "not judged": "–"}
ONE_RUN = {"agrees": "inside", "differs": "outside"}  # the paper's interval; it decides no cell
HEADS = ("", "paper", "ours", "n", "difference", "verdict")
QUANTITIES = {"fooled": ("success", 100), "mean norm": ("mean", 1), "largest norm": ("largest", 1)}


class Cell(NamedTuple):
    """One number of the paper and ours.

    Parameters
    ----------
    group, name : str
        What stands above the line and at its beginning.
    paper : Printed
        Mean and standard deviation, in the table's unit, of so many runs.
    values : list of float
        Ours, one for each seed that is there.
    error : float
        Standard error from having few images; infinite where ours cannot be compared.
    verdict : Comparison, optional
        None before it is judged.
    """

    group: str
    name: str
    paper: Printed
    values: list
    error: float = 0.0
    verdict: Comparison | None = None

    @property
    def difference(self):
        """Ours minus the paper's, None without a value of ours."""
        return float(np.mean(self.values)) - self.paper.mean if self.values else None

    @property
    def word(self):
        """The verdict's word; of a single run, where it lies."""
        word = self.verdict.word
        return ONE_RUN.get(word, word) if len(self.values) == 1 else word

    def texts(self):
        """Return the line's texts, in the order of HEADS."""
        n, word = len(self.values), self.word
        paper = f"{self.paper.mean:.2f} ± {self.paper.sd:.2f}"
        ours = f"{np.mean(self.values):.2f}" if n else ""
        if n > 1:
            ours += f" ± {np.std(self.values, ddof=1):.2f}"
        difference = signed(self.difference) if n else ""
        name = f"{MARKS[word]} {self.name}"  # a phone shows the first columns only
        return (name, paper, ours, str(n), difference, word)


class Table(NamedTuple):
    """Cells that a notebook shows as a table: HTML on the page, plain text where there is none."""

    title: str
    cells: list

    def __repr__(self):
        lines = [self.title, "", _line(HEADS)]
        for group, cells in self._groups():
            lines += [group, *(_line(cell.texts(), "  ") for cell in cells)]
        return "\n".join(lines)

    def _repr_html_(self):
        rows = []
        for group, cells in self._groups():
            rows += [(group,), *(cell.texts() for cell in cells)]
        return html_table(HEADS, rows, title=self.title)

    def _groups(self):
        names = dict.fromkeys(cell.group for cell in self.cells)
        return [(name, [c for c in self.cells if c.group == name]) for name in names]

    def __getitem__(self, key):
        """Return the cell of a group and a name."""
        return next(cell for cell in self.cells if (cell.group, cell.name) == key)

    def count(self):
        """Return how many cells have each verdict, a dict."""
        words = [cell.word for cell in self.cells]
        return {word: words.count(word) for word in MARKS if word in words}


def signed(difference):
    """Return a difference in hundredths with its sign, as books print it."""
    return f"{difference:+z.2f}".replace("-", "−")


def _line(texts, indent=""):
    first, *rest = texts
    widths = (14, 14, 2, 10, 11)
    cells = (f"{text:>{width}}" for text, width in zip(rest, widths, strict=True))
    return "  ".join([f"{indent + first:<19}", *cells])


def html_table(heads, rows, kind="table dataframe numbers", title=""):
    """Return a table as HTML; the first text of a row is its head, a row of one text a heading."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    groups = [[]]
    for row in rows:
        if len(row) == 1 and groups[-1]:  # a heading is of its own group alone
            groups.append([])
        groups[-1].append(_html_row(row, len(heads)))
    body = "".join(f"<tbody>{''.join(group)}</tbody>" for group in groups)
    inside = f"{caption}<thead><tr>{head}</tr></thead>{body}"
    return f'<table class="{kind}">{inside}</table>'


def _html_row(texts, width):
    first, *rest = map(escape, texts)
    if not rest:
        return f'<tr><th scope="rowgroup" colspan="{width}">{first}</th></tr>'
    return f'<tr><th scope="row">{first}</th>{"".join(f"<td>{t}</td>" for t in rest)}</tr>'


def judge(cells, margin=None):
    """Return the cells with their verdicts, which depend on how many there are: one family.

    Parameters
    ----------
    cells : list of Cell
    margin : float, optional
        Of equivalence, in the cells' unit.
    """
    family = [cell for cell in cells if cell.error < inf]
    verdicts = iter(compare([(c.paper, c.values) for c in family], margin))
    return [c._replace(verdict=_heed(c, next(verdicts) if c.error < inf else None)) for c in cells]


def _heed(cell, verdict):
    """Return the verdict, unless the cell has too few images for it."""
    if not cell.values:
        return verdict or Comparison("not run yet", None, "")
    if verdict is None:
        return Comparison("not judged", None, "of too few images, or epochs")
    reach = prediction_factor(cell.paper.n) * cell.paper.spread
    few = abs(cell.difference) <= hypot(reach, 2 * cell.error)
    if verdict.word == "differs" and cell.error and few:
        return Comparison("undecided", verdict.p, "few images can make such a difference")
    return verdict


def table1(where=PAPER):
    """Return Table 1: accuracy in percent, trained and inferred by Euler's method and by ODE45.

    Parameters
    ----------
    where : cells.Where
        Folder of the results, profile, seeds wanted.

    Returns
    -------
    Table
        Groups are the paper's columns, such as "Euler, ODE45": trained by one, inferred by the
        other.  Not judged while both solvers have no more than 10 epochs: the paper has 20.
    """
    table, cells = printed()["table1"], []
    solvers, epochs = where.solvers()
    error = 0.0 if epochs == table["epochs"] else inf
    for group, pairs in table["rows"].items():
        training, inference = group.split(", ")
        results, flow = where.results(solvers[training]), solvers[inference]["flow"]
        for split, (name, pair) in enumerate(zip(table["columns"], pairs, strict=True)):
            values = [100 * v for v in numbers(results, "accuracy", flow, split)]
            cells.append(Cell(group, name, Printed(*pair, table["runs"]), values, error))
    title = f"Accuracy [%] after {epochs} epochs; trained by, inferred by"
    return Table(title, judge(cells, MARGIN))


def table2(where=PAPER):
    """Return Table 2: accuracy on test images in percent, five methods on four networks.

    Parameters
    ----------
    where : as in `table1`

    Returns
    -------
    Table
        Groups are the methods, names the networks.
    """
    table, cells = printed()["table2"], []
    for method in METHODS:
        for network, pair in zip(table["columns"], table["rows"][method], strict=True):
            found = numbers(where.cell(method, network), "accuracy", "euler", 1)
            values = [100 * v for v in found]
            cells.append(Cell(method, network, Printed(*pair, table["runs"]), values))
    return Table("Accuracy on test images [%]", judge(cells, MARGIN))


def table3(where=PAPER):
    """Return Table 3: how many images Carlini and Wagner's attack fools, and with which norms.

    The paper attacks all test images, our results the first ones only.  Two verdicts heed that: the
    largest norm is not judged, and a difference that so few images can make is undecided.

    Parameters
    ----------
    where : as in `table1`

    Returns
    -------
    Table
        Groups such as "NCG: fooled [%]", names the networks.
    """
    table, cells = printed()["table3"], []
    path = ("toolbox", "carlini-wagner default")
    for method, parts in table["rows"].items():
        found = {network: where.cell(method, network) for network in NETWORKS}
        for part, pairs in parts.items():
            key, factor = QUANTITIES[part]
            for network, pair in zip(table["columns"], pairs, strict=True):
                values = [factor * v for v in numbers(found[network], *path, key)]
                group, paper = (
                    f"{method}: {part} [{table['units'][part]}]",
                    Printed(*pair, table["runs"]),
                )
                error = _few_images(part, pair[0], found[network], path)
                cells.append(Cell(group, network, paper, values, error))
    return Table("Attack of Carlini and Wagner, default", judge(cells))


def _few_images(part, mean, results, path):
    """Return the standard error of a mean over the attacked images, infinite for the largest."""
    attacked, won, largest = (
        np.mean(numbers(results, *where) or [1.0])
        for where in (("toolbox", "attacked"), (*path, "success"), (*path, "largest"))
    )
    if part == "largest norm":
        return inf
    if part == "fooled":
        return sqrt(mean * (100 - mean) / attacked)
    return largest / 2 / sqrt(max(attacked * won, 1))  # no deviation exceeds half the range
