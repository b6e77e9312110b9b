"""Two more readings of the Toolbox's settings, on trained networks: book/data/readings.json.

    SNODE_DATA=folder python book/_tools/readings.py [--images 200] RUN...

Each RUN is the folder of a finished run, with its result and weights.npz; the first images that the
network reads correctly are attacked, in some two minutes.  The paper's attacks went through ART's
estimator for Keras.  That one climbs the loss which the model was compiled with, so squared error
for an l2 network, and takes outputs for probabilities unless told otherwise; neither is in the
paper's text.

    percent fooled within r by Algorithm 2 and by PGD, on either loss          l2 networks
    Carlini and Wagner's attack by ART's defaults, on z and on soft(z)         cross-entropy
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ensemble import number
from networks import read

from snode.art_adapter import ArtClassifier
from snode.attacks import attack
from snode.cost import softmax
from snode.experiments.provenance import code_version, provenance
from snode.experiments.storage import read_json, replace_json
from snode.experiments.toolbox import norms
from snode.gradient_attacks import pgd
from snode.perturbed import infer

RADII = (0.1, 0.2, 0.3, 0.4, 0.5)
STEPS, LOSSES = (0.06, 0.6), ("cross-entropy", "squared-error")
FILE = Path(__file__).resolve().parents[1] / "data" / "readings.json"


class Probabilities(ArtClassifier):
    """The network with soft(z) for its outputs, as ART takes those of Keras by default."""

    def predict(self, x, batch_size=128, **ignored):
        return softmax(super().predict(x).T).T.astype(np.float32)

    def class_gradient(self, x, label=None, **ignored):
        p, G = self.predict(x)[:, :, None], super().class_gradient(x)  # (K, C, 1), (K, C, N)
        J = p * (G - (p * G).sum(axis=1, keepdims=True))
        if label is None:
            return J
        return J[np.arange(len(x)), np.broadcast_to(label, len(x))][:, None]


def balls(run, flow, weights, x):
    """Return percent fooled within each radius, by attack and loss."""
    box, found = run.box(), attack(flow, weights, x, box=run.box())
    shares = {"Algorithm 2": [found.success & (found.norm <= r) for r in RADII]}
    for step in STEPS:
        for loss in LOSSES:
            settings = {"step": step, "loss": loss, "box": box}
            won = [pgd(flow, weights, x, radius=r, **settings).success for r in RADII]
            shares[f"PGD {step}, {loss}"] = won
    return {name: [100 * float(np.mean(won)) for won in row] for name, row in shares.items()}


def outputs(run, flow, weights, x):
    """Return percent fooled, mean and largest norm, by what the attack takes the outputs for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ART names the frameworks it does not find
        from art.attacks.evasion import CarliniL2Method
    found, K = {}, x.shape[1]
    for name, kind in (("outputs", ArtClassifier), ("probabilities", Probabilities)):
        estimator = kind(flow, weights, box=run.box())
        method = CarliniL2Method(estimator, batch_size=K, verbose=False)
        norm = norms(method, flow, weights, x, box=run.box())
        won = norm[np.isfinite(norm)]
        found[name] = [
            100 * len(won) / K,
            *(number(f(won)) if len(won) else None for f in (np.mean, np.max)),
        ]
    return found


def main(folders, images):
    """Attack every network and write the file, after each of them anew."""
    for folder in map(Path, folders):
        content, run, weights = read(folder)
        flow, test = run.solver(), run.data().test
        some, labels = np.ascontiguousarray(test.x[:, : 2 * images]), test.labels[: 2 * images]
        x = np.ascontiguousarray(some[:, infer(flow, weights, some) == labels][:, :images])
        if run.loss == "l2":
            measured = {"percent fooled": balls(run, flow, weights, x)}
        else:
            measured = {"carlini-wagner": outputs(run, flow, weights, x[:, : images // 2])}
        entry = {"images": x.shape[1], **measured, "provenance": provenance(code_version())}
        known = read_json(FILE) if FILE.exists() else {"radii": list(RADII), "networks": {}}
        known["networks"][content["id"]] = entry
        replace_json(FILE, known)
        print(content["id"], measured, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--images", type=int, default=200)
    asked = parser.parse_args()
    main(asked.runs, asked.images)
