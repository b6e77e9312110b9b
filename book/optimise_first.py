"""Optimise first, discretise then: Euler's method on the adjoint equation.  Eqs. (6), (7), (8)."""

from snode import Euler


class OptimiseFirst(Euler):
    """Euler's method with the differential equation's gradient, put on the grid."""

    def backpropagate(self, weights, path, lam_T):
        """Return (6) and (7), each with everything at its own time; at T the last layer serves."""
        W, x, slope, h = weights.W, path.x, path.slope, weights.h
        E, lam = weights.empty_like(), lam_T / lam_T.shape[-1]
        later, sigma_ = W[-1], self.activation(W[-1] @ x[-1] + weights.b[-1])[1]
        for l in reversed(range(len(W))):
            lam = lam + h * later.T @ (sigma_ * lam)
            p = slope[l] * lam
            E.W[l], E.b[l] = p @ x[l].T, p.sum(axis=1, keepdims=True)
            later, sigma_ = W[l], slope[l]
        return E
