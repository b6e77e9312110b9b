"""Perturbed images: noise, the inferred class, the valid region, and what an attack found.

What attacks and measurements of robustness share.  The inferred class is the argmax over the first
C components of z = x(T) (Sec. 5); the valid region is a box (Algorithm 2, line 7).

Letters: N width, K images, C classes; x0, x (N, K), z (C, K).
"""

from math import inf
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from snode.arrays import array_module, check_array, generator, to_device, to_numpy
from snode.scalars import check_count, check_positive


def infer(flow, weights, x, classes=10, chunk=500):
    """Return the inferred class of each image, the argmax of its class outputs.  Sec. 5.

    Parameters
    ----------
    flow : Euler or RK45
        The discretisation.
    weights : Weights
        (L, N, N), (L, N, 1).
    x : array (N, K)
        Images.
    classes, chunk : int
        C, and how many images are solved for at once (scalars).

    Returns
    -------
    array (K,)
        Integers; the first class of a tie.

    Raises
    ------
    FloatingPointError, ValueError
        If an output is not finite, it has no class; if C is not an integer from 2 to N.
    """
    check_classes(classes, weights.W.shape[1])
    xp, found = array_module(weights.W, x), []
    for part in chunks(x, chunk):
        z = flow.forward(weights, part, keep=False).end[:classes]
        if not bool(xp.isfinite(z).all()):
            raise FloatingPointError("the class outputs of the network are not finite")
        found.append(z.argmax(axis=0))
    return xp.concatenate(found)


def chunks(a, size):
    """Split an array into views of at most `size` images.  Source: this package.

    Parameters
    ----------
    a : array (..., K)
        Images, labels, ...
    size : int
        A positive scalar; the argument `chunk` of whoever calls.

    Returns
    -------
    list of array (..., size or fewer)

    Raises
    ------
    ValueError
        If the size is not a positive integer.
    """
    check_count("chunk", size)
    return [a[..., k : k + size] for k in range(0, a.shape[-1], size)]


def check_images(name, x, weights, classes, box=None):
    """Refuse images that do not fit the network or leave the valid region.  Sec. 5.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    x : array (N, K)
        Images, of the dtype and on the device of the weights.
    weights : Weights
        (L, N, N), (L, N, 1).
    classes : int
        C, a scalar between 2 and N.
    box : (float, float), optional
        Least and greatest valid value.

    Raises
    ------
    TypeError, ValueError
        Naming the value and what was expected.
    """
    N = weights.W.shape[1]
    check_array(name, x, (N, "K"), weights.W.dtype)
    array_module(weights.W, x)
    check_classes(classes, N)
    # the border as the images' dtype has it: in float32, -0.1 is a little below -0.1
    low, high = (-inf, inf) if box is None else map(float, np.asarray(box, x.dtype))
    if not (low <= float(x.min()) and float(x.max()) <= high):
        found = f"[{float(x.min())}, {float(x.max())}]"
        raise ValueError(
            f"{name}: expected values in the valid region {list(box)} (box=None: any), got {found}"
        )


def check_classes(classes, N):
    """Refuse a C (scalar) that is not an integer from 2 to N.  Sec. 5; Raises ValueError."""
    if not (isinstance(classes, Integral) and 2 <= classes <= N):
        raise ValueError(f"classes: expected an integer from 2 to N = {N}, got {classes!r}")


def check_labels(name, labels, count, classes):
    """Refuse class labels that are not integers from 0 to C - 1, one per image.  Sec. 5.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    labels : array (K,)
        Integers, on either device.
    count, classes : int
        K and C (scalars).

    Returns
    -------
    numpy.ndarray (K,)
        The labels, on the CPU.

    Raises
    ------
    ValueError
        Naming the value and what was expected.
    """
    host = np.asarray(to_numpy(labels))
    if host.shape != (count,) or host.dtype.kind not in "iu":
        raise ValueError(f"{name}: expected integers ({count},), got {host.dtype} {host.shape}")
    if not 0 <= host.min() <= host.max() < classes:
        found = f"{host.min()} to {host.max()}"
        raise ValueError(f"{name}: expected classes 0 to {classes - 1}, got {found}")
    return host


def nearest_valid(x, box):
    """Return the nearest point of the valid region, a box.  Algorithm 2, line 7.

    Parameters
    ----------
    x : array (N, K)
        Points.
    box : (float, float) or None
        Least and greatest valid value; None: every value is valid.  Trusts its input.

    Returns
    -------
    array (N, K)
    """
    return x if box is None else x.clip(*map(float, box))  # NumPy's float64 would widen float32


def check_settings(step, iterations, box, chunk):
    """Refuse settings out of range that all iterative attacks share.  Algorithm 2.

    Parameters
    ----------
    step, iterations, box, chunk : as in `Rule`
        Three scalars and a pair (least, greatest) or None.

    Raises
    ------
    ValueError
        Naming the setting.
    """
    check_positive("step", step)
    for name, count in (("iterations", iterations), ("chunk", chunk)):
        check_count(name, count)
    check_box("box", box)


def check_box(name, box):
    """Refuse what is neither None nor a pair (least, greatest) of numbers, a box.  Algorithm 2.

    Raises ValueError.
    """
    if box is None:
        return
    if not (np.shape(box) == (2,) and all(isinstance(v, Real) for v in box) and box[0] < box[1]):
        raise ValueError(f"{name}: expected None or (least, greatest), got {box!r}")


class Attacked(NamedTuple):
    """What an attack found for each image, failed ones included.  Algorithm 2, App. D.4.

    Parameters
    ----------
    x : array (N, K)
        The last point of each image, on the images' device; the rest is on the CPU.
    norm : numpy.ndarray (K,)
        |x - x0|, in units of the input.
    initial, final : numpy.ndarray (K,)
        Inferred classes of x0 and of x; a third class may have won instead of a target.
    iterations : numpy.ndarray (K,)
        Steps taken until x.
    success : numpy.ndarray (K,)
        Whether final differs from initial.
    gradients : numpy.ndarray (K,)
        Pull-backs spent on the image.  Trusts its input.
    """

    x: Any
    norm: np.ndarray
    initial: np.ndarray
    final: np.ndarray
    iterations: np.ndarray
    success: np.ndarray
    gradients: np.ndarray


def outcome(x0, x, initial, final, iterations, gradients):
    """Make an `Attacked` of arrays on either device.  Algorithm 2.

    Parameters
    ----------
    x0, x : array (N, K)
        Images and perturbed images.
    initial, final, iterations, gradients : array (K,)
        As in `Attacked`.  Trusts its input.

    Returns
    -------
    Attacked
    """
    norm = array_module(x).sqrt(((x - x0) ** 2).sum(axis=0))
    rest = (norm, initial, final, iterations, final != initial, gradients)
    return Attacked(x, *(to_numpy(a) for a in rest))


def noise(shape, sigma, seed):
    """Draw Gaussian noise; the same for the same shape, sigma and seed.  Sec. 5, Fig. 11.

    Parameters
    ----------
    shape : tuple of int
        Such as (N, K).
    sigma : float
        Standard deviation, a positive scalar in units of the input.
    seed : int
        A non-negative scalar.  Levels get independent numbers, networks the same.

    Returns
    -------
    numpy.ndarray (shape)
        float64, on the CPU.

    Raises
    ------
    ValueError
        If sigma or the seed is out of range.
    """
    check_positive("sigma", sigma)
    generator(seed)  # for its check alone
    level = int(np.float64(sigma).view(np.uint64))
    return sigma * generator((int(seed) << 64) + level).standard_normal(shape)


def noise_like(x, sigma, seed):
    """Return `noise` of the shape (N, K), dtype and device of the images x.  Sec. 5.

    Parameters
    ----------
    x, sigma, seed : array (N, K), float, int
        Images and scalars.  Raises ValueError as `noise` does.
    """
    return to_device(noise(x.shape, sigma, seed).astype(x.dtype), array_module(x))
