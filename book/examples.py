"""Attacked images: what results hold of them, and the clean images that belong to them.

Results hold the perturbations of the first few correctly classified images, but not the images.
Those of scikit-learn's digits come with its wheel; the few of MNIST that the pages show are kept
beside the results by `python book/examples.py`.  Letters: N pixels, x (N,).
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from cells import DATA, PAPER, PLAIN

from snode.data import SHAPES
from snode.experiments.runs import Run
from snode.experiments.storage import write_arrays
from snode.files import read_arrays

ATTACKS = {"pgd": "PGD", "one-step": "one step", "own": "Algorithm 2"}
MOST = 40  # MNIST digits that may enter the repository
FIGURE_13 = [(method, "tanh, CE") for method in PLAIN]
FIGURES_14_15 = [("SGD", "ReLU, ℓ²"), ("NCG Sob.", "ReLU, ℓ²")]


class Example(NamedTuple):
    """One attacked image: clean x (N,), and by attack what was added (N,) and its norm.

    x is NaN where the image is not kept, a norm infinite where the attack failed.
    """

    x: np.ndarray
    change: dict
    norm: dict


def examples(result, folder=DATA):
    """Return the examples of a result.

    Parameters
    ----------
    result : Result
    folder : str or Path
        Where images are kept.

    Returns
    -------
    dict of int to Example
        By number of the image; empty for a network that is never right.
    """
    a, found = result.arrays, {}
    index = a.get("attacks_examples", np.array([], int))
    clean = _clean(Run(**result.content["run"]), index, folder)
    for place, k in enumerate(index.tolist()):
        change = {name: a[f"attacks_{name}_examples"][:, place].astype(float) for name in ATTACKS}
        norm = {name: float(a[f"attacks_{name}_norm"][k]) for name in ATTACKS}
        found[k] = Example(clean[:, place], change, norm)
    return found


def _clean(run, index, folder):
    """Return the clean images with these numbers (N, n), NaN for those that are not kept."""
    if run.dataset == "digits":
        return run.data().test.x[:, index].astype(float)
    x, path = np.full((np.prod(SHAPES[run.dataset]), len(index)), np.nan), _kept(folder, run)
    kept = read_arrays(path) if path.exists() else {"index": [], "x": x}
    for k, image in zip(kept["index"], kept["x"].T):
        x[:, index == k] = image[:, None]
    return x


def _kept(folder, run):
    return Path(folder) / f"images-{run.dataset}.npz"


def keep_images(where=PAPER):
    """Keep the clean images of Figures 13 to 15 beside the results; the data set must be there.

    Parameters
    ----------
    where : cells.Where

    Returns
    -------
    int
        How many images the file holds.

    Raises
    ------
    ValueError
        If they are more than MOST.
    """
    results = [r for cell in FIGURE_13 + FIGURES_14_15 for r in where.cell(*cell)]
    index = sorted({k for r in results for k in r.arrays.get("attacks_examples", ())})
    if len(index) > MOST:
        raise ValueError(f"seeds: {len(index)} images are needed, at most {MOST} may be kept")
    if index:
        run = Run(**results[0].content["run"])
        x = run.data().test.x[:, index].astype(np.float16)
        write_arrays(_kept(where.folder, run), {"index": np.array(index), "x": x})
    return len(index)


if __name__ == "__main__":
    print(f"{keep_images()} clean images are kept in {DATA}")
