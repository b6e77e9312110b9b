"""A file of results that grows entry by entry, under more than one process at a time."""

import os
from contextlib import contextmanager

from snode.experiments.storage import read_json, replace_json

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextmanager
def alone(folder):
    """Wait until no other process is in this block with the same folder."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def keep(path, *place, value):
    """Put the value into the JSON file, at the keys `place`; what is there by now stays.

    The file is read just before it is written: between the two, hours of training may pass in
    which another process has added its own.
    """
    *parents, last = place
    with alone(path.parent):
        content = inner = read_json(path) if path.exists() else {}
        for key in parents:
            inner = inner.setdefault(key, {})
        inner[last] = value
        replace_json(path, content, indent=None)


def kept(path, *place):
    """Return what the JSON file holds at the keys `place`, None if nothing."""
    content = read_json(path) if path.exists() else {}
    for key in place:
        content = content.get(key, {})
    return content or None
