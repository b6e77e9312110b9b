"""Curves of several seeds in one panel: mean, deviation, n, and what has not been run yet."""

from textwrap import fill
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from plots import COLOURS

BLUE, RED, GREEN, PINK, SKY, ORANGE, BLACK = COLOURS
GREY, MISSING = "0.55", "not run yet"
OF_METHOD = {  # w.d. is dashed, here and in the paper
    "SGD": {"color": RED, "ls": "-"},
    "SGD w.d.": {"color": RED, "ls": "--"},
    "NCG": {"color": BLUE, "ls": "-"},
    "NCG w.d.": {"color": BLUE, "ls": "--"},
    "NCG Sob.": {"color": GREEN, "ls": ":"},
}
OF_NETWORK = {  # dashes tell attacks apart
    name: {"color": colour, "marker": marker, "ms": 4, "markevery": 3}
    for name, colour, marker in zip(
        ("ReLU, CE", "tanh, CE", "ReLU, ℓ²", "tanh, ℓ²"),
        (RED, BLUE, ORANGE, GREEN),
        "os^D",
        strict=True,
    )
}
NOISE = "noise σ (ink − paper = 1)"
NORM = "norm r (ink − paper = 1)"


class Drawn(NamedTuple):
    """A figure, and the numbers that sum it up.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    numbers : dict of (str, str) to float or None
        Means over the seeds that are there; None where there is none.  See `said`.
    """

    figure: Figure
    numbers: dict


def dots(method):
    """Return the style of a method's dots: its colour, hollow with weight decay."""
    colour = OF_METHOD[method]["color"]
    return {"color": colour, "mfc": "white" if "w.d." in method else colour, "ls": ""}


def said(numbers, form=".1f"):
    """Return the numbers of a figure as lines of text, one for each first key that has any.

    Parameters
    ----------
    numbers : dict of (str, str) to float or None
        As in `Drawn`.
    form : str
        A format for floats.

    Returns
    -------
    str
    """
    lines, there = {}, {row for (row, _), value in numbers.items() if value is not None}
    for (row, name), value in numbers.items():
        text = f"{name} " + (MISSING if value is None else format(value, form))
        lines.setdefault(row, []).append(text)
    said = [f"{row}: {'; '.join(texts)}" for row, texts in lines.items() if row in there]
    missing = [row for row in lines if row not in there]
    said += [f"{MISSING}: {'; '.join(missing)}"] if missing else []
    return "\n".join(fill(line, 80, subsequent_indent="  ") for line in said)


def mean(values):
    """Return the mean of the values (n,) over seeds, None if there are none."""
    return float(np.mean(values)) if len(values) else None


def curve(ax, x, runs, label, **style):
    """Draw the mean over seeds and, around it, one standard deviation (ddof 1).

    Parameters
    ----------
    ax : matplotlib axes
    x : sequence of float (M,)
    runs : sequence of sequences (n, M)
        One for each seed that is there; without any only the legend has it, in grey.
    label : str
        For the legend, which adds n, the number of seeds.
    **style
        Of the line.
    """
    label = f"{label}, n = {len(runs)}"
    if len(runs) == 0:
        ax.plot([], [], label=label, **style | {"color": GREY})
        return
    y = np.mean(runs, axis=0)
    (line,) = ax.plot(x, y, label=label, **style)
    if len(runs) > 1:
        sd = np.std(runs, axis=0, ddof=1)
        ax.fill_between(x, y - sd, y + sd, color=line.get_color(), alpha=0.2, lw=0)


def legend(ax, on, columns=2):
    """List the lines of a panel below it, what is missing in grey; say so if nothing is there.

    Parameters
    ----------
    ax : matplotlib axes
        Whose lines are listed.
    on : matplotlib.figure.FigureBase
        The figure, or its part, below whose panels the list stands.
    columns : int
    """
    lines, labels = ax.get_legend_handles_labels()
    tight = {"columnspacing": 0.8, "handlelength": 1.6, "handletextpad": 0.4, "fontsize": 10}
    box = on.legend(lines, labels, ncols=columns, loc="outside lower center", **tight)
    missing = [label.endswith(("n = 0", MISSING)) for label in labels]
    for text, grey in zip(box.get_texts(), missing, strict=True):
        text.set_color(GREY if grey else BLACK)
    if all(missing):
        empty(ax)


def empty(ax):
    """Say in the middle of a panel that there is nothing to draw."""
    ax.set_yticks([])
    ax.text(0.5, 0.5, MISSING, transform=ax.transAxes, color=GREY, ha="center", va="center")


def same_scale(axes):
    """Give all panels, the empty ones too, the limits that hold what each of them shows."""
    drawn = [ax for ax in axes if any(len(line.get_ydata()) for line in ax.lines)]
    for name in ("x", "y") if drawn else ():
        lows, highs = zip(*(getattr(ax, f"get_{name}lim")() for ax in drawn), strict=True)
        for ax in axes:
            ax.set(**{f"{name}lim": (min(lows), max(highs))})
