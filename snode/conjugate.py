"""The two numbers of an iteration of Algorithm 1: gamma, and the step length eta.

    d = -g + gamma d_old          gamma: Fletcher and Reeves' formula (line 9) or another
    phi'(eta) = 0                 phi: the cost linearised along d (App. B.1)

Each gamma is one free function of the new gradient, the old one and the old direction.

Letters: g = E' or S E' and d are vectors of L2(0, T) with shapes (L, N, N), (L, N, 1).
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from snode.network import Weights

LARGEST_MOVE = 32.0  # of any class output in one step: cross-entropy alone may have no minimum


class Gradient(NamedTuple):
    """A gradient as the gamma formulas need it.  Algorithm 1, Corollary 4.2.

    Parameters
    ----------
    g : Weights
        E' or S E', of shapes (L, N, N), (L, N, 1).
    dual : Weights
        <dual, v> in L2 is the inner product of g and v: g itself, or E' for that of W^{1,2}.
    norm2 : float
        The inner product of g with itself, a scalar.  Trusts its input.
    """

    g: Weights
    dual: Weights
    norm2: float


def fletcher_reeves(new, old, direction):
    """Return |g|^2 / |g_old|^2, a scalar.  Algorithm 1, line 9; trusts its input."""
    return new.norm2 / old.norm2


def polak_ribiere(new, old, direction):
    """Return max(0, <g, g - g_old>) / |g_old|^2, a scalar.

    Source: Polak and Ribiere 1969 with Powell's max; trusts its input.
    """
    return max(0.0, new.norm2 - new.dual.inner(old.g)) / old.norm2


def hestenes_stiefel(new, old, direction):
    """Return <g, g - g_old> / <d, g - g_old>, a scalar.

    Source: Hestenes and Stiefel 1952; trusts its input.
    """
    change = direction.inner(new.dual) - direction.inner(old.dual)
    return (new.norm2 - new.dual.inner(old.g)) / change if change else 0.0


def dai_yuan(new, old, direction):
    """Return |g|^2 / <d, g - g_old>, a scalar.  Source: Dai and Yuan 1999; trusts its input."""
    change = direction.inner(new.dual) - direction.inner(old.dual)
    return new.norm2 / change if change else 0.0


def steepest_descent(new, old, direction):
    """Return 0, a scalar: no conjugacy.  Source: Cauchy; trusts its input."""
    return 0.0


GAMMAS = {
    "fletcher-reeves": fletcher_reeves,
    "polak-ribiere": polak_ribiere,
    "hestenes-stiefel": hestenes_stiefel,
    "dai-yuan": dai_yuan,
    "steepest-descent": steepest_descent,
}


def step_length(phi):
    """Return eta > 0, the zero of phi'.  App. B.1.

    Without cross-entropy phi' is linear and eta has a closed form.  With it phi is convex: the
    zero is bracketed by doubling, then found by Brent's method.

    Parameters
    ----------
    phi : Line
        The linearised cost, scalar to scalar, with phi'(0) < 0.

    Returns
    -------
    float
        eta; where phi has no minimum nearer, the eta that moves a class output by LARGEST_MOVE.

    Raises
    ------
    FloatingPointError
        If phi'(0) is not negative: the direction does not lead down.
    """
    slope = phi.derivative(0.0)
    if not slope < 0:
        raise FloatingPointError(f"step_length: expected phi'(0) < 0, got {slope}")
    if phi.mu2 == 0:
        _, c1, c2 = phi.quadratic
        return float(-c1 / (2 * c2))  # a NumPy scalar would turn float32 weights into float64
    unit = 1 / max(np.abs(phi.zeta).max(), np.finfo(float).tiny)
    eta = unit / 1024
    while phi.derivative(eta) < 0:
        eta *= 2
        if eta > LARGEST_MOVE * unit:
            return float(LARGEST_MOVE * unit)
    return float(brentq(phi.derivative, 0.0, eta, xtol=1e-300, rtol=1e-12))
