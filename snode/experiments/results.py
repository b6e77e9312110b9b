"""Results of runs: one JSON and one small npz each, written, read and trusted.

Both files are named after the run's id.  The JSON repeats the whole `Run` and `Profile`: whoever
asks for a run gets that run or an error, never one like it.

Source: this package; no mathematics.  Letters: M times, L layers, K test images.
"""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from snode.experiments.schema import SCHEMA, check
from snode.experiments.storage import difference, make_folder, read_json, write_arrays, write_json
from snode.files import check_new, read_arrays


class Result(NamedTuple):
    """One finished run.  Source: this package; trusts its input.

    Parameters
    ----------
    content : dict
        What the JSON holds, see `SHAPE`.
    arrays : dict of str to numpy.ndarray
        What the npz holds: (M,), (L,) or (K,), perturbations (N, a few).
    """

    content: dict
    arrays: dict


def make_result(profile, run, trained, measured, origin):
    """Put a result together.  Source: this package.

    Parameters
    ----------
    profile, run : Profile, Run
        What was asked for.
    trained : Trained
        Weights (L, N, N), (L, N, 1), epochs and iterations.
    measured : Measured
        Numbers and arrays.
    origin : dict
        From `provenance.provenance`.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If something is missing, naming its place.  Measured numbers that are not finite become
        None: a network that has failed is a result too.
    """
    epochs = [epoch._asdict() for epoch in trained.epochs]
    times = [epoch.pop("seconds") for epoch in epochs]
    content = {
        "schema": SCHEMA,
        "id": profile.identify(run),
        "run": asdict(run),
        "profile": _plain(asdict(profile)),
        "provenance": origin,
        "epochs": epochs,
        "measurements": _plain(_finite(measured.numbers)),
        "seconds": {"train": float(sum(times)), "epochs": times, "measure": measured.seconds},
    }
    columns = trained.iterations[0] if trained.iterations else ("E",)
    log = {f"iterations_{k}": np.array([line[k] for line in trained.iterations]) for k in columns}
    arrays = {k: v.astype(int) if v.dtype == bool else v for k, v in log.items()} | measured.arrays
    check(content, arrays)
    return Result(content, arrays)


def _finite(value):
    """Return the value with None in place of NaN and infinity."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value):
    """Return the value as JSON gives it back: tuples are lists."""
    return json.loads(json.dumps(value))


def save(result, folder):
    """Write a result's two files; the JSON comes last and says that the run is finished.

    Source: this package.

    Parameters
    ----------
    result : Result
        Checked by `make_result`.
    folder : str or Path
        Made if it is missing.

    Returns
    -------
    Path
        Of the JSON.

    Raises
    ------
    OSError
        If a file cannot be written, or the JSON exists.
    """
    folder, name = make_folder(folder), result.content["id"]
    check_new(folder / f"{name}.json")  # before its npz is replaced
    write_arrays(folder / f"{name}.npz", result.arrays)
    write_json(folder / f"{name}.json", result.content)
    return folder / f"{name}.json"


def load(path):
    """Read one result, whatever run it is of.  Source: this package.

    Parameters
    ----------
    path : str or Path
        The JSON; its npz lies beside it.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If a file is not what it should be, or named after another run.
    OSError
        If a file cannot be read.
    """
    path = Path(path)
    result = Result(read_json(path), read_arrays(path.with_suffix(".npz")))
    try:
        check(*result)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if result.content["id"] != path.stem:
        raise ValueError(
            f"{path}: holds the run {result.content['id']}, not the one it is named after"
        )
    return result


def load_run(profile, run, folder):
    """Read the result of one run.  Source: this package.

    Parameters
    ----------
    profile, run : Profile, Run
        What is asked for.
    folder : str or Path
        Where the files lie.

    Returns
    -------
    Result or None
        None if there is no such file.

    Raises
    ------
    ValueError
        If the file holds another run or profile than asked for, naming the first difference.
    """
    path = Path(folder) / f"{profile.identify(run)}.json"
    if not path.exists():
        return None
    result = load(path)
    for name, asked in (("run", asdict(run)), ("profile", _plain(asdict(profile)))):
        stored = result.content[name]
        if k := difference(asked, stored):
            raise ValueError(
                f"{path}: {name}.{k} is {stored.get(k)!r}, but {asked.get(k)!r} was asked for"
            )
    return result
