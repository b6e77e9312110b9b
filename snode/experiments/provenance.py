"""Where a result comes from: the commit, the versions, the device, the memory.

Source: this package and git; no mathematics.
"""

import hashlib
import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np

from snode.machine import describe

LIBRARIES = ("numpy", "scipy", "scikit-learn", "adversarial-robustness-toolbox")
ROOT = Path(__file__).resolve().parents[2]


def code_version(root=ROOT):
    """Return the commit that the code is at and whether files differ from it.

    Source: git.  Files under book/data are results, not code: none of them counts.

    Parameters
    ----------
    root : str or Path
        The work tree.  Trusts its input.

    Returns
    -------
    dict
        `commit`, a str of 40 digits or None outside a work tree; `dirty`, a bool; if files
        differ, `changes`, a str of 12 digits that names their content (of what is new and git
        cannot hash, such as another repository, only the name).
    """
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None or _git(root, "rev-parse", "--show-prefix") != "":  # of another work tree
        return {"commit": None, "dirty": True}
    here = ("--", ".", ":(exclude)book/data")
    if _git(root, "status", "--porcelain", "--untracked-files=normal", *here) == "":
        return {"commit": commit, "dirty": False}
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z", *here).split("\0")
    content = [_git(root, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", *here)]
    content += [f"{name}{_git(root, 'hash-object', '--', name)}" for name in new if name]
    changes = hashlib.sha256("\n".join(content).encode()).hexdigest()[:12]
    return {"commit": commit, "dirty": True, "changes": changes}


def _git(root, *arguments):
    """Return what git prints, or None if it fails or is not there."""
    how = {"capture_output": True, "text": True, "errors": "backslashreplace"}
    try:
        done = subprocess.run(["git", "-C", root, *arguments], **how)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def check_clean(code):
    """Refuse code that no commit holds: nobody could repeat its numbers.  Source: this package.

    Parameters
    ----------
    code : dict
        As `code_version` returns it.

    Raises
    ------
    RuntimeError
        Saying what to do.
    """
    if code["commit"] is None:
        raise RuntimeError(
            "this copy of snode is no git work tree (or git is missing), so no commit names its "
            "code: run from a clone, or choose the profile quick or smoke"
        )
    if code["dirty"]:
        raise RuntimeError(
            "the work tree is dirty, so no commit could repeat this run: commit or put aside the "
            "changes (git status names them), or choose the profile quick or smoke"
        )


def provenance(code, xp=np):
    """Return what a result file says of its origin.  Source: this package.

    Parameters
    ----------
    code : dict
        As `code_version` returns it.
    xp : module
        numpy or cupy.  Trusts its input.

    Returns
    -------
    dict
        What `code` holds, versions, device, platform and the peak memory in MiB (a scalar).
    """
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    device = describe(xp)
    versions |= {name: device.pop(name) for name in list(device) if name in ("snode", "cupy")}
    device = {k: v for k, v in device.items() if k not in versions}
    return {
        **code,
        "versions": versions,
        "device": device,
        "platform": sys.platform,
        "peak_memory_MiB": peak_memory(),
    }


def peak_memory():
    """Return the most memory that this process has held, a scalar in MiB, or None on Windows.

    Source: getrusage; trusts its input.
    """
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
