"""How perturbations travel through the depth: predicted by the sensitivity problem, and measured.

    xi(t), solution of (2) with xi(0) = n, n ~ N(0, sigma^2 I), against              Figs. 4, 7-10
    delta(t) = x~(t) - x(t), measured with x~(0) = x0 + n

Letters: L layers, N width, K images, M times; x, xi, delta (N, K).
"""

from typing import NamedTuple

import numpy as np

from snode.arrays import array_module, to_numpy
from snode.linearise import norms
from snode.perturbed import check_images, chunks, noise_like


class Propagation(NamedTuple):
    """Predicted and measured perturbations through the depth.  Figs. 4, 7-10.

    All norms are those of the state, all N components; the averages are means over the images of
    each image's ratio, not ratios of means.

    Parameters
    ----------
    times : numpy.ndarray (M,)
        t.
    predicted, measured : numpy.ndarray (M,)
        Means of |xi(t)| / |x(t)| and of |delta(t)| / |x(t)|.
    error, error_95 : numpy.ndarray (M,)
        Mean and 95th percentile over the images of |xi(t) - delta(t)| / |xi(t)|.
    xi_end, delta_end : numpy.ndarray (K,)
        |xi(t)| and |delta(t)| of each image at the last of the times.  Trusts its input.
    """

    times: np.ndarray
    predicted: np.ndarray
    measured: np.ndarray
    error: np.ndarray
    error_95: np.ndarray
    xi_end: np.ndarray
    delta_end: np.ndarray


def noise_propagation(flow, weights, x, sigma=0.01, seed=0, times=None, chunk=500):
    """Compare xi(t) with delta(t) for Gaussian noise at the input.  Sec. 5, App. C, Eq. (2).

    Parameters
    ----------
    flow : Euler or RK45
        The discretisation.
    weights : Weights
        (L, N, N), (L, N, 1).
    x : array (N, K)
        Clean images.
    sigma : float
        Standard deviation of the noise, a scalar: 0.01 in the paper.
    seed : int
        Of `noise`, a scalar.
    times : sequence of float, optional
        In [0, T]; without them the L + 1 times 0, h, ..., T.
    chunk : int
        How many images are solved for at once (scalar).

    Returns
    -------
    Propagation

    Raises
    ------
    TypeError, ValueError
        Naming what does not fit; blank images have no |x(0)| to relate the noise to.
    """
    check_images("x", x, weights, 2)
    if blank := np.flatnonzero(~to_numpy(x.any(axis=0))).tolist():
        raise ValueError(f"x: expected images with ink, got {len(blank)} blank, first {blank[0]}")
    times = np.linspace(0, weights.horizon, len(weights.W) + 1) if times is None else times
    if not np.iterable(times) or not (times := tuple(times)):
        raise ValueError(f"times: expected a sequence of times, got {times!r}")
    n = noise_like(x, sigma, seed)
    parts = zip(chunks(x, chunk), chunks(n, chunk), strict=True)
    found = [_propagate(flow, weights, *part, times) for part in parts]
    x_norm, xi, delta, gap = np.concatenate(found, axis=-1)  # each (M, K)
    error = gap / xi
    return Propagation(
        np.asarray(times, dtype=float),
        (xi / x_norm).mean(axis=1),
        (delta / x_norm).mean(axis=1),
        error.mean(axis=1),
        np.percentile(error, 95, axis=1),
        xi[-1],
        delta[-1],
    )


def _propagate(flow, weights, x, n, times):
    """Return |x|, |xi|, |delta| and |xi - delta| at all times, (4, M, K), for one chunk."""
    xp, K = array_module(x), x.shape[1]
    # in one batch, where RK45 takes the same steps for both: else delta would be its tolerance
    both = flow.forward(weights, xp.concatenate([x, x + n], axis=1))
    path, noisy = (both.columns(xp.arange(k, k + K)) for k in (0, K))
    xi = flow.sensitivity(weights, path, xi0=n)
    found = [_four_norms(path(t), xi(t), noisy(t) - path(t)) for t in times]
    return np.stack(found, axis=1)


def _four_norms(x, xi, delta):
    """Return |x|, |xi|, |delta| and |xi - delta|, (4, K), on the CPU."""
    return to_numpy(norms(array_module(x).stack([x, xi, delta, xi - delta]))).astype(np.float64)
