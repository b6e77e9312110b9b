"""The sizes of the paper, random data of these sizes, and the matrix products of each work alone.

The products are the lower bound: whatever solves the equations layer by layer must form them.

Letters: L layers, N width, K images, C classes, all float32; P passes over the layers.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from snode.network import Weights, initial_weights

L, N, K, C = 150, 196, 100, 10


class Problem(NamedTuple):
    """Weights that move the images by about their own length, and one batch."""

    weights: Weights
    x0: Any
    y: Any
    labels: Any


def problem(K=K, N=N, L=L, seed=0):
    """Return random smooth weights, images in [-1, 0] and their labels."""
    rng = np.random.default_rng(seed)
    std = 0.7 / N**0.5
    weights = initial_weights(L, N, seed=seed, std=std, start="spline")
    x0 = -rng.random((N, K), np.float32)
    labels = rng.integers(0, C, K)
    return Problem(weights, x0, np.eye(C, dtype=np.float32)[:, labels], labels)


def products(K=K, N=N, L=L, weights=0, transposed=0, gradient=0, images=None, layers=0):
    """Return a call that forms nothing but matrix products, into arrays made beforehand.

    `weights`, `transposed`: products W x and W^T x a layer; `gradient`: products p x^T a layer;
    `images`: in chunks of K, as often as it takes; `layers`: products (L, L) by (L, N N).
    """
    rng = np.random.default_rng(1)
    W, x, G = (rng.random(shape, np.float32) for shape in ((L, N, N), (L, N, K), (L, N, N)))
    out, S = np.empty((N, K), np.float32), rng.random((L, L), np.float32)
    into = [np.empty((L, N * N), np.float32) for _ in range(min(layers, 1))]

    def call():
        for _ in range(1 if images is None else images // K):
            for _ in range(weights):
                for l in range(L):
                    np.matmul(W[l], x[l], out=out)
            for _ in range(transposed):
                for l in range(L):
                    np.matmul(W[l].T, x[l], out=out)
            for _ in range(gradient):
                for l in range(L):
                    np.matmul(x[l], x[l].T, out=G[l])
        for target in into * layers:
            np.matmul(S, W.reshape(L, -1), out=target)

    return call


ncg_products = partial(products, weights=3, transposed=1, gradient=1)
