"""Carlini and Wagner's attack, of the Adversarial Robustness Toolbox (ART), on a trained network.

    default      10 iterations in each of 10 searches                                Table 3
    configured   many iterations in each of 9 searches, starting from c = 1          ours

Carlini and Wagner write x = box(tanh w), which is flat at the borders of the box: where paper is
exactly 0 or ink exactly -1, as most pixels are, nothing ever moves.  "Configured" widens the box by
a hundredth, so that they can, and the network sees images cut to the valid region.  It also starts
the search for the weight c of success where eight doublings reach far: the default ends at 5.1.

Letters: N width, K images; x (N, K).
"""

import numpy as np

from snode.arrays import array_module, to_device, to_numpy
from snode.perturbed import infer

WIDER = 0.01  # of the box's width


def available():
    """Tell whether the Toolbox is installed, a bool.  Source: extra `book`; trusts its input."""
    try:
        _adapter()
    except ImportError:
        return False
    return True


def toolbox_attacks(flow, weights, x, classes=10, box=(-1.0, 0.0), iterations=100):
    """Attack images by Carlini and Wagner's method in both ways.  Source: Table 3; this package.

    Parameters
    ----------
    flow : Euler or RK45
        The discretisation.
    weights : Weights
        (L, N, N), (L, N, 1).
    x : array (N, K)
        Images inside the valid region, inferred rightly.
    classes, iterations : int
        C, and the iterations of the configured attack in each search (scalars).
    box : (float, float)
        The valid region of every pixel.

    Returns
    -------
    dict of str to numpy.ndarray (K,)
        |x - x0|, in units of the input, infinite where the inferred class has not changed.

    Raises
    ------
    ImportError
        If the Toolbox is missing.
    """
    wide = (box[0] - WIDER * (box[1] - box[0]), box[1] + WIDER * (box[1] - box[0]))
    estimator = _adapter()(flow, weights, classes, box)
    wider = _adapter()(flow, weights, classes, wide, valid=box)
    attacks = _attacks(estimator, wider, x.shape[1], iterations)
    return {name: norms(attack, flow, weights, x, classes, box) for name, attack in attacks.items()}


def norms(attack, flow, weights, x, classes=10, box=(-1.0, 0.0)):
    """Return |x - x0| of what one of ART's attacks finds, infinite where it fails.  Table 3.

    Parameters
    ----------
    attack : art.attacks.EvasionAttack
        On an estimator of the network, or of what is made of its outputs.
    flow, weights, x, classes, box : as in `toolbox_attacks`
        (L, N, N), (L, N, 1); images (N, K).  Trusts its input.

    Returns
    -------
    numpy.ndarray (K,)
    """
    xp, j, x = array_module(x), to_numpy(infer(flow, weights, x, classes)), to_numpy(x)
    rows = attack.generate(x.T.astype(np.float32), np.eye(classes)[j])
    reached = np.ascontiguousarray(rows.T, dtype=x.dtype).clip(*box)
    success = to_numpy(infer(flow, weights, to_device(reached, xp), classes)) != j
    return np.where(success, np.linalg.norm(reached - x, axis=0), np.inf)


def _adapter():
    """Return the adapter's class; the Toolbox takes seconds to import and is not always there."""
    from snode.art_adapter import ArtClassifier

    return ArtClassifier


def _attacks(estimator, wider, K, iterations):
    from art.attacks.evasion import CarliniL2Method

    quiet = {"batch_size": K, "verbose": False}
    # confidence: a success on the very border would be lost in the last digit
    configured = {"binary_search_steps": 9, "initial_const": 1.0, "confidence": 1e-3}
    return {
        "carlini-wagner default": CarliniL2Method(estimator, **quiet),
        "carlini-wagner configured": CarliniL2Method(
            wider, max_iter=iterations, **configured, **quiet
        ),
    }
