"""Relatives of the paper's attack: what finds the least perturbation that changes a class.

    nearest          the point of the box nearest to x0 with <d, x' - x> >= g: clip(x0 + tau d)
    in_the_box       x <- nearest for d = P_i - P_j, g = z_j - z_i + m, i the nearest class; a cap
    carlini_wagner   Adam on |x - x0|^2 + c max(z_j - z_i + m, 0), x kept in the box by clipping
    shrinking_pgd    PGD on the margin loss in smaller and smaller balls, as long as it succeeds
    to_border        bisection between x0 and a point of another class

Each attack returns `Found`.  Letters: N width, K images, C classes; x0, x (N, K), z (C, K),
P (C, N, K), j (K,) the class of x0, tau (K,) or (C, K), m > 0 a margin of the outputs.
"""

from typing import NamedTuple

import numpy as np

from snode.gradient_attacks import LOSSES, pgd
from snode.linearise import divisor, jacobian_rows, norms, rows_of
from snode.perturbed import infer

BOX = (-1.0, 0.0)
MARGIN = 1e-3  # of the outputs: enough for float32
RATE = 0.02  # of Adam's steps


class Found(NamedTuple):
    """Points of least norm found, and their distances.

    Parameters
    ----------
    x : numpy.ndarray (N, K)
        x0 itself where the attack failed.
    norm : numpy.ndarray (K,)
        |x - x0|, infinite where it failed.
    """

    x: np.ndarray
    norm: np.ndarray

    def keep(self, x, x0, fooled):
        """Return `Found` with the points x (N, K) where they fool and are nearer."""
        norm = np.where(fooled, norms(x - x0), np.inf)
        return Found(np.where(norm < self.norm, x, self.x), np.minimum(norm, self.norm))

    @classmethod
    def nothing(cls, x0):
        """Return what is known before any attack."""
        return cls(x0, np.full(x0.shape[1], np.inf))


def nearest(x0, x, d, g):
    """Return the points of the box nearest to x0 with <d, x' - x> >= g, and their distances.

    They are clip(x0 + tau d) with the least tau >= 0 that does it.  Pixels reach the border of the
    box one after the other; between two of these events <d, x'> is linear in tau.

    Parameters
    ----------
    x0, x : numpy.ndarray (N, K)
        Points of the box.
    d, g : numpy.ndarray (..., N, K), (..., K)
        Half-spaces.

    Returns
    -------
    (numpy.ndarray (..., N, K), numpy.ndarray (..., K))
        Where no point of the box will do: x, and an infinite distance.
    """
    room = np.where(d > 0, BOX[1], BOX[0]) - x0
    stops = np.where(d == 0, np.inf, room / np.where(d == 0, 1, d))
    order = stops.argsort(axis=-2)
    stops, gain, square = (np.take_along_axis(a, order, -2) for a in (stops, d * room, d * d))
    won = gain.cumsum(axis=-2) - gain  # by the pixels that have stopped
    pace = square[..., ::-1, :].cumsum(axis=-2)[..., ::-1, :]  # of those that still move
    asked = (g + (d * (x - x0)).sum(axis=-2))[..., None, :]
    taus = (asked - won) / np.where(pace > 0, pace, 1)
    reached = (taus <= stops) & (pace > 0)
    first = reached.argmax(axis=-2)[..., None, :]
    tau = np.maximum(np.take_along_axis(taus, first, -2), 0)
    possible = reached.any(axis=-2)
    points = np.where(possible[..., None, :], (x0 + tau * d).clip(*BOX), x)
    return points, np.where(possible, norms(points - x0), np.inf)


def _downhill(x, d, g):
    """Return d / |d| on the pixels that it can move, and g / |d|, infinite for d = 0."""
    d = np.where(x == np.where(d > 0, BOX[1], BOX[0]), 0, d)
    length = norms(d)
    return d / divisor(length)[..., None, :], np.where(length > 0, g / divisor(length), np.inf)


def in_the_box(flow, weights, x0, steps=20, cap=0.25, anchored=False, margin=MARGIN, classes=10):
    """Linearise, go to the nearest point of the box that looks like another class, and again.

    Where the linear model sees no such point in the whole box, a step goes downhill.

    Parameters
    ----------
    flow, weights, x0 : Euler or RK45, Weights, numpy.ndarray (N, K)
    steps, cap, margin : int, float, float
        Their number and greatest length, m.
    anchored : bool
        Nearest to x, as DeepFool; or to x0, which corrects earlier steps and never stops.
    classes : int

    Returns
    -------
    Found
    """
    j, k = infer(flow, weights, x0, classes), np.arange(x0.shape[1])
    found, x = Found.nothing(x0), x0
    for _ in range(steps + 1):
        path = flow.forward(weights, x)
        z = path.end[:classes]
        fooled = z.argmax(axis=0) != j
        found = found.keep(x, x0, fooled)
        P = jacobian_rows(flow, weights, path, classes)
        d, g = P - rows_of(P, j), z[j, k] - z + margin
        points, lengths = nearest(x0 if anchored else x, x, d, g)
        steepest, rest = _downhill(x, d, g)
        possible = np.isfinite(lengths).any(axis=0)
        aim = rows_of(points, lengths.argmin(axis=0)) - x
        change = np.where(possible, aim, cap * rows_of(steepest, rest.argmin(axis=0)))
        x = x + np.minimum(1, cap / divisor(norms(change))) * change
        x = x.clip(*BOX).astype(x0.dtype)
    return found


def carlini_wagner(flow, weights, x0, searches=4, steps=60, classes=10):
    """Minimise |x - x0|^2 + c max(z_j - z_i + m, 0) by Adam; search for the weight c.

    Source: Carlini and Wagner 2017, but clipping to the box in place of their change of variables,
    under which pixels at its border cannot move.

    Parameters
    ----------
    flow, weights, x0 : Euler or RK45, Weights, numpy.ndarray (N, K)
    searches, steps : int
        Values of c for each image, steps of Adam for each of them.
    classes : int

    Returns
    -------
    Found
    """
    j, found = infer(flow, weights, x0, classes), Found.nothing(x0)
    y = np.eye(classes, dtype=x0.dtype)[:, j]
    c, low, high = np.ones(len(j)), np.zeros(len(j)), np.full(len(j), np.inf)
    for _ in range(searches):
        x, m, v, won = x0, 0.0, 0.0, np.zeros(len(j), bool)
        for t in range(1, steps + 1):
            path = flow.forward(weights, x)
            fooled = path.end[:classes].argmax(axis=0) != j
            found, won = found.keep(x, x0, fooled), won | fooled
            lam_T = LOSSES["margin"].terminal(path.end, y)
            gap = -(lam_T * path.end).sum(axis=0)
            pull = flow.adjoint(weights, path, lam_T, keep=False).start
            G = 2 * (x - x0) - c * (gap > -MARGIN) * pull
            m, v = 0.9 * m + 0.1 * G, 0.999 * v + 0.001 * G * G
            step = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            x = (x - RATE * step).clip(*BOX).astype(x0.dtype)
        low, high = np.where(won, low, c), np.where(won, c, high)
        c = np.where(np.isinf(high), 10 * c, (low + np.minimum(high, 1e9)) / 2)
    return found


def shrinking_pgd(flow, weights, x0, radii, classes=10):
    """Run PGD on the margin loss in the largest ball, and in the next smaller one if it succeeds.

    Parameters
    ----------
    flow, weights, x0 : Euler or RK45, Weights, numpy.ndarray (N, K)
    radii : sequence of float
        25 steps, each a fifth of the radius.
    classes : int

    Returns
    -------
    Found
    """
    found, left = Found.nothing(x0), np.arange(x0.shape[1])
    for r in sorted(radii, reverse=True):
        settings = {"radius": r, "step": r / 5, "iterations": 25, "loss": "margin", "box": BOX}
        got = pgd(flow, weights, np.ascontiguousarray(x0[:, left]), classes, **settings)
        x, fooled = x0.copy(), np.zeros(x0.shape[1], bool)
        x[:, left], fooled[left] = got.x, got.success
        found, left = found.keep(x, x0, fooled), left[got.success]
        if len(left) == 0:
            break
    return found


def to_border(flow, weights, x0, found, halvings=12, classes=10):
    """Return `Found` after bisection between x0 and each point found: never further away.

    Parameters
    ----------
    flow, weights, x0 : Euler or RK45, Weights, numpy.ndarray (N, K)
    found : Found
    halvings, classes : int
    """
    j, best = infer(flow, weights, x0, classes), found
    low, high = np.zeros(len(j)), np.ones(len(j))
    for _ in range(halvings):
        middle = (low + high) / 2
        x = (x0 + middle * (found.x - x0)).astype(x0.dtype)
        fooled = infer(flow, weights, x, classes) != j
        low, high = np.where(fooled, low, middle), np.where(fooled, middle, high)
        best = best.keep(x, x0, fooled)
    return best
