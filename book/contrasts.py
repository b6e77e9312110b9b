"""Contrasts between networks: from a part of a claim to the cells that are shown, or shown false.

A part names a measure, the networks `plus` (minus the networks `minus`, in pairs by seed) and the
axes over which both, or one of them, run; see the head of paper/claims.toml and the page Rules.
"""

from functools import cache
from itertools import product

import numpy as np
from cells import METHODS, NETWORKS, SEEDS, printed
from evidence import (
    LEVEL,
    Outcome,
    Printed,
    between,
    bootstrap,
    equal,
    holm,
    limits,
    more,
    not_less,
    unanimous,
)
from measures import MEASURES, right

from snode.experiments.gather import load_results

RULES = {  # the p's of shown and of false, from differences or values d
    "more": lambda d, part: more(d, part.get("than", 0.0), part.get("margin")),
    "equal": lambda d, part: equal(d, part["margin"]),
    "not less": lambda d, part: not_less(d, part["margin"]),
    "at most": lambda d, part: unanimous(d, lambda v: v <= part["than"]),
    "at least": lambda d, part: unanimous(d, lambda v: v >= part["than"]),
}
COUNTING = ("at most", "at least")  # every seed counts; no test


def points(names, axes):
    """Return the choices, dicts, of every combination of the named axes."""
    values = [[v if isinstance(v, dict) else {a: v} for v in axes[a]] for a in names]
    return [{k: v for d in combination for k, v in d.items()} for combination in product(*values)]


def cells(part, axes):
    """Return the cells of a part: pairs of choices (plus, minus), minus None for a single network.

    Parameters
    ----------
    part : dict
        Of claims.toml: plus, minus, over, plus_over, minus_over.
    axes : dict of str to list
        Values of an axis: those of the field of that name, or dictionaries of choices.
    """
    found = []
    for both in points(part.get("over", ()), axes):
        for a in points(part.get("plus_over", ()), axes):
            for b in points(part.get("minus_over", ()), axes):
                minus = "minus" in part or "minus_over" in part
                rest = {**part.get("minus", {}), **both, **b} if minus else None
                found.append(({**part.get("plus", {}), **both, **a}, rest))
    return found


@cache
def results(folder, profile, choices):
    """Return the results by seed of one network; choices is a sorted tuple of pairs."""
    return load_results(folder, profile, SEEDS, **dict(choices))


def runs(choices, folder, profile):
    """Return the results by seed of one network; choices is a dict."""
    return results(str(folder), profile, tuple(sorted(choices.items())))


def values(measure, choices, folder, profile):
    """Return the finite values of a measure of one network, by seed."""
    found = runs(choices, folder, profile)
    numbers = {seed: MEASURES[measure](result) for seed, result in found.items()}
    return {seed: float(v) for seed, v in numbers.items() if np.isfinite(v)}


def differences(part, cell, folder, profile):
    """Return the differences, or the values, of one cell, in the order of the seeds, (n,)."""
    plus, minus = (
        values(part["statistic"], c, folder, profile) if c is not None else None for c in cell
    )
    if minus is None:
        return np.array([plus[seed] for seed in sorted(plus)])
    return np.array([plus[seed] - minus[seed] for seed in sorted(plus.keys() & minus.keys())])


def over_images(cell, folder, profile):
    """Return the difference of clean accuracy in points, and its limits over the test images.

    Parameters
    ----------
    cell : (dict, dict)
        Choices of two networks.
    folder, profile : str or Path, str
        Where the results are, and their size; of each network the run of seed 0.

    Returns
    -------
    (float, float, float) or None
        None if a result is missing, or not kept image by image.
    """
    pair = [runs(choices, folder, profile).get(0) for choices in cell]
    images = [right(run) if run is not None else None for run in pair]
    if any(known is None for known in images):
        return None
    a, b = (100.0 * known for known in images)
    return float(np.mean(a - b)), *bootstrap(a, b)


def outcomes(part, axes, folder, profile):
    """Return an Outcome for each cell of a part; see "Several cells" on the page Rules."""
    found = cells(part, axes)
    data = [differences(part, cell, folder, profile) for cell in found]
    tested = [i for i, d in enumerate(data) if len(d) > 1]
    p = np.array([RULES[part["rule"]](data[i], part) for i in tested]).reshape(-1, 2)
    shown, false = p[:, 0], holm(p[:, 1], len(found))
    every = len(tested) == len(found) and max(shown) < LEVEL
    if part.get("need", "all") != "all" or not every:  # then it picks cells out of many
        shown = holm(shown, len(found))
    words = {i: word(s, f) for i, s, f in zip(tested, shown, false, strict=True)}
    return [
        outcome(name(cell), words.get(i, "single"), data[i], in_print(part, cell), part["rule"])
        for i, cell in enumerate(found)
    ]


def word(shown, false):
    """Return the word of one cell from its two corrected p's."""
    return "shown" if shown < LEVEL else "false" if false < LEVEL else "undecided"


def outcome(title, word, d, paper=None, rule="more"):
    """Return the Outcome of one cell with its mean and 95 % limits, as far as there are data.

    A rule that looks at every seed has the least and the largest in the place of limits.
    """
    if len(d) == 0:
        return Outcome(title, "missing", paper=paper)
    ends = (lambda d: (float(min(d)), float(max(d)))) if rule in COUNTING else limits
    low, high = ends(d) if len(d) > 1 else (None, None)
    return Outcome(title, word, float(np.mean(d)), low, high, len(d), paper)


def in_print(part, cell):
    """Return the same difference of printed means (Table 2) with its limits, or None."""
    if part["statistic"] != "test accuracy" or cell[1] is None:
        return None
    pair = [table_2().get(key(choices)) for choices in cell]
    return between(*pair) if all(pair) else None


def key(choices):
    """Return choices as a key, without weight decay 0, which is the default."""
    return frozenset((k, v) for k, v in choices.items() if (k, v) != ("weight_decay", 0.0))


@cache
def table_2():
    """Return the printed cells of Table 2, a dict from choices to Printed."""
    table = printed()["table2"]
    return {
        key(METHODS[method] | NETWORKS[column]): Printed(*pair, table["runs"])
        for method, pairs in table["rows"].items()
        for column, pair in zip(table["columns"], pairs, strict=True)
    }


def name(cell):
    """Return a short name of a cell, such as "tanh ℓ²: NCG − SGD"."""
    plus, minus = cell
    if minus is None:
        return " ".join(said(plus))
    common = {k: v for k, v in plus.items() if minus.get(k) == v}
    sides = (said({k: v for k, v in side.items() if k not in common}) for side in cell)
    return f"{' '.join(said(common))}: {' − '.join(' '.join(s) or 'default' for s in sides)}".strip(
        ": "
    )


def said(choices):
    """Return the words for choices, in a fixed order."""
    order = ("activation", "loss", "method", "flow", "weight_decay")
    words = [NAMES.get(choices[k], str(choices[k])) for k in order if k in choices]
    return words + [f"{k} {v}" for k, v in choices.items() if k not in order]


NAMES = {
    "relu": "ReLU",
    "ce": "CE",
    "l2": "ℓ²",
    "ncg": "NCG",
    "ncg-sobolev": "Sobolev",
    "rmsprop": "SGD",
    "euler": "Euler",
    "rk45": "ODE45",
    1e-8: "w.d.",
    0.0: "no w.d.",
}


def gather(found, need="all"):
    """Return the word of many cells together, each counted once: shown, false, ... , or partly.

    A cell of a single seed decides nothing: with it, as with a missing one, nothing is false,
    and where most or some are needed and too few are decided, the word is "single".

    Parameters
    ----------
    found : list of str
        Words of the cells.
    need : str
        all, most or some; see "Several cells" on the page Rules.
    """
    n, shown, false = len(found), found.count("shown"), found.count("false")
    waiting = {"missing", "single"} & set(found)
    if found.count("missing") == n:
        return "missing"
    if need != "all":
        enough, too_many = (n // 2 + 1, (n + 1) // 2) if need == "most" else (1, n)
        rest = "single" if waiting else "undecided"
        return "shown" if shown >= enough else "false" if false >= too_many else rest
    if shown and false:
        return "partly"
    if shown == n:
        return "shown"
    return "false" if false and not waiting else "undecided"
