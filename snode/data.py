"""Images as columns: (Fashion-)MNIST on 14 by 14 pixels and scikit-learn's digits, in batches.

Resampling (Sec. 5, "linearly resample"): an image X becomes R X R^T.  The rows of R hold the
triangle filter (1, 3, 3, 1)/8, at the mirrored edges (4, 3, 1)/8; this is the antialiased linear
interpolation of MATLAB's ``imresize``.  The 2 by 2 mean, (1, 1)/2, is the other reading.

Input range: the shade u in [0, 1], from paper to ink, is mapped linearly to [0, -1], as in the
authors' prototype (github.com/malylu/SNODEs_prototype).  The reason is ReLU: there x' >= 0, so no
component of x(T) can end below its input, and a target of 0 is out of reach for an input above 0.

Letters: x (N, n) images, one per column, the pixels row by row; labels (n,); x0 (N, K) and
y (C, K) one batch and its one-hot labels; R (14, 28); n images, N pixels, K batch size, C classes.
"""

from dataclasses import dataclass
from numbers import Integral

import numpy as np

from snode import mnist
from snode.arrays import generator
from snode.scalars import DTYPES, check_count, check_dtype

SHAPES = {"digits": (8, 8)}
SHAPES |= {f"{name}{side}": (side, side) for name in ("mnist", "fashion") for side in (14, 28)}
INPUT_RANGES = {"0to-1": (0.0, -1.0), "0to1": (0.0, 1.0)}  # (paper, ink)
FILTERS = {"triangle": np.array([1, 3, 3, 1]) / 8, "mean": np.array([1, 1]) / 2}
CLASSES = 10
BLOCK = 5000  # images converted at a time: keeps the temporaries near 30 MB


@dataclass(frozen=True, eq=False)
class Split:
    """Images with their labels. Source: Sec. 5 (one image is one x0).

    Parameters
    ----------
    x : (N, n)
        Images, one per column, float32 or float64.
    labels : (n,)
        Class of each image, integers from 0.

    Raises
    ------
    ValueError
        If the shapes do not fit together or a dtype is another.
    """

    x: np.ndarray
    labels: np.ndarray

    def __post_init__(self):
        """Refuse arrays that do not fit together."""
        x, labels = self.x, self.labels
        if x.ndim != 2 or x.dtype not in DTYPES:
            raise ValueError(f"x: expected float32 or float64 (N, n), got {x.dtype} {x.shape}")
        if labels.shape != x.shape[1:] or labels.dtype.kind not in "iu":
            raise ValueError(
                f"labels: expected integers {x.shape[1:]}, got {labels.dtype} {labels.shape}"
            )


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in two parts. Source: Sec. 5. Trusts its input.

    Parameters
    ----------
    name : str
    shape : tuple of int
        (rows, columns) of an image; N = rows * columns.
    train, test : Split
        (N, n) images with (n,) labels, of different n.
    """

    name: str
    shape: tuple
    train: Split
    test: Split


def load(name, input_range=(0.0, -1.0), resample="triangle", dtype=np.float32):
    """Load a data set, one image per column. Source: Sec. 5; scikit-learn's ``load_digits``.

    Parameters
    ----------
    name : str
        ``"digits"``: 1,797 real 8 by 8 digits that come with scikit-learn, 1,400 for training;
        ``"mnist14"``: MNIST, 60,000 and 10,000 images, resampled to 14 by 14;
        ``"mnist28"``: the same in their own size;
        ``"fashion14"``, ``"fashion28"``: Fashion-MNIST, clothes in place of digits, likewise.
    input_range : tuple of 2 float
        (paper, ink): the values of an empty and of a full pixel, (0, -1) or (0, 1).
    resample : str
        ``"triangle"`` or ``"mean"``; used by ``"mnist14"`` and ``"fashion14"`` alone.
    dtype : numpy dtype
        float32 or float64.

    Returns
    -------
    dataset : Dataset, with N = 64, 196 or 784 and int64 labels

    Raises
    ------
    ValueError
        If an argument is not one of those named, or a file has a wrong content.
    OSError
        If a file is missing and cannot be had; see ``snode.mnist``.
    """
    if not isinstance(name, str) or name not in SHAPES:
        raise ValueError(f"name: expected one of {', '.join(SHAPES)}, got {name!r}")
    ranges = INPUT_RANGES.values()
    if not isinstance(input_range, (tuple, list)) or tuple(input_range) not in ranges:
        raise ValueError(f"input_range: expected (0.0, -1.0) or (0.0, 1.0), got {input_range!r}")
    dtype = check_dtype(dtype)
    R = resampling_matrix(resample).astype(dtype)  # for every set: it refuses an unknown filter
    R = R if name.endswith("14") else None
    if name == "digits":
        parts, full = _digits(), 16
    else:
        source = {"mnist": mnist.MNIST, "fashion": mnist.FASHION}[name[:-2]]
        names, full = ("images-idx3-ubyte", "labels-idx1-ubyte"), 255
        parts = ([mnist.read(f"{p}-{name}", source) for name in names] for p in ("train", "t10k"))
    train, test = (
        Split(_columns(images, full, R, input_range, dtype), labels.astype(np.int64))
        for images, labels in parts
    )
    return Dataset(name, SHAPES[name], train, test)


def resampling_matrix(resample="triangle", size=28):
    """Build R, which halves the side of an image: X -> R X R^T. Source: Sec. 5 and imresize.

    Parameters
    ----------
    resample : str
        ``"triangle"``, the weights (1, 3, 3, 1)/8, or ``"mean"``, the weights (1, 1)/2.
    size : int
        Side of the image in pixels; even, at least 2.

    Returns
    -------
    R : (size/2, size) float64, with rows that sum to 1 and columns that sum to 1/2

    Raises
    ------
    ValueError
        If an argument is not one of those named.
    """
    if resample not in FILTERS:
        raise ValueError(f"resample: expected one of {', '.join(FILTERS)}, got {resample!r}")
    check_count("size", size)
    if size % 2:
        raise ValueError(f"size: expected an even number, at least 2, got {size!r}")
    weights, edge = FILTERS[resample], len(FILTERS[resample]) // 2 - 1
    mirrored = np.pad(np.eye(size), ((edge, edge), (0, 0)), mode="symmetric")
    return sum(w * mirrored[k : k + size : 2] for k, w in enumerate(weights))


def one_hot(labels, classes=CLASSES, dtype=np.float32):
    """Turn labels into unit vectors, one per column. Source: Sec. 4 (the targets y_k).

    Parameters
    ----------
    labels : (K,)
        Integers from 0 to classes - 1.
    classes : int
        Number of classes, C.
    dtype : numpy dtype
        float32 or float64.

    Returns
    -------
    y : (C, K)

    Raises
    ------
    ValueError
        If the labels are not such integers or the dtype is another.
    """
    check_count("classes", classes)
    labels, dtype = np.asarray(labels), check_dtype(dtype)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(f"labels: expected integers (K,), got {labels.dtype} {labels.shape}")
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        found = f"{labels.min()} to {labels.max()}"
        raise ValueError(f"labels: expected 0 to {classes - 1}, got {found}")
    return (np.arange(classes)[:, None] == labels).astype(dtype)


def batches(split, batch, seed, classes=CLASSES):
    """Give one epoch of shuffled batches, each image at most once. Source: Sec. 5, Algorithm 1.

    If ``batch`` does not divide n, the images left over are dropped for this epoch, so that every
    batch has the same K.

    Parameters
    ----------
    split : Split
        (N, n) images with (n,) labels.
    batch : int
        K, the number of images in a batch, from 1 to n.
    seed : int or numpy.random.Generator
        The same seed gives the same batches; a generator moves on from epoch to epoch.
    classes : int
        C, the length of a target.

    Returns
    -------
    pairs : iterator of (x0 (N, K), y (C, K)), copies in the dtype of ``split.x``

    Raises
    ------
    ValueError
        If ``batch`` is not from 1 to n, ``seed`` neither a whole number nor a generator, or, from
        the first batch, a label not from 0 to C - 1.
    """
    x, labels = split.x, split.labels
    whole = isinstance(batch, Integral) and not isinstance(batch, bool)
    if not (whole and batch in range(1, labels.size + 1)):
        raise ValueError(f"batch: expected a whole number from 1 to {labels.size}, got {batch!r}")
    rng = seed if isinstance(seed, np.random.Generator) else generator(seed)
    order = rng.permutation(labels.size)
    chosen = order[: labels.size - labels.size % batch].reshape(-1, batch)
    # take, unlike x[:, k], promises rows that lie together in memory
    return ((x.take(k, axis=1), one_hot(labels[k], classes, x.dtype)) for k in chosen)


def _digits():
    """Part the digits by a frozen shuffle: they come in the order of their writers."""
    from sklearn.datasets import load_digits  # takes a second to import, and only digits need it

    digits = load_digits()
    order = np.random.RandomState(0).permutation(len(digits.target))  # its stream is frozen
    return [(digits.images[k], digits.target[k]) for k in (order[:1400], order[1400:])]


def _columns(images, full, R, input_range, dtype):
    """Map images (n, rows, columns) with shades 0 to ``full`` to x (N, n) in ``input_range``."""
    paper, ink = input_range
    pixels = images[0].size if R is None else len(R) ** 2
    x = np.empty((pixels, len(images)), dtype)
    for start in range(0, len(images), BLOCK):
        X = images[start : start + BLOCK].astype(dtype)
        X = X if R is None else R @ X @ R.T
        x[:, start : start + BLOCK] = X.reshape(len(X), -1).T / full
    x *= ink - paper
    x += paper  # also turns the -0.0 of empty pixels into 0.0
    return x
