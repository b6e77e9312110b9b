"""What is measured: for each work the package, its matrix products alone, and its peers.

Every entry is a function without arguments that prepares a call; the call does `per` of the unit.
What a call returns, if anything, is compared with what the package returns.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
import peers
from sizes import C, L, N, ncg_products, problem, products
from sklearn.datasets import load_digits

from snode import data, linearise
from snode.attacks import attack
from snode.cost import Cost
from snode.euler import Euler
from snode.first_order import RMSprop
from snode.gradient_attacks import pgd
from snode.machine import keep_freed_memory
from snode.network import ACTIVATIONS, tanh
from snode.optimise import NCG
from snode.perturbed import chunks, infer
from snode.rk45 import RK45
from snode.sobolev import matrix

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the Toolbox names the frameworks it does not find
    from art.attacks.evasion import ProjectedGradientDescentNumpy

    from snode.art_adapter import ArtClassifier

try:
    import eager
except ModuleNotFoundError:  # PyTorch is large; without it there is one contender less
    eager = None
keep_freed_memory()  # as a training run does
COSTS = {"l2": Cost(mu1=1.0), "ce": Cost(mu2=1.0, mu3=0.4)}
FLOW, TOLERANCE, CHUNK = Euler(tanh), 1e-3, 250


def with_eager(call):
    """Return PyTorch's entry among the contenders, if it is there."""
    return {"PyTorch": call} if eager else {}


class Work(NamedTuple):
    """One unit of work: contenders by name, units in a call, calls a turn, error allowed."""

    contenders: dict[str, Callable]
    per: int = 1
    rounds: int = 3
    error: float = 1e-3


def training(sigma, loss, smooth):
    """Return one batch of six NCG iterations."""

    def ours():
        p = problem()
        method = NCG(Euler(ACTIVATIONS[sigma]), COSTS[loss], 6, smooth)
        return lambda: method.update(p.weights, p.x0, p.y).W

    def theirs():
        p = problem()
        S = matrix(L, p.weights.horizon).astype(np.float32) if smooth else None
        update = peers.ncg(sigma, loss, p.weights.horizon, S)
        batch = peers.arrays(p.weights.W, p.weights.b, p.x0, p.y)
        return lambda: update(*batch, 6)

    def eagerly():
        p = problem()
        S = matrix(L, p.weights.horizon).astype(np.float32) if smooth else None
        W, b, x0, y = eager.tensors(p.weights.W, p.weights.b, p.x0, p.y)
        S = None if S is None else eager.tensors(S)[0]
        update = eager.ncg(sigma, loss, p.weights.horizon, S)
        return lambda: update(W, b, x0, y, 6)

    def alone(layers=0):
        call = ncg_products(layers=layers)
        return lambda: [call() for _ in range(6)][0]

    contenders = {"snode": ours, "products": alone, "JAX": theirs} | with_eager(eagerly)
    if smooth:
        contenders["products with S"] = partial(alone, 1)
    return Work(contenders, per=6, rounds=2)


def first_order():
    """Return one step of RMSprop; its state goes on from call to call, so nothing is compared."""

    def ours():
        p, method = problem(), RMSprop(FLOW, COSTS["l2"])
        return lambda: method.update(p.weights, p.x0, p.y) and None

    def theirs():
        p = problem()
        W, b, x0, y = peers.arrays(p.weights.W, p.weights.b, p.x0, p.y)
        step, state = peers.rmsprop("tanh", "l2", p.weights.horizon), [(W, b), (0 * W, 0 * b)]

        def call():
            state[:] = jax.block_until_ready(step(*state, x0, y))

        return call

    def eagerly():
        p = problem()
        W, b, x0, y = eager.tensors(p.weights.W, p.weights.b, p.x0, p.y)
        step = eager.rmsprop("tanh", "l2", p.weights.horizon, W, b)
        return lambda: step(x0, y)

    alone = partial(products, weights=1, transposed=1, gradient=1)
    contenders = {"snode": ours, "products": alone, "JAX": theirs} | with_eager(eagerly)
    return Work(contenders, rounds=9)


def inference(images=10_000, chunk=500):
    """Return the classes of many images."""

    def ours():
        p = problem(images)
        return lambda: infer(FLOW, p.weights, p.x0, C, chunk)

    def theirs():
        p = problem(images)
        call = peers.inference("tanh", p.weights.horizon, chunk)
        return partial(call, *peers.arrays(p.weights.W, p.weights.b, p.x0))

    def eagerly():
        p = problem(images)
        call = eager.inference("tanh", p.weights.horizon, chunk)
        return partial(call, *eager.tensors(p.weights.W, p.weights.b, p.x0))

    alone = partial(products, chunk, weights=1, images=images)
    contenders = {"snode": ours, "products": alone, "JAX": theirs} | with_eager(eagerly)
    return Work(contenders, rounds=1)


def rows(images=1000):
    """Return the C rows of P of many images, with the forward solve they need."""

    def ours():
        p = problem(images)

        def of(x):
            return linearise.jacobian_rows(FLOW, p.weights, FLOW.forward(p.weights, x))

        return lambda: np.concatenate([of(x) for x in chunks(p.x0, CHUNK)], axis=-1)

    def theirs():
        p, call = problem(images), peers.rows("tanh", 3.0, C)
        W, b, *parts = peers.arrays(p.weights.W, p.weights.b, *chunks(p.x0, CHUNK))

        def every():
            found = [jax.block_until_ready(call(W, b, x)) for x in parts]
            return np.concatenate(found, axis=-1)

        return every

    alone = partial(products, CHUNK, weights=1, transposed=C, images=images)
    return Work({"snode": ours, "products": alone, "JAX": theirs}, rounds=1)


def whole(images=10):
    """Return all of P, image by image: N pull-backs of the identity against a solve from it."""

    def setting():
        p, start = problem(images), np.eye(N, dtype=np.float32)
        columns = [np.ascontiguousarray(p.x0[:, [k]]) for k in range(images)]
        return p.weights, [FLOW.forward(p.weights, x) for x in columns], start

    def pulled():
        w, paths, start = setting()
        return lambda: [FLOW.adjoint(w, path, start, keep=False).start.T for path in paths]

    def solved():
        w, paths, start = setting()
        return lambda: [FLOW.sensitivity(w, path, xi0=start, keep=False).end for path in paths]

    return Work({"snode": pulled, "full solve": solved})


def some(images=10):
    """Return the rows of P that an attack needs, against all of P by the solve."""

    def pulled():
        p = problem(images)
        path = FLOW.forward(p.weights, p.x0)
        return lambda: linearise.jacobian_rows(FLOW, p.weights, path, C).transpose(2, 0, 1)

    def solved():
        call = whole(images).contenders["full solve"]()
        return lambda: [P[:C] for P in call()]

    return Work({"snode": pulled, "full solve": solved})


def algorithm_2(images=1000):
    """Return one iteration with moving targets, and the inference before it."""

    def ours():
        p = problem(images)
        return lambda: attack(FLOW, p.weights, p.x0, C, step=1e-6, iterations=1) and None

    alone = partial(products, CHUNK, weights=3, transposed=C, images=images)
    return Work({"snode": ours, "products": alone}, rounds=1)


def projected(images=1000, iterations=3):
    """Return iterations of PGD in the l2 ball, ours and the Toolbox's."""

    def ours():
        p, s = problem(images), {"radius": 0.6, "iterations": iterations, "least_norm": False}
        return lambda: pgd(FLOW, p.weights, p.x0, C, p.labels, **s).x

    def theirs():
        p = problem(images)
        estimator = ArtClassifier(FLOW, p.weights, C)
        settings = {"eps": 0.6, "eps_step": 0.06, "max_iter": iterations, "batch_size": CHUNK}
        toolbox = ProjectedGradientDescentNumpy(estimator, norm=2, verbose=False, **settings)
        x = np.ascontiguousarray(p.x0.T)
        return lambda: toolbox.generate(x, np.eye(C)[p.labels]).T

    def alone():
        return products(CHUNK, weights=iterations, transposed=iterations, images=images)

    contenders = {"snode": ours, "products": alone, "ART": theirs}
    return Work(contenders, per=iterations, rounds=1)


def adaptive():
    """Return a forward solve by Dormand and Prince's method."""

    def ours():
        p, flow = problem(), RK45(tanh, TOLERANCE, TOLERANCE)
        return lambda: flow.forward(p.weights, p.x0, keep=False).end

    def theirs():
        p = problem()
        call = peers.dopri5(p.weights.horizon, L, TOLERANCE)
        batch = peers.arrays(p.weights.W, p.weights.b, p.x0)
        return lambda: jax.block_until_ready(call(*batch)[0])

    def alone():
        p = problem()
        path = RK45(tanh, TOLERANCE, TOLERANCE).forward(p.weights, p.x0)
        return products(L=path.statistics.evaluations, weights=1)

    return Work({"snode": ours, "products": alone, "diffrax": theirs}, rounds=5, error=1e-2)


def adaptive_training():
    """Return one NCG iteration on the adaptive flow, against the products in its three solves."""

    def setting():
        return problem(), RK45(tanh, TOLERANCE, TOLERANCE)

    def ours():
        p, flow = setting()
        return lambda: NCG(flow, COSTS["l2"], 1).update(p.weights, p.x0, p.y).W

    def alone():
        p, flow = setting()
        path = flow.forward(p.weights, p.x0)
        lam = flow.adjoint(p.weights, path, COSTS["l2"].terminal(path.end, p.y))
        xi = flow.sensitivity(p.weights, path, direction=flow.gradient(p.weights, path, lam))
        times = (s.statistics.evaluations for s in (path, lam, xi))
        calls = [products(L=n, weights=m) for n, m in zip(times, (1, 2, 3))]
        return lambda: [call() for call in calls][0]

    return Work({"snode": ours, "products": alone}, rounds=2)


def loading():
    """Return the digits as columns, against scikit-learn's own loading."""
    ours = {"snode": lambda: lambda: data.load("digits") and None}
    return Work(ours | {"scikit-learn": lambda: lambda: load_digits() and None}, rounds=5)


WORKS = {
    "NCG iteration, tanh and l2": training("tanh", "l2", False),
    "NCG iteration, ReLU and cross-entropy": training("relu", "ce", False),
    "NCG iteration, Sobolev gradient": training("tanh", "l2", True),
    "RMSprop step": first_order(),
    "inference of 10,000 images": inference(),
    "Jacobian rows of 1,000 images": rows(),
    "Jacobian rows of 10 images": some(),
    "all of P of 10 images": whole(),
    "Algorithm 2, one iteration on 1,000 images": algorithm_2(),
    "PGD, one iteration on 1,000 images": projected(),
    "RK45, forward": adaptive(),
    "RK45, NCG iteration": adaptive_training(),
    "loading the digits": loading(),
}
