"""The best of all attacks on stored networks: what attacked.py found, with the runs' own PGD.

`data/relatives.json` holds nine attacks on images that all of its networks read correctly; each
run's result holds PGD on the cross-entropy for all images, these among them.
"""

from pathlib import Path

import numpy as np
from cells import DATA, stored
from measures import SLACK, right

from snode.experiments.results import load

RADII = tuple(round(0.05 * k, 2) for k in range(1, 41))
PGD = {"PGD, cross-entropy, 0.06": "pgd", "PGD, cross-entropy, 0.6": "pgd-long"}


def summary(norm):
    """Return the numbers of one attack: median, and percent fooled within each of `RADII`."""
    norm = norm[~np.isnan(norm)]
    within = 100 * (norm <= np.array(RADII)[:, None] * SLACK).mean(axis=1)
    return {
        "images": len(norm),
        "fooled": round(100 * float(np.isfinite(norm).mean()), 1),
        "median": number(np.median(norm)),
        "within": [round(float(v), 1) for v in within],
    }


def number(value):
    """Return a float with four digits, None if it is not finite."""
    return float(f"{value:.4g}") if np.isfinite(value) else None


def with_pgd(name, folder=DATA):
    """Return a file of attacked.py, a dict, PGD of the runs among the attacks and in the best.

    Raises what `results.load` does, if the result of a run that the file names is not there.
    """
    known = stored(name, folder)
    networks = known.get("networks", {})
    results = {run: load(Path(folder) / f"{run}.json") for run in networks}
    read = np.all([right(result) for result in results.values()], axis=0)
    for run, found in networks.items():
        index, arrays = np.flatnonzero(read)[: known["images"]], results[run].arrays
        norms = {title: arrays[f"attacks_{key}_norm"][index] for title, key in PGD.items()}
        before = [np.inf if v is None else v for v in found["norms"]]
        least = np.min([before, *norms.values()], axis=0)
        found["nearest"] = {title: float(np.mean(v < before)) for title, v in norms.items()}
        found["attacks"] |= {title: summary(v.astype(float)) for title, v in norms.items()}
        found |= {"norms": [number(v) for v in least], "least": summary(least)}
    return known
