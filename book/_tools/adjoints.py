"""The solver and the gradient, taken apart: one epoch of NCG each, book/data/adjoints.json.

    SNODE_DATA=folder python book/_tools/adjoints.py

Euler's method with its exact gradient and with that of the differential equation, and RK45: the
paper's network, tanh and l2, two seeds; about five minutes on one core for each run.

    cost and accuracy of the first 2000 test images, every 50 batches, by the run's own solver
    distance of its gradient from the exact one of Euler's cost at these weights, relative
    accuracy of all test images at the end, by either solver
"""

import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from optimise_first import OptimiseFirst

from snode import tanh
from snode.data import CLASSES, batches, one_hot
from snode.experiments.profiles import PROFILES
from snode.experiments.provenance import code_version, provenance
from snode.experiments.storage import replace_json
from snode.robustness import accuracy

SEEDS, EVERY, FEW = (0, 1), 50, 2000
RUN = PROFILES["paper"].run(epochs=1)
FLOWS = {
    "Euler, exact": RUN.solver("euler"),
    "Euler, optimise first": OptimiseFirst(tanh),
    "RK45": RUN.solver("rk45"),
}


def distance(flow, cost, w, x0, y):
    """Return how far this flow's gradient is from the exact one, a relative number."""
    found = []
    for solver in (FLOWS["Euler, exact"], flow):
        path = solver.forward(w, x0)
        found.append(solver.backpropagate(w, path, cost.terminal(path.end, y)))
    return (found[1] - found[0]).norm() / found[0].norm()


def train(flow, seed, data):
    """Return one run's numbers, a dict of lists."""
    run, cost, test = replace(RUN, seed=seed), RUN.cost(), data.test
    ncg, w = replace(run.optimiser(), flow=flow), run.start_weights(len(data.train.x))
    few, labels = np.ascontiguousarray(test.x[:, :FEW]), test.labels[:FEW]
    said = {"batch": [], "cost": [], "accuracy": [], "distance": []}
    order = np.random.default_rng([seed, 1])
    for n, (x0, y) in enumerate(batches(data.train, run.batch, order), 1):
        if n % EVERY == 1:
            gap = distance(flow, cost, w, x0, y)
        w = ncg.update(w, x0, y)
        if n % EVERY == 0:
            z = flow.forward(w, few, keep=False).end
            value = cost.value(z, one_hot(labels), w)
            right = 100 * float((z[:CLASSES].argmax(axis=0) == labels).mean())
            for name, entry in zip(said, (n, value, right, gap)):
                said[name].append(round(float(entry), 6))
    ends = [accuracy(FLOWS[name], w, test.x, test.labels) for name in ("Euler, exact", "RK45")]
    return said | {"test": [round(100 * end, 2) for end in ends]}


def main(path=Path("book/data/adjoints.json")):
    """Train all and write the file, after each run anew."""
    data, content = RUN.data(), {"seeds": list(SEEDS), "runs": {name: [] for name in FLOWS}}
    for seed, (name, flow) in product(SEEDS, FLOWS.items()):
        content["runs"][name].append(train(flow, seed, data))
        content["provenance"] = provenance(code_version())
        replace_json(path, content, indent=None)
        print(name, seed, content["runs"][name][-1]["test"], flush=True)


if __name__ == "__main__":
    main()
