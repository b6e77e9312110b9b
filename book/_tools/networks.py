"""Make the trained networks that a release offers, and the list that `snode.pretrained` checks.

python book/_tools/networks.py RUNFOLDER...

A run's folder holds its result, NAME.json, and weights.npz.  The weights are rounded to float16 and
written to _build/networks; the same list of runs gives the same bytes.  If rounding
costs a network more than 0.02 percentage points of the test images, the list stays as it was.
"""

import argparse
import hashlib
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from snode.experiments import results, runs
from snode.experiments.storage import replace_json, write_arrays
from snode.network import Weights
from snode.pretrained import REGISTRY
from snode.robustness import accuracy

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "_build" / "networks"
RELEASE = "networks-1"  # a tag of its own, so that a network's address outlives the book's versions
TOLERANCE = 0.0002 + 1e-9


def rounded(weights):
    """Return the arrays of a network's file: W (L, N, N), b (L, N, 1) in float16, the horizon."""
    parts = {name: getattr(weights, name).astype(np.float16) for name in "Wb"}
    return parts | {"horizon": np.array(weights.horizon)}


def read(folder):
    """Return the result (a dict), the run and the weights that a finished run's folder holds."""
    content = results.load(folder / f"{folder.name}.json").content
    return content, runs.Run(**content["run"]), Weights.load(folder / "weights.npz")


def make(folder, target=FOLDER):
    """Write one network's file; return its name and what is known of it."""
    result, run, weights = read(folder)
    arrays = rounded(weights)
    again = Weights(*(arrays[name].astype(weights.W.dtype) for name in "Wb"), weights.horizon)
    test = run.data().test
    before, after = (accuracy(run.solver(), w, test.x, test.labels) for w in (weights, again))
    if abs(before - after) > TOLERANCE:
        sys.exit(f"{folder.name}: rounding changes the accuracy from {before} to {after}")
    name = result["id"].removeprefix("paper-")
    file = target / f"{name}.npz"
    write_arrays(file, arrays)
    content = file.read_bytes()
    return name, {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "result": result["id"],
        "commit": result["provenance"]["commit"],
        "test_accuracy": {"trained": before, "float16": after},
        "run": asdict(run),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="RUNFOLDER")
    folders = parser.parse_args().folders
    FOLDER.mkdir(parents=True, exist_ok=True)
    networks = dict(map(make, folders))
    for name, entry in networks.items():
        shown = " -> ".join(f"{100 * value:.2f} %" for value in entry["test_accuracy"].values())
        print(f"{name}: {entry['bytes'] / 1e6:.1f} MB, test images right {shown}")
    registry = {"release": RELEASE, "networks": networks}
    replace_json(REGISTRY, registry)
    print(f"Written: {FOLDER} and {REGISTRY.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
