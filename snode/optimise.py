"""Training by nonlinear conjugate gradients: Algorithm 1 with the step length of App. B.1.

    d_j   = -g_j + gamma_j d_{j-1},    gamma_0 = 0,    g = E' or, for Sobolev descent, S E'
    eta_j = zero of phi', where phi(eta) is the cost with the outputs linearised along d_j
    w_{j+1} = w_j + eta_j d_j

Restart: where phi'(0) = <E', d> is not negative, d is replaced by -g.

Letters: w = (W, b) with shapes (L, N, N), (L, N, 1), E' and g alike; x0 (N, K), y (C, K).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from snode.arrays import array_module, check_array, to_device, to_numpy
from snode.conjugate import GAMMAS, Gradient, step_length
from snode.cost import Cost, check_one_hot
from snode.scalars import check_count, check_positive
from snode.sobolev import apply, matrix


class Iteration(NamedTuple):
    """What one iteration did, all scalars.  Algorithm 1.

    `gradient_norm` is |g| for g = E' or S E', in the norm that `gamma_norm` names; `predicted` is
    phi(eta), the linearised cost after the step; `true` is E after the step.  Trusts its input.
    """

    iteration: int
    E: float
    gradient_norm: float
    gamma: float
    restarted: bool
    eta: float
    predicted: float
    true: float


def value_and_gradient(flow, cost, weights, x0, y):
    """Return E and its L2 gradient E'.  Eqs. (3), (6), (7).

    Parameters
    ----------
    flow : Euler or RK45
        The discretisation.
    cost : Cost
        The functional.
    weights : Weights
        (L, N, N), (L, N, 1).
    x0, y : array (N, K), (C, K)
        A batch.

    Returns
    -------
    (float, Weights)

    Raises
    ------
    TypeError, ValueError
        If the batch does not fit the weights or the cost.
    """
    check_batch(weights, x0, y, cost)
    path = flow.forward(weights, x0)
    return cost.value(path.end, y, weights), gradient(flow, cost, weights, path, y)


def gradient(flow, cost, weights, path, y):
    """Return E' at the path's weights.  Eqs. (6), (7), (8).

    Parameters
    ----------
    flow, cost, weights : Euler or RK45, Cost, Weights
        As in `value_and_gradient`.
    path : Path or ode.Solution
        The solution of (1), states (N, K).
    y : array (C, K)
        One-hot targets.  Trusts its input.

    Returns
    -------
    Weights
        E'_omega (L, N, N), E'_beta (L, N, 1).
    """
    E_prime = flow.backpropagate(weights, path, cost.terminal(path.end, y))
    return E_prime.axpby(cost.mu4, weights, 1.0) if cost.mu4 else E_prime


@dataclass(frozen=True, eq=False)
class NCG:
    """Nonlinear conjugate gradients.  Algorithm 1, App. B.1.

    Parameters
    ----------
    flow : Euler or RK45
        The discretisation.
    cost : Cost
        The functional (3).
    iterations : int
        Of a batch (scalar); the paper has 6, and gamma starts at 0 for each batch.
    sobolev : bool or array (L, L)
        False: the L2 gradient; True: formula (9); or a matrix made by `sobolev.matrix`.
    gamma : str
        "fletcher-reeves" (the paper), "polak-ribiere", "hestenes-stiefel", "dai-yuan",
        "steepest-descent".
    gamma_norm : str
        Of g = S E': "L2", as Algorithm 1 prints it; "W12", the norm that g belongs to.
    direction_scale : float
        Multiplies the direction in every iteration (scalar).  1 is right; 0.001 repeats a
        peculiarity of the authors' ODE45 prototype, where the conjugate term all but vanishes.

    Raises
    ------
    TypeError
        If the flow does not solve (1), or the cost does not end (8).
    ValueError
        If a number is out of range or a name is unknown.
    """

    flow: Any
    cost: Cost
    iterations: int = 6
    sobolev: Any = False
    gamma: str = "fletcher-reeves"
    gamma_norm: str = "L2"
    direction_scale: float = 1.0

    def __post_init__(self):
        """Check the settings."""
        check_parts(self.flow, self.cost)
        check_count("iterations", self.iterations)
        if self.gamma not in GAMMAS:
            raise ValueError(f"gamma: expected one of {', '.join(GAMMAS)}, got {self.gamma!r}")
        if self.gamma_norm not in ("L2", "W12"):
            raise ValueError(f"gamma_norm: expected 'L2' or 'W12', got {self.gamma_norm!r}")
        check_positive("direction_scale", self.direction_scale)
        if not isinstance(self.sobolev, bool):
            check_array("sobolev", self.sobolev, ("L", "L"))

    def update(self, weights, x0, y, log=None):
        """Return the weights after one batch.  Algorithm 1.

        Parameters
        ----------
        weights : Weights
            (L, N, N), (L, N, 1); left as they are.
        x0, y : array (N, K), (C, K)
            The batch: images and one-hot targets.
        log : callable, optional
            Called with an `Iteration` after each; costs one more forward solve each time.

        Returns
        -------
        Weights
            Of the same shapes.

        Raises
        ------
        FloatingPointError
            If E stops being finite or the gradient vanishes at the start, with iteration and norms.
        TypeError, ValueError
            If the batch, or `sobolev`, does not fit the weights, or the targets the cost.
        """
        check_batch(weights, x0, y, self.cost)
        if not isinstance(self.sobolev, bool):
            check_array("sobolev", self.sobolev, (len(weights.W),) * 2)
        S = self._smoothing(weights)
        weights, y_host = weights.copy(), to_numpy(y)
        old = direction = None
        for j in range(self.iterations):
            path = self.flow.forward(weights, x0)
            new = self._gradient(gradient(self.flow, self.cost, weights, path, y), S)
            gamma = GAMMAS[self.gamma](new, old, direction) if j else 0.0
            direction = self._direction(new, gamma, direction)
            phi = self._line(weights, path, y_host, direction)
            restarted = not phi.derivative(0.0) < 0
            if restarted:
                gamma = 0.0
                direction = self._direction(new, gamma, direction)
                phi = self._line(weights, path, y_host, direction)
            if j and phi.derivative(0.0) >= 0 and np.isfinite(phi.value(0.0)):
                break  # a minimum, up to rounding
            _check_descent(j, phi, new)
            eta = step_length(phi)
            weights.axpby(eta, direction, 1.0)
            old = new
            if log is not None:
                true = self.cost.value(self.flow.forward(weights, x0, keep=False).end, y, weights)
                norm = new.norm2**0.5
                costs = phi.value(eta), true
                log(Iteration(j, phi.value(0.0), norm, gamma, restarted, eta, *costs))
        return weights

    def _smoothing(self, weights):
        """Return the matrix S (L, L) of Corollary 4.2, beside the weights; None without it."""
        if self.sobolev is False:
            return None
        xp, dtype = array_module(weights.W), weights.W.dtype
        if self.sobolev is True:
            return _kernel(len(weights.W), weights.horizon, dtype, xp)
        return to_device(to_numpy(self.sobolev).astype(dtype), xp)

    def _gradient(self, E_prime, S):
        """Return g with its norm: E', or S E' for Sobolev descent (Corollary 4.2)."""
        g = E_prime if S is None else apply(S, E_prime)
        dual = E_prime if self.gamma_norm == "W12" else g
        return Gradient(g, dual, g.inner(dual))

    def _direction(self, new, gamma, direction):
        """Return -g + gamma d, times `direction_scale`; the old d is overwritten."""
        s = self.direction_scale
        if direction is None:
            return new.g * -s
        return direction.axpby(-s, new.g, s * gamma)

    def _line(self, weights, path, y, direction):
        """Return phi along the direction: sensitivity (2) with xi(0) = 0, then App. B.1."""
        zeta = self.flow.sensitivity(weights, path, direction=direction, keep=False).end
        return self.cost.along(path.end, zeta, y, weights, direction)


@lru_cache
def _kernel(L, horizon, dtype, xp):
    """Return S of formula (9), (L, L): made once, and moved to the device once."""
    return to_device(matrix(L, horizon).astype(dtype), xp)


def _check_descent(iteration, phi, new):
    """Refuse to go on from a cost that is not finite or that does not fall along -g."""
    E, slope = phi.value(0.0), phi.derivative(0.0)
    if not (np.isfinite(E) and -np.inf < slope < 0 < new.norm2):
        raise FloatingPointError(
            f"iteration {iteration}: expected a finite cost and a gradient > 0, "
            f"got E = {E} and |g|^2 = {new.norm2}, with phi'(0) = {slope}"
        )


def check_parts(flow, cost):
    """Refuse what is no flow of (N, K) states, or no cost, or the two exchanged.  Eqs. (1), (3).

    Raises TypeError; ValueError for a cost that is always 0.
    """
    for name, part, has in (("flow", flow, "forward"), ("cost", cost, "along")):
        if isinstance(part, type) or not hasattr(part, has):
            kind = {"flow": "Euler or RK45", "cost": "a Cost"}[name]
            raise TypeError(f"{name}: expected {kind}, got {type(part).__name__} {part!r:.40}")
    if not (cost.mu1 or cost.mu2 or cost.mu3 or cost.mu4):
        raise ValueError("cost: expected a mu above 0, got none: there is nothing to learn")


def check_batch(weights, x0, y, cost):
    """Refuse a batch that does not fit the weights: x0 (N, K), y (C, K) with C <= N.  Sec. 4.

    Parameters
    ----------
    weights : Weights
        (L, N, N), (L, N, 1).
    x0, y : array (N, K), (C, K)
        The batch.
    cost : Cost
        With cross-entropy the columns of y are unit vectors.

    Raises
    ------
    TypeError, ValueError
        Naming the argument and what was expected.
    """
    N, dtype = weights.W.shape[1], weights.W.dtype
    check_array("x0", x0, (N, "K"), dtype)
    check_array("y", y, ("C", x0.shape[1]), dtype)
    if len(y) > N:
        raise ValueError(f"y: expected between 1 and N = {N} classes, got {len(y)}")
    array_module(weights.W, x0, y)
    if cost.mu2:
        check_one_hot(y)
