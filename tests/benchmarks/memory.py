"""Peak memory of a training: `python memory.py N L K IMAGES ITERATIONS` prints two numbers, in MB.

The first is what Python and its libraries take before the training, the second is the peak.
"""

import re
import resource
import sys
from pathlib import Path

import numpy as np

from snode.cost import Cost
from snode.data import Split, batches
from snode.euler import Euler
from snode.machine import keep_freed_memory
from snode.network import initial_weights, tanh
from snode.optimise import NCG
from snode.robustness import accuracy


def peak():
    """Return the largest resident set so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage there counts the parent's memory before exec, too
        kilobytes = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1]
        return int(kilobytes) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS counts bytes


def train(N, L, K, images, iterations):
    """Train on two batches of random images, then infer the classes of all."""
    rng = np.random.default_rng(0)
    split = Split(-rng.random((N, images), np.float32), rng.integers(0, 10, images))
    weights, flow = initial_weights(L, N), Euler(tanh)
    method = NCG(flow, Cost(mu1=1.0), iterations)
    for (x0, y), _ in zip(batches(split, K, rng), range(2)):
        weights = method.update(weights, x0, y)
    some = slice(0, min(images, 2000))  # inference goes by chunks: more images take no more
    accuracy(flow, weights, split.x[:, some], split.labels[some])


if __name__ == "__main__":
    keep_freed_memory()  # as a training run does
    before = peak()
    train(*map(int, sys.argv[1:]))
    print(before, peak())
