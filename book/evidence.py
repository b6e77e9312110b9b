"""Statistics behind the verdicts: what a difference, or a number beside a printed one, shows.

The rules were fixed before the runs and are explained on the page Rules.  Plain numbers in, plain
numbers out; no files.  Letters: n seeds; d (n,) differences in pairs by seed, or values; m margin;
c a bound; p probabilities, already doubled where a test has two sides, so that all are compared
with LEVEL.
"""

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.05
LEAST_SD = 0.005  # what rounding hides: the paper prints deviations in hundredths


@dataclass(frozen=True)
class Verdict:
    """What is known about one claim: a word, a sentence, the cells behind it, the seeds.

    Parameters
    ----------
    word : str
        reproduced, partly, contradicted, undecided, not run yet, not testable here.
    sentence : str
        Why.
    numbers : tuple of Outcome
        One for each cell.
    n : int
        Seeds of the cell that has fewest, of those that have any.
    """

    word: str
    sentence: str
    numbers: tuple = ()
    n: int = 0


class Outcome(NamedTuple):
    """One cell: name, word, mean, limits, seeds; the paper's.

    The word is shown, false, undecided, single (one seed, which decides nothing) or missing;
    `paper` has the mean and the limits of the same difference of printed numbers, where there are
    such.
    """

    name: str
    word: str
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    paper: tuple | None = None


class Printed(NamedTuple):
    """A number as the paper prints it: mean and standard deviation of n runs."""

    mean: float
    sd: float
    n: int = 5

    @property
    def spread(self):
        """The deviation; one below `LEAST_SD` counts as that."""
        return max(self.sd, LEAST_SD)


class Comparison(NamedTuple):
    """agrees, differs, undecided, not judged, not run yet; the corrected p of a test; a reason."""

    word: str
    p: float | None
    reason: str


def error(d):
    """Return the standard error of the mean of d (n,), n > 1."""
    return max(np.std(d, ddof=1), LEAST_SD) / sqrt(len(d))


def tail(d, c, side):
    """Return the p of a one-sided t test of the mean of d (n,) against c; side greater or less."""
    t = (np.mean(d) - c) / error(d)
    return float(stats.t.sf(t if side == "greater" else -t, len(d) - 1))


def limits(d, level=0.95):
    """Return the limits of the mean of d (n,), n > 1, by Student's t."""
    low, high = stats.t.interval(level, len(d) - 1, np.mean(d), error(d))
    return float(low), float(high)


def tost(d, m):
    """Return the p of equivalence: two one-sided tests that the mean of d lies inside -m, m."""
    return max(tail(d, -m, "greater"), tail(d, m, "less"))


def more(d, c=0.0, m=None):
    """Return the p's that the mean of d is more than c, and that it is not."""
    below = min(1.0, 2 * tail(d, c, "less"))
    return min(1.0, 2 * tail(d, c, "greater")), below if m is None else min(below, tost(d, m))


def equal(d, m):
    """Return the p's that the mean of d is 0 within m, and that it is not."""
    outside = min(tail(d, -m, "less"), tail(d, m, "greater"))
    return tost(d, m), min(1.0, 2 * outside)


def not_less(d, m):
    """Return the p's that the mean of d is not below 0 by m, and that it is."""
    return tail(d, -m, "greater"), min(1.0, 2 * tail(d, -m, "less"))


def unanimous(d, holds):
    """Return 0 and 1 if every value of d holds, 1 and 0 if none does, 1 and 1 if they differ."""
    held = [bool(holds(v)) for v in d]
    return 0.0 if all(held) else 1.0, 1.0 if any(held) else 0.0


def holm(p, cells=None):
    """Return Holm's corrected p's (n,), for as many cells as there are; without it n.

    A cell that has no p yet counts, with the largest one: so the correction does not grow when
    its runs come in, and takes back what another cell has shown.
    """
    p = np.asarray(p, float)
    order, cells = np.argsort(p), len(p) if cells is None else cells
    steps = p[order] * (cells - np.arange(len(p)))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1, np.maximum.accumulate(steps))
    return corrected


def prediction_factor(n=5, level=0.95):
    """Return how many printed deviations from the mean of n runs one more run may lie."""
    return float(stats.t.ppf((1 + level) / 2, n - 1) * sqrt(1 + 1 / n))


def welch(printed, values, shift=0.0, alternative="two-sided"):
    """Return the p of Welch's test of n > 1 values against a printed mean, moved by shift."""
    ours = (np.mean(values), max(np.std(values, ddof=1), LEAST_SD), len(values))
    theirs = (printed.mean + shift, printed.spread, printed.n)
    test = stats.ttest_ind_from_stats(*ours, *theirs, equal_var=False, alternative=alternative)
    return float(test.pvalue)


def between(a, b, level=0.95):
    """Return the difference of two printed means and its limits by Welch's degrees of freedom."""
    u, v = a.spread**2 / a.n, b.spread**2 / b.n
    freedom = (u + v) ** 2 / (u**2 / (a.n - 1) + v**2 / (b.n - 1))
    d = a.mean - b.mean
    low, high = stats.t.interval(level, freedom, d, sqrt(u + v))
    return d, float(low), float(high)


def compare(cells, margin=None):
    """Return a Comparison for each (Printed, values) of one table; Holm over all its cells."""
    tested = [i for i, (_, values) in enumerate(cells) if len(values) > 1]
    p = holm([welch(*cells[i]) for i in tested], len(cells))
    corrected = dict(zip(tested, p, strict=True))
    return [_compared(*cell, corrected.get(i), margin) for i, cell in enumerate(cells)]


def _compared(printed, values, p, margin):
    if not len(values):
        return Comparison("not run yet", None, "no seed yet")
    if p is None:
        k = prediction_factor(printed.n)
        inside = abs(values[0] - printed.mean) <= k * printed.spread
        where = "inside" if inside else "outside"
        reason = f"one seed, {where} {k:.2f} printed deviations"
        return Comparison("agrees" if inside else "differs", None, reason)
    if p < LEVEL:
        return Comparison("differs", float(p), "Welch and Holm, significant at 5 %")
    sides = ((-1, "greater"), (1, "less"))
    if margin and max(welch(printed, values, s * margin, side) for s, side in sides) < LEVEL:
        return Comparison("agrees", float(p), f"90 % limits inside {margin} of the printed mean")
    return Comparison("undecided", float(p), "not significant, and not shown to be equal")


def bootstrap(a, b=None, draws=2000, seed=0):
    """Return 95 % limits of the mean of a (K,), or of a - b, over draws of the K images."""
    values = np.asarray(a, float) - (0 if b is None else np.asarray(b, float))
    found = stats.bootstrap(
        (values,), np.mean, n_resamples=draws, batch=100, method="percentile", rng=seed
    )
    return tuple(float(v) for v in found.confidence_interval)
