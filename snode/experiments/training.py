"""Training: `train` carries out a `Run`, with checkpoints that a killed run goes on from.

Seeds are paired: the initial weights depend on the seed alone, the order of the batches on the
seed and the epoch alone.  So every method starts from the same W0, b0 and sees the same batches,
and a checkpoint needs no state of a generator: a run that was killed ends with the same bits.

Letters: x0 (N, K), y (C, K) a batch; w the weights (L, N, N), (L, N, 1).
"""

import time
from dataclasses import asdict
from itertools import islice
from typing import NamedTuple

import numpy as np

from snode.arrays import to_device
from snode.data import CLASSES, batches
from snode.experiments.checkpoints import Clock, Epoch, State, check_finite
from snode.first_order import OPTIMISERS
from snode.network import Weights
from snode.robustness import accuracy


class Trained(NamedTuple):
    """What `train` returns.  Sec. 5; trusts its input.

    Parameters
    ----------
    weights : Weights
        (L, N, N), (L, N, 1).
    epochs : list of Epoch
        One entry each.
    iterations : list of dict
        What the optimiser said of the logged batches: NCG an `optimise.Iteration` each, the others
        E before and `true` after the batch; all scalars.
    """

    weights: Weights
    epochs: list
    iterations: list


def train(
    run,
    data=None,
    xp=np,
    progress=lambda items, total: items,
    report=lambda epoch: None,
    checkpoint=None,
    log_every=0,
):
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
    checkpoint : Checkpoint, optional
        Where to go on from and where to leave off.
    log_every : int
        Batches between two whose iterations are kept (scalar); 0: none.

    Returns
    -------
    Trained
        The weights (L, N, N), (L, N, 1), one entry an epoch, and the logged iterations.

    Raises
    ------
    FloatingPointError
        If NCG's cost, the weights of another method or a solution of RK45 stops being finite, with
        epoch, batch (from 0, as in the log) and, from NCG, iteration and norms; or if weights are
        not finite at the end of an epoch or when a checkpoint is due.
    RuntimeError
        If RK45's steps do not reach the end, with epoch and batch, too, where it is in one.
    OSError, ValueError
        If the checkpoint cannot be written, or is not this run's.
    """
    data = run.data() if data is None else data
    optimiser = run.optimiser()
    state = checkpoint.load(xp) if checkpoint is not None else None
    if state is None:
        state = State(run.start_weights(len(data.train.x), xp), (), 1, 0, 0.0, [], [])
    if state.memory:
        optimiser.state = state.memory
    clock = Clock(checkpoint)
    while state.epoch <= run.epochs:
        _epoch(run, optimiser, data, xp, state, progress, clock, log_every)
        check_finite(state)
        of, chunk = (optimiser.flow, state.weights), 500 if xp is np else 2500
        scores = [
            accuracy(*of, to_device(part.x, xp), part.labels, CLASSES, chunk)
            for part in (data.train, data.test)
        ]
        state.epochs.append(Epoch(state.epoch, *scores, state.seconds))
        state.epoch, state.batch, state.seconds = state.epoch + 1, 0, 0.0
        clock.save(state, optimiser)
        report(state.epochs[-1])
    return Trained(state.weights, state.epochs, state.iterations)


def shuffled(run, data, epoch):
    """Return the batches of an epoch in the order that seed and epoch alone decide.  Sec. 5.

    Parameters
    ----------
    run : Run
        Whose seed and batch size.
    data : Dataset
        (N, n) images.
    epoch : int
        A scalar, from 1.  Trusts its input.

    Returns
    -------
    iterator of (array (N, K), array (C, K))
        Images and one-hot targets.
    """
    return batches(data.train, run.batch, np.random.default_rng([run.seed, epoch]))


def _epoch(run, optimiser, data, xp, state, progress, clock, log_every):
    """Take what is left of the epoch's batches."""
    left = islice(shuffled(run, data, state.epoch), state.batch, None)
    total = data.train.labels.size // run.batch
    begin = time.perf_counter() - state.seconds
    for x0, y in progress(left, total - state.batch):
        log = log_every and state.batch % log_every == 0
        state.weights = _step(run, optimiser, state, to_device(x0, xp), to_device(y, xp), log)
        state.batch += 1
        state.seconds = time.perf_counter() - begin
        clock.tick(state, optimiser)


def _step(run, optimiser, state, x0, y, log):
    """Return the weights after one batch; an error names the batch as the log does."""
    try:
        if log:
            return _logged(run, optimiser, state, x0, y)
        return optimiser.update(state.weights, x0, y)
    except (FloatingPointError, RuntimeError) as error:
        # not the error's own type: CuPy has some that take no text
        kind = RuntimeError if isinstance(error, RuntimeError) else FloatingPointError
        raise kind(f"epoch {state.epoch}, batch {state.batch}: {error}") from error


def _logged(run, optimiser, state, x0, y):
    """Update the weights and keep what the optimiser says of its iterations."""
    place, weights = {"epoch": state.epoch, "batch": state.batch}, state.weights
    if run.method not in OPTIMISERS:
        said = []
        new = optimiser.update(weights, x0, y, said.append)
        entries = [entry._asdict() for entry in said]
    else:
        new = optimiser.update(weights, x0, y)
        E, true = (
            optimiser.cost.value(optimiser.flow.forward(w, x0, keep=False).end, y, w)
            for w in (weights, new)
        )
        entries = [{"E": E, "true": true}]
    state.iterations += [place | entry for entry in entries]
    return new


def summary(run, trained):
    """Return what `snode train --output` writes: the run and its epochs (dict of scalars).

    Source: this package; trusts its input.
    """
    return {"run": asdict(run), "epochs": [epoch._asdict() for epoch in trained.epochs]}
