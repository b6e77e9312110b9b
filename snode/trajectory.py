"""The values of x, xi or lam at the times 0, h, ..., T of Euler's method.

A sweep through the layers writes into room for L + 1 states, made by `states`.  If they are not
to be kept, the room is one array, named L + 1 times: it stays in the cache, and what the sweep
leaves in it is the value at its end.

Letters: L layers, N width, K images, T horizon; x (L+1, N, K), xi and lam (L+1, ..., N, K),
slope = sigma'(W x + b) (L, N, K).
"""

from dataclasses import dataclass

import numpy as np

from snode.arrays import array_module


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The values of x, xi or lam at the times 0, h, ..., T.  Eqs. (1), (2), (8).

    Parameters
    ----------
    x : array (L+1, ..., N, K)
        One value at each time.
    horizon : float
        T, a scalar.  Trusts its input.
    """

    x: np.ndarray
    horizon: float

    @property
    def start(self):
        """The value at t = 0, shape (..., N, K).  Eq. (1); trusts its input."""
        return self.x[0]

    @property
    def end(self):
        """The value at t = T, shape (..., N, K).  Eq. (1); trusts its input."""
        return self.x[-1]

    def __call__(self, t):
        """Return the value at time t (scalar) by linear interpolation, shape (..., N, K).

        Source: Euler's polygon for Eq. (1).

        Raises
        ------
        ValueError
            If t lies outside [0, T].
        """
        t, T = float(t), float(self.horizon)  # a NumPy float64 would widen float32 arrays
        if not 0 <= t <= T * (1 + 1e-12):  # L h may exceed T by rounding
            raise ValueError(f"t: expected a time in [0, {T}], got {t!r}")
        position = min(t / T, 1.0) * (len(self.x) - 1)
        l = min(int(position), len(self.x) - 2)
        return self.x[l] + (position - l) * (self.x[l + 1] - self.x[l])


@dataclass(frozen=True, eq=False)
class Path(Trajectory):
    """A solution of (1), with sigma'(W x + b) kept for (2) and (8): it saves two products.

    Parameters
    ----------
    x : array (L+1, N, K)
        The states.
    horizon : float
        T, a scalar.
    slope : array (L, N, K)
        sigma'(W[l] x[l] + b[l]).  Eq. (2); trusts its input.
    """

    slope: np.ndarray

    def columns(self, k):
        """Return the path of the images k, indices (M,), alone.  Eq. (1); trusts its input."""
        take = array_module(self.x).take
        return Path(take(self.x, k, axis=-1), self.horizon, take(self.slope, k, axis=-1))


def states(n, a, keep=True):
    """Return room for n states like a.  Source: this package.

    Parameters
    ----------
    n : int
        A scalar.
    a : array (..., N, K)
        Of the shape, dtype and device wanted.
    keep : bool
        False: all n are the same array.  Trusts its input.

    Returns
    -------
    array (n, ..., N, K) or list of n arrays (..., N, K)
        Not filled.
    """
    xp = array_module(a)
    return xp.empty((n, *a.shape), a.dtype) if keep else [xp.empty_like(a)] * n
