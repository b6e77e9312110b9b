"""Accuracy under noise: measured, and predicted by the sensitivity problem without any noise.

    accuracy under noise: images x0 + n, n ~ N(0, sigma^2 I)                         Fig. 3
    P(label y loses to class i) = p_i = Phi(-a_i), a_i = (z_y - z_i) / (sigma |P_y - P_i|)   (12)
    P(y wins against all i) ~ mean over u ~ N(0, 1) of prod_i Phi(sqrt(2) a_i + u)

The second line takes z + P n for the output: z_y - z_i + (P_y - P_i) n is normal.  The third gives
these differences, which share the noise of z_y, the correlation 1/2 that they have where the rows
of P are orthogonal and equally long.  Whatever the correlations, the probability lies between
1 - sum_i p_i and 1 - max_i p_i.

Letters: N width, K images, C classes, S levels; x (N, K), z (C, K), P (C, N, K), y (K,), n (N, K).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from snode.arrays import array_module, to_device, to_numpy
from snode.linearise import jacobian_rows, norms, rows_of
from snode.perturbed import (
    check_box,
    check_images,
    check_labels,
    chunks,
    infer,
    nearest_valid,
    noise_like,
)
from snode.scalars import check_positive

NOISE_LEVELS = (0.01, 0.03, 0.05, 0.08, 0.1, 0.13, 0.15, 0.18, 0.2)  # Fig. 3
NODES = 24  # of the quadrature over u: two classes to 1e-12


def accuracy(flow, weights, x, labels, classes=10, chunk=500):
    """Return the share of images whose inferred class is the label.  Sec. 5, Table 2.

    Parameters
    ----------
    flow : Euler or RK45
        The discretisation.
    weights : Weights
        (L, N, N), (L, N, 1).
    x : array (N, K)
        Images.
    labels : array (K,)
        Integers from 0 to C - 1, on either device.
    classes, chunk : int
        C, and how many images are solved for at once (scalars).

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    TypeError, ValueError
        Naming what does not fit.
    """
    check_images("x", x, weights, classes)
    labels = check_labels("labels", labels, x.shape[1], classes)
    return float((to_numpy(infer(flow, weights, x, classes, chunk)) == labels).mean())


def accuracy_under_noise(
    flow, weights, x, labels, sigmas=NOISE_LEVELS, seed=0, clip=None, classes=10, chunk=500
):
    """Return the accuracy at each level of noise.  Sec. 5, Fig. 3.

    Parameters
    ----------
    flow, weights, x, labels, classes, chunk : as in `accuracy`
        Images (N, K), labels (K,).
    sigmas : sequence of float
        Standard deviations, in units of the input.
    seed : int
        Of `noise`, a scalar: every network sees the same noise.
    clip : (float, float), optional
        Valid region to cut the noisy images to; the paper names none.

    Returns
    -------
    numpy.ndarray (len(sigmas),)

    Raises
    ------
    TypeError, ValueError
        Naming what does not fit.
    """
    check_images("x", x, weights, classes)
    check_box("clip", clip)
    sigmas = _levels(sigmas)
    scores = []
    for sigma in sigmas:
        noisy = nearest_valid(x + noise_like(x, sigma, seed), clip)
        scores.append(accuracy(flow, weights, noisy, labels, classes, chunk))
    return np.array(scores)


class PredictedAccuracy(NamedTuple):
    """Accuracy under noise by linearised outputs, without solving for noisy images.  Eq. (12).

    Parameters
    ----------
    accuracy : numpy.ndarray (S,)
        Mean over the images of the probability that y wins, differences correlated by 1/2.
    lower, upper : numpy.ndarray (S,)
        Means of max(0, 1 - sum p_i) and of 1 - max p_i: bounds where outputs are linear.
        Trusts its input.
    """

    accuracy: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def predicted_accuracy(flow, weights, x, labels, sigmas=NOISE_LEVELS, classes=10, chunk=250):
    """Predict the accuracy under noise from clean images alone.  Fig. 3 by Eq. (12), App. D.1.

    Images that are wrong without noise have p_i > 1/2 for some i, and so their chance to become
    right is counted too.

    Parameters
    ----------
    flow, weights, x, labels, classes, chunk : as in `accuracy`
        Images (N, K), labels (K,).
    sigmas : sequence of float
        Standard deviations, positive, in units of the input.

    Returns
    -------
    PredictedAccuracy

    Raises
    ------
    TypeError, ValueError
        Naming what does not fit.
    """
    sigmas = _levels(sigmas)
    margins, gains = pairwise_margins(flow, weights, x, labels, classes, chunk)
    with np.errstate(divide="ignore", invalid="ignore"):
        a = margins / gains
    a[(margins == 0) & (gains == 0)] = np.inf  # at i = y, which is no rival; NaN stays NaN
    means = [_wins(a / sigma).mean(axis=1) for sigma in sigmas]
    return PredictedAccuracy(*np.array(means).reshape(-1, 3).T)


def pairwise_margins(flow, weights, x, labels, classes=10, chunk=250):
    """Return z_y - z_i and |P_y - P_i| for every class i.  Eq. (12), App. D.1.

    Parameters
    ----------
    flow, weights, x, labels, classes, chunk : as in `accuracy`
        Images (N, K), labels (K,).

    Returns
    -------
    (numpy.ndarray (C, K), numpy.ndarray (C, K))
        Margins in units of the output and gains, output by input; both 0 at i = y.

    Raises
    ------
    TypeError, ValueError
        Naming what does not fit.
    """
    check_images("x", x, weights, classes)
    xp = array_module(x)
    y = to_device(check_labels("labels", labels, x.shape[1], classes), xp)
    found = []
    for part, y_part in zip(chunks(x, chunk), chunks(y, chunk), strict=True):
        path = flow.forward(weights, part)
        z, P = path.end[:classes], jacobian_rows(flow, weights, path, classes)
        margins = z[y_part, xp.arange(len(y_part))] - z
        found.append(to_numpy(xp.stack([margins, norms(P - rows_of(P, y_part))])))
    return tuple(np.concatenate(found, axis=-1).astype(np.float64))


def _levels(sigmas):
    """Return the levels of noise as a tuple, or refuse them."""
    if not np.iterable(sigmas) or not (sigmas := tuple(sigmas)):
        raise ValueError(f"sigmas: expected a sequence of levels, got {sigmas!r}")
    for sigma in sigmas:
        check_positive("sigmas", sigma)
    return sigmas


def _wins(a):
    """Return the probability that y wins by three readings, (3, K); a (C, K), infinite at i = y."""
    nodes, shares = np.polynomial.hermite_e.hermegauss(NODES)
    correlated = sum(
        share * ndtr(2**0.5 * a + u).prod(axis=0)
        for u, share in zip(nodes, shares / shares.sum(), strict=True)
    )
    p = ndtr(-a)
    return np.array([correlated, np.maximum(0, 1 - p.sum(axis=0)), 1 - p.max(axis=0)])
