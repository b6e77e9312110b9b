"""How strong attacks are against one trained network, in numbers for the tables and figures.

    own        Algorithm 2 with a moving target, steps of 0.06, 15 of them           Sec. 5, Fig. 5
    pgd, pgd-long   projected gradients, 15 steps of 0.06 and of 0.6                 App. D.4
    one-step   a single gradient step ("FGSM")                                       App. D.4
    targets    Algorithm 2 against each of the nine other classes                    Fig. 12
    toolbox    Carlini and Wagner's attack, by ART                                   Table 3

Only images that are inferred rightly are attacked.  PGD and the single step depend on the radius
r of their ball: the norm given is the least one found, bisecting for the least ball in which the
attack succeeds.

Letters: N width, K test images, k of them attacked; x (N, k).
"""

import numpy as np

from snode.arrays import to_device, to_numpy
from snode.attacks import Rule, attack, smaller
from snode.data import CLASSES
from snode.experiments.toolbox import toolbox_attacks
from snode.gradient_attacks import one_step, pgd
from snode.perturbed import infer

NORMS = tuple(round(0.05 * k, 2) for k in range(1, 21))  # where curves are read off
STEPS = {"pgd": 0.06, "pgd-long": 0.6, "one-step": None}


def attacks(network):
    """Attack every correctly classified image, four ways.  Figs. 5, 12, 14, 15.

    Parameters
    ----------
    network : measure.Network
        Images (N, K).  Trusts its input.

    Returns
    -------
    (dict, dict)
        Scalars and lists; and arrays: norms (K,) with infinity where an attack failed and NaN
        where none was made, perturbations of the first few images (N, few), their numbers (few,).
    """
    index = np.flatnonzero(network.right)
    if len(index) == 0:
        return {}, {}
    x = _images(network, index)
    few = min(network.profile.examples, len(index))
    numbers, arrays = {"attacked": len(index)}, {"examples": index[:few]}
    for name in ("own", *STEPS):
        norm, moved, spent = _own(network, x) if name == "own" else _in_balls(network, x, name)
        change = to_numpy(moved - x).astype(np.float64)
        numbers[name] = summary(norm) | shape(change[:, np.isfinite(norm)])
        numbers[name]["gradients an image"] = float(np.mean(spent))
        every = np.full(len(network.labels), np.nan, np.float16)
        every[index] = norm
        arrays |= {f"{name}_norm": every, f"{name}_examples": change[:, :few].astype(np.float16)}
    return numbers, arrays


def _images(network, index):
    return network.x[:, to_device(index, network.xp)]


def _own(network, x):
    """Return norms (infinite for failures), the points, the pull-backs of each image."""
    settings = {"box": network.run.box(), "chunk": network.chunk}
    found = attack(network.flow, network.weights, x, CLASSES, **settings)
    return np.where(found.success, found.norm, np.inf), found.x, found.gradients


def _in_balls(network, x, name):
    """Return what `_own` does, of the attack in the least ball where it succeeds: bisection."""
    K, xp, radii = x.shape[1], network.xp, np.array(network.profile.radii)
    norm, spent, moved = np.full(K, np.inf), np.zeros(K), x.copy()
    first, last = np.zeros(K, int), np.full(K, len(radii))  # the least ball is among these
    while len(left := np.flatnonzero(first < last)):
        middle = (first + last)[left] // 2
        for m in np.unique(middle):
            k = left[middle == m]
            found = _in_ball(network, x[:, to_device(k, xp)], name, float(radii[m]))
            better = ~found.success & np.isinf(norm[k]) | found.success & (found.norm < norm[k])
            moved[:, to_device(k[better], xp)] = found.x[:, to_device(better, xp)]
            norm[k] = np.where(found.success, np.minimum(norm[k], found.norm), norm[k])
            spent[k] += found.gradients
            first[k] = np.where(found.success, first[k], m + 1)
            enough = np.searchsorted(radii, found.norm * (1 - 1e-5))  # float32
            last[k] = np.where(found.success, np.minimum(enough, m), last[k])
    return norm, moved, spent


def _in_ball(network, x, name, radius):
    """Return `Attacked` of one ball."""
    of = (network.flow, network.weights, x, CLASSES)
    settings = {"radius": radius, "box": network.run.box(), "chunk": network.chunk}
    if STEPS[name] is None:
        return one_step(*of, **settings)
    return pgd(*of, step=STEPS[name], **settings)


def summary(norm):
    """Return an attack's success, and the norms it needed.  Fig. 5, Table 3.

    Parameters
    ----------
    norm : numpy.ndarray (k,)
        Norms of the perturbations, infinite where the attack failed.  Trusts its input.

    Returns
    -------
    dict
        Scalars, None where no attack succeeded; `susceptible` is a list, the share of images
        fooled within each of `NORMS`.
    """
    won, r = norm[np.isfinite(norm)], np.array(NORMS)[:, None]
    statistics = {"mean": np.mean, "median": np.median, "largest": np.max}
    return {
        "success": len(won) / len(norm),
        **{name: float(f(won)) if len(won) else None for name, f in statistics.items()},
        "susceptible": (norm <= r * (1 + 1e-5)).mean(axis=1).tolist(),  # r itself, in float32
    }


def shape(change):
    """Return whether perturbations sit on single pixels: |.|_inf / |.|_2 and their spread.

    Source: App. D.4, Figs. 14, 15.

    Parameters
    ----------
    change : numpy.ndarray (N, k)
        Perturbations, none of them 0.  Trusts its input.

    Returns
    -------
    dict
        Scalars: mean of |.|_inf / |.|_2, from 1/sqrt(N) to 1, and the mean participation ratio
        (sum c^2)^2 / (sum c^4), from 1 pixel to N; None for k = 0.
    """
    if change.shape[1] == 0:
        return {"peak": None, "participation": None}
    square = change**2
    peak = np.sqrt(square.max(axis=0) / square.sum(axis=0))
    participation = square.sum(axis=0) ** 2 / (square**2).sum(axis=0)
    return {"peak": float(peak.mean()), "participation": float(participation.mean())}


def targets(network):
    """Compare nine targets with the moving one, on correctly classified images.  App. D.4.

    Parameters
    ----------
    network : measure.Network
        Images (N, K).  Trusts its input.

    Returns
    -------
    (dict, dict)
        Scalars: among them the share of targeted successes that a third class won, and of images
        where (13) holds before any attack, as it can for negative outputs.  No arrays.
    """
    index = np.flatnonzero(network.right)[: network.profile.target_images]
    if len(index) == 0:
        return {}, {}
    x = _images(network, index)
    settings = {"box": network.run.box(), "chunk": network.chunk}
    of = (network.flow, network.weights, x, CLASSES)
    # not the labels: RK45 chooses its steps for all images of a chunk, so among others one may flip
    j = to_numpy(infer(*of, network.chunk))
    best, wins, thirds = None, 0, 0
    for shift in range(1, CLASSES):
        target = (j + shift) % CLASSES
        found = attack(*of, target, **settings)
        wins += int(found.success.sum())
        thirds += int((found.success & (found.final != target)).sum())
        best = found if best is None else smaller(best, found)
    moving = attack(*of, **settings)
    numbers = {"attacked": len(index), "third class won": thirds / wins if wins else None}
    for name, found in (("nine", best), ("moving", moving)):
        numbers[name] = summary(np.where(found.success, found.norm, np.inf))
        numbers[name]["gradients an image"] = float(found.gradients.mean())
    z = to_numpy(network.flow.forward(network.weights, x, keep=False).end[:CLASSES])
    rivals = np.where(np.arange(CLASSES)[:, None] == j, -np.inf, z)
    met = Rule.kappa * rivals.max(axis=0) >= z[j, np.arange(len(j))]
    return numbers | {"(13) holds without attack": float(met.mean())}, {}


def toolbox(network):
    """Attack the first correctly classified images by Carlini and Wagner's method.

    Source: Table 3 for its default settings, this package for the others.

    Parameters
    ----------
    network : measure.Network
        Images (N, K).

    Returns
    -------
    (dict, dict)
        Scalars and lists for each attack, as `summary` gives them; no arrays.

    Raises
    ------
    ImportError
        If the Toolbox is missing.
    """
    index = np.flatnonzero(network.right)[: network.profile.toolbox_images]
    if len(index) == 0:
        return {}, {}
    of = (network.flow, network.weights, _images(network, index), CLASSES)
    found = toolbox_attacks(*of, network.run.box(), network.profile.toolbox_iterations)
    numbers = {k: summary(norm) for k, norm in found.items()}
    return {"attacked": len(index), **numbers}, {}
