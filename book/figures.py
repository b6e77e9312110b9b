"""Figures 2, 3, 4 and 6 to 10 of the paper and |x(t)|, drawn from the results that are there.

Each function takes a `cells.Where` and returns `curves.Drawn`.  Curves are means over the
seeds, bands one standard deviation (ddof 1).
"""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from cells import METHODS, NETWORKS, PAPER, PLAIN, Where, numbers, printed
from curves import BLUE, NOISE, OF_METHOD, RED, Drawn, curve, empty, legend, mean, same_scale

FOUR = Where(seeds=tuple(range(4)))  # of Fig. 6
OF_SOLVER = {"Euler": {"color": BLUE}, "ODE45": {"color": RED}}
OF_ACTIVATION = {"ReLU": {"color": RED}, "tanh": {"color": BLUE}}
ESTIMATED, MEASURED, ERROR = "propagation_predicted", "propagation_measured", "propagation_error"
SHORT = {ESTIMATED: "estimated", MEASURED: "measured", ERROR: "error"}
LABELS = {
    ESTIMATED: "estimated ‖ξ(t)‖ / ‖x(t)‖",
    MEASURED: "measured ‖δ(t)‖ / ‖x(t)‖",
    ERROR: "‖ξ(t) − δ(t)‖ / ‖ξ(t)‖",
}


def figure_2(where=PAPER):
    """Draw Figure 2: accuracy after each epoch, Euler against ODE45, and Table 1 at its end.

    Returns
    -------
    Drawn
        Numbers: accuracy after the last epoch in percent, by solver and part of the data.
    """
    table, found = printed()["table1"], {}
    figure, (solvers, epochs) = plt.figure(figsize=(6.4, 3.6)), where.solvers()
    for split, (name, part) in enumerate(zip(("train", "test"), figure.subfigures(1, 2))):
        ax = part.subplots()
        for solver, choices in solvers.items():
            told = [result.content["epochs"] for result in where.results(choices)]
            runs = [[100 * epoch[f"{name}_accuracy"] for epoch in run] for run in told]
            curve(ax, np.arange(1, epochs + 1), runs, solver, **OF_SOLVER[solver])
            found[solver, name] = mean([run[-1] for run in runs])
        for place, solver in enumerate(solvers):
            centre, sd = table["rows"][f"{solver}, {solver}"][split]
            marker = {"fmt": "os"[place], "ms": 4, "capsize": 3, **OF_SOLVER[solver]}
            ax.errorbar(20.6 + 0.6 * place, centre, sd, label=f"{solver}, Table 1", **marker)
        title = {"train": "training images", "test": "test images"}[name]
        ax.set(title=title, xlabel="epoch", ylabel="accuracy [%]", xlim=(0, 22))
        legend(ax, part)
    return Drawn(figure, found)


def _each_network(where, draw, xlabel, ylabel):
    """Draw four panels, one for each network, with a line for each method; return the figure."""
    figure = plt.figure(figsize=(6.4, 7.4))
    axes = []
    for part, network in zip(figure.subfigures(2, 2).flat, NETWORKS, strict=True):
        axes.append(ax := part.subplots())
        for method in METHODS:
            draw(ax, method, network, where.cell(method, network))
        ax.set(title=network, xlabel=xlabel, ylabel=ylabel)
        ax.set_xlim(left=0)
        legend(ax, part)
    same_scale(axes)
    return figure


def figure_3(where=PAPER):
    """Draw Figure 3: accuracy under growing noise.

    Returns
    -------
    Drawn
        Numbers: accuracy in percent, averaged over the nine levels of noise, for each cell of
        Table 2.
    """
    found, levels = {}, printed()["stated"]["noise levels"]["value"]

    def draw(ax, method, network, results):
        runs = 100 * np.array(numbers(results, "noise", "measured"))
        curve(ax, levels, runs, method, **OF_METHOD[method])
        found[method, network] = mean(runs)

    return Drawn(_each_network(where, draw, NOISE, "accuracy [%]"), found)


def figure_state(where=PAPER):
    """Draw |x(t)|, averaged over the test images, along the depth.

    Returns
    -------
    Drawn
        Numbers: the largest mean |x(t)| on the way, for each cell of Table 2.
    """
    found = {}

    def draw(ax, method, network, results):
        runs, times = _arrays(results, "state_mean", "state_t")
        curve(ax, times, runs, method, **OF_METHOD[method])
        found[method, network] = mean([max(run) for run in runs])

    return Drawn(_each_network(where, draw, "depth t", "mean ‖x(t)‖"), found)


def _along_depth(where, loss, size, panels):
    """Draw a grid of panels, each (method, array): along the depth, with and without what it has.

    Returns
    -------
    Drawn
        Numbers: those at t = T.
    """
    found, figure = {}, plt.figure(figsize=size)
    parts = figure.subfigures(len(panels), 2, squeeze=False)
    for row, of_row in zip(parts, panels, strict=True):
        axes = [part.subplots() for part in row]
        for part, ax, (family, array) in zip(row, axes, of_row, strict=True):
            for method, activation in _lines(family):
                network = f"{activation}, {loss}"
                runs, times = _arrays(where.cell(method, network), array, "propagation_times")
                if array == ERROR:  # it is 0 at t = 0, which has no logarithm
                    runs, times = [run[1:] for run in runs], times[1:]
                extra = method.removeprefix(family)
                style = OF_METHOD[method] | OF_ACTIVATION[activation]
                curve(ax, times, runs, f"{activation}{extra}", **style)
                found[f"{method}, {network}", SHORT[array]] = mean([run[-1] for run in runs])
            ax.set(title=family, xlabel="depth t", ylabel=LABELS[array], xlim=(0, 3))
            if array == ERROR and ax.dataLim.height > 0:
                ax.set_yscale("log")
            legend(ax, part)
        same_scale(axes)
    return Drawn(figure, found)


def _lines(family):
    """Return the pairs of a method that belongs to SGD or NCG and an activation."""
    methods = [method for method in METHODS if method.startswith(family)]
    return [(method, activation) for activation in OF_ACTIVATION for method in methods]


def _arrays(results, name, times):
    """Return an array of every result, a list, and the times that it belongs to."""
    runs = [result.arrays[name] for result in results]
    return runs, results[0].arrays[times] if results else []


def figure_4(where=PAPER):
    """Draw Figure 4: estimated and measured perturbations, squared loss, SGD above NCG.

    Returns
    -------
    Drawn
        Numbers: means over the images of the perturbation over |x|, at t = T.
    """
    panels = [[(family, array) for array in (ESTIMATED, MEASURED)] for family in ("SGD", "NCG")]
    return _along_depth(where, "ℓ²", (6.4, 7.6), panels)


def figure_7(where=PAPER):
    """Draw Figure 7: as the first row of Figure 4, cross-entropy."""
    panels = [[("SGD", ESTIMATED), ("SGD", MEASURED)]]
    return _along_depth(where, "CE", (6.4, 3.6), panels)


def figure_8(where=PAPER):
    """Draw Figure 8: as the second row of Figure 4, cross-entropy."""
    panels = [[("NCG", ESTIMATED), ("NCG", MEASURED)]]
    return _along_depth(where, "CE", (6.4, 3.8), panels)


def figure_9(where=PAPER):
    """Draw Figure 9: relative error of the estimate, cross-entropy, SGD beside NCG.

    Returns
    -------
    Drawn
        Numbers: means over the images of |xi - delta| / |xi|, at t = T.
    """
    panels = [[("SGD", ERROR), ("NCG", ERROR)]]
    return _along_depth(where, "CE", (6.4, 3.8), panels)


def figure_10(where=PAPER):
    """Draw Figure 10: as Figure 9, squared loss."""
    panels = [[("SGD", ERROR), ("NCG", ERROR)]]
    return _along_depth(where, "ℓ²", (6.4, 3.8), panels)


def figure_6(where=FOUR):
    """Draw Figure 6: |W(t)|_F of every run by itself, tanh and squared loss.

    Returns
    -------
    Drawn
        Numbers: total variation of |W(t)|_F, mean over the seeds, for each method.
    """
    found = {}
    figure, axes = plt.subplots(1, 3, figsize=(6.4, 3))
    for ax, method in zip(axes, PLAIN, strict=True):
        results = where.cell(method, "tanh, ℓ²")
        for result, ls in zip(results, cycle(("-", "--", "-.", ":"))):
            run, w = result.content["run"], result.arrays["smoothness_W"]
            times = np.arange(len(w)) * run["horizon"] / run["layers"]
            label = f"seed {run['seed']}"
            ax.plot(times, w, color=OF_METHOD[method]["color"], ls=ls, lw=1.2, label=label)
        ax.set(title=f"{method}, n = {len(results)}", xlabel="depth t")
        ax.legend(fontsize=8) if results else empty(ax)
        key = ("smoothness", "total variation of |W(t)|")
        found[method, "tanh, ℓ²"] = mean(numbers(results, *key))
    same_scale(axes)
    axes[0].set_ylabel("‖W(t)‖ (Frobenius)")
    return Drawn(figure, found)
