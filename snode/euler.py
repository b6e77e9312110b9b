"""Euler's method for the network, its sensitivity and its adjoint: the ResNet of Sec. 5.

    x[l+1]   = x[l] + h sigma(W[l] x[l] + b[l])                                     (1)
    xi[l+1]  = xi[l] + h sigma'[l] * (omega[l] x[l] + beta[l] + W[l] xi[l])         (2)
    lam[l]   = lam[l+1] + h W[l]^T (sigma'[l] * lam[l+1])                           (8)
    E'_om[l] = 1/K sum_k (sigma'[l] * lam[l+1])_k x[l]_k^T                          (6)
    E'_be[l] = 1/K sum_k (sigma'[l] * lam[l+1])_k                                   (7)

The adjoint is the exact transpose of the sensitivity, hence lam[l+1] beside sigma'[l].

Letters: L layers, N width, K images, h = T/L; W (L, N, N), b (L, N, 1), x (L+1, N, K),
slope = sigma'(W x + b) (L, N, K), xi and lam (L+1, ..., N, K); `*` is the Hadamard product.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from snode.arrays import array_module, elementwise
from snode.network import Activation


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The values of x, xi or lam at the times 0, h, ..., T.  Eqs. (1), (2), (8).

    Parameters
    ----------
    x : array (L+1, ..., N, K)
        One value at each time.
    horizon : float
        T, a scalar.  Trusts its input.
    """

    x: np.ndarray
    horizon: float

    @property
    def start(self):
        """The value at t = 0, shape (..., N, K).  Eq. (1); trusts its input."""
        return self.x[0]

    @property
    def end(self):
        """The value at t = T, shape (..., N, K).  Eq. (1); trusts its input."""
        return self.x[-1]

    def __call__(self, t):
        """Return the value at time t (scalar) by linear interpolation, shape (..., N, K).

        Source: Euler's polygon for Eq. (1).

        Raises
        ------
        ValueError
            If t lies outside [0, T].
        """
        if not 0 <= t <= self.horizon:
            raise ValueError(f"t: expected a time in [0, {self.horizon}], got {t!r}")
        position = t / self.horizon * (len(self.x) - 1)
        l = min(int(position), len(self.x) - 2)
        return self.x[l] + (position - l) * (self.x[l + 1] - self.x[l])


@dataclass(frozen=True, eq=False)
class Path(Trajectory):
    """A solution of (1), with sigma'(W x + b) kept for (2) and (8): it saves two products.

    Parameters
    ----------
    x : array (L+1, N, K)
        The states.
    horizon : float
        T, a scalar.
    slope : array (L, N, K)
        sigma'(W[l] x[l] + b[l]).  Eq. (2); trusts its input.
    """

    slope: np.ndarray


@dataclass(frozen=True)
class Euler:
    """The discrete flow, which is the residual network of Sec. 5.

    Parameters
    ----------
    activation : Activation
        sigma, with its derivative (a scalar function).  Trusts its input.
    """

    activation: Activation

    def forward(self, weights, x0):
        """Solve the direct problem.  Eq. (1).

        Parameters
        ----------
        weights : Weights
            W (L, N, N), b (L, N, 1).
        x0 : array (N, K)
            The input images.  Trusts its input.

        Returns
        -------
        Path
            x (L+1, N, K) and slope (L, N, K).
        """
        W, b, h = weights.W, weights.b, weights.h
        xp, step = array_module(W, x0), _forward_step(self.activation)
        x = xp.empty((len(W) + 1, *x0.shape), x0.dtype)
        slope = xp.empty((len(W), *x0.shape), x0.dtype)
        x[0] = x0
        for l in range(len(W)):
            step(x[l], W[l] @ x[l], b[l], h, x[l + 1], slope[l])
        return Path(x, weights.horizon, slope)

    def sensitivity(self, weights, path, xi0=None, direction=None):
        """Solve the neural sensitivity problem.  Eq. (2); Eq. (12) without a direction.

        Parameters
        ----------
        weights : Weights
            W (L, N, N), b (L, N, 1).
        path : Path
            The solution of (1) to linearise about, x (L+1, N, K).
        xi0 : array (..., N, K), optional
            Perturbation of the input; without it 0.  With K = 1 in the path, any number of
            columns.
        direction : Weights, optional
            (omega, beta), the perturbation of the weights; without it 0.  Trusts its input.

        Returns
        -------
        Trajectory
            xi (L+1, ..., N, K).
        """
        W, h, x, slope = weights.W, weights.h, path.x, path.slope
        xi0 = array_module(x).zeros_like(x[0]) if xi0 is None else xi0
        xp = array_module(W, x, xi0)
        xi = xp.empty((len(W) + 1, *xi0.shape), x.dtype)
        xi[0] = xi0
        source = None if direction is None else xp.matmul(direction.W, x[:-1])  # omega x
        for l in range(len(W)):
            if direction is None:
                _input_step(xi[l], slope[l], W[l] @ xi[l], h, xi[l + 1])
            else:
                a, beta = W[l] @ xi[l], direction.b[l]
                _sensitivity_step(xi[l], slope[l], source[l], beta, a, h, xi[l + 1])
        return Trajectory(xi, weights.horizon)

    def adjoint(self, weights, path, lam_T):
        """Solve the adjoint problem backwards, the exact transpose of (2).  Eq. (8).

        Parameters
        ----------
        weights : Weights
            W (L, N, N), b (L, N, 1).
        path : Path
            The solution of (1), x (L+1, N, K).
        lam_T : array (..., N, K)
            lambda(T), as `Cost.terminal` returns it.  Trusts its input.

        Returns
        -------
        Trajectory
            lam (L+1, ..., N, K).
        """
        W, h, slope = weights.W, weights.h, path.slope
        lam = array_module(W, lam_T).empty((len(W) + 1, *lam_T.shape), lam_T.dtype)
        lam[-1] = lam_T
        for l in reversed(range(len(W))):
            _adjoint_step(lam[l + 1], W[l].T @ (slope[l] * lam[l + 1]), h, lam[l])
        return Trajectory(lam, weights.horizon)

    def gradient(self, weights, path, lam):
        """Return the L2 gradient of E without the mu4 term.  Eqs. (6), (7).

        Parameters
        ----------
        weights : Weights
            Where the gradient is taken: W (L, N, N), b (L, N, 1).
        path : Path
            The solution of (1), x (L+1, N, K).
        lam : Trajectory
            The solution of (8), lam (L+1, N, K).  Trusts its input.

        Returns
        -------
        Weights
            E'_omega (L, N, N) and E'_beta (L, N, 1).
        """
        x, K = path.x, path.x.shape[-1]
        p = path.slope * lam.x[1:]
        p *= 1 / K
        E_omega = array_module(x).matmul(p, x[:-1].swapaxes(1, 2))
        return weights.like(E_omega, p.sum(axis=-1, keepdims=True))


@cache
def _forward_step(activation):
    """Return the step of (1), x_next = x + h sigma(a + b), which also keeps sigma'(a + b)."""

    @elementwise(
        "T x, T u, T b, T h",
        "T x_next, T slope_out",
        f"T a = u + b, sigma, slope; {activation.cuda} x_next = x + h * sigma; slope_out = slope;",
    )
    def forward_step(x, u, b, h, x_next, slope):
        sigma, slope[...] = activation(u + b)
        x_next[...] = x + h * sigma

    return forward_step


@elementwise("T xi, T slope, T u, T h", "T xi_next", "xi_next = xi + h * slope * u")
def _input_step(xi, slope, u, h, xi_next):
    xi_next[...] = xi + h * slope * u


@elementwise(
    "T xi, T slope, T source, T beta, T u, T h",
    "T xi_next",
    "xi_next = xi + h * slope * (source + beta + u)",
)
def _sensitivity_step(xi, slope, source, beta, u, h, xi_next):
    xi_next[...] = xi + h * slope * (source + beta + u)


@elementwise("T lam_next, T u, T h", "T lam", "lam = lam_next + h * u")
def _adjoint_step(lam_next, u, h, lam):
    lam[...] = lam_next + h * u
