"""Numbers of one result that claims speak of, by name: accuracy, R, AUC, growth, roughness, ...

A measure takes a `Result` of snode.experiments and returns a float, NaN where there is nothing to
measure.  Accuracies, R and AUCs are in points of per cent; logarithms are natural.
"""

from math import log, nan

import cells
import numpy as np

from snode.data import CLASSES

RADII = np.arange(1, 11) * 0.05
SLACK = 1 + 1e-3  # norms of single images are kept in half precision
CW = "carlini-wagner configured"
CW_DEFAULT = "carlini-wagner default"


def part(result, name):
    """Return one part of a result's measurements, a dict."""
    return result.content["measurements"][name]


def accuracy(result, solver=None):
    """Return training and test accuracy by a solver, the run's own without it; (2,) points."""
    shares = part(result, "accuracy")[solver or result.content["run"]["flow"]]
    return 100 * np.array(shares, dtype=float)  # None, where a solver failed, becomes NaN


def other(result):
    """Return training and test accuracy by the other solver, (2,) points."""
    return accuracy(result, {"euler": "rk45", "rk45": "euler"}[result.content["run"]["flow"]])


def R(result):
    """Return the mean accuracy over the nine levels of noise."""
    return 100 * float(np.mean(part(result, "noise")["measured"]))


def right(result):
    """Return whether each test image is inferred rightly, (K,), None if no image was attacked."""
    norms = result.arrays.get("attacks_own_norm")
    return None if norms is None else ~np.isnan(norms)


def auc(shares):
    """Return the mean of the shares fooled at 0.05, ..., over radii from 0 to 0.5."""
    return 100 * float(np.trapezoid([0, *shares[: len(RADII)]], dx=0.05)) / 0.5


def auc_of_norms(norms):
    """Return the same of the norms (k,) of the attacked images, infinite where an attack failed."""
    return auc((norms[:, None] <= RADII * SLACK).mean(axis=0)) if len(norms) else nan


def norms(result, *attacks, first=None):
    """Return each attacked image's least norm over attacks, (k,); of the first few images only."""
    least = np.min([result.arrays[f"attacks_{a}_norm"] for a in attacks], axis=0).astype(float)
    return least[~np.isnan(least)][:first]


def attack_auc(result, name):
    """Return the AUC of one attack of the part `attacks`."""
    attack = part(result, "attacks").get(name)
    return auc(attack["susceptible"]) if attack else nan


def ahead(name, rival):
    """Return the measure of one attack's AUC minus another's."""
    return lambda result: attack_auc(result, name) - attack_auc(result, rival)


def ensemble(result):
    """Return the AUC of each image's least norm over the paper's attack and both PGDs."""
    return auc_of_norms(norms(result, "own", "pgd", "pgd-long")) if part(result, "attacks") else nan


def best_pgd(result):
    """Return the larger AUC of the two PGDs."""
    return max(attack_auc(result, "pgd"), attack_auc(result, "pgd-long"))


def best_pgd_ahead_of_toolbox(result):
    """Return the larger AUC of the PGDs minus Carlini-Wagner's, on the same images."""
    toolbox = part(result, "toolbox")
    if not toolbox:
        return nan
    k = toolbox["attacked"]
    pgd = max(auc_of_norms(norms(result, a, first=k)) for a in ("pgd", "pgd-long"))
    return pgd - auc(toolbox[CW]["susceptible"])


def norm_by_success(name, rival):
    """Return the measure log(mean norm / success) of a Carlini-Wagner minus another attack's."""

    def measure(result):
        toolbox = part(result, "toolbox")
        if not toolbox or not toolbox[name]["success"]:
            return nan
        every = norms(result, rival, first=toolbox["attacked"])
        won = every[np.isfinite(every)]
        if not len(won):
            return nan
        ratio = toolbox[name]["mean"] / toolbox[name]["success"]
        return log(ratio) - log(won.mean() / (len(won) / len(every)))

    return measure


def nine_ahead(result):
    """Return the AUC of nine targets minus that of the moving one."""
    targets = part(result, "targets")
    if not targets:
        return nan
    return auc(targets["nine"]["susceptible"]) - auc(targets["moving"]["susceptible"])


def nine_over_moving(result):
    """Return how many times the steps of the moving target nine targets take.

    A step towards a fixed target is one gradient, one towards a moving target one for each class.
    """
    targets = part(result, "targets")
    if not targets:
        return nan
    nine, moving = (targets[k]["gradients an image"] for k in ("nine", "moving"))
    return nine / (moving / CLASSES)


def predicted_gap(result):
    """Return the largest difference of measured and predicted accuracy over the noise levels."""
    measured, predicted = (cells.number(result, "noise", k) for k in ("measured", "accuracy"))
    return 100 * float(np.abs(measured - predicted).max())


def sizes_apart(result):
    """Return the largest |log(predicted / measured)| over depth, of mean relative perturbations."""
    predicted, measured = (result.arrays[f"propagation_{k}"] for k in ("predicted", "measured"))
    return float(np.abs(np.log(predicted / measured)).max())


def rising(result):
    """Return the share of logged NCG iterations after which the true cost is higher."""
    return float((result.arrays["iterations_true"] > result.arrays["iterations_E"]).mean())


def miss(result):
    """Return the median of |true - predicted| / predicted decrease over the logged iterations."""
    E, true, predicted = (result.arrays[f"iterations_{k}"] for k in ("E", "true", "predicted"))
    return float(np.median(np.abs(true - predicted) / np.abs(E - predicted)))


def number(*path):
    """Return the measure that is one number, by its keys below `measurements`."""
    return lambda result: cells.number(result, *path)


def log_of(*path):
    """Return the measure that is the logarithm of one number."""
    return lambda result: float(np.log(cells.number(result, *path)))


MEASURES = {
    "test accuracy": lambda r: accuracy(r)[1],
    "training accuracy": lambda r: accuracy(r)[0],
    "mean test accuracy over epochs": lambda r: (
        100 * float(np.mean([e["test_accuracy"] for e in r.content["epochs"]]))
    ),
    "training drop by the other solver": lambda r: (accuracy(r) - other(r))[0],
    "test drop by the other solver": lambda r: (accuracy(r) - other(r))[1],
    "training gain by the other solver": lambda r: (other(r) - accuracy(r))[0],
    "test gain by the other solver": lambda r: (other(r) - accuracy(r))[1],
    "R": R,
    "fall": lambda r: accuracy(r)[1] - R(r),
    "largest gap of predicted accuracy": predicted_gap,
    "largest error over depth": lambda r: float(np.nanmax(r.arrays["propagation_error"])),
    "largest log ratio of sizes over depth": sizes_apart,
    "largest error over noise levels": lambda r: float(
        cells.number(r, "propagation", "error").max()
    ),
    "least rank correlation": lambda r: float(
        cells.number(r, "propagation", "rank correlation").min()
    ),
    "log growth of perturbations": lambda r: float(np.log(r.arrays["propagation_predicted"][-1])),
    "log output norm": log_of("state", "end"),
    "log norm of W": log_of("smoothness", "norm"),
    "log roughness of W": log_of("smoothness", "W"),
    "log roughness of W - W0": log_of("smoothness", "W - W0"),
    "log total variation of |W(t)|": log_of("smoothness", "total variation of |W(t)|"),
    "AUC own": lambda r: attack_auc(r, "own"),
    "AUC ensemble": ensemble,
    "AUC own - pgd": ahead("own", "pgd"),
    "AUC own - pgd-long": ahead("own", "pgd-long"),
    "AUC pgd - own": ahead("pgd", "own"),
    "AUC pgd-long - own": ahead("pgd-long", "own"),
    "AUC best pgd - one-step": lambda r: best_pgd(r) - attack_auc(r, "one-step"),
    "AUC best pgd - Carlini-Wagner": best_pgd_ahead_of_toolbox,
    "AUC nine - moving": nine_ahead,
    "steps of nine over moving": nine_over_moving,
    "log norm by success, Carlini-Wagner - own": norm_by_success(CW, "own"),
    "log norm by success, Carlini-Wagner - pgd": norm_by_success(CW, "pgd"),
    "log norm by success, Carlini-Wagner default - own": norm_by_success(CW_DEFAULT, "own"),
    "log norm by success, Carlini-Wagner default - pgd": norm_by_success(CW_DEFAULT, "pgd"),
    "share won by a third class": number("targets", "third class won"),
    "share where (13) holds without attack": number("targets", "(13) holds without attack"),
    "peak of perturbations": number("attacks", "own", "peak"),
    "peak of PGD's perturbations": number("attacks", "pgd", "peak"),
    "peak of one step's perturbations": number("attacks", "one-step", "peak"),
    "share of rising steps": rising,
    "median miss of the predicted decrease": miss,
}
