"""Checkpoints of a training: weights, the optimiser's memory, the place in the epoch, the log.

They hold no state of a generator: the order of the batches follows from the seed and the epoch.
Only the code that began a training may end it; what it has ended, later code may measure.

Source: this package; no mathematics.  Letters: w the weights (L, N, N), (L, N, 1).
"""

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from snode.arrays import to_device, to_numpy
from snode.experiments.storage import difference, write_arrays
from snode.files import read_arrays
from snode.network import Weights


class Epoch(NamedTuple):
    """One epoch's line: accuracies in [0, 1] and seconds, scalars.  Fig. 2; trusts its input."""

    epoch: int
    train_accuracy: float
    test_accuracy: float
    seconds: float


@dataclass
class State:
    """Where a training is: all that a checkpoint keeps.  Algorithm 1.

    Parameters
    ----------
    weights : Weights
        (L, N, N), (L, N, 1).
    memory : tuple
        The optimiser's state: Weights and counts; NCG has none between batches.
    epoch, batch : int
        The epoch at work (from 1) and how many of its batches are done, scalars.
    seconds : float
        Spent on this epoch, a scalar.
    epochs, iterations : list
        As in `Trained`.  Trusts its input.
    """

    weights: Weights
    memory: tuple
    epoch: int
    batch: int
    seconds: float
    epochs: list
    iterations: list


def check_finite(state):
    """Refuse weights that have diverged: NCG does not look at its cost after the last step.

    Parameters
    ----------
    state : State
        With weights (L, N, N), (L, N, 1).  Source: this package.

    Raises
    ------
    FloatingPointError
        Naming the epoch.
    """
    norm = float(state.weights.norm())
    if not math.isfinite(norm):
        raise FloatingPointError(f"epoch {state.epoch}: the weights have diverged, |w| = {norm}")


@dataclass(frozen=True)
class Checkpoint:
    """A file that a training goes on from.  Source: this package.

    Parameters
    ----------
    path : Path
        The .npz file; it is replaced in one step, so a kill at any moment leaves a whole one.
    identity : dict
        Whatever must be the same to go on: the run, the code, the device.  At least `run`.
    seconds : float
        Time between two checkpoints (scalar); 0: after every batch.  Trusts its input.
    """

    path: Path
    identity: dict
    seconds: float = 240.0

    def save(self, state):
        """Write a `State`, weights (L, N, N), (L, N, 1).

        Source: this package.  Raises OSError naming the file.
        """
        vectors = {"w": state.weights}
        counts = []
        for i, item in enumerate(state.memory):
            if isinstance(item, Weights):
                vectors[f"m{i}"] = item
            counts.append(None if isinstance(item, Weights) else item)
        head = {k: v for k, v in vars(state).items() if k not in ("weights", "memory")}
        head |= {"counts": counts, "identity": self.identity, "horizon": state.weights.horizon}
        arrays = {
            f"{k}_{part}": to_numpy(getattr(v, part)) for k, v in vectors.items() for part in "Wb"
        }
        write_arrays(self.path, {"head": np.array(json.dumps(head)), **arrays})

    def load(self, xp=np):
        """Read the `State`, its arrays in the library xp; None if there is no file.

        Source: this package.

        Raises
        ------
        ValueError
            If the file is damaged, or another run, code or device has made it.
        """
        if not Path(self.path).exists():
            return None
        arrays, head, found = self._read()
        self._check(found, trained=head["epoch"] > self.identity["run"]["epochs"])
        try:
            return _state(arrays, head, xp)
        except (KeyError, TypeError, ValueError) as error:
            raise self._no_checkpoint(error) from error

    def trained_by(self):
        """Return the commit that trained, the dict `code` of the file's identity.

        Source: this package.  Raises OSError or ValueError if the file cannot be read.
        """
        return self._read()[2]["code"]

    def _read(self):
        """Return the arrays, the head, which has an epoch, and the identity, which has a run."""
        arrays = read_arrays(self.path)
        try:
            head = json.loads(str(arrays["head"]))
            found = head.pop("identity")
            head["epoch"] + 0, found["run"].keys()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._no_checkpoint(error) from error
        return arrays, head, found

    def _no_checkpoint(self, error):
        said = f"{type(error).__name__}: {error}"
        return ValueError(f"{self.path}: expected a checkpoint of this version ({said})")

    def _check(self, found, trained):
        asked, made = json.loads(json.dumps(self.identity)), dict(found)
        if trained:
            asked.pop("code", None), made.pop("code", None)
        where, differ = "", difference(made, asked)
        if differ == "run":
            made, asked, where = made["run"], asked["run"], "run."
            differ = difference(made, asked)
        if differ:
            raise ValueError(
                f"{self.path}: was made with another {where}{differ} ({made.get(differ)!r}, not "
                f"{asked.get(differ)!r}); go on with that one, or remove the file to start anew"
            )


def _state(arrays, head, xp):
    """Return the `State` of a checkpoint's arrays and head."""
    horizon, counts = head.pop("horizon"), enumerate(head.pop("counts"))

    def vector(name):
        parts = (to_device(arrays[f"{name}_{part}"], xp) for part in "Wb")
        return Weights(*parts, horizon)

    memory = tuple(vector(f"m{i}") if count is None else count for i, count in counts)
    head["epochs"] = [Epoch(*epoch) for epoch in head["epochs"]]
    return State(weights=vector("w"), memory=memory, **head)


@dataclass
class Clock:
    """Says when it is time for a checkpoint.  Source: this package; trusts its input.

    Parameters
    ----------
    checkpoint : Checkpoint or None
        None: never.
    last : float
        When the last one was written, or the clock started (scalar).
    """

    checkpoint: Any
    last: float = field(default_factory=time.monotonic)

    def tick(self, state, optimiser):
        """Save the `State`, weights (L, N, N), (L, N, 1), if it is time to.

        Source: this package.  Raises what `save` raises.
        """
        if self.checkpoint and time.monotonic() - self.last >= self.checkpoint.seconds:
            self.save(state, optimiser)

    def save(self, state, optimiser):
        """Save the `State`, weights (L, N, N), (L, N, 1), with the optimiser's memory, now.

        Source: this package.  Raises OSError; FloatingPointError if its weights are not finite.
        """
        if self.checkpoint:
            check_finite(state)  # of a diverged training the last good checkpoint stays
            state.memory = getattr(optimiser, "state", ())
            self.checkpoint.save(state)
            self.last = time.monotonic()
