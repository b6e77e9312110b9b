"""The continuous network by the adaptive solver of `ode`: the paper's "ODE45".

    x'   = sigma(W x + b)                                 x(0) = x0          (1)
    xi'  = sigma'(W x + b) * (omega x + beta + W xi)      xi(0) = xi0        (2)
    lam' = -W^T (sigma'(W x + b) * lam)                   lam(T) given       (8)
    E'_om(t) = 1/K sum_k (sigma' * lam)_k x_k^T,   E'_be(t) = 1/K sum_k (sigma' * lam)_k   (6), (7)

W(t), b(t) and every direction are sum_l W_l phi_l(t): the hat functions of the nodes
t_l = (l + 1/2) h, linear between neighbours, with phi_0 = 1 before t_0 and phi_(L-1) = 1 after
t_(L-1).  The gradient is the projection on them, g_l = 1/h integral of E'(t) phi_l(t) dt, so that
the integral of <E'(t), d(t)> dt is h sum_l <g_l, d_l> = `Weights.inner` for every direction d.

(2) and (8) are solved along the dense output of (1), "first optimise, then discretise": they are
transposes up to the tolerance, not to round-off as Euler's are.  A batch shares its steps: an
image's result depends on its neighbours, at the size of the tolerance.

Letters: L nodes, N width, K images, T horizon, h = T/L, q points, u place between two nodes;
W, omega (L, N, N), b, beta (L, N, 1), x (N, K), xi, lam (..., N, K); `*` is the Hadamard product.
"""

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np

from snode.arrays import array_module, check_array, elementwise
from snode.network import Activation, check_activation, check_space
from snode.ode import solve
from snode.scalars import check_positive

BLOCK = 16  # times per batched product of the gradient


@dataclass(frozen=True)
class RK45:
    """The continuous flow, solved by Dormand and Prince's method.  Source: Sec. 5, "ODE45".

    Parameters
    ----------
    activation : Activation
        sigma, with its derivative (a scalar function).
    rtol, atol : float
        Tolerances of every solve (scalars), for the largest component; ode45's defaults.  In the
        linear problems (2), (8) atol is relative to max(|xi0|, T |xi'(0)|), or T |xi'| at the nodes
        where that is 0, and to max |lam(T)|, so that their solutions scale with their data.

    Raises
    ------
    TypeError
        If the activation is no `Activation`.
    ValueError
        If a tolerance is not positive; from the solves, if a solution starts with a slope that is
        not finite.
    FloatingPointError
        From the solves, if a solution stops being finite.
    RuntimeError
        From the solves, if very many steps do not reach the end.
    """

    activation: Activation
    rtol: float = 1e-3
    atol: float = 1e-6

    def __post_init__(self):
        """Check the activation and the tolerances, which `ode.solve` checks again for its dtype."""
        check_activation(self.activation)
        for name in ("rtol", "atol"):
            check_positive(name, getattr(self, name))

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
        ode.Solution
            x(t), (N, K) at any time.
        """
        check_array("x0", x0, (..., weights.W.shape[1], "K"), weights.W.dtype, finite=False)
        at = _interpolant(weights)

        def rate(t, x):
            W, b = at(t)
            return self.activation.sigma(W @ x + b)

        return solve(rate, (0.0, weights.horizon), x0, self.rtol, self.atol, keep=keep)

    def sensitivity(self, weights, path, xi0=None, direction=None, keep=True):
        """Solve the neural sensitivity problem.  Eq. (2); Eq. (12) without a direction.

        Parameters
        ----------
        weights : Weights
            W (L, N, N), b (L, N, 1).
        path : ode.Solution
            The solution of (1) to linearise about, x (N, K).
        xi0 : array (..., N, K), optional
            Perturbation of the input; without it 0.  With K = 1 in the path, any number of
            columns.
        direction : Weights, optional
            (omega, beta), the perturbation of the weights; without it 0.
        keep : bool
            False: of the solution, only `.end` is worth reading.  Trusts its input.

        Returns
        -------
        ode.Solution
            xi(t), (..., N, K).
        """
        linearised = self._linearised(weights, path)
        at = None if direction is None else _interpolant(check_space(weights, direction))
        xi0 = array_module(path.start).zeros_like(path.start) if xi0 is None else xi0

        def rate(t, xi):
            W, x, slope = linearised(t)
            a = W @ xi
            if at is not None:
                omega, beta = at(t)
                a += omega @ x
                a += beta
            return slope * a

        size = max(_peak(xi0), weights.horizon * _peak(rate(0.0, xi0)))
        if not size:  # xi starts at rest
            size = weights.horizon * max(_peak(rate(t, xi0)) for t in weights.times) or 1.0
        return solve(rate, (0.0, weights.horizon), xi0, self.rtol, self.atol * size, keep=keep)

    def adjoint(self, weights, path, lam_T, keep=True):
        """Solve the adjoint problem backwards.  Eq. (8).

        Parameters
        ----------
        weights : Weights
            W (L, N, N), b (L, N, 1).
        path : ode.Solution
            The solution of (1), x (N, K).
        lam_T : array (..., N, K)
            lambda(T), as `Cost.terminal` returns it.
        keep : bool
            False: of the solution, only `.start` is worth reading.  Trusts its input.

        Returns
        -------
        ode.Solution
            lam(t), (..., N, K), in ascending time.
        """
        linearised = self._linearised(weights, path)

        def rate(t, lam):
            W, _, slope = linearised(t)
            return W.T @ (-slope * lam)

        atol = self.atol * (_peak(lam_T) or 1.0)
        return solve(rate, (weights.horizon, 0.0), lam_T, self.rtol, atol, keep=keep)

    def gradient(self, weights, path, lam):
        """Return the projection of E'(t), without the mu4 term, on the hats.  Eqs. (6), (7).

        Gauss's rule between all nodes and steps of lam, which are short wherever lam is rough.
        W(t) at the points is Phi W, with Phi the hats there; the projection is its transpose.

        Parameters
        ----------
        weights : Weights
            Where the gradient is taken: W (L, N, N), b (L, N, 1).
        path : ode.Solution
            The solution of (1), x (N, K).
        lam : ode.Solution
            The solution of (8), lam (N, K).  Trusts its input.

        Returns
        -------
        Weights
            E'_omega (L, N, N) and E'_beta (L, N, 1).
        """
        h, K, xp = weights.h, path.start.shape[-1], array_module(weights.W)
        grad = 0.0 * weights
        for times, masses, nodes, Phi in _quadrature(weights, lam, self.rtol):
            Phi, masses = (xp.asarray(a, weights.W.dtype) for a in (Phi, masses / (h * K)))
            x = path.sample(times)
            a = xp.tensordot(Phi, weights.W[nodes], 1) @ x
            a += xp.tensordot(Phi, weights.b[nodes], 1)
            p = self.activation(a)[1] * lam.sample(times)
            p *= masses[:, None, None]
            grad.W[nodes] += xp.tensordot(Phi.T, p @ x.swapaxes(1, 2), 1)
            grad.b[nodes] += xp.tensordot(Phi.T, p.sum(axis=-1, keepdims=True), 1)
        return grad

    def backpropagate(self, weights, path, lam_T):
        """Return E', without the mu4 term, for the lambda(T) given.  Eqs. (6), (7), (8).

        Parameters
        ----------
        weights, path, lam_T : as in `adjoint`
            W (L, N, N), b (L, N, 1), x (N, K), lam_T (N, K).  Trusts its input.

        Returns
        -------
        Weights
            E'_omega (L, N, N) and E'_beta (L, N, 1).
        """
        return self.gradient(weights, path, self.adjoint(weights, path, lam_T))

    def _linearised(self, weights, path):
        """Return t -> W(t), x(t), sigma'(W x + b)."""
        at = _interpolant(weights)

        @functools.lru_cache(maxsize=1)  # a step's last two stages share their time
        def linearised(t):
            (W, b), x = at(t), path(t)
            return W, x, self.activation(W @ x + b)[1]

        return linearised


def _peak(a):
    return float(abs(a).max())  # waits for the device


def _interpolant(weights):
    """Return t -> W(t) (N, N), b(t) (N, 1): two buffers, overwritten for the next time."""
    xp, (L, N, _) = array_module(weights.W), weights.W.shape
    W, b = xp.empty((N, N), weights.W.dtype), xp.empty((N, 1), weights.b.dtype)

    @functools.lru_cache(maxsize=1)  # a step's last two stages share their time
    def at(t):
        place = min(max(t / weights.h - 0.5, 0.0), L - 1.0)
        l = int(place)
        for values, out in ((weights.W, W), (weights.b, b)):
            _between(values[l], values[min(l + 1, L - 1)], place - l, out)
        return W, b

    return at


@elementwise("T left, T right, T u", "T out", "out = left + u * (right - left)")
def _between(left, right, u, out):
    np.subtract(right, left, out=out)
    out *= u
    out += left


def _quadrature(weights, lam, rtol):
    """Yield blocks of times (m,), masses (m,), the nodes they touch, and phi_l(t) (m, nodes)."""
    L, h = len(weights.W), weights.h
    u, mass = np.polynomial.legendre.leggauss(_points(h, lam, rtol))
    breaks = np.union1d(weights.times, lam.times)
    lengths = np.diff(breaks)[:, None]
    times = (breaks[:-1, None] + lengths * (1 + u) / 2).ravel()
    masses = (lengths * mass / 2).ravel()
    for block in (slice(i, i + BLOCK) for i in range(0, len(times), BLOCK)):
        place = np.clip(times[block] / h - 0.5, 0, L - 1)
        nodes = slice(int(place[0]), min(int(place[-1]) + 2, L))
        Phi = np.maximum(0, 1 - abs(place[:, None] - np.arange(nodes.start, nodes.stop)))
        yield times[block], masses[block], nodes, Phi


def _points(h, lam, rtol):
    """Return how many Gauss points an interval needs for a relative error of about rtol.

    A solution that changes at the rate r keeps the solver to steps H with about
    (r H)^5 / 1000 = rtol.  E' is a product and may change at 2 r; Gauss's rule with q points
    then errs by c_q (2 r length)^(2q).
    """
    H = lam.times[-1] / lam.statistics.accepted
    rate = 2 * (1000 * rtol) ** 0.2 * min(1.0, h / H)
    for q in itertools.count(1):
        c = math.factorial(q) ** 4 / ((2 * q + 1) * math.factorial(2 * q) ** 3)
        if c * rate ** (2 * q) <= rtol:
            return q
