"""Results of runs that never ran, with known numbers, written as real ones are."""

import numpy as np

from snode.experiments.measure import Measured
from snode.experiments.profiles import PROFILES
from snode.experiments.results import make_result, save
from snode.experiments.schema import ARRAYS
from snode.experiments.strength import NORMS
from snode.experiments.training import Epoch, Trained
from snode.robustness import NOISE_LEVELS

ORIGIN = {"commit": None, "dirty": False, "versions": {}, "device": {}}
ATTACKS = ("own", "pgd", "pgd-long", "one-step")
SHOWN = 5  # examples


def attack(median, share=0.5):
    """What `strength.summary` and `strength.shape` say, all norms near the median."""
    curve = [float(share) if norm >= median else 0.0 for norm in NORMS]
    norms = {"mean": median, "median": median, "largest": 2 * median}
    return {"success": share, **norms, "susceptible": curve, "peak": 0.5, "participation": 9.0}


def numbers(value, attacked=100):
    """Measured numbers that all follow from one value, the accuracy on the test images."""
    toolbox = {
        f"carlini-wagner {k}": attack(r, value) for k, r in (("default", 0.7), ("configured", 0.4))
    }
    return {
        "accuracy": {"euler": [value + 0.01, value], "rk45": [value - 0.02, value - 0.01]},
        "smoothness": {"W": 1.0, "norm": 2.0, "total variation of |W(t)|": value},
        "state": {"start": 4.0, "end": 2.0},
        "noise": {"sigma": list(NOISE_LEVELS), "measured": [value] * 9, "accuracy": [value] * 9},
        "propagation": {"error": [0.1] * 9, "rank correlation": [1.0] * 9},
        "attacks": {"attacked": 90, **{name: attack(0.3, value) for name in ATTACKS}},
        "targets": {"attacked": 10, "nine": attack(0.2, value), "moving": attack(0.2, value)},
        "toolbox": {"attacked": attacked, **toolbox},
    }


def arrays(seed, N, L=6, K=8):
    """Arrays of a result: depth times, norms of K images, examples of N pixels."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 3, L + 1)
    found = {name: 0.1 + t for name in ARRAYS if name.startswith(("prop", "state"))}
    found |= {"iterations_E": np.ones(2), "smoothness_W": np.ones(L), "state_t": t}
    found |= {
        "propagation_times": t,
        "propagation_error": t / 10,
        "attacks_examples": np.arange(SHOWN),
    }
    for name in ATTACKS:
        found[f"attacks_{name}_norm"] = np.float16(rng.uniform(0.2, 0.6, K))
        found[f"attacks_{name}_examples"] = np.float16(rng.normal(size=(N, SHOWN)) / 100)
    return found


def rising(value, epochs):
    """The accuracy after each epoch: a point more every time, the value after the last."""
    return [value - 0.01 * left for left in reversed(range(epochs))]


def write(folder, value, profile="paper", change=lambda measured: None, **choices):
    """Write the result of one run; `change` may alter its `Measured` before."""
    chosen = PROFILES[profile]
    run = chosen.run(**choices)
    N = {"mnist14": 196, "digits": 64}[run.dataset]
    told = enumerate(rising(value, run.epochs), start=1)
    epochs = [Epoch(k, accuracy, accuracy, 1.0) for k, accuracy in told]
    trained = Trained(None, epochs, [])
    measured = Measured(numbers(value), arrays(run.seed, N), {})
    change(measured)
    return save(make_result(chosen, run, trained, measured, ORIGIN), folder)
