"""The Sobolev gradient: the transformation S as one (L, L) matrix.

    S u(t) = cosh(T-t)/sinh T * int_0^t u(s) cosh s ds
             + cosh t/sinh T * int_t^T u(s) cosh(T-s) ds                            (9)

S u represents the functional u with respect to <u, v>_{W^{1,2}} = int (u v + c^2 u' v') dt; the
paper has the length scale c = 1.  Applied to the gradient E' of Lemma 4.1, component by component,
it gives the steepest direction of W^{1,2} (Corollary 4.2).

Letters: T horizon, L nodes t_l = (l + 1/2) h, h = T/L, c length scale, S (L, L).
"""

import numpy as np

from snode.arrays import array_module, to_device
from snode.scalars import check_count, check_positive

KINDS = ("kernel", "riesz")


def matrix(L, horizon, length=1.0, kind="kernel"):
    """Return S on the midpoints t_l.  Eq. (9), Corollary 4.2.

    Parameters
    ----------
    L : int
        Number of nodes (scalar).
    horizon : float
        T (scalar).
    length : float
        Length scale c > 0 (scalar), in units of depth; the paper has 1.
    kind : str
        "kernel": formula (9) by the midpoint rule, as printed; "riesz": (I + c^2 D^T D)^-1 with
        the difference quotients D, the exact representative in the discrete W^{1,2}.

    Returns
    -------
    numpy.ndarray (L, L)
        float64, symmetric and positive definite.

    Raises
    ------
    ValueError
        If a number is not positive or the kind is unknown.
    """
    check_count("L", L)
    check_positive("horizon", horizon)
    check_positive("length", length)
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    h = horizon / L
    if kind == "riesz":
        D = np.diff(np.eye(L), axis=0) * (length / h)
        return np.linalg.inv(np.eye(L) + D.T @ D)
    T, t = horizon / length, (np.arange(L) + 0.5) * h / length
    early, late = np.minimum.outer(t, t), np.maximum.outer(t, t)
    # cosh(early) cosh(T - late) / sinh T, written with decaying exponentials: T may be large
    decay = np.exp(early - late) * (1 + np.exp(-2 * early)) * (1 + np.exp(-2 * (T - late)))
    return h / length * decay / (2 * -np.expm1(-2 * T))


def apply(S, gradient):
    """Return S E', the matrix applied over the layers to every component.  Corollary 4.2.

    Parameters
    ----------
    S : array (L, L)
        As `matrix` returns it.
    gradient : Weights
        E'_omega (L, N, N), E'_beta (L, N, 1).  Trusts its input.

    Returns
    -------
    Weights
        Of the same shapes, dtype and device.
    """
    W, b = gradient.W, gradient.b
    S = to_device(S.astype(W.dtype, copy=False), array_module(W))
    return gradient.like(
        (S @ W.reshape(len(W), -1)).reshape(W.shape), (S @ b.reshape(len(b), -1)).reshape(b.shape)
    )
