"""The relatives of the paper's attack on networks of its size: book/data/relatives.json.

    SNODE_DATA=folder python book/_tools/attacked.py [--images 200] [--into FILE] RUN...

Each RUN is the folder of a finished run, with its result and weights.npz.  The same images, the
first that every one of the networks reads correctly, are attacked in all of them: about two minutes
on one core for each network and 200 images.  The file is written anew after each network, with
whatever is there by then.

    percent fooled within a norm, for each attack         median, null where less than half fall
    least norm of each image over all attacks             and which attack found it
    percent that fall in B by what was found for A, at norms of 0.25, 0.5, 1
    change of the margin under noise, |P_i - P_j| and slopes sigma' around the images
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ensemble import RADII, number, summary
from networks import read
from relatives import BOX, MARGIN, Found, carlini_wagner, in_the_box, shrinking_pgd, to_border

from snode.attacks import attack
from snode.data import load
from snode.experiments.provenance import code_version, provenance
from snode.experiments.storage import replace_json
from snode.linearise import unit
from snode.perturbed import infer, noise_like
from snode.robustness import pairwise_margins

SHARE_QUERIED = 0.1  # of the images: the attack without gradients is slow
BALLS = (0.1, 0.2, 0.3, 0.4, 0.6, 0.9, 1.3, 2.0)
TRANSFERRED = (0.25, 0.5, 1.0)
AROUND, DRAWS = (0.0, 0.03, 0.05, 0.1, 0.2), 8  # standard deviations of noise
QUERIES = {"max_iter": 10, "max_eval": 400, "init_eval": 50, "init_size": 100, "verbose": False}


def attacks(flow, weights, x0):
    """Return what each attack found, a dict of `Found`."""
    of = (flow, weights, x0)
    capped = {"kappa": 1.0, "margin": MARGIN, "cap": True, "iterations": 20}
    return {
        "Algorithm 2": own(*of),
        "Algorithm 2, κ = 1": own(*of, kappa=1.0),
        "cap, margin, bisection": to_border(*of, own(*of, step=0.25, **capped)),
        "cap 0.06, in the box": in_the_box(*of, steps=15, cap=0.06),
        "cap, in the box, bisection": to_border(*of, in_the_box(*of)),
        "anchored, in the box, bisection": to_border(*of, in_the_box(*of, anchored=True)),
        "PGD, margin loss": to_border(*of, shrinking_pgd(*of, BALLS)),
        "Carlini–Wagner": to_border(*of, carlini_wagner(*of)),
        "without gradients": queried(*of),
    }


def own(flow, weights, x0, **settings):
    """Return what Algorithm 2 found, `Found`."""
    found = attack(flow, weights, x0, **settings)
    return Found.nothing(x0).keep(found.x, x0, found.success)


def queried(flow, weights, x0):
    """Attack the first images by ART's HopSkipJump, which sees classes only; NaN for the rest."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ART names the frameworks it does not find
        from art.attacks.evasion import HopSkipJump

        from snode.art_adapter import ArtClassifier

        np.random.seed(0)  # noqa: NPY002 - ART draws from it
        few = np.ascontiguousarray(x0[:, : round(SHARE_QUERIED * x0.shape[1])])
        method = HopSkipJump(ArtClassifier(flow, weights, box=BOX), **QUERIES)
        x = method.generate(few.T.astype(np.float32)).T.astype(x0.dtype).clip(*BOX)
    fooled = infer(flow, weights, x) != infer(flow, weights, few)
    got = to_border(flow, weights, few, Found.nothing(few).keep(x, few, fooled))
    points, norm = x0.copy(), np.full(x0.shape[1], np.nan)
    points[:, : few.shape[1]], norm[: few.shape[1]] = got
    return Found(points, norm)


def distances(margins, gains):
    """Return margin over gain, the distance to each class to first order; infinite to its own."""
    return np.where(gains > 0, margins / np.where(gains > 0, gains, 1), np.inf)


def surroundings(flow, weights, x0, labels):
    """Return what becomes, around the images, of what the linear model says at them.

    Of the margin z_j - z_i, i the nearest class: the mean and the standard deviation of its change
    under noise, means over the images, and the deviation predicted; besides the median of
    |P_j - P_i| and the mean slope at the noisy images.
    """
    k, j = np.arange(len(labels)), labels
    margins, gains = pairwise_margins(flow, weights, x0, j)
    i = distances(margins, gains).argmin(axis=0)
    parts = {name: [] for name in ("shift", "deviation", "foretold", "gain", "slope")}
    for sigma in AROUND:
        noisy = [x0 + noise_like(x0, sigma, s) if sigma else x0 for s in range(DRAWS)]
        path = flow.forward(weights, noisy[0])
        ends = [path.end, *(flow.forward(weights, x, keep=False).end for x in noisy[1:])]
        ends = [z.astype(np.float64) for z in ends]
        change = np.array([z[j, k] - z[i, k] for z in ends]) - margins[i, k]
        gain = pairwise_margins(flow, weights, noisy[0], j)[1][i, k]
        parts["shift"].append(number(change.mean()))
        parts["deviation"].append(number(change.std(axis=0, ddof=1).mean()))
        parts["foretold"].append(number(sigma * gains[i, k].mean()))
        parts["gain"].append(number(np.median(gain)))
        parts["slope"].append(number(path.slope.mean()))
    return {"sigma": list(AROUND), "margin": number(margins[i, k].mean()), **parts}


def measure(flow, weights, x0, labels):
    """Return the numbers of one network, a dict, and the best points, `Found`."""
    found, best = attacks(flow, weights, x0), Found.nothing(x0)
    for got in found.values():
        best = best.keep(got.x, x0, np.isfinite(got.norm))
    table = np.array([np.where(np.isnan(got.norm), np.inf, got.norm) for got in found.values()])
    winners = np.where(np.isfinite(best.norm), table.argmin(axis=0), -1)  # -1: none fells it
    return {
        "attacks": {name: summary(got.norm) for name, got in found.items()},
        "least": summary(best.norm),
        "norms": [number(v) for v in best.norm],
        "found by": [float(np.mean(winners == k)) for k in range(len(found))],
        "surroundings": surroundings(flow, weights, x0, labels),
    }, best


def transfers(networks, best, x0, labels):
    """Return percent fooled, [radius][from][to], by perturbations made longer or shorter."""
    rates = []
    for r in TRANSFERRED:
        rows = []
        for points in best.values():
            way = unit(points.x - x0)[0]
            x = (x0 + r * way).clip(*BOX).astype(x0.dtype)
            fooled = [(infer(*network, x) != labels).mean() for network in networks]
            rows.append([round(100 * float(v), 1) for v in fooled])
        rates.append(rows)
    return rates


def network(folder):
    """Return the id, the accuracy in percent, the flow and the weights of a finished run."""
    content, run, weights = read(folder)
    if (run.dataset, run.box()) != ("mnist14", BOX):
        raise ValueError(f"{folder}: expected a run on mnist14 within {BOX}")
    accuracy = 100 * content["measurements"]["accuracy"]["euler"][1]
    return content["id"], accuracy, run.solver(), weights


def main(folders, images, path):
    """Attack every network and write the file, after each of them anew."""
    runs = {name: rest for name, *rest in map(network, map(Path, folders))}
    test = load("mnist14").test
    x0, labels = np.ascontiguousarray(test.x[:, : 2 * images]), test.labels[: 2 * images]
    right = [infer(flow, w, x0) == labels for _, flow, w in runs.values()]
    index = np.flatnonzero(np.all(right, axis=0))[:images]
    x0, labels = np.ascontiguousarray(x0[:, index]), labels[index]
    content, best = {"images": len(index), "radii": list(RADII), "networks": {}}, {}
    for name, (accuracy, flow, weights) in runs.items():
        begin = time.process_time()
        numbers, best[name] = measure(flow, weights, x0, labels)
        content["networks"][name] = {"accuracy": accuracy, **numbers}
        tried = [(flow, weights) for _, flow, weights in runs.values()][: len(best)]
        content["transfer"] = {
            "radii": list(TRANSFERRED),
            "percent": transfers(tried, best, x0, labels),
        }
        content["provenance"] = provenance(code_version())
        replace_json(path, content, indent=None)
        spent = time.process_time() - begin
        print(f"{name}: median {numbers['least']['median']}, {spent:.0f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--into", type=Path, default=Path("book/data/relatives.json"))
    asked = parser.parse_args()
    main(asked.runs, asked.images, asked.into)
