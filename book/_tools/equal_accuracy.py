"""Seven ways to train the paper's network, compared at one accuracy: book/data/equal_accuracy.json.

    SNODE_DATA=folder python book/_tools/equal_accuracy.py [METHOD...]

Same start, same batches, tanh and l2.  Training stops as soon as 96 % of the test images are read
correctly, which is looked up every 25 batches, or after the paper's ten epochs: up to ten minutes
on one core for each method, an hour for Sobolev and for steepest descent.  Methods that the file
has, and that ended by either of the two, are left out; it is written after each.

    updates, |W|                                        medians of margin, gain, distance
    accuracy at the nine levels of noise                least norms over all attacks, 200 images
"""

import sys
import time
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import numpy as np
from attacked import distances, measure, number
from kept import keep, kept

from snode.experiments.profiles import PROFILES
from snode.experiments.provenance import code_version, provenance
from snode.experiments.training import shuffled
from snode.perturbed import infer
from snode.robustness import NOISE_LEVELS, accuracy, accuracy_under_noise, pairwise_margins

WANTED, EVERY, ATTACKED, MARGINS = 0.96, 25, 200, 2000
METHODS = {
    "NCG": {},
    "RMSprop 1e-2": {"method": "rmsprop"},
    "RMSprop 1e-3": {"method": "rmsprop", "rate": 1e-3},
    "Adam": {"method": "adam", "rate": 1e-3},
    "momentum": {"method": "momentum", "rate": 2.0},
    "steepest": {"gamma": "steepest-descent"},
    "Sobolev": {"method": "ncg-sobolev"},
}


def train(run, data):
    """Return the weights as soon as they are accurate enough, or at the end, and the updates."""
    optimiser, w, test = run.optimiser(), run.start_weights(len(data.train.x)), data.test
    pairs = chain.from_iterable(shuffled(run, data, epoch) for epoch in range(1, run.epochs + 1))
    for n, (x0, y) in enumerate(pairs, 1):
        w = optimiser.update(w, x0, y)
        if n % EVERY == 0 and accuracy(optimiser.flow, w, test.x, test.labels) >= WANTED:
            return w, n
    return w, n


def portrait(run, w, test):
    """Return what is known of one network, a dict; see this file's head."""
    flow, x = run.solver(), np.ascontiguousarray(test.x[:, :MARGINS])
    labels, k = test.labels[:MARGINS], np.arange(MARGINS)
    margin, gain = pairwise_margins(flow, w, x, labels)
    distance = distances(margin, gain)
    at = distance.argmin(axis=0), k
    noise = accuracy_under_noise(flow, w, test.x, test.labels, NOISE_LEVELS, run.seed)
    right = np.flatnonzero(infer(flow, w, x) == labels)[:ATTACKED]
    attacked, _ = measure(flow, w, np.ascontiguousarray(x[:, right]), labels[right])
    medians = {"margin": margin, "gain": gain, "distance": distance}
    return {
        "accuracy": accuracy(flow, w, test.x, test.labels),
        "norm": number(w.norm()),
        **{name: number(np.median(values[at])) for name, values in medians.items()},
        "noise": noise.tolist(),
        **attacked,
    }


def ended(run, entry):
    """True if the stored network needs no more training: accurate enough, or out of epochs."""
    return entry is not None and (
        entry["accuracy"] >= WANTED or entry["run"]["epochs"] >= run.epochs
    )


def main(names, path=Path("book/data/equal_accuracy.json")):
    """Train and measure what is missing, and write the file after each."""
    if unknown := set(names) - set(METHODS):
        sys.exit(f"No such method: {', '.join(unknown)}; there are {', '.join(METHODS)}")
    for name in names or METHODS:
        begin, run = time.process_time(), PROFILES["paper"].run(**METHODS[name])
        if ended(run, kept(path, "networks", name)):
            continue
        data = run.data()
        w, updates = train(run, data)
        entry = {"updates": updates, **portrait(run, w, data.test), "run": asdict(run)}
        entry |= {"provenance": provenance(code_version())}
        keep(path, "wanted", value=WANTED)
        keep(path, "levels", value=list(NOISE_LEVELS))
        keep(path, "networks", name, value=entry)
        spent = time.process_time() - begin
        print(f"{name}: {updates} updates, median {entry['least']['median']}, {spent:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
