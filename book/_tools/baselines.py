"""Ordinary classifiers on the paper's images, under the same noise: book/data/baselines.json.

    SNODE_DATA=folder python book/_tools/baselines.py        about ten minutes on one core

A network of the paper is to be compared with what anybody would try first: a linear classifier,
the nearest neighbours and a perceptron with two layers, all of scikit-learn.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from snode.data import load
from snode.experiments.provenance import code_version, provenance
from snode.experiments.storage import replace_json
from snode.perturbed import noise_like
from snode.robustness import NOISE_LEVELS

SEED = 0  # of the perceptron's weights and of the noise, which is that of the networks' seed 0
MODELS = {
    "linear": LogisticRegression(max_iter=200),
    "knn": KNeighborsClassifier(n_neighbors=3, algorithm="brute"),
    "mlp": MLPClassifier(hidden_layer_sizes=(196,), max_iter=30, random_state=SEED),
}


def main(path):
    """Train each classifier, measure it clean and under noise, and write the file."""
    data, rows = load("mnist14"), {}
    for name, model in MODELS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # thirty epochs are enough here
            model.fit(data.train.x.T, data.train.labels)
        images = [
            data.test.x,
            *(data.test.x + noise_like(data.test.x, s, SEED) for s in NOISE_LEVELS),
        ]
        right = [100 * np.mean(model.predict(x.T) == data.test.labels) for x in images]
        rows[name] = {
            "model": str(model),
            "test": right[0],
            "noise": right[1:],
            "R": float(np.mean(right[1:])),
        }
        print(f"{name}: {right[0]:.2f} % clean, R = {rows[name]['R']:.2f} %", flush=True)
    content = {"sigma": list(NOISE_LEVELS), **rows, "provenance": provenance(code_version())}
    replace_json(path, content)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "book/data/baselines.json"))
