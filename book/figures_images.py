"""Figures 13 to 15 of the paper: images with perturbations that fool.

Where a clean image is not kept, only the perturbation is drawn; see `examples`.  Each perturbation
fills the scale of its colours, blue for more ink and red for less; the number below it is its norm.
"""

import matplotlib.pyplot as plt
import numpy as np
from cells import PAPER, PLAIN, numbers
from curves import MISSING, Drawn, mean
from examples import ATTACKS, FIGURE_13, FIGURES_14_15, examples
from plots import show_digits, show_signed

from snode.data import SHAPES

PAIR = ("own", "pgd")  # attacks of Fig. 13


def figure_13(where=PAPER):
    """Draw Figure 13: one image that networks of every training fall for, tanh and cross-entropy.

    Of the images that all the networks keep as an example, it is the one with most similar norms.

    Returns
    -------
    Drawn
        Numbers: norms of what is added, by method and attack.
    """
    columns = [(m, a) for m in PLAIN for a in PAIR]
    kept = {cell[0]: _first(where, cell) for cell in FIGURE_13}
    k = _most_similar([found for found in kept.values() if found])
    here = {(m, a): kept[m][k] if kept[m] and k is not None else None for m, a in columns}
    found = {(m, ATTACKS[a]): e.norm[a] if e else None for (m, a), e in here.items()}
    if k is None:
        return Drawn(_nothing(), found)
    figure, axes = plt.subplots(2, 1 + len(columns), figsize=(6.4, 2.5))
    _image(axes[0, 0], next(filter(None, here.values())).x)
    axes[0, 0].set_title("clean", fontsize=9)
    axes[1, 0].axis("off")
    for pair, ((method, attack), example) in zip(axes.T[1:], here.items(), strict=True):
        _changed(*pair, example, attack)
        pair[0].set_title(f"{method}\n{ATTACKS[attack]}", fontsize=8)
    return Drawn(figure, found)


def _first(where, cell):
    """Return the examples of the first seed of a cell that has any, or None."""
    results = where.cell(*cell)
    return next(filter(None, (examples(result, where.folder) for result in results)), None)


def _most_similar(kept):
    """Return the number of the image that all fall for at the most similar norms, or None."""
    shared = set.intersection(*map(set, kept)) if kept else ()
    norms = {k: [found[k].norm[attack] for found in kept for attack in PAIR] for k in shared}
    ratios = {k: max(n) / min(n) for k, n in sorted(norms.items()) if np.isfinite(max(n))}
    return min(ratios, key=ratios.get, default=None)


def _changed(top, bottom, example, attack):
    """Draw a perturbed image above what was added; say so if there is none or it withstands."""
    if example is None:
        _blank(top)
        _blank(bottom)
        return
    change, norm = example.change[attack], example.norm[attack]
    _image(top, example.x + change)
    if np.isfinite(norm):
        show_signed(bottom, change, _shape(change), np.abs(change).max())
        bottom.set_xlabel(f"{norm:.2f}", fontsize=8, labelpad=2)
    else:
        _blank(bottom, "withstands")


def _image(ax, x):
    """Draw one image (N,); say so if it is not kept."""
    if np.isnan(x).any():
        _blank(ax, "not kept")
    else:
        show_digits([ax], x[:, None], _shape(x))


def _shape(x):
    return next(shape for shape in SHAPES.values() if np.prod(shape) == len(x))


def _blank(ax, text=MISSING):
    """Draw an empty frame with a text."""
    ax.set(xticks=[], yticks=[], box_aspect=1)
    ax.grid(False)
    ax.spines[:].set(visible=True, color="0.8")
    ax.text(0.5, 0.5, text.replace(" ", "\n"), color="0.3", ha="center", va="center", fontsize=8)


def _nothing():
    """Return a figure that says that there is nothing to draw."""
    figure, ax = plt.subplots(figsize=(2, 2))
    _blank(ax)
    return figure


def _attacked(where, cell):
    """Draw Figures 14 and 15: for each attack the perturbed images above what was added."""
    results, kept = where.cell(*cell), _first(where, cell)
    medians = {a: numbers(results, "attacks", a, "median") for a in ATTACKS}
    found = {(label, "median norm"): mean(medians[attack]) for attack, label in ATTACKS.items()}
    if kept is None:
        return Drawn(_nothing(), found)
    figure, axes = plt.subplots(7, len(kept), figsize=(5.2, 7.8), squeeze=False)
    for column, example in zip(axes.T, kept.values(), strict=True):
        _image(column[0], example.x)
        for above, below, attack in zip(column[1::2], column[2::2], ATTACKS, strict=True):
            _changed(above, below, example, attack)
    names = ["clean", *(text for label in ATTACKS.values() for text in (label, "added"))]
    for ax, name in zip(axes[:, 0], names, strict=True):
        ax.set_ylabel(name, fontsize=9)
    return Drawn(figure, found)


def figure_14(where=PAPER):
    """Draw Figure 14: examples of attacks on one network trained by SGD, ReLU and squared loss.

    The Toolbox's attack is missing: its perturbations are not kept.

    Returns
    -------
    Drawn
        Numbers: median norm over the images, mean over the seeds, by attack.
    """
    return _attacked(where, FIGURES_14_15[0])


def figure_15(where=PAPER):
    """Draw Figure 15: as Figure 14, trained by NCG with the Sobolev gradient."""
    return _attacked(where, FIGURES_14_15[1])
