"""The coefficient gamma of the conjugate directions d = -g + gamma d_old.

Algorithm 1, line 9, is Fletcher and Reeves' formula; the others are here for comparison.  Each
is one free function of the new gradient, the old one and the old direction.

Letters: g = E' or S E' and d are vectors of L2(0, T) with shapes (L, N, N), (L, N, 1).
"""

from typing import NamedTuple

from snode.network import Weights


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
