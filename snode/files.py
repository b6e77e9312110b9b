"""Files that appear whole or not at all, with errors that name the file.

Source: this package; no mathematics, no arrays but those of npz files.
"""

import os
import secrets
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def atomic(path):
    """Open a draft beside `path` for writing bytes; it becomes `path` when all is written.

    Source: this package.

    Parameters
    ----------
    path : str or Path
        The file; one that exists is replaced, in one step, at the end.

    Raises
    ------
    OSError
        Naming the file: the disk is full, the folder missing or not writable.  What stood at
        `path` is still there, and no draft.
    """
    path = Path(path)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            with open(draft, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(
            f"{path}: cannot be written ({error.strerror}); what was there before is untouched"
        ) from error


def check_new(path):
    """Refuse a file that exists: nothing is overwritten; or that could not be written.

    Source: this package.

    Parameters
    ----------
    path : str or Path
        The file to be written.

    Raises
    ------
    FileExistsError, FileNotFoundError, PermissionError
        Naming the file.
    """
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"{path}: exists already; name another file or remove it first")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent} to write it to")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path}: the folder {path.parent} may not be written to")


def read_arrays(path):
    """Read an npz file, without pickles.  Source: this package.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict of str to numpy.ndarray

    Raises
    ------
    ValueError
        Naming the file, if it is not a whole npz file without pickles.
    OSError
        If it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except MemoryError:
        raise
    except Exception as error:  # NumPy and zipfile raise a dozen types for bytes that have changed
        if isinstance(error, OSError) and error.filename is not None:  # of the file, not its bytes
            raise
        kind = type(error).__name__  # its text may advise to allow pickles
        raise ValueError(f"{path}: expected an npz file without pickles, whole ({kind})") from error
