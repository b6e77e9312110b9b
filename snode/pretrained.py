"""Three trained networks to download: found or fetched once, checked, and ready for use.

    network = load("tanh-l2-ncg-s0")
    z = network.run.solver().forward(network.weights, x).end                         (1)

The weights are those of finished runs of the profile `paper`, rounded to float16 and used in
float32.  `pretrained.json` says of each: the run with all its choices, the commit that trained it,
its accuracy before and after the rounding, and the sha256 of its file, without which none is used.

Where a file is looked for: the folder named by ``SNODE_NETWORKS`` and nowhere else, if that is set;
otherwise the user's cache, which is filled from the repository's release of networks.  The
repository is the one that the package was told of: ``SNODE_REPOSITORY_URL``, or ``project.urls``.

Letters: W (L, N, N), b (L, N, 1).
"""

import hashlib
import importlib.metadata
import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from snode import mnist
from snode.experiments.runs import Run
from snode.files import read_arrays
from snode.network import Weights

REGISTRY = Path(__file__).with_name("pretrained.json")


class Pretrained(NamedTuple):
    """A trained network.  Source: this package; trusts its input.

    Parameters
    ----------
    run : Run
        Every choice behind it; `run.solver()` is its flow and `run.data()` its data.
    weights : Weights
        (L, N, N), (L, N, 1), float32.
    """

    run: Run
    weights: Weights


def known():
    """Return what is known of each network, a dict of dict by name.  Source: `pretrained.json`.

    Trusts its input.
    """
    return json.loads(REGISTRY.read_text(encoding="utf-8"))["networks"]


def load(name, repository=None):
    """Find, check and read a trained network.  Source: this package.

    Parameters
    ----------
    name : str
        One of `known()`.
    repository : str, optional
        Its address, ``https://github.com/owner/name``; without it that of the package.

    Returns
    -------
    Pretrained
        Run, and weights of shapes (L, N, N), (L, N, 1).

    Raises
    ------
    ValueError
        If the name is unknown, or a file's content is not the expected one.
    OSError
        If the file is missing and cannot be fetched.
    """
    arrays = read_arrays(fetch(name, repository))
    W, b = (arrays[part].astype(np.float32) for part in "Wb")
    return Pretrained(Run(**known()[name]["run"]), Weights(W, b, float(arrays["horizon"])))


def fetch(name, repository=None):
    """Return the path of a network's checked file; download it if need be.  Source: this package.

    Parameters
    ----------
    name, repository : str
        As in `load`.

    Raises
    ------
    ValueError, OSError
        As in `load`; the message names the file, its address and the expected sha256.
    """
    if name not in known():
        raise ValueError(f"name: expected one of {', '.join(known())}, got {name!r}")
    file, sha256 = f"{name}.npz", known()[name]["sha256"]
    named = os.environ.get("SNODE_NETWORKS")
    if named:
        return _checked(Path(named).expanduser() / file, sha256)
    folder = cache()
    if not (folder / file).is_file():
        _download(f"{address(repository)}/{file}", sha256, folder)
    return _checked(folder / file, sha256)


def cache():
    """Return the folder of downloaded networks, a path.  Source: pooch; trusts its input."""
    return mnist.cache() / "networks"


def address(repository=None):
    """Return the address of the release that holds the files, a str.

    Source: this package, whose metadata may name its repository.

    Parameters
    ----------
    repository : str, optional
        Instead of `SNODE_REPOSITORY_URL` and of the package's own.

    Raises
    ------
    FileNotFoundError
        If nobody has named the repository; the message says where to.
    """
    repository = repository or os.environ.get("SNODE_REPOSITORY_URL") or _home()
    if not repository:
        raise FileNotFoundError(
            "The trained networks cannot be fetched, for this copy of the package knows no "
            "repository: set SNODE_REPOSITORY_URL to https://github.com/owner/name, or "
            "SNODE_NETWORKS to a folder that has the files"
        )
    release = json.loads(REGISTRY.read_text(encoding="utf-8"))["release"]
    return f"{repository.rstrip('/')}/releases/download/{release}"


def _home():
    """Return the repository that pyproject.toml names, or "" if it names none."""
    try:
        urls = importlib.metadata.metadata("snode").get_all("Project-URL") or ()
    except importlib.metadata.PackageNotFoundError:
        return ""
    return dict(url.split(", ", 1) for url in urls).get("Repository", "")


def _checked(path, sha256):
    """Return the path if the file is there and has the expected content."""
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no {path} (expected sha256 {sha256}): put the file there, or unset "
            "SNODE_NETWORKS to have it downloaded"
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path} has the sha256 {found}, expected {sha256}: it is damaged or another network; "
            "remove it and fetch it again"
        )
    return path


def _download(url, sha256, folder):
    """Fetch `url` into the folder; a file with another checksum is not kept."""
    import pooch

    name = url.rsplit("/", 1)[-1]
    try:
        pooch.retrieve(url, f"sha256:{sha256}", fname=name, path=folder)
    except (OSError, ValueError) as error:  # all errors of requests are OSErrors
        raise OSError(
            f"{name} could not be fetched from {url} ({mnist.brief(error)}): check the network, or "
            f"put the file, sha256 {sha256}, in a folder and name that folder in SNODE_NETWORKS"
        ) from error
