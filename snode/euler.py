"""Euler's method for the network, its sensitivity and its adjoint: the ResNet of Sec. 5.

    x[l+1]   = x[l] + h sigma(W[l] x[l] + b[l])                                     (1)
    xi[l+1]  = xi[l] + h sigma'[l] * (omega[l] x[l] + beta[l] + W[l] xi[l])         (2)
    lam[l]   = lam[l+1] + h W[l]^T (sigma'[l] * lam[l+1])                           (8)
    E'_om[l] = 1/K sum_k (sigma'[l] * lam[l+1])_k x[l]_k^T                          (6)
    E'_be[l] = 1/K sum_k (sigma'[l] * lam[l+1])_k                                   (7)

The adjoint is the exact transpose of the sensitivity, hence lam[l+1] beside sigma'[l].

Letters: L layers, N width, K images, h = T/L; W (L, N, N), b (L, N, 1), x (L+1, N, K),
slope = sigma'(W x + b) (L, N, K), xi and lam (L+1, ..., N, K), p = sigma' * lam; `*` is the
Hadamard product.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from snode.arrays import array_module, check_array, elementwise
from snode.network import Activation, check_activation, check_space
from snode.trajectory import Path, Trajectory, states


@dataclass(frozen=True)
class Euler:
    """The discrete flow, which is the residual network of Sec. 5.

    Parameters
    ----------
    activation : Activation
        sigma, with its derivative (a scalar function).

    Raises
    ------
    TypeError
        If it is no `Activation`; on a GPU, from the solves, if that says nothing in CUDA.
    """

    activation: Activation

    def __post_init__(self):
        """Check the activation."""
        check_activation(self.activation)

    def forward(self, weights, x0, keep=True):
        """Solve the direct problem.  Eq. (1).

        Parameters
        ----------
        weights : Weights
            W (L, N, N), b (L, N, 1).
        x0 : array (N, K)
            The input images.
        keep : bool
            False: of the solution, only `.end` is worth reading.  Trusts its input.

        Returns
        -------
        Path
            x (L+1, N, K) and slope (L, N, K).

        Raises
        ------
        TypeError, ValueError
            If x0 has not the dtype and the width of the weights: nothing is rounded silently.
        """
        W, b, h = weights.W, weights.b, weights.h
        check_array("x0", x0, (..., W.shape[1], "K"), W.dtype, finite=False)
        if array_module(W, x0) is not np and not self.activation.cuda:
            raise TypeError(f"{self.activation.name}: on a GPU an activation needs its field cuda")
        step = _forward_step(self.activation, keep)
        x, slope = states(len(W) + 1, x0, keep), states(len(W), x0, keep)
        x[0][...] = x0
        for l in range(len(W)):
            step(x[l], W[l] @ x[l], b[l], h, x[l + 1], slope[l])
        return Path(x, weights.horizon, slope)

    def sensitivity(self, weights, path, xi0=None, direction=None, keep=True):
        """Solve the neural sensitivity problem.  Eq. (2); Eq. (12) without a direction.

        Parameters
        ----------
        weights : Weights
            W (L, N, N), b (L, N, 1).
        path : Path
            The solution of (1) to linearise about, x (L+1, N, K).
        xi0 : array (..., N, K), optional
            Perturbation of the input; without it 0.  With K = 1 in the path, any columns.
        direction : Weights, optional
            (omega, beta), the perturbation of the weights; without it 0.
        keep : bool
            False: of the solution, only `.end` is worth reading.  Trusts its input.

        Returns
        -------
        Trajectory
            xi (L+1, ..., N, K).
        """
        W, h, x, slope = weights.W, weights.h, path.x, path.slope
        xi0 = array_module(x).zeros_like(x[0]) if xi0 is None else xi0
        array_module(W, x, xi0)
        xi = states(len(W) + 1, xi0, keep)
        xi[0][...] = xi0
        if direction is None:
            for l in range(len(W)):
                _input_step(xi[l], slope[l], W[l] @ xi[l], h, xi[l + 1])
        else:
            beta = check_space(weights, direction).b
            for l, omega_x in enumerate(_products(direction.W, x[:-1])):
                _sensitivity_step(xi[l], slope[l], omega_x, beta[l], W[l] @ xi[l], h, xi[l + 1])
        return Trajectory(xi, weights.horizon)

    def adjoint(self, weights, path, lam_T, keep=True):
        """Solve the adjoint problem backwards, the exact transpose of (2).  Eq. (8).

        Parameters
        ----------
        weights, path : as in `sensitivity`
            W (L, N, N), b (L, N, 1), x (L+1, N, K).
        lam_T : array (..., N, K)
            lambda(T), as `Cost.terminal` returns it.
        keep : bool
            False: of the solution, only `.start` is worth reading.  Trusts its input.

        Returns
        -------
        Trajectory
            lam (L+1, ..., N, K).
        """
        lam = states(len(weights.W) + 1, lam_T, keep)
        lam[-1][...] = lam_T
        for _ in self._backwards(weights, path, lam):
            pass
        return Trajectory(lam, weights.horizon)

    def gradient(self, weights, path, lam):
        """Return the L2 gradient of E without the mu4 term.  Eqs. (6), (7).

        Parameters
        ----------
        weights, path : as in `sensitivity`
            Where the gradient is taken: W (L, N, N), b (L, N, 1), x (L+1, N, K).
        lam : Trajectory
            The solution of (8), lam (L+1, N, K).  Trusts its input.

        Returns
        -------
        Weights
            E'_omega (L, N, N) and E'_beta (L, N, 1).
        """
        p = path.slope * lam.x[1:]
        p *= 1 / p.shape[-1]
        E = weights.empty_like()
        _outer(p, path.x[:-1], E.W, E.b)
        return E

    def backpropagate(self, weights, path, lam_T):
        """Return what `gradient` returns, in the sweep that solves (8).  Eqs. (6), (7), (8).

        Parameters
        ----------
        weights, path, lam_T : as in `adjoint`
            (L, N, N), (L, N, 1); x (L+1, N, K); lambda(T) (N, K).  Trusts its input.

        Returns
        -------
        Weights
            E'_omega (L, N, N) and E'_beta (L, N, 1).
        """
        if array_module(lam_T) is not np:  # one product for all layers: few launches
            return self.gradient(weights, path, self.adjoint(weights, path, lam_T))
        E, lam = weights.empty_like(), states(len(weights.W) + 1, lam_T, keep=False)
        lam[-1][...] = lam_T / lam_T.shape[-1]
        for l, p in self._backwards(weights, path, lam):
            _outer(p, path.x[l], E.W[l], E.b[l])
        return E

    def _backwards(self, weights, path, lam):
        """Yield l and p = sigma'[l] * lam[l+1] once lam[l] is solved for, backwards.  Eq. (8)."""
        W, h, slope = weights.W, weights.h, path.slope
        array_module(W, lam[-1])
        for l in reversed(range(len(W))):
            p = slope[l] * lam[l + 1]
            _adjoint_step(lam[l + 1], W[l].T @ p, h, lam[l])
            yield l, p


def _outer(p, x, E_omega, E_beta):
    """Write sum_k p_k x_k^T and sum_k p_k, of one layer or of all.  Eqs. (6), (7)."""
    array_module(p, x).matmul(p, x.swapaxes(-1, -2), out=E_omega)
    p.sum(axis=-1, keepdims=True, out=E_beta)


def _products(A, B):
    """Return A[l] @ B[l] for every l: all at once on a GPU, one by one for the cache of a CPU."""
    xp = array_module(A, B)
    return map(xp.matmul, A, B) if xp is np else xp.matmul(A, B)


@lru_cache(maxsize=16)  # an activation may hold much
def _forward_step(activation, keep=True):
    """Return the step of (1), x_next = x + h sigma(a), which also keeps sigma'(a) for (2), (8)."""

    @elementwise(
        "T x, T u, T b, T h",
        "T x_next, T slope_out",
        f"T a = u + b, sigma, slope; {activation.cuda} x_next = x + h * sigma; slope_out = slope;",
    )
    def forward_step(x, u, b, h, x_next, slope):
        a = u + b
        sigma = activation.sigma(a)
        if keep:
            slope[...] = activation.slope(a, sigma)
        np.add(x, h * sigma, out=x_next)

    return forward_step


@elementwise("T xi, T slope, T u, T h", "T xi_next", "xi_next = xi + h * slope * u")
def _input_step(xi, slope, u, h, xi_next):
    np.add(xi, h * slope * u, out=xi_next)


@elementwise(
    "T xi, T slope, T source, T beta, T u, T h",
    "T xi_next",
    "xi_next = xi + h * slope * (source + beta + u)",
)
def _sensitivity_step(xi, slope, source, beta, u, h, xi_next):
    np.add(xi, h * slope * (source + beta + u), out=xi_next)


@elementwise("T lam_next, T u, T h", "T lam", "lam = lam_next + h * u")
def _adjoint_step(lam_next, u, h, lam):
    np.add(lam_next, h * u, out=lam)
