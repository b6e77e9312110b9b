"""Every measurement that the paper's tables and figures need from one trained network.

    accuracies, also by the other solver                                             Tables 1, 2
    |W(t)|_F, |W'| / |W|                                                             Fig. 6, B.2
    |x(t)|                                                                           Sec. 5
    accuracy under noise, measured and predicted                                     Fig. 3
    xi(t) against delta(t)                                                           Figs. 4, 7-10
    attacks                                                         Figs. 5, 12-15, Table 3

Plain numbers go to a dictionary, what belongs to a depth or an image to arrays.  Arrays of one
number per image are float16, for there are many: three digits.

Letters: L layers, N width, K test images, M = L + 1 times; x (N, K).
"""

import math
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import spearmanr

from snode.arrays import to_device, to_numpy
from snode.experiments import strength
from snode.linearise import norms
from snode.perturbed import chunks, infer
from snode.propagation import noise_propagation
from snode.robustness import NOISE_LEVELS, accuracy, accuracy_under_noise, predicted_accuracy

SIGMA = 0.01  # Figs. 4, 7-10


class Measured(NamedTuple):
    """What `measure` returns.  Sec. 5, App. D; trusts its input.

    Parameters
    ----------
    numbers : dict
        For each part a dictionary of scalars and lists; None where nothing could be measured, and
        an empty one where there is nothing to attack.
    arrays : dict of str to numpy.ndarray
        Named after their part; (M,), (L,) or (K,), perturbations (N, a few).
    seconds : dict
        Scalars, for each part.
    """

    numbers: dict
    arrays: dict
    seconds: dict


@dataclass(frozen=True)
class Network:
    """A trained network and the images that it is measured on.  Sec. 5; trusts its input.

    Parameters
    ----------
    run, profile : Run, Profile
        What was trained, and how much is measured.
    flow : Euler or RK45
        The run's discretisation.
    weights, start : Weights
        After and before the training, (L, N, N), (L, N, 1).
    x, labels : array (N, K), numpy.ndarray (K,)
        Test images and their classes.
    right : numpy.ndarray (K,)
        Whether each is inferred rightly.
    train, test : (array (N, n), numpy.ndarray (n,))
        Images and their classes, for the accuracies only.
    xp, chunk : module, int
        numpy or cupy, and how many images are solved for at once (scalar).
    """

    run: Any
    profile: Any
    flow: Any
    weights: Any
    start: Any
    x: Any
    labels: np.ndarray
    right: np.ndarray
    train: tuple
    test: tuple
    xp: Any
    chunk: int


def measure(run, profile, weights, data, xp=np):
    """Take every measurement of one trained network.  Sec. 5, App. D.

    Parameters
    ----------
    run : Run
        What was trained.
    profile : Profile
        How many images each part gets.
    weights : Weights
        (L, N, N), (L, N, 1), on the device of xp.
    data : Dataset
        (N, n) images: the run's.
    xp : module
        numpy or cupy.

    Returns
    -------
    Measured

    Raises
    ------
    ImportError
        If the profile asks for the Toolbox and it is missing.
    """
    network, measured = _network(run, profile, weights, data, xp), Measured({}, {}, {})
    for name, part in PARTS.items():
        begin = time.perf_counter()
        left_out = run.flow == "rk45" and name in ATTACKS
        numbers, arrays = ({}, {}) if left_out else part(network)
        measured.numbers[name] = numbers
        measured.arrays.update({f"{name}_{k}": v for k, v in arrays.items()})
        measured.seconds[name] = round(time.perf_counter() - begin, 3)
    return measured


def _network(run, profile, weights, data, xp):
    """Return the `Network`; a profile's 0 means all images."""

    def first(n, images):
        return to_device(images.x[:, : n or None].copy(), xp), images.labels[: n or None]

    chunk, flow, n = 250 if xp is np else 2500, run.solver(), profile.train_images
    x, labels = first(profile.images, data.test)
    right = to_numpy(infer(flow, weights, x, chunk=chunk)) == labels
    start, parts = run.start_weights(len(x), xp), (first(n, data.train), first(n, data.test))
    return Network(run, profile, flow, weights, start, x, labels, right, *parts, xp, chunk)


def accuracies(network):
    """Return the accuracies by either solver, two lists [train, test], and by Euler's finer steps.

    Source: Tables 1, 2.  Each W_l, b_l then serves for 2 steps of h/2, 4 of h/4: [h/2, h/4], test.

    Parameters
    ----------
    network : Network
        Images (N, n) of its `train` and `test`.  Trusts its input.
    """
    parts = (network.train, network.test)
    scores = {}
    for name in ("euler", "rk45"):
        flow = network.run.solver(name)
        try:
            scores[name] = [
                accuracy(flow, network.weights, x, labels, chunk=network.chunk)
                for x, labels in parts
            ]
        except (FloatingPointError, RuntimeError) as error:
            if type(error) not in (FloatingPointError, RuntimeError):  # a device's, such as cuBLAS
                raise
            # no number of RK45's steps can follow it
            scores[name] = [math.nan] * len(parts)
    euler, fine = network.run.solver("euler"), [network.weights.refined(m) for m in (2, 4)]
    scores["finer"] = [accuracy(euler, w, *network.test, chunk=network.chunk) for w in fine]
    return scores | {"images": [len(labels) for _, labels in parts]}, {}


def smoothness(network):
    """Return |W'| / |W| of W, W - W0 and W0 (scalars), and |W(t)|_F, |b(t)| (L,).  Fig. 6, B.2.

    Parameters
    ----------
    network : Network
        Weights (L, N, N), (L, N, 1).  Trusts its input.
    """
    w, w0 = network.weights, network.start
    xp, h = network.xp, w.h

    def at_layers(a):
        return to_numpy(xp.sqrt((a * a).sum(axis=(1, 2)))).astype(np.float64)

    def ratio(a):
        size = np.linalg.norm(at_layers(a))
        return float(np.linalg.norm(at_layers(a[1:] - a[:-1])) / h / size) if size else None

    W = at_layers(w.W)
    numbers = {
        "W": ratio(w.W),
        "W - W0": ratio(w.W - w0.W),
        "W0": ratio(w0.W),
        "norm": w.norm(),
        "norm of change": (w - w0).norm(),
        "total variation of |W(t)|": float(np.abs(np.diff(W)).sum()),
    }
    return numbers, {"W": W, "b": at_layers(w.b), "W0": at_layers(w0.W)}


def states(network):
    """Return the mean and the 95th percentile of |x(t)| over the images, (M,).  Sec. 5.

    Parameters
    ----------
    network : Network
        Images (N, K).  Trusts its input.
    """
    w, found = network.weights, []
    times = np.linspace(0, w.horizon, len(w.W) + 1)
    for part in chunks(network.x, network.chunk):
        path = network.flow.forward(w, part)
        found.append(to_numpy(network.xp.stack([norms(path(t)) for t in times])))
    sizes = np.concatenate(found, axis=1).astype(np.float64)
    arrays = {"t": times, "mean": sizes.mean(axis=1), "p95": np.percentile(sizes, 95, axis=1)}
    return {"start": float(sizes[0].mean()), "end": float(sizes[-1].mean())}, arrays


def noise(network):
    """Return the accuracy at nine levels of noise, measured and predicted, (9,).  Fig. 3, Eq. (12).

    Parameters
    ----------
    network : Network
        Images (N, K).  Trusts its input.
    """
    of = (network.flow, network.weights, network.x, network.labels)
    clip = network.run.box() if network.run.noise_clip else None
    measured = accuracy_under_noise(*of, NOISE_LEVELS, network.run.seed, clip, chunk=network.chunk)
    predicted = predicted_accuracy(*of, NOISE_LEVELS, chunk=network.chunk)
    numbers = {
        "sigma": list(NOISE_LEVELS),
        "measured": measured.tolist(),
        **{k: v.tolist() for k, v in predicted._asdict().items()},
        "mean": float(measured.mean()),  # over the nine levels
        "clean": float(network.right.mean()),
    }
    return numbers, {}


def propagation(network):
    """Return xi(t) against delta(t) at sigma = 0.01, (M,), and at T for all nine levels.

    Source: Figs. 4, 7-10.

    Parameters
    ----------
    network : Network
        Images (N, K).  Trusts its input.
    """
    of, rest = (network.flow, network.weights, network.x), {"chunk": network.chunk}
    p = noise_propagation(*of, SIGMA, network.run.seed, **rest)
    arrays = {k: v for k, v in p._asdict().items() if not k.endswith("_end")}
    numbers = {"sigma": list(NOISE_LEVELS), "error": [], "error_95": [], "rank correlation": []}
    for sigma in NOISE_LEVELS:
        at_T = noise_propagation(*of, sigma, network.run.seed, [network.weights.horizon], **rest)
        numbers["error"].append(float(at_T.error[-1]))
        numbers["error_95"].append(float(at_T.error_95[-1]))
        numbers["rank correlation"].append(float(spearmanr(at_T.xi_end, at_T.delta_end)[0]))
    return numbers, arrays


PARTS = {
    "accuracy": accuracies,
    "smoothness": smoothness,
    "state": states,
    "noise": noise,
    "propagation": propagation,
    "attacks": strength.attacks,
    "targets": strength.targets,
    "toolbox": strength.toolbox,
}
ATTACKS = ("attacks", "targets", "toolbox")  # through RK45 six times as long, and in no table
