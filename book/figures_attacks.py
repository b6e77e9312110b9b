"""Figures 5 and 12 of the paper and the shape of perturbations, drawn from the results there are.

Each function takes a `cells.Where` and returns `curves.Drawn`.  Only correctly classified images
are attacked; shares are of them.

PGD and the single step are tried in balls of the radii that the profile names, so their curves
have points at these radii only; Algorithm 2 has one at every 0.05.  Nine targets are tried on the
first images only (1000 in the profile paper).
"""

import matplotlib.pyplot as plt
import numpy as np
from cells import METHODS, NETWORKS, PAPER, PLAIN, TABLE_2, numbers, printed
from curves import (
    BLUE,
    GREEN,
    GREY,
    MISSING,
    NORM,
    OF_NETWORK,
    ORANGE,
    PINK,
    RED,
    Drawn,
    curve,
    dots,
    legend,
    mean,
)

from snode.experiments.profiles import PROFILES
from snode.experiments.strength import NORMS

ATTACKS = {  # name: (keys of the measurement, style)
    "own": (("attacks", "own"), {"color": BLUE, "ls": "-"}),
    "nine targets": (("targets", "nine"), {"color": GREEN, "ls": "--"}),
    "PGD 0.06": (("attacks", "pgd"), {"color": RED, "ls": "-"}),
    "PGD 0.6": (("attacks", "pgd-long"), {"color": ORANGE, "ls": "--"}),
    "one step": (("attacks", "one-step"), {"color": PINK, "ls": ":"}),
}
IN_BALLS = ("PGD 0.06", "PGD 0.6", "one step")


def _susceptible(results, attack, profile):
    """Return norms (R,) and, for each result, the share fooled within them in percent, (n, R)."""
    keys, _ = ATTACKS[attack]
    radii = PROFILES[profile].radii if attack in IN_BALLS else NORMS
    kept = [k for k, norm in enumerate(NORMS) if norm in radii]
    runs = [100 * run[kept] for run in numbers(results, *keys, "susceptible")]
    return np.array(NORMS)[kept], runs


def _at_visible(results, attack):
    """Return the mean share fooled within the norm that the paper calls visible, or None."""
    visible, (keys, _) = printed()["stated"]["visible norm"]["value"], ATTACKS[attack]
    runs = numbers(results, *keys, "susceptible")
    return mean([100 * run[NORMS.index(visible)] for run in runs])


def figure_5(where=PAPER):
    """Draw Figure 5: share of images fooled within a norm, by Algorithm 2 and by PGD.

    Returns
    -------
    Drawn
        Numbers: percent fooled within 0.5, by method with network, and attack.
    """
    found = {}
    figure = plt.figure(figsize=(6.4, 7.4))
    parts = figure.subfigures(2, 2).flat
    for part, method in zip(parts, PLAIN):
        ax = part.subplots()
        for network, style in OF_NETWORK.items():
            results = where.cell(method, network)
            for attack, ls in (("own", "-"), ("PGD 0.06", "--")):
                label = network if attack == "own" else "_same runs"
                curve(ax, *_susceptible(results, attack, where.profile), label, **style, ls=ls)
                found[f"{method}, {network}", attack] = _at_visible(results, attack)
        _percent(ax, method)
        legend(ax, part)
    key = parts[3].legend(
        [plt.Line2D([], [], color=GREY, ls=ls) for ls in ("-", "--", ":")],
        ["Algorithm 2", "PGD, step 0.06", "visible from here on,\nsays the paper"],
        loc="center",
        fontsize=10,
    )
    key.set_in_layout(False)
    return Drawn(figure, found)


def _percent(ax, title):
    """Name the axes of a panel of shares; mark the norm that the paper calls visible."""
    visible = printed()["stated"]["visible norm"]["value"]
    ax.axvline(visible, color=GREY, ls=":", lw=1)
    ax.set(title=title, xlabel=NORM, ylabel="fooled [%]", xlim=(0, 1), ylim=(0, 100))


def figure_12(where=PAPER):
    """Draw Figure 12: five attacks, a column for each method and a row for each network.

    Returns
    -------
    Drawn
        Numbers: percent fooled within 0.5, by method with network, and attack.
    """
    found = {}
    figure, axes = plt.subplots(4, 3, figsize=(6.4, 8.6), sharex=True, sharey=True)
    for row, network in zip(axes, NETWORKS, strict=True):
        for ax, method in zip(row, PLAIN, strict=True):
            results = where.cell(method, network)
            for attack, (_, style) in ATTACKS.items():
                if results:
                    curve(ax, *_susceptible(results, attack, where.profile), attack, **style)
                found[f"{method}, {network}", attack] = _at_visible(results, attack)
            _percent(ax, f"{method}; {network}")
            ax.title.set_fontsize(9)
            _note(ax, f"n = {len(results)}" if results else MISSING)
            ax.label_outer()
            ax.set_xlabel("norm r" if network == "tanh, ℓ²" else "")
    lines = [plt.Line2D([], [], label=name, **style) for name, (_, style) in ATTACKS.items()]
    figure.legend(handles=lines, loc="outside lower center", ncols=3, fontsize=10)
    return Drawn(figure, found)


def _note(ax, text):
    """Write n, or that there is none, into the corner that the curves leave free."""
    ax.text(0.97, 0.04, text, transform=ax.transAxes, color="0.2", fontsize=9, ha="right")


def figure_shape(where=PAPER):
    """Draw how far Algorithm 2's perturbations sit on single pixels: largest change, pixels used.

    Returns
    -------
    Drawn
        Numbers: mean of the largest change over the norm, by method and network.
    """
    found = {}
    results = {cell: where.cell(*cell) for cell in TABLE_2}
    figure, axes = plt.subplots(2, 1, figsize=(6.4, 5.2), sharex=True)
    labels = {"peak": "largest change / norm", "participation": "participating pixels"}
    for ax, (part, label) in zip(axes, labels.items(), strict=True):
        for shift, method in enumerate(METHODS):
            cells = {n: numbers(results[method, n], "attacks", "own", part) for n in NETWORKS}
            _dots(ax, list(cells.values()), 0.15 * (shift - 2), method)
            found |= {(f"{method}, {n}", part): mean(values) for n, values in cells.items()}
        ax.set(ylabel=label, ylim=(0, None))
        ax.set_xticks(range(4), NETWORKS)
        ax.grid(axis="x", visible=False)
    if None in found.values():
        axes[0].plot([], [], "x", color=GREY, label=MISSING)
    legend(axes[0], figure, 3)
    return Drawn(figure, found)


def _dots(ax, cells, shift, method):
    """Draw mean and deviation of each network's values, and a grey cross where there is none."""
    style = {"marker": "o", **dots(method)}
    for place, values in enumerate(cells):
        if values:
            sd = np.std(values, ddof=1) if len(values) > 1 else 0
            ax.errorbar(place + shift, np.mean(values), sd, ms=5, capsize=3, **style)
        else:
            ax.plot(place + shift, 0.04, "x", color=GREY, ms=5, transform=ax.get_xaxis_transform())
    n = sorted({len(values) for values in cells})
    n = "–".join(map(str, (n[0], n[-1])[: len(n)]))
    ax.plot([], [], label=f"{method}, n = {n}", **style)
