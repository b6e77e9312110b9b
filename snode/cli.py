"""The command line: `snode train`, `data`, `collect`, `check` (also `python -m snode ...`).

Source: Sec. 5 of the paper for the settings; every option is a field of `runs.Run`.
"""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from tqdm import tqdm

from snode import __version__, check
from snode.arrays import BACKENDS, backend
from snode.data import SHAPES, load
from snode.experiments.checkpoints import Checkpoint
from snode.experiments.conduct import identity
from snode.experiments.gather import collect
from snode.experiments.provenance import code_version
from snode.experiments.runs import CHOICES, Run
from snode.experiments.storage import runs_folder, write_json
from snode.experiments.training import summary, train
from snode.files import check_new
from snode.machine import keep_freed_memory

HELP = {
    "dataset": "digits (8x8, comes with scikit-learn), MNIST or Fashion-MNIST",
    "activation": "sigma of equation (1)",
    "loss": "l2: mu1 = 1; ce: cross-entropy with mu2 = 1, mu3 = 0.4",
    "method": "the optimiser; rmsprop is what the paper calls SGD",
    "flow": "euler: the discrete network; rk45: the adaptive solver, the paper's ODE45",
    "weight_decay": "mu4 of equation (3); the paper has 0 and 1e-8",
    "mu3": "of equation (3), with the loss ce",
    "epochs": "passes over the training images",
    "seed": "of the initial weights and the order of the batches",
    "layers": "L; the step is h = T/L",
    "batch": "K, images in a batch",
    "iterations": "NCG iterations on each batch",
    "horizon": "T",
    "std": "standard deviation of the initial weights",
    "readout": "the outputs that the l2 terms act on",
    "start": "initial weights drawn layer by layer, or a smooth spline in t",
    "dtype": "precision of the run",
    "input_range": "values of paper and ink",
    "resample": "filter that brings MNIST to 14 x 14",
    "gamma": "formula of the conjugate directions",
    "gamma_norm": "norm in that formula, with ncg-sobolev",
    "direction_scale": "multiplies every direction; 0.001 is the authors' ODE45 prototype",
    "rtol": "relative tolerance of rk45",
    "atol": "absolute tolerance of rk45",
    "rate": "learning rate of the first-order methods",
    "epsilon": "offset of rmsprop and adam",
    "epsilon_inside": "the offset of rmsprop inside the root, as in Keras 3",
    "passes": "steps of the first-order methods on each batch",
    "decay": "weight decay of the first-order methods: of the cost (3), or Keras's",
}


def main(arguments=None):
    """Run the command line and return its exit status, a scalar.  Source: this package.

    0; 1 where `snode check` finds a fault; 2 for a bad request, told in one sentence; 130 where
    Ctrl-C stops it.  Raises SystemExit for bad options.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (ValueError, OSError, RuntimeError, ArithmeticError, MemoryError) as error:
        print(f"snode: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("snode: stopped", file=sys.stderr)
        return 130


def _parser():
    parser = argparse.ArgumentParser(
        prog="snode", description="Standalone neural ODEs.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"snode {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    sub = commands.add_parser(
        "train",
        help="train a network",
        description="Train a network, and keep it with --save. What has to survive an interruption "
        "takes --checkpoint: the same command goes on from there.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    for field in fields(Run):
        if field.name == "noise_clip":
            continue  # of measurements, which `train` does not make
        if field.type is bool:
            kind = {"action": argparse.BooleanOptionalAction}
        else:
            kind = {"type": field.type, "choices": CHOICES.get(field.name)}
        option = "--" + field.name.replace("_", "-")
        sub.add_argument(option, default=field.default, help=HELP[field.name], **kind)
    sub.add_argument(
        "--backend", default="numpy", choices=BACKENDS, help="auto: cupy, or else numpy"
    )
    sub.add_argument("--output", type=Path, help="write the run and its accuracies to this file")
    sub.add_argument("--save", type=Path, help="write the trained weights to this .npz file")
    sub.add_argument(
        "--checkpoint",
        type=Path,
        help="a .npz file, written every four minutes and after each epoch, to go on from",
    )
    sub.set_defaults(command=_train)

    sub = commands.add_parser("data", help="fetch or check a data set")
    sub.add_argument("name", choices=tuple(SHAPES), help=HELP["dataset"])
    sub.set_defaults(command=_data)

    sub = commands.add_parser("collect", help="copy finished runs to a folder, such as book/data")
    sub.add_argument("folder", type=Path, help="where they go; the runs are in SNODE_RUNS")
    sub.set_defaults(command=_collect)

    sub = commands.add_parser("check", help="compare this machine's results with NumPy's")
    sub.add_argument("--backend", default="numpy", choices=("numpy", "cupy"), help="what to check")
    sub.add_argument("--small", action="store_true", help="a small problem, for seconds")
    sub.add_argument("--output", type=Path, help="write the report to this .json file")
    sub.set_defaults(command=_check)
    return parser


def _train(options):
    values = vars(options)
    run = Run(**{f.name: values[f.name] for f in fields(Run) if f.name in values})
    _check_files(options)
    xp = backend(options.backend)
    keep_freed_memory()
    checkpoint = None
    if options.checkpoint is not None:
        checkpoint = Checkpoint(options.checkpoint, identity(run, code_version(), xp))
    kept = options.save or options.checkpoint
    untold = [] if kept else ["The weights will not be kept; --save FILE keeps them."]

    def progress(batches, total):
        while untold:  # once, and not before all that may be refused has been
            print(untold.pop(), file=sys.stderr, flush=True)
        return tqdm(batches, total=total, unit="batch", leave=False)

    told = []

    def report(epoch):
        told.append(epoch)
        _report(epoch, run)

    trained = train(run, xp=xp, progress=progress, report=report, checkpoint=checkpoint)
    if not told:  # the checkpoint was at the end already
        _report(trained.epochs[-1], run)
    try:
        if options.save is not None:
            trained.weights.save(options.save)
    finally:  # a full disk may still hold the small file
        if options.output is not None:
            write_json(options.output, summary(run, trained))
    return 0


def _check_files(options):
    """Refuse, before the work begins, what could not be written after it."""
    _check_new(options.output, options.save)
    named = [options.output, options.save, options.checkpoint]
    named = [path.resolve() for path in named if path is not None]
    if len(set(named)) < len(named):
        raise ValueError(f"expected --output, --save and --checkpoint to differ, got {named[0]}")
    if options.checkpoint is not None and options.checkpoint.is_dir():
        raise ValueError(f"--checkpoint: expected a file, got the folder {options.checkpoint}")
    if options.checkpoint is not None and not options.checkpoint.exists():
        check_new(options.checkpoint)


def _check_new(*paths):
    for path in paths:
        if path is not None:
            check_new(path)


def _report(epoch, run):
    print(
        f"epoch {epoch.epoch}/{run.epochs}: training {100 * epoch.train_accuracy:.2f} %, "
        f"test {100 * epoch.test_accuracy:.2f} %, {epoch.seconds:.1f} s",
        flush=True,
    )


def _data(options):
    data = load(options.name)
    N = len(data.train.x)
    print(
        f"{data.name}: {data.train.x.shape[1]} training and {data.test.x.shape[1]} test images, "
        f"N = {N} ({data.shape[0]} x {data.shape[1]})"
    )
    return 0


def _collect(options):
    if not options.folder.is_dir():
        raise FileNotFoundError(f"{options.folder}: there is no such folder")
    if not runs_folder().is_dir():
        raise FileNotFoundError(f"{runs_folder()}: there is no such folder of runs (SNODE_RUNS)")
    new = collect(options.folder)
    for name in new:
        print(name)
    print(f"{len(new)} new results from {runs_folder()}")
    return 0


def _check(options):
    _check_new(options.output)
    report = check.run(backend(options.backend), options.small)
    if options.output is not None:
        write_json(options.output, report)
    return 0 if report["ok"] else 1
