"""First-order optimisers for the same flow and cost: the paper's ResNet baseline and relatives.

They see the Euclidean gradient of the discrete weights, G = h E' (the L2 gradient carries 1/h):

    v <- rho v + (1 - rho) G^2,   w <- w - rate G / (sqrt(v) + epsilon)         RMSprop, Sec. 5

Letters: w = (W, b) with shapes (L, N, N), (L, N, 1), G, v and m alike; x0 (N, K), y (C, K).
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

from snode.arrays import elementwise
from snode.cost import Cost
from snode.optimise import check_batch, check_parts, gradient
from snode.scalars import check_count, check_fraction, check_positive

DECAYS = ("cost", "keras")


@dataclass(eq=False)
class RMSprop:
    """RMSprop on the Euclidean gradient.  Sec. 5 ("SGD" in its tables); Hinton's lecture 6a.

    Parameters
    ----------
    flow : Euler or RK45
        The discretisation; Euler is the paper's ResNet.
    cost : Cost
        The functional (3).
    rate, rho, epsilon : float
        Learning rate, forgetting factor, offset (scalars); Keras 2 has these defaults.  Without
        an offset a weight whose gradient is 0 becomes 0/0.
    epsilon_inside : bool
        Keras 3 writes sqrt(v + epsilon), Keras 2 sqrt(v) + epsilon.
    passes : int
        Steps per batch (scalar): 1, or 6 for "the same training iterations" as NCG.
    decay : str
        "cost": mu4/2 of the squared L2(0, T) norm, so h mu4 w; "keras": mu4 times the plain sum
        of squares, so 2 mu4 w.
    state : tuple
        The mean squares v, shapes (L, N, N), (L, N, 1); made by the first step.  So an optimiser
        serves one training; the next one needs another.

    Raises
    ------
    ValueError
        If a number is out of range or a name is unknown.
    """

    flow: Any
    cost: Cost
    rate: float = 0.01
    rho: float = 0.9
    epsilon: float = 1e-7
    epsilon_inside: bool = False
    passes: int = 1
    decay: str = "cost"
    state: tuple = field(default=(), init=False, repr=False)

    def __post_init__(self):
        """Check the settings."""
        _check(self)
        check_fraction("rho", self.rho)
        check_positive("epsilon", self.epsilon, zero=True)

    def update(self, weights, x0, y):
        """Return the weights (L, N, N), (L, N, 1) after one batch x0 (N, K), y (C, K).  Sec. 5.

        Raises
        ------
        TypeError, ValueError
            If the batch does not fit the weights, or the weights the state.
        FloatingPointError
            If the weights have diverged.
        """
        return _run(self, weights, x0, y)

    def step(self, w, G, h):
        """Change w and the mean square v in place; arrays (L, ...).  Sec. 5; trusts its input."""
        if not self.state:
            self.state = (w * 0.0,)
        inside, outside = (self.epsilon, 0.0) if self.epsilon_inside else (0.0, self.epsilon)
        for name in ("W", "b"):
            arrays = (getattr(vector, name) for vector in (G, self.state[0], w))
            _rmsprop(h, self.rate, self.rho, inside, outside, *arrays)


@dataclass(eq=False)
class Adam:
    """Adam on the Euclidean gradient.  Source: Kingma and Ba 2015; Keras 2's defaults.

    Parameters
    ----------
    flow, cost : Euler or RK45, Cost
        As for `RMSprop`.
    rate, beta1, beta2, epsilon : float
        Scalars.
    passes, decay : int, str
        As for `RMSprop`.
    state : tuple
        The moments m and v, shapes (L, N, N), (L, N, 1), and the number of steps.

    Raises
    ------
    ValueError
        If a number is out of range or a name is unknown.
    """

    flow: Any
    cost: Cost
    rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-7
    passes: int = 1
    decay: str = "cost"
    state: tuple = field(default=(), init=False, repr=False)

    def __post_init__(self):
        """Check the settings."""
        _check(self)
        check_fraction("beta1", self.beta1)
        check_fraction("beta2", self.beta2)
        check_positive("epsilon", self.epsilon, zero=True)

    def update(self, weights, x0, y):
        """Return the weights (L, N, N), (L, N, 1) after one batch x0 (N, K), y (C, K).

        Source: Kingma and Ba 2015.  Raises as `RMSprop.update` does.
        """
        return _run(self, weights, x0, y)

    def step(self, w, G, h):
        """Change w and both moments in place; arrays (L, ...).

        Source: Kingma and Ba 2015; trusts its input.
        """
        m, v, count = self.state or (w * 0.0, w * 0.0, 0)
        count += 1
        self.state = (m, v, count)
        unbias = self.rate * (1 - self.beta2**count) ** 0.5 / (1 - self.beta1**count)
        for name in ("W", "b"):
            arrays = (getattr(vector, name) for vector in (G, m, v, w))
            _adam(h, unbias, self.beta1, self.beta2, self.epsilon, *arrays)


@dataclass(eq=False)
class Momentum:
    """Gradient descent with momentum on the Euclidean gradient.  Source: Polyak 1964.

    Parameters
    ----------
    flow, cost : Euler or RK45, Cost
        As for `RMSprop`.
    rate, momentum : float
        Scalars; momentum 0 is plain steepest descent.
    passes, decay : int, str
        As for `RMSprop`.
    state : tuple
        The velocity, shapes (L, N, N), (L, N, 1); made by the first step.

    Raises
    ------
    ValueError
        If a number is out of range or a name is unknown.
    """

    flow: Any
    cost: Cost
    rate: float = 0.01
    momentum: float = 0.9
    passes: int = 1
    decay: str = "cost"
    state: tuple = field(default=(), init=False, repr=False)

    def __post_init__(self):
        """Check the settings."""
        _check(self)
        check_fraction("momentum", self.momentum)

    def update(self, weights, x0, y):
        """Return the weights (L, N, N), (L, N, 1) after one batch x0 (N, K), y (C, K).

        Source: Polyak 1964.  Raises as `RMSprop.update` does.
        """
        return _run(self, weights, x0, y)

    def step(self, w, G, h):
        """Change w and the velocity in place; arrays (L, ...).

        Source: Polyak 1964; trusts its input.
        """
        if not self.state:
            self.state = (w * 0.0,)
        velocity = self.state[0].axpby(-self.rate * h, G, self.momentum)
        w.axpby(1.0, velocity, 1.0)


def _run(optimiser, weights, x0, y):
    """Take the optimiser's passes over one batch, on a copy of the weights."""
    check_batch(weights, x0, y, optimiser.cost)
    if optimiser.state:
        known, found = ((w.W.shape, w.W.dtype, w.horizon) for w in (optimiser.state[0], weights))
        if found != known:
            raise ValueError(f"weights: expected the optimiser's, {known}, got {found}")
    weights, h = weights.copy(), weights.h
    cost, decay = optimiser.cost, optimiser.cost.mu4
    if optimiser.decay == "keras":
        cost = replace(cost, mu4=0.0)
    for _ in range(optimiser.passes):
        path = optimiser.flow.forward(weights, x0)
        G = gradient(optimiser.flow, cost, weights, path, y)
        if optimiser.decay == "keras" and decay:
            G.axpby(2 * decay / h, weights, 1.0)
        optimiser.step(weights, G, h)
    if not math.isfinite(norm := weights.norm()):
        raise FloatingPointError(f"the weights have diverged, |w| = {norm}")
    return weights


def _check(optimiser):
    check_parts(optimiser.flow, optimiser.cost)
    check_positive("rate", optimiser.rate)
    check_count("passes", optimiser.passes)
    if optimiser.decay not in DECAYS:
        raise ValueError(f"decay: expected 'cost' or 'keras', got {optimiser.decay!r}")


@elementwise(
    "T h, T rate, T rho, T inside, T outside, T E",
    "T v, T w",
    "T G = h * E; v = rho * v + (1 - rho) * G * G; w -= rate * G / (sqrt(v + inside) + outside)",
    layerwise=True,
)
def _rmsprop(h, rate, rho, inside, outside, E, v, w):
    G = h * E
    v *= rho
    v += (1 - rho) * G * G
    w -= rate * G / ((v + inside) ** 0.5 + outside)


@elementwise(
    "T h, T rate, T beta1, T beta2, T epsilon, T E",
    "T m, T v, T w",
    "T G = h * E; m = beta1 * m + (1 - beta1) * G; v = beta2 * v + (1 - beta2) * G * G; "
    "w -= rate * m / (sqrt(v) + epsilon)",
    layerwise=True,
)
def _adam(h, rate, beta1, beta2, epsilon, E, m, v, w):
    G = h * E
    m *= beta1
    m += (1 - beta1) * G
    v *= beta2
    v += (1 - beta2) * G * G
    w -= rate * m / (v**0.5 + epsilon)


OPTIMISERS = {"rmsprop": RMSprop, "adam": Adam, "momentum": Momentum}
