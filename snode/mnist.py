"""The four files of MNIST, or of Fashion-MNIST: found or fetched once, checked, read as bytes.

A file in the IDX format is a big-endian header, (0, 0, 8 = "unsigned byte", number of axes) and one
four-byte length per axis, followed by the bytes in row-major order.  Nothing is used or kept unless
the sha256 of its *decompressed* content is the known one; the gzip wrapping differs between copies.

Where a file is looked for: the folder named by the environment variable ``SNODE_DATA`` and nowhere
else, if that is set; otherwise the user's cache, which is filled from the public mirrors.  The two
sets name their files alike, so those of Fashion-MNIST lie in a folder ``fashion`` inside.

Letters: n images of 28 rows and 28 columns; ``images`` (n, 28, 28), ``labels`` (n,), both uint8.
"""

import gzip
import hashlib
import math
import os
import struct
import sys
import tempfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np


class File(NamedTuple):
    """What is known of one file.  Source: the two data sets' authors; trusts its input.

    Parameters
    ----------
    shape : tuple of int
        (n, 28, 28) for images, (n,) for labels.
    download : int
        Bytes to download, gzip-compressed, as the mirrors hold it.
    sha256 : str
        Checksum of the decompressed content.
    """

    shape: tuple
    download: int
    sha256: str


class Source(NamedTuple):
    """Four files and where they are.  Source: the two data sets; trusts its input.

    Parameters
    ----------
    title : str
        The data set's name, for messages.
    folder : str
        Inside the user's folder or cache; "" is the folder itself.
    mirrors : tuple of str
        Addresses that the files' names are put behind.
    files : dict of str to File
        By name, without the ending .gz.
    """

    title: str
    folder: str
    mirrors: tuple
    files: dict


def _files(*known):
    """Name the four files of a set; ``known`` are the downloads and checksums of each."""
    names = [f"{p}-{k}-ubyte" for p in ("train", "t10k") for k in ("images-idx3", "labels-idx1")]
    shapes = [(n, *side) for n in (60_000, 10_000) for side in ((28, 28), ())]
    return {name: File(shape, *pair) for name, shape, pair in zip(names, shapes, known)}


MNIST = Source(
    "MNIST",
    "",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    _files(
        (9_912_422, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        (28_881, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        (1_648_877, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        (4_542, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ),
)
FASHION = Source(
    "Fashion-MNIST",
    "fashion",
    (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    _files(
        (26_421_880, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
        (29_515, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
        (4_422_102, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
        (5_148, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    ),
)


def read(name, source=MNIST):
    """Find, check and read one file. Source: the IDX format, described above.

    Parameters
    ----------
    name : str
        One of the keys of ``source.files``.
    source : Source
        ``MNIST`` or ``FASHION``.

    Returns
    -------
    array : uint8, of the shape named in ``source.files``; read-only

    Raises
    ------
    ValueError
        If ``name`` is unknown, or the file found does not hold what it should.
    FileNotFoundError
        If ``SNODE_DATA`` is set and its folder lacks the file.
    OSError
        If the file cannot be read, no mirror delivers it, or the cache cannot be written.
    """
    if name not in source.files:
        raise ValueError(f"name: expected one of {', '.join(source.files)}, got {name!r}")
    named = os.environ.get("SNODE_DATA")
    if named:
        remedy = f"replace it by {name}.gz from {source.mirrors[0]}, or unset SNODE_DATA"
    else:
        remedy = "delete it and load again, which downloads it anew"
    folder = (Path(named).expanduser() if named else cache()) / source.folder
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return _checked(path, name, source, remedy)
    if named:
        raise FileNotFoundError(
            f"SNODE_DATA is {named!r}, but there is neither {folder / name} nor {name}.gz beside "
            f"it: put the file there, e.g. from {source.mirrors[0]}{name}.gz, "
            "or unset SNODE_DATA to have it downloaded"
        )
    return _download(name, source, folder)


def cache():
    """Name the folder that keeps downloaded files. Source: ``pooch.os_cache``. Trusts its input.

    Returns
    -------
    folder : pathlib.Path, which need not exist yet
    """
    import pooch  # here, so that a user with a folder of his own does not need it

    return Path(pooch.os_cache("snode"))


def _checked(path, name, source, remedy):
    """Read the local file ``path``; what goes wrong is said in one sentence."""
    try:
        return _parse(_decompress(path.read_bytes()), source.files[name])
    except ValueError as error:
        raise ValueError(f"{path} is not {source.title}'s {name}: {error}; {remedy}") from error
    except OSError as error:
        problem = error.strerror or type(error).__name__
        raise OSError(
            f"{path} cannot be read ({problem}), though {source.title}'s {name} is expected there; "
            f"{remedy}"
        ) from error


def _decompress(content):
    """Undo gzip where the content, not the file's name, says so: some servers unpack on the way."""
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"its gzip compression is damaged or cut short ({error})") from error


def _parse(content, file):
    """Check header, size and checksum of ``content``, in that order, and view it as an array."""
    magic = struct.pack(">HBB", 0, 8, len(file.shape))
    header = magic + struct.pack(f">{len(file.shape)}I", *file.shape)
    size = len(header) + math.prod(file.shape)
    if content[:4] != magic:
        raise ValueError(f"it starts with bytes '{content[:4].hex()}', expected '{magic.hex()}'")
    if len(content) != size:
        raise ValueError(f"it holds {len(content):,} bytes, expected {size:,}")
    if content[: len(header)] != header:
        raise ValueError(f"its header does not announce the expected shape {file.shape}")
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != file.sha256:
        raise ValueError(f"its content has the sha256 {sha256}, expected {file.sha256}")
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(file.shape)


def _download(name, source, folder):
    """Fetch ``name`` from the first mirror that delivers it whole, and keep it in ``folder``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=".partial-", dir=folder)
    except OSError as error:
        raise OSError(
            f"{folder}, where {source.title}'s {name} is to be kept, "
            "is not a folder that can be written "
            f"({error.strerror}): make it one, or set SNODE_DATA to a folder with the four files"
        ) from error
    failures = []
    with scratch as partial:
        for mirror in source.mirrors:
            try:
                return _fetch(f"{mirror}{name}.gz", source.files[name], Path(partial), folder)
            except (OSError, ValueError) as error:  # all errors of requests are OSErrors
                failures.append((f"{mirror}{name}.gz", error))
    tried = "; ".join(f"{url}: {brief(error)}" for url, error in failures)
    raise OSError(
        f"no mirror delivered {source.title}'s {name}.gz to {folder} ({tried}): check the network, "
        "or set SNODE_DATA to a folder with the four files"
    ) from failures[-1][1]


def _fetch(url, file, partial, folder):
    """Download from one mirror beside the final place; only a checked file moves there."""
    import pooch

    said = f"Downloading {url} ({file.download:,} bytes) to {folder}"
    print(said, file=sys.stderr, flush=True)
    path = partial / url.rsplit("/", 1)[1]
    pooch.HTTPDownloader(progressbar=True, chunk_size=2**16)(url, str(path), None)
    array = _parse(_decompress(path.read_bytes()), file)
    os.replace(path, folder / path.name)
    return array


def brief(error):
    """Return a network error's text (str), or only its name where that runs over lines.

    Source: this package; trusts its input.
    """
    text = " ".join(str(error).split())
    return text if len(text) < 200 else type(error).__name__
