"""Scalars that a caller hands over: out of range, they are refused in one sentence.

Source: this package; no mathematics.
"""

from math import inf
from numbers import Integral, Real

import numpy as np

DTYPES = (np.dtype("float32"), np.dtype("float64"))


def check_count(name, count):
    """Refuse what is no positive int, a scalar.  Source: this package; Raises ValueError."""
    if isinstance(count, bool) or not (isinstance(count, Integral) and count > 0):
        raise ValueError(f"{name}: expected a positive integer, got {count!r}")


def check_dtype(dtype):
    """Return float32 or float64 as a dtype, of its name or type; Raises ValueError for others.

    Source: this package; no shape.
    """
    for allowed in DTYPES:
        if dtype is not None and dtype in (allowed, allowed.name, allowed.type):
            return allowed
    raise ValueError(f"dtype: expected float32 or float64, got {dtype!r}")


def check_fraction(name, value):
    """Refuse what is no number in [0, 1), a scalar.  Source: this package; Raises ValueError."""
    if isinstance(value, bool) or not (isinstance(value, Real) and 0 <= value < 1):
        raise ValueError(f"{name}: expected a number in [0, 1), got {value!r}")


def check_seed(seed):
    """Refuse what is no non-negative int, a scalar.  Source: this package; Raises ValueError."""
    if isinstance(seed, bool) or not (isinstance(seed, Integral) and seed >= 0):
        raise ValueError(f"seed: expected a non-negative integer, got {seed!r}")


def check_positive(name, value, zero=False):
    """Refuse what is no positive finite number, a scalar; with `zero`, 0 may be.

    Source: this package; Raises ValueError.
    """
    good = isinstance(value, Real) and not isinstance(value, bool) and 0 <= value < inf
    if not good or not (value or zero):
        wanted = "a finite number >= 0" if zero else "a positive finite number"
        raise ValueError(f"{name}: expected {wanted}, got {value!r}")
