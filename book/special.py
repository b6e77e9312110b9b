"""Claims whose test is more than a contrast: baselines, printed tables, an image, cosines.

Each function takes a claim of paper/claims.toml, the folder of results and the profile, and
returns a list of Outcome, as `contrasts.outcomes` does.
"""

from collections import defaultdict
from itertools import combinations, product

import numpy as np
from cells import SEEDS, Where, stored
from contrasts import name, outcome, points, runs, values
from evidence import Outcome


def networks(claim):
    """Return the choices of every network that a claim speaks of."""
    return [claim.get("plus", {}) | p for p in points(claim["over"], claim["axes"])]


def baselines(claim, folder, profile):
    """Compare test accuracies with a linear classifier (+3 points) and a perceptron (-1 point)."""
    known, rows = stored("baselines.json", folder), []
    for choices in networks(claim):
        d = np.array(list(values("test accuracy", choices, folder, profile).values()))
        for rival, lead in (("linear", 3.0), ("mlp", -1.0)):
            title = f"{name((choices, None))} − {rival}"
            if not known or len(d) == 0:
                rows.append(Outcome(title, "missing"))
                continue
            ahead = d - known[rival]["test"]
            word = "single" if len(d) < 2 else "shown" if ahead.mean() >= lead else "false"
            rows.append(outcome(title, word, ahead))
    return rows


def printed(claim, folder, profile):
    """Return the cells of one of the paper's tables, as judged by `tables`."""
    import tables  # it draws on the same statistics; the other claims do not need it

    words = {"agrees": "shown", "differs": "false", "not run yet": "missing"}
    every = getattr(tables, claim["table"])(Where(folder, profile)).cells
    rows = []
    for cell in every:
        if cell.verdict.word != "not judged":
            word, d = words.get(cell.verdict.word, "undecided"), np.array(cell.values)
            if len(d) == 1:
                word = "single"  # further seeds must not take an agreement away
            rows.append(outcome(f"{cell.group} {cell.name}", word, d - cell.paper.mean))
    # runs of fewer epochs stand in for all cells: none of the claim's own has been made
    return rows or [Outcome(f"{cell.group} {cell.name}", "missing") for cell in every]


def common_image(claim, folder, profile):
    """Return, by seed, the least ratio of six norms over the images that fall in all networks."""
    three = [runs(choices, folder, profile) for choices in networks(claim)]
    attacked = ({s for s, r in t.items() if "attacks_own_norm" in r.arrays} for t in three)
    seeds = sorted(set.intersection(*attacked))
    ratios = np.array([least_ratio([t[seed] for t in three]) for seed in seeds])
    if not len(seeds):
        return [Outcome("least ratio of norms", "missing")]
    word = "false" if len(seeds) > 1 else "single"
    if (ratios <= claim["than"]).any():
        word = "shown"
    least = float(ratios.min()) if np.isfinite(ratios).any() else None
    return [Outcome("least ratio of norms", word, least, n=len(seeds))]


def least_ratio(networks):
    """Return the least ratio of the largest to the least norm of one image; infinite if none."""
    attacks = product(networks, ("own", "pgd"))
    norms = [r.arrays.get(f"attacks_{a}_norm", np.array([np.nan])) for r, a in attacks]
    if len({len(n) for n in norms}) > 1:
        return np.inf
    six = np.array(norms, dtype=float)
    six = six[:, np.isfinite(six).all(axis=0) & (six > 0).all(axis=0)]
    return float((six.max(axis=0) / six.min(axis=0)).min()) if six.size else np.inf


def perturbation_shapes(claim, folder, profile):
    """Return, by network, the mean cosine within a way of training minus that across ways."""
    return [_shapes(choices, claim, folder, profile) for choices in networks(claim)]


def _shapes(choices, claim, folder, profile):
    there = {
        (way["method"], seed): result
        for way in claim["axes"]["three"]
        for seed, result in runs(choices | way, folder, profile).items()
    }
    within, across, title = defaultdict(list), defaultdict(list), name((choices, None))
    for (a, seed_a), (b, seed_b) in combinations(there, 2):
        if (a == b) != (seed_a == seed_b):
            same = within if a == b else across
            same[a, b] += cosines(there[a, seed_a], there[b, seed_b])
    if not there:
        return Outcome(title, "missing")
    n = min(sum((way["method"], s) in there for s in SEEDS) for way in claim["axes"]["three"])
    pairs = [*within.values(), *across.values()]
    if n < 2 or len(across) < 3 or not all(pairs):
        return Outcome(title, "single" if n < 2 else "undecided", n=n)
    # every way, and every pair of ways, counts once, however many seeds it has
    gap = float(
        np.mean([*map(np.mean, within.values())]) - np.mean([*map(np.mean, across.values())])
    )
    return Outcome(title, "shown" if gap >= claim["than"] else "false", gap, n=n)


def cosines(one, other):
    """Return the cosines between the paper's attacks on the images that both keep."""
    if "attacks_examples" not in one.arrays or "attacks_examples" not in other.arrays:
        return []
    kept = [
        dict(zip(r.arrays["attacks_examples"].tolist(), shapes(r), strict=True))
        for r in (one, other)
    ]
    return [float(kept[0][i] @ kept[1][i]) for i in kept[0].keys() & kept[1].keys()]


def shapes(result):
    """Return the kept perturbations of the paper's attack, (few, N), each of length 1 (or 0)."""
    change = result.arrays["attacks_own_examples"].T.astype(float)
    lengths = np.linalg.norm(change, axis=1, keepdims=True)
    return change / np.where(lengths > 0, lengths, 1)


SPECIAL = {
    "baselines": baselines,
    "printed": printed,
    "common_image": common_image,
    "perturbation_shapes": perturbation_shapes,
}
