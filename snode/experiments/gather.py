"""Many results: those of one network over several seeds, and the folder that the book reads.

Source: this package; no mathematics.
"""

from pathlib import Path

import numpy as np

from snode.experiments.profiles import choose
from snode.experiments.results import load, load_run, save
from snode.experiments.storage import runs_folder

TIMES = ("seconds", "provenance")  # what may differ between two results of one run


def load_results(folder, profile="paper", seeds=range(5), **choices):
    """Read the results of one network over several seeds.  Source: this package.

    Parameters
    ----------
    folder : str or Path
        Such as book/data.
    profile : str
        One of `profiles.PROFILES`.
    seeds : iterable of int
        Those wanted; the paper has five runs of each network.
    **choices : str, float, int or bool
        Fields of `Run`, scalars.

    Returns
    -------
    dict of int to Result
        By seed, those that are there.

    Raises
    ------
    TypeError
        If a name is no field of `Run`.
    ValueError
        If the profile or a choice is unknown, or a stored run is not the one asked for.
    """
    asked = {s: choose(dict(profile=profile, seed=s, **choices)) for s in seeds}
    found = {s: load_run(*chosen, folder) for s, chosen in asked.items()}
    return {s: result for s, result in found.items() if result is not None}


def without_times(content):
    """Return a result's content but for times and origin, dict.  Source: this package.

    Two results of one run on one machine agree in it to the last bit; trusts its input.
    """
    return {k: v for k, v in content.items() if k not in TIMES}


def collect(target):
    """Copy finished results from `storage.runs_folder()` into a folder.  Source: this package.

    Parameters
    ----------
    target : str or Path
        Such as book/data.

    Returns
    -------
    list of str
        The ids that were new.

    Raises
    ------
    FileExistsError
        If another result of the same run is there already; nothing of it is changed.
    OSError, ValueError
        If a file cannot be read or written, or is no result.
    """
    new = []
    for path in sorted(runs_folder().glob("*/*.json")):
        if path.stem != path.parent.name:
            continue
        result, there = load(path), Path(target) / path.name
        if not there.exists():
            save(result, target)
            new.append(path.stem)
        elif not _same(result, load(there)):
            raise FileExistsError(
                f"{there}: is there already and differs from {path}; remove the one that is wrong"
            )
    return new


def _same(a, b):
    """Tell whether two results are of one run and agree, times aside."""
    return (
        without_times(a.content) == without_times(b.content)
        and a.arrays.keys() == b.arrays.keys()
        and all(np.array_equal(v, b.arrays[k], equal_nan=True) for k, v in a.arrays.items())
    )
