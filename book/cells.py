"""The paper's networks as data, and the numbers that are there for each of them.

METHODS     rows of Table 2: name -> choices of `runs.Run`
NETWORKS    its columns
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from snode.experiments.gather import load_results
from snode.experiments.storage import read_json

DATA = Path(__file__).parent / "data"
PRINTED = Path(__file__).parent / "paper" / "printed.toml"
SEEDS = range(5)  # the paper's five trainings of each network
METHODS = {
    "SGD": {"method": "rmsprop"},
    "SGD w.d.": {"method": "rmsprop", "weight_decay": 1e-8},
    "NCG": {"method": "ncg"},
    "NCG w.d.": {"method": "ncg", "weight_decay": 1e-8},
    "NCG Sob.": {"method": "ncg-sobolev"},
}
PLAIN = ("SGD", "NCG", "NCG Sob.")  # without weight decay: Figs. 5, 6, 12 to 15, Table 3
NETWORKS = {
    "ReLU, CE": {"activation": "relu", "loss": "ce"},
    "tanh, CE": {"activation": "tanh", "loss": "ce"},
    "ReLU, ℓ²": {"activation": "relu", "loss": "l2"},
    "tanh, ℓ²": {"activation": "tanh", "loss": "l2"},
}
TABLE_2 = [(method, network) for method in METHODS for network in NETWORKS]
SOLVERS = {  # Table 1, Fig. 2
    name: {"activation": "tanh", "loss": "l2", "method": "ncg", "flow": flow, "epochs": 20}
    for name, flow in (("Euler", "euler"), ("ODE45", "rk45"))
}
EQUAL_EPOCHS = (20, 10)  # of the two solvers: the paper's, and what stands in for them
ALL_EPOCHS = (*EQUAL_EPOCHS, 4)  # and where two runs of one seed can be compared on their way


@cache
def printed():
    """Return the paper's numbers, a dict, from paper/printed.toml."""
    return tomllib.loads(PRINTED.read_text(encoding="utf-8"))


def stored(name, folder=DATA):
    """Return what a JSON file of data holds, a dict; an empty one if it is not there."""
    path = Path(folder) / name
    return read_json(path) if path.exists() else {}


class Where(NamedTuple):
    """Where results come from: a folder, a profile's name, and the seeds wanted."""

    folder: Path = DATA
    profile: str = "paper"
    seeds: tuple = tuple(SEEDS)

    def results(self, choices):
        """Return the results of one network that are there, a list in the order of the seeds."""
        return list(load_results(*self, **choices).values())

    def cell(self, method, network):
        """Return the results of one cell of Table 2, named by its row and its column."""
        return self.results(METHODS[method] | NETWORKS[network])

    def solvers(self):
        """Return SOLVERS with the most epochs for which both have results, and that number."""
        for epochs in EQUAL_EPOCHS:
            chosen = {name: choices | {"epochs": epochs} for name, choices in SOLVERS.items()}
            if all(self.results(choices) for choices in chosen.values()):
                return chosen, epochs
        return SOLVERS, EQUAL_EPOCHS[0]

    def longest(self, solver):
        """Return the result with most epochs of every seed of one of SOLVERS, a dict by seed."""
        found = {}
        for epochs in ALL_EPOCHS:
            more = load_results(*self, **SOLVERS[solver] | {"epochs": epochs})
            found = more | found
        return found


PAPER = Where()


def number(result, *path):
    """Return one measured number of a result, NaN where nothing could be measured.

    Parameters
    ----------
    result : Result
    *path : str or int
        Keys below `measurements`, such as "attacks", "own", "success".
    """
    value = result.content["measurements"]
    for key in path:
        value = value.get(key) if isinstance(value, dict) else value[key]
        if value is None:
            return np.nan
    return np.array(value, dtype=float)[()]


def numbers(results, *path):
    """Return one measured number of every result that has it, a list."""
    found = [number(result, *path) for result in results]
    return [value for value in found if not np.any(np.isnan(value))]


def presence(where=PAPER, cells=TABLE_2):
    """Say in one line which results are there: "seeds 0, 1 of 5; 14 of 20 cells; 28 of 100 runs".

    Parameters
    ----------
    where : Where
    cells : list of (str, str), or dict of str to dict
        Pairs of a method and a network, or names with choices, such as SOLVERS.

    Returns
    -------
    str
    """
    grid = cells if isinstance(cells, dict) else {c: METHODS[c[0]] | NETWORKS[c[1]] for c in cells}
    found = [load_results(*where, **choices) for choices in grid.values()]
    there = sorted(set().union(*found))
    which = ("seed " if len(there) == 1 else "seeds ") + ", ".join(map(str, there))
    return "; ".join(
        (
            f"{which if there else 'no seed'} of {len(where.seeds)}",
            f"{sum(bool(f) for f in found)} of {len(grid)} cells",
            f"{sum(len(f) for f in found)} of {len(grid) * len(where.seeds)} runs",
        )
    )
