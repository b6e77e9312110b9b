"""A run from start to finish: its folder, its checkpoint, its result.

    job = prepare(profile, run)                   refuses what could not be finished or repeated
    trained = train(run, data, job.xp, checkpoint=job.checkpoint, ...)
    measured = measure(run, profile, trained.weights, data, job.xp)
    job.finish(trained, measured)                 weights, npz and, last of all, the JSON

Killed anywhere in between, the same lines go on from the last checkpoint.

Source: this package; no mathematics.  Letters: L layers, N width.
"""

import atexit
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snode.arrays import backend as library
from snode.experiments.checkpoints import Checkpoint
from snode.experiments.provenance import check_clean, code_version, provenance
from snode.experiments.results import make_result, save
from snode.experiments.storage import hold, make_folder, runs_folder
from snode.experiments.toolbox import available
from snode.files import check_new
from snode.machine import describe, keep_freed_memory

LONGEST = 230  # letters of an id: a file's name may have 255, and a draft's has 20 more than the id


@dataclass(frozen=True)
class Job:
    """A run on its way.  Source: this package; trusts its input.

    Parameters
    ----------
    profile, run : Profile, Run
        What is done.
    folder : Path
        Where its weights and results go.
    code : dict
        What `code_version` returned at the start.
    checkpoint : Checkpoint
        Where to go on from.
    xp : module
        numpy or cupy.
    """

    profile: Any
    run: Any
    folder: Path
    code: dict
    checkpoint: Checkpoint
    xp: Any

    def finish(self, trained, measured):
        """Write weights (L, N, N), (L, N, 1) and result.

        Source: this package.  The checkpoint stays: if the result is removed, by hand or by an
        engine that was killed before it knew of it, only the measurements are repeated; if by
        another commit, the result names both.

        Parameters
        ----------
        trained, measured : Trained, Measured
            What `train` and `measure` returned.

        Returns
        -------
        Result

        Raises
        ------
        OSError
            If a file cannot be written, or another process has finished the run meanwhile; the
            checkpoint is still there.
        """
        check_new(self.folder / f"{self.profile.identify(self.run)}.json")
        origin = provenance(self.code, self.xp)
        if (trainer := self.checkpoint.trained_by()) != self.code:
            origin["trained"] = trainer
        result = make_result(self.profile, self.run, trained, measured, origin)
        trained.weights.save(self.folder / "weights.npz")
        save(result, self.folder)
        return result


def prepare(profile, run, runs=None, backend="numpy"):
    """Check everything that can be checked before the work, and make the run's folder.

    Source: this package.

    Parameters
    ----------
    profile, run : Profile, Run
        What to do.
    runs : str or Path, optional
        The folder of all runs; without it `storage.runs_folder()`, and for the profile smoke a
        temporary folder, removed when Python ends: the book shows nothing of an earlier run.
    backend : str
        "numpy" or "cupy".

    Returns
    -------
    Job

    Raises
    ------
    FileExistsError
        If the run is finished already.
    OSError
        If its folder cannot be made, as when a file is there, or another process is at work in it.
    RuntimeError
        If the profile wants a clean work tree and it is not.
    ValueError
        If so many choices are not the default that the id is too long for the name of a file.
    ImportError
        If the measurements need the Toolbox and it is missing.
    """
    xp, code = library(backend), code_version()
    keep_freed_memory()
    if profile.clean:
        check_clean(code)
    if profile.toolbox_images and not available():
        raise ImportError("the measurements need the Toolbox: pip install 'snode[book]'")
    if runs is None and profile.name == "smoke":
        runs = tempfile.mkdtemp(prefix="snode-")
        atexit.register(shutil.rmtree, runs, ignore_errors=True)
    name = profile.identify(run)
    if len(name) > LONGEST:
        raise ValueError(f"run: expected an id of at most {LONGEST} letters, got {name}")
    folder = make_folder(Path(runs or runs_folder()) / name)
    finished = folder / f"{name}.json"
    if finished.exists():
        raise FileExistsError(
            f"{finished}: this run is finished; remove its folder to repeat it, or this file to "
            "repeat its measurements only"
        )
    hold(folder)
    path = folder / "checkpoint.npz"
    checkpoint = Checkpoint(path, identity(run, code, xp), profile.checkpoint_seconds)
    return Job(profile, run, folder, code, checkpoint, xp)


def identity(run, code, xp):
    """Return what must be the same for a training to go on, a dict: run, code, library, device.

    Source: this package; trusts its input.

    Parameters
    ----------
    run, code, xp : Run, dict, module
        What to do, what `code_version` says, numpy or cupy.
    """
    # the bits of a GPU depend on its model and libraries
    device = {k: v for k, v in describe(xp).items() if k in ("GPU", "CUDA", "cupy")}
    found = {"run": asdict(run), "code": code, "numpy": np.__version__}
    return found | {"backend": device or xp.__name__}
