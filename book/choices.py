"""What the paper does not say: each silent choice, its source, and what it does to the accuracy.

The runs are those of workflow/choices.yaml: the product of an entry's lists, on top of the
profile's defaults.  A run is compared, seed by seed, with the run that has the same network and
method and otherwise the defaults.
"""

from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from cells import DATA
from evidence import unanimous
from tables import MARGIN, html_table, signed

from snode.experiments.gather import load_results
from snode.experiments.profiles import PROFILES

WORKFLOW = Path(__file__).parent / "workflow"
NAMED = ("activation", "loss", "method")  # what a network is; the rest are choices
WORDS = {
    "default": "what the others are compared with",
    "not run yet": "no seed of it, or none of its default",
    "one seed": "a difference, but one seed never decides",
    "better": f"in every seed, two or more, by more than {MARGIN} points",
    "worse": f"in every seed, two or more, by more than {MARGIN} points",
    "no difference": f"in every seed, two or more, within {MARGIN} points",
    "undecided": "the seeds disagree",
}
SAID = {"tanh": "tanh", "relu": "ReLU", "l2": "ℓ²", "ce": "CE"}
SAID |= {"ncg": "NCG", "ncg-sobolev": "NCG Sob.", "rmsprop": "SGD"}

# field of `Run`: what it decides, what the paper's text says, what the prototype does
SOURCES = {
    "input_range": ("values of paper and ink", "–", "0 to −1"),
    "readout": ("outputs that ℓ² and μ3 see", "y in ℝᴺ", "all 196"),
    "start": ("initial weights", "normal", "a spline through 4 draws"),
    "std": ("their standard deviation", "0.001", "1/196"),
    "resample": ("filter from 28 to 14 pixels", "linear", "–"),
    "gamma_norm": ("norm in γ under Sobolev", "L²", "L²"),
    "passes": ("steps of RMSprop on a batch", "the same iterations", "–"),
    "epsilon_inside": ("ε inside RMSprop's root", "Keras", "–"),
    "weight_decay": ("μ4", "0 or 1e-8", "–"),
    "decay": ("scale of SGD's weight decay", "the cost (3)", "–"),
}


def in_words(name):
    """Return "tanh, ℓ², NCG" for the id paper-tanh-l2-ncg-s0; other seeds than 0 are named."""
    _, activation, loss, rest = name.split("-", 3)
    method, seed = rest.rsplit("-s", 1)
    words = [SAID[activation], SAID[loss], SAID.get(method, method)]
    return ", ".join(words + [f"seed {seed}"] * (seed != "0"))


class Sweep(NamedTuple):
    """A file of the workflow.

    Parameters
    ----------
    profile : str
    seeds : list of int
    only : list of str
        The entries that are made unless others are named.
    entries : dict of str to list of dict
        The choices of each run, without the seed.
    """

    profile: str
    seeds: list
    only: list
    entries: dict

    def ids(self, entry):
        """Return the ids of an entry's runs, with all seeds, a list."""
        profile = PROFILES[self.profile]
        pairs = product(self.entries[entry], self.seeds)
        return [profile.identify(profile.run(seed=seed, **choices)) for choices, seed in pairs]


def sweep(name="choices.yaml"):
    """Read a file of the workflow, a Sweep."""
    content = yaml.safe_load((WORKFLOW / name).read_text(encoding="utf-8"))
    profile, grids = PROFILES[content["profile"]], content["entries"].items()
    entries = {entry: [choices for _, choices in profile.grid(axes)] for entry, axes in grids}
    return Sweep(content["profile"], content["seeds"], content["only"], entries)


class Choice(NamedTuple):
    """One network with one choice, or a few, made otherwise.

    Parameters
    ----------
    network : str
        Such as "tanh, ℓ², NCG".
    made : dict
        Field of `Run` to value; empty for the default.
    accuracy : dict of int to float
        By seed: percent of the test images after the last epoch.
    difference : dict of int to float
        By seed: accuracy minus the default's, in points, where both are there.
    """

    network: str
    made: dict
    accuracy: dict
    difference: dict

    @property
    def word(self):
        """What the seeds say, one of WORDS."""
        if not self.made:
            return "default" if self.accuracy else "not run yet"
        points = list(self.difference.values())
        if len(points) < 2:
            return "one seed" if points else "not run yet"
        readings = {
            "better": lambda v: v > MARGIN,
            "worse": lambda v: v < -MARGIN,
            "no difference": lambda v: abs(v) <= MARGIN,
        }
        said = [word for word, holds in readings.items() if unanimous(points, holds)[0] == 0]
        return said[0] if said else "undecided"

    def texts(self):
        """Return the line's texts: choice, accuracy, seeds, difference, word."""
        name = ", ".join(f"{field} {value}" for field, value in self.made.items()) or "default"
        seeds = ", ".join(map(str, self.accuracy))
        mean, difference = (_mean(part.values()) for part in (self.accuracy, self.difference))
        accuracy = "" if mean is None else f"{mean:.2f}"
        points = "" if difference is None or not self.made else signed(difference)
        return (name, accuracy, seeds, points, self.word)


def _mean(values):
    return float(np.mean(list(values))) if values else None


class Lines(NamedTuple):
    """A table that a notebook shows as HTML, and as plain text where there is none.

    Parameters
    ----------
    heads : tuple of str
    rows : list of tuple of str
        A row of one text stands above those that follow.
    """

    heads: tuple
    rows: list

    def __repr__(self):
        whole = [self.heads, *(row for row in self.rows if len(row) > 1)]
        widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
        lines = (
            "  ".join(f"{t:<{w}}" for t, w in zip(row, widths)) for row in whole[:1] + self.rows
        )
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self):
        return html_table(self.heads, self.rows)


def ablation(folder=DATA, name="choices.yaml"):
    """Return every choice of a sweep with what is known of it, a list of Choice, defaults first.

    Parameters
    ----------
    folder : str or Path
        Of the results.
    name : str
        The file of the workflow.
    """
    plan, found = sweep(name), {}
    defaults = PROFILES[plan.profile].defaults
    for choices in (c for entry in plan.only for c in plan.entries[entry]):
        network = {field: choices.get(field, getattr(defaults, field)) for field in NAMED}
        made = {k: v for k, v in choices.items() if k not in NAMED and v != getattr(defaults, k)}
        base = _accuracy(folder, plan, network)
        for part in {}, made:
            accuracy = _accuracy(folder, plan, network | part) if part else base
            both = {s: round(accuracy[s] - base[s], 6) for s in accuracy if s in base}
            title = ", ".join(SAID[value] for value in network.values())
            found[title, str(part)] = Choice(title, part, accuracy, both)
    order = list(dict.fromkeys(title for title, _ in found))
    return sorted(found.values(), key=lambda c: (order.index(c.network), bool(c.made)))


def _accuracy(folder, plan, choices):
    """Return the percentage of test images read rightly after the last epoch, by seed."""
    found = load_results(folder, plan.profile, plan.seeds, **choices)
    return {s: 100 * r.content["epochs"][-1]["test_accuracy"] for s, r in found.items()}


def table(choices):
    """Return choices as Lines, those of one network together."""
    rows = []
    for choice in choices:
        if not choice.made:
            rows.append((choice.network,))
        rows.append(choice.texts())
    return Lines(("choice", "accuracy [%]", "seeds", "difference", "reading"), rows)


def draw(ax, choices):
    """Draw the differences of choices, a dot for each seed; the band is the margin.

    Parameters
    ----------
    ax : matplotlib axes
    choices : list of Choice
        Those of a network together; the ones without a difference are left out.

    Returns
    -------
    list of Choice
        What is drawn, from top to bottom.
    """
    shown = [choice for choice in choices if choice.made and choice.difference]
    networks = list(dict.fromkeys(choice.network for choice in shown))
    names, heights = [], []
    for row, choice in enumerate(shown):
        heights.append(-row - 1.3 * networks.index(choice.network))
        names.append(", ".join(_short(*pair) for pair in choice.made.items()))
        for seed, points in choice.difference.items():
            style = {"marker": "os^v"[seed % 4], "mfc": "none" if seed else None}
            ax.plot(points, heights[-1], color=f"C{seed}", ms=5, **style)
    for network in networks:
        top = heights[[choice.network for choice in shown].index(network)]
        place = ax.get_yaxis_transform()  # x from 0 to 1
        ax.text(0.01, top + 0.55, network, transform=place, weight="bold", size=9)
    ax.axvspan(-MARGIN, MARGIN, color="0.85")
    ax.set_yticks(heights, names, fontsize=9)
    ax.set(
        xlabel="accuracy minus the default's [points]", ylim=(min(heights, default=0) - 0.8, 1.3)
    )
    return shown


def _short(field, value):
    value = next((f"1/{n}" for n in (64, 196) if value == round(1 / n, 8)), value)
    return field if value is True else f"{field} {value}"


def sources():
    """Return the silent choices as Lines: paper, prototype, and our value, the profile paper's."""
    defaults = PROFILES["paper"].defaults
    rows = [(said, *who, str(getattr(defaults, k))) for k, (said, *who) in SOURCES.items()]
    return Lines(("choice", "the paper", "the prototype", "this book"), rows)


def progress(folder, plan):
    """Return, for each entry of a Sweep, its cells, its runs and those that are there, as Lines."""
    rows = []
    for entry, cells in plan.entries.items():
        ids = plan.ids(entry)
        done = sum((Path(folder) / f"{name}.json").exists() for name in ids)
        made = "yes" if entry in plan.only else "if named"
        rows.append((entry, str(len(cells)), str(len(ids)), str(done), made))
    return Lines(("entry", "cells", "runs", "done", "made"), rows)
