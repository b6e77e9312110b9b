"""Made-up results in memory: what `contrasts` reads, without files."""

from dataclasses import asdict

import claims
import contrasts
import numpy as np
from synthetic import arrays, numbers, rising

from snode.experiments.measure import Measured
from snode.experiments.profiles import PROFILES
from snode.experiments.results import Result

CLAIMS = claims.load()


def memory(monkeypatch):
    """Yield a dict from folder and run to a result, which is read in place of files."""
    store = {}

    def load_results(folder, profile, seeds, **choices):
        runs = {s: (folder, PROFILES[profile].run(seed=s, **choices)) for s in seeds}
        return {s: store[key] for s, key in runs.items() if key in store}

    monkeypatch.setattr(contrasts, "load_results", load_results)
    contrasts.results.cache_clear()
    yield store
    contrasts.results.cache_clear()


def judged(number, folder="data"):
    """Return the verdict on one claim from what has been made up."""
    contrasts.results.cache_clear()
    return claims.judge(CLAIMS[number], folder)


def put(made, folder, value, change=lambda measured: None, **choices):
    """Add a result of a network whose accuracies are the value."""
    run = PROFILES["paper"].run(**choices)
    measured = Measured(numbers(value), arrays(run.seed, N=4), {})
    change(measured)
    content = {"run": asdict(run), "measurements": measured.numbers}
    content["epochs"] = [{"test_accuracy": a} for a in rising(value, run.epochs)]
    made[folder, run] = Result(content, measured.arrays)


def spread(made, folder, level, seeds=3, sd=0.0002, noise=0, **choices):
    """Add results of a network whose accuracies lie about a level."""
    rng = np.random.default_rng([noise, round(1e4 * level), len(choices)])
    for seed in range(seeds):
        put(made, folder, level + sd * rng.normal(), seed=seed, **choices)


def full(measured):
    """Make a synthetic result as complete as a real one."""
    attacks, targets = measured.numbers["attacks"], measured.numbers["targets"]
    targets |= {"third class won": 0.1, "(13) holds without attack": 0.0}
    for one in (*attacks.values(), *targets.values()):
        if isinstance(one, dict):
            one["gradients an image"] = 9.0
    measured.numbers["smoothness"]["W - W0"] = 1.0
    for name, value in (("E", 1.0), ("true", 0.5), ("predicted", 0.49)):
        measured.arrays[f"iterations_{name}"] = np.full(4, value)
