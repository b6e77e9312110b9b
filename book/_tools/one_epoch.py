"""Solver, gradient and direction, taken apart: one epoch of NCG each, book/data/one_epoch.json.

    SNODE_DATA=folder python book/_tools/one_epoch.py [SEED...]

The paper's network, tanh and l2, on MNIST: the same start and batches, other ways to train.  Runs
that the file has are left out; it is written after each, 4 to 12 minutes on one core.

    cost and accuracy of the first 2000 test images, every 50 batches, by the run's own solver
    distance of its gradient from the exact one of Euler's cost, relative: at the weights before
        the first of these 50 batches, and on that batch
    accuracy of all test images at the end, by either solver
"""

import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from kept import keep, kept
from optimise_first import OptimiseFirst

from snode import tanh
from snode.data import CLASSES, one_hot
from snode.experiments.profiles import PROFILES
from snode.experiments.provenance import code_version, provenance
from snode.experiments.training import shuffled
from snode.robustness import accuracy

SEEDS, EVERY, FEW = (0, 1), 50, 2000
RUN = PROFILES["paper"].run(epochs=1)
EULER, RK45 = RUN.solver("euler"), RUN.solver("rk45")
SCALED, STEEPEST = {"direction_scale": 1e-3}, {"gamma": "steepest-descent"}
WAYS = {  # solver with its gradient, settings of NCG
    "Euler, exact": (EULER, {}),
    "Euler, optimise first": (OptimiseFirst(tanh), {}),
    "RK45": (RK45, {}),
    "RK45, direction scaled": (RK45, SCALED),
    "RK45, steepest descent": (RK45, STEEPEST),
    "Euler, steepest descent": (EULER, STEEPEST),
}


def distance(flow, cost, w, x0, y):
    """Return how far this flow's gradient is from the exact one, a relative number."""
    found = []
    for solver in (EULER, flow):
        path = solver.forward(w, x0)
        found.append(solver.backpropagate(w, path, cost.terminal(path.end, y)))
    return (found[1] - found[0]).norm() / found[0].norm()


def train(flow, settings, seed, data):
    """Return one run's numbers, a dict of lists."""
    run, cost, test = replace(RUN, seed=seed), RUN.cost(), data.test
    ncg = replace(run.optimiser(), flow=flow, **settings)
    w = run.start_weights(len(data.train.x))
    few, labels = np.ascontiguousarray(test.x[:, :FEW]), test.labels[:FEW]
    said = {"batch": [], "cost": [], "accuracy": [], "distance": []}
    for n, (x0, y) in enumerate(shuffled(run, data, 1), 1):
        if n % EVERY == 1:
            gap = distance(flow, cost, w, x0, y)
        w = ncg.update(w, x0, y)
        if n % EVERY == 0:
            z = flow.forward(w, few, keep=False).end
            value = cost.value(z, one_hot(labels), w)
            right = 100 * float((z[:CLASSES].argmax(axis=0) == labels).mean())
            for name, entry in zip(said, (n, value, right, gap)):
                said[name].append(round(float(entry), 6))
    ends = [accuracy(solver, w, test.x, test.labels) for solver in (EULER, RK45)]
    return said | {"test": [round(100 * end, 2) for end in ends]}


def main(seeds=SEEDS, path=Path("book/data/one_epoch.json")):
    """Train what the file lacks, and write it after each run."""
    data = RUN.data()
    for seed, (name, (flow, settings)) in product(seeds, WAYS.items()):
        if not kept(path, name, str(seed)):
            numbers = train(flow, settings, seed, data)
            entry = numbers | {"provenance": provenance(code_version())}
            keep(path, name, str(seed), value=entry)
            print(name, seed, numbers["test"], flush=True)


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]] or SEEDS)
