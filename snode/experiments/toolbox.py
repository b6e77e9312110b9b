"""Attacks of the Adversarial Robustness Toolbox (ART) on one trained network.

    Carlini-Wagner, default      10 iterations in each of 10 searches                Table 3
    Carlini-Wagner, configured   many iterations in each of 9 searches, starting from c = 1
    DeepFool                     the Toolbox's defaults
    APGD                         on cross-entropy, in balls of radius 0.1, 0.3, 0.5

Carlini and Wagner write x = box(tanh w), which is flat at the borders of the box: where paper is
exactly 0 or ink exactly -1, as most pixels are, nothing ever moves.  "Configured" widens the box by
a hundredth, so that they can, and the network sees images cut to the valid region.  It also starts
the search for the weight c of success where eight doublings reach far: the default ends at 5.1.

Letters: N width, K images; x (N, K).
"""

import warnings
from typing import NamedTuple

import numpy as np

from snode.perturbed import infer

APGD_RADII = (0.1, 0.3, 0.5)
WIDER = 0.01  # of the box's width


class Found(NamedTuple):
    """What one attack found.  Table 3; trusts its input.

    Parameters
    ----------
    norm : numpy.ndarray (K,)
        |x - x0|, in units of the input.
    success : numpy.ndarray (K,)
        Whether the inferred class has changed.
    """

    norm: np.ndarray
    success: np.ndarray


def available():
    """Tell whether the Toolbox is installed, a bool.  Source: extra `book`; trusts its input."""
    try:
        _adapter()
    except ImportError:
        return False
    return True


def toolbox_attacks(flow, weights, x, classes=10, box=(-1.0, 0.0), iterations=100, seed=0):
    """Attack images by the Toolbox.  Table 3, App. D.4.

    Parameters
    ----------
    flow : Euler or RK45
        The discretisation.
    weights : Weights
        (L, N, N), (L, N, 1), NumPy arrays.
    x : numpy.ndarray (N, K)
        Images inside the valid region, inferred rightly.
    classes, iterations, seed : int
        C, those of the configured attacks, and that of their random starts (scalars).
    box : (float, float)
        The valid region of every pixel.

    Returns
    -------
    dict of str to Found

    Raises
    ------
    ImportError
        If the Toolbox is missing.
    TypeError
        If the weights are not NumPy arrays.
    """
    wide = (box[0] - WIDER * (box[1] - box[0]), box[1] + WIDER * (box[1] - box[0]))
    estimator = _adapter()(flow, weights, classes, box)
    wider = _adapter()(flow, weights, classes, wide, valid=box)
    attacks = _attacks(estimator, wider, x.shape[1], iterations)
    j, found = infer(flow, weights, x, classes), {}
    for name, attack in attacks.items():
        with _seeded(seed), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the Toolbox warns of what it has not reached yet
            rows = attack.generate(x.T.astype(np.float32), np.eye(classes)[j])
        reached = np.ascontiguousarray(rows.T, dtype=x.dtype).clip(*box)
        success = infer(flow, weights, reached, classes) != j
        found[name] = Found(np.linalg.norm(reached - x, axis=0), success)
    return found


def _adapter():
    """Return the adapter's class; the Toolbox takes seconds to import and is not always there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it names the frameworks it does not find
        from snode.art_adapter import ArtClassifier
    return ArtClassifier


def _attacks(estimator, wider, K, iterations):
    from art.attacks import evasion

    quiet = {"batch_size": K, "verbose": False}
    # confidence: a success on the very border would be lost in the last digit
    configured = {"binary_search_steps": 9, "initial_const": 1.0, "confidence": 1e-3}
    attacks = {
        "carlini-wagner default": evasion.CarliniL2Method(estimator, **quiet),
        "carlini-wagner configured": evasion.CarliniL2Method(
            wider, max_iter=iterations, **configured, **quiet
        ),
        "deepfool": evasion.DeepFool(estimator, **quiet),
    }
    for radius in APGD_RADII:
        options = {"norm": 2, "eps": radius, "eps_step": 2 * radius, "max_iter": iterations}
        apgd = evasion.AutoProjectedGradientDescent(estimator, **options, nb_random_init=1, **quiet)
        attacks[f"apgd {radius}"] = apgd
    return attacks


class _seeded:
    """The Toolbox draws from NumPy's global generator: seed it, and put it back afterwards."""

    def __init__(self, seed):
        self.seed = seed

    def __enter__(self):
        self.state = np.random.get_state()  # noqa: NPY002
        np.random.seed(self.seed)  # noqa: NPY002

    def __exit__(self, *error):
        np.random.set_state(self.state)  # noqa: NPY002
