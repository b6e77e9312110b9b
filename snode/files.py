"""Files that appear whole or not at all.  Source: this package; no mathematics, no arrays."""

import os
from contextlib import contextmanager
from pathlib import Path


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
        If the folder cannot be written; what stood at `path` is still there, and no draft.
    """
    path = Path(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(draft, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
