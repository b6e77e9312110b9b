"""The network linearised about its input: the matrix P and the perturbation of least norm.

    zeta = xi(T) = P xi0 for the solution xi of (12), xi(0) = xi0                    App. D.1
    P_c^T = lam(0) for the solution lam of (8), lam(T) = e_c                         pull-back

The paper finds P by N solves of (12), from xi(0) = I.  Only the C rows that belong to classes are
ever used, and each is one solve of the adjoint (8), for all images at once.  To let class i
overtake class j, (13) generalised by a margin m (the paper has m = 0):

    kappa (z_i + zeta_i) >= z_j + zeta_j + m                                         (13)
    xi0 = (z_j - kappa z_i + m) (kappa P_i - P_j) / |kappa P_i - P_j|^2              (14)
    |xi0| = (z_j - kappa z_i + m) / |kappa P_i - P_j|                                (15)

(14) makes (13) an equality with the least norm, at ranks 2 and 1 of P_i, P_j; where the gap
z_j - kappa z_i + m is <= 0, 0 would do.  Where it is > 0 and kappa P_i = P_j, nothing does.
With kappa = 1 and m = 0 it is the step of DeepFool (Moosavi-Dezfooli et al. 2016).

Letters: L layers, N width, K images, C classes; z = x(T) cut to (C, K), P (C, N, K), lam (N, K),
i, j (K,), xi0 (N, K).
"""

from snode.arrays import array_module

# Bytes of adjoint states at a time: little, for the cache, or much, for few kernel launches.
MEMORY = {"numpy": 2**18, "cupy": 2**30}


def jacobian_rows(flow, weights, path, classes=10):
    """Return the rows of P that belong to the classes, by pull-backs.  App. D.1, Eqs. (8), (12).

    As many rows are solved for at once as fit into `MEMORY`, at N K numbers each.

    Parameters
    ----------
    flow : Euler or RK45
        The discretisation.
    weights : Weights
        (L, N, N), (L, N, 1).
    path : Path or ode.Solution
        The solution of (1) through the images, states (N, K).
    classes : int
        C, a scalar.  Trusts its input.

    Returns
    -------
    array (C, N, K)
        P[c] holds row c of each image's P as a column.
    """
    z = path.end
    xp = array_module(z)
    at_once = max(1, MEMORY[xp.__name__] // z.nbytes)
    P = xp.empty((classes, *z.shape), z.dtype)
    for first in range(0, classes, at_once):
        rows = xp.arange(min(at_once, classes - first))
        lam_T = xp.zeros((len(rows), *z.shape), z.dtype)
        lam_T[rows, first + rows] = 1
        P[first : first + len(rows)] = flow.adjoint(weights, path, lam_T, keep=False).start
    return P


def least_norm_step(z, P, i, j, kappa=1.0, margin=0.0):
    """Return the perturbation of least norm that makes (13) an equality.  Eq. (14), App. D.2.

    Parameters
    ----------
    z : array (C, K)
        Outputs.
    P : array (C, N, K)
        Rows of P, as `jacobian_rows` returns them.
    i, j : array (K,)
        Classes: the one to gain and the one to lose.
    kappa, margin : float
        Scalars in (0, 1] and >= 0.  Trusts its input.

    Returns
    -------
    array (N, K)
        xi0; zero where kappa P_i = P_j (among them rank 0), for there is no solution.
    """
    xp = array_module(z, P)
    k = xp.arange(z.shape[1])
    gap = z[j, k] - kappa * z[i, k] + margin
    direction, length = unit(kappa * rows_of(P, i) - rows_of(P, j))
    return gap / divisor(length) * direction


def least_norms(z, P, j, kappa=1.0, margin=0.0):
    """Return (15) for every class i, with its sign.  Eq. (15).

    Parameters
    ----------
    z, P, j, margin : as in `least_norm_step`
        Arrays (C, K), (C, N, K), (K,) and a scalar.
    kappa : float or array (C, K)
        In (0, 1].  Trusts its input.

    Returns
    -------
    array (C, K)
        Infinity at i = j and where no perturbation works.
    """
    xp = array_module(z, P)
    k, kappa = xp.arange(z.shape[1]), kappa * xp.ones_like(z)
    length = norms(kappa[:, None] * P - rows_of(P, j))
    distance = (z[j, k] - kappa * z + margin) / divisor(length)
    distance = xp.where(length > 0, distance, xp.full_like(distance, xp.inf))
    distance[j, k] = xp.inf
    return distance


def rows_of(P, i):
    """Return row P_i of each image as a column.  App. D.2.

    Parameters
    ----------
    P : array (C, N, K)
        Rows of P.
    i : array (K,)
        A class for each image.  Trusts its input.

    Returns
    -------
    array (N, K)
    """
    xp, (_, N, K) = array_module(P), P.shape
    return P[i, xp.arange(N)[:, None], xp.arange(K)]


def unit(d):
    """Return d / |d| (zero where d = 0) and |d|, column by column.  Algorithm 2, line 7.

    Parameters
    ----------
    d : array (N, K)
        Directions.  Trusts its input.

    Returns
    -------
    (array (N, K), array (K,))
    """
    length = norms(d)
    return d / divisor(length), length


def norms(a):
    """Return the Euclidean norms over the axis of components.  App. A.1.

    Parameters
    ----------
    a : array (..., N, K)
        Vectors.  Trusts its input.

    Returns
    -------
    array (..., K)
    """
    peak = abs(a).max(axis=-2)
    a = a / divisor(peak)[..., None, :]  # else |a|^2 might underflow
    return peak * array_module(a).sqrt((a * a).sum(axis=-2))


def divisor(length):
    """Return the lengths with 1 in place of 0, to divide by.  App. D.2: no step where they are 0.

    Parameters
    ----------
    length : array (K,) or (C, K)
        Not negative.  Trusts its input.

    Returns
    -------
    array (the same shape and dtype)
    """
    return length + (length == 0)
