"""Files of runs: JSON and npz written whole or not at all, with errors that name the file.

Source: this package; no mathematics.  `$SNODE_RUNS` names the folder of weights, checkpoints and
results; without it they go to the user's cache, outside the work tree.
"""

import json
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: there nothing keeps two processes apart
    fcntl = None

import numpy as np

from snode.files import atomic, check_new


def runs_folder():
    """Return the folder of all runs, a path, not made yet.

    Source: `$SNODE_RUNS`, else `$XDG_CACHE_HOME` or `~/.cache`; trusts its input.
    """
    if os.environ.get("SNODE_RUNS"):
        return Path(os.environ["SNODE_RUNS"]).expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "snode" / "runs"


def make_folder(path):
    """Make a folder, and those above it, unless it exists.  Source: this package.

    Parameters
    ----------
    path : str or Path
        The folder.

    Raises
    ------
    OSError
        Naming the folder: a file stands in its place, or it cannot be made.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{path}: no folder can be made there ({error.strerror})") from error
    return Path(path)


_held = {}  # folders of this process and their open descriptors


def hold(folder):
    """Keep other processes from a folder until this one ends, however it ends.

    Source: this package.  What a killed process has left half written there is removed.

    Parameters
    ----------
    folder : Path
        The folder of a run; one that is held already stays so.

    Raises
    ------
    BlockingIOError
        Naming the folder, if another process holds it.
    """
    folder = folder.resolve()
    if fcntl is None or folder in _held:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            busy = "another process is at work on this run; wait until it ends, or stop it"
            raise BlockingIOError(f"{folder}: {busy}") from None
        return  # a file system on a network may know no locks
    _held[folder] = descriptor
    for draft in folder.glob(".*.part"):
        draft.unlink()


def difference(one, other):
    """Return the first key, a str, at which two dicts differ; None if they are equal.

    Source: this package; trusts its input.
    """
    keys = one.keys() | other.keys()
    return min((k for k in keys if one.get(k) != other.get(k)), default=None)


def write_json(path, content):
    """Write a dictionary to a new file, whole or not at all.  Source: this package.

    Parameters
    ----------
    path : str or Path
        The file; it must not exist yet.
    content : dict
        Of finite scalars, strings and lists.

    Raises
    ------
    FileExistsError
        If the file exists: nothing is overwritten.
    OSError
        Naming the file, if it cannot be written.
    ValueError
        If a number is not finite.
    """
    check_new(path)
    replace_json(path, content)


def replace_json(path, content, indent=1):
    """Write a dictionary, whole or not at all, whether the file exists or not.

    Source: this package.

    Parameters
    ----------
    path : str or Path
        The file; one that exists is replaced.
    content : dict
        What JSON can hold.
    indent : int or None
        Spaces (scalar); None: all in one line.

    Raises
    ------
    OSError
        Naming the file, if it cannot be written.
    ValueError
        If a number is not finite.
    """
    text = json.dumps(content, indent=indent, allow_nan=False) + "\n"
    with atomic(path) as file:
        file.write(text.encode())


def read_json(path):
    """Read a JSON object.  Source: this package.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        Naming the file, if it holds something else.
    OSError
        If it cannot be read.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: expected a JSON object: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a JSON object, got a {type(content).__name__}")
    return content


def write_arrays(path, arrays):
    """Write arrays to an npz file, without pickles, compressed.  Source: this package.

    Parameters
    ----------
    path : str or Path
        The file; one that exists is replaced.
    arrays : dict of str to numpy.ndarray
        Numbers or text of any shape.

    Raises
    ------
    OSError
        Naming the file, if it cannot be written.
    TypeError
        If an array holds objects, which only a pickle could keep.
    """
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"{name}: expected numbers or text, got {array.dtype}")
    with atomic(path) as file:
        np.savez_compressed(file, **arrays)
