"""What the tests of the core share: relative errors, observed orders, more random vectors."""

import numpy as np

from snode.arrays import array_module, to_numpy
from snode.network import Weights


def flat(a):
    """Return the entries of an array, a number or a `Weights` as one NumPy vector."""
    if isinstance(a, Weights):
        return np.concatenate([flat(a.W), flat(a.b)])
    return np.asarray(to_numpy(a) if hasattr(a, "get") else a, np.float64).ravel()


def error(a, b):
    """Return max |a - b| / max |b|; NaN, where it appears, fails every comparison."""
    a, b = flat(a), flat(b)
    assert a.shape == b.shape
    return float(np.abs(a - b).max() / np.abs(b).max())


def orders(errors):
    """Return the orders observed when the step is halved from one error to the next."""
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


def random_like(vector, seed, size=1.0):
    """Return a random vector of the same space, on the same device."""
    rng, xp = np.random.default_rng(seed), array_module(vector.W)
    draw = (size * rng.normal(size=a.shape) for a in (vector.W, vector.b))
    return vector.like(*(xp.asarray(a.astype(vector.W.dtype)) for a in draw))
