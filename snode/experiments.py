"""Runs: one `Run` says everything that a training depends on; `train` carries it out.

Seeds are paired: the initial weights and the order of the batches depend on the seed alone, so
every method starts from the same W0, b0 and sees the same batches (Sec. 5).

Letters: x0 (N, K), y (C, K) a batch; w the weights (L, N, N), (L, N, 1).
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from snode.arrays import to_device
from snode.cost import READOUTS, Cost
from snode.data import CLASSES, SHAPES, batches, load
from snode.euler import Euler
from snode.files import atomic
from snode.first_order import OPTIMISERS
from snode.network import ACTIVATIONS, initial_weights
from snode.optimise import NCG
from snode.robustness import accuracy

LOSSES = {"l2": {"mu1": 1.0}, "ce": {"mu2": 1.0, "mu3": 0.4}}  # Sec. 5; its l2 line misprints mu2
METHODS = ("ncg", "ncg-sobolev", *OPTIMISERS)
CHOICES = {
    "dataset": tuple(SHAPES),
    "activation": ("tanh", "relu"),
    "loss": tuple(LOSSES),
    "method": METHODS,
    "readout": READOUTS,
    "start": ("iid", "spline"),
    "dtype": ("float32", "float64"),
}
POSITIVE = ("epochs", "layers", "batch", "iterations")


@dataclass(frozen=True)
class Run:
    """One training run: the paper's settings unless told otherwise.  Sec. 5.

    Parameters
    ----------
    dataset, activation, loss, method : str
        Data, sigma, the mu's of (3) ("l2": mu1 = 1; "ce": mu2 = 1, mu3 = 0.4), the optimiser.
    weight_decay : float
        mu4 (scalar); the paper has 0 and 1e-8.
    epochs, seed, layers, batch, iterations : int
        Scalars; the paper has 10 epochs, L = 150, K = 100, 6 NCG iterations a batch.
    horizon, std : float
        T = 3 and the standard deviation of W0, b0 (scalars).
    readout, start, dtype : str
        See `Cost`, `initial_weights`; float32 or float64.

    Raises
    ------
    ValueError
        If a name is unknown (the message lists the good ones) or a number is out of range.
    """

    dataset: str = "digits"
    activation: str = "tanh"
    loss: str = "l2"
    method: str = "ncg"
    weight_decay: float = 0.0
    epochs: int = 5
    seed: int = 0
    layers: int = 150
    batch: int = 100
    iterations: int = 6
    horizon: float = 3.0
    std: float = 0.001
    readout: str = "all"
    start: str = "iid"
    dtype: str = "float32"

    def __post_init__(self):
        """Check the names and counts; the objects made from them check the rest."""
        for name, good in CHOICES.items():
            if getattr(self, name) not in good:
                raise ValueError(
                    f"{name}: expected one of {', '.join(good)}, got {getattr(self, name)!r}"
                )
        for name in POSITIVE:
            count = getattr(self, name)
            if not (isinstance(count, int) and count > 0):
                raise ValueError(f"{name}: expected a positive integer, got {count!r}")
        if not (isinstance(self.seed, int) and self.seed >= 0):
            raise ValueError(f"seed: expected a non-negative integer, got {self.seed!r}")
        self.cost()

    def cost(self):
        """Return the functional (3), whose mu's are scalars.  Eq. (3); trusts its input."""
        return Cost(**LOSSES[self.loss], mu4=self.weight_decay, readout=self.readout)

    def optimiser(self):
        """Return the optimiser of (L, N, N) weights on Euler's flow.  Sec. 5; trusts its input."""
        flow, cost = Euler(ACTIVATIONS[self.activation]), self.cost()
        if self.method in OPTIMISERS:
            return OPTIMISERS[self.method](flow, cost)
        return NCG(flow, cost, self.iterations, sobolev=self.method == "ncg-sobolev")

    def data(self):
        """Return the images (N, n), a Dataset.  Sec. 5; Raises what `data.load` raises."""
        return load(self.dataset, dtype=np.dtype(self.dtype))

    def start_weights(self, N, xp=np):
        """Return W0, b0 of shapes (L, N, N), (L, N, 1).  Sec. 5; trusts its input."""
        return initial_weights(
            self.layers, N, self.horizon, self.seed, self.std, self.start, self.dtype, xp
        )


class Epoch(NamedTuple):
    """One epoch's line: accuracies in [0, 1] and seconds, scalars.  Fig. 2; trusts its input."""

    epoch: int
    train_accuracy: float
    test_accuracy: float
    seconds: float


def train(run, data=None, xp=np, progress=lambda items, total: items, report=lambda epoch: None):
    """Train a network.  Sec. 5, Algorithm 1.

    Parameters
    ----------
    run : Run
        What to do.
    data : Dataset, optional
        (N, n) images; without it `run.data()`.
    xp : module
        numpy or cupy.
    progress : callable
        Wraps the batches of an epoch and is told their number, such as tqdm.
    report : callable
        Called with the `Epoch` after each.

    Returns
    -------
    (Weights, list of Epoch)
        The trained (L, N, N), (L, N, 1) and one entry an epoch.

    Raises
    ------
    FloatingPointError
        If the cost stops being finite, with the epoch's iteration and norms.
    """
    data = run.data() if data is None else data
    weights, optimiser = run.start_weights(len(data.train.x), xp), run.optimiser()
    history = []
    for epoch in range(1, run.epochs + 1):
        begin = time.perf_counter()
        order = np.random.default_rng([run.seed, epoch])
        total = data.train.labels.size // run.batch
        for x0, y in progress(batches(data.train, run.batch, order), total):
            weights = optimiser.update(weights, to_device(x0, xp), to_device(y, xp))
        seconds = time.perf_counter() - begin
        scores = [
            accuracy(optimiser.flow, weights, to_device(part.x, xp), part.labels, CLASSES)
            for part in (data.train, data.test)
        ]
        history.append(Epoch(epoch, *scores, seconds))
        report(history[-1])
    return weights, history


def write_json(path, content):
    """Write a dictionary to a new file, whole or not at all.  Source: this package.

    Parameters
    ----------
    path : str or Path
        The file; it must not exist yet.
    content : dict
        Of scalars, strings and lists.

    Raises
    ------
    FileExistsError
        If the file exists: nothing is overwritten.
    OSError
        If the folder cannot be written.
    """
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"{path}: exists already; name another file or remove it first")
    with atomic(path) as file:
        file.write((json.dumps(content, indent=1) + "\n").encode())


def result(run, history):
    """Return what `snode train --output` writes: the run and its epochs (dict of scalars).

    Source: this package; trusts its input.
    """
    return {"run": asdict(run), "epochs": [epoch._asdict() for epoch in history]}
