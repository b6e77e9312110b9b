"""The cost functional, the end value of the adjoint, and the cost along a line.

    E = 1/K sum_k ( mu1/2 |z_k - y_k|^2 + mu2 H(y_k, soft(z_k)) + mu3/2 |z_k|^2 )
        + mu4/2 (||W||^2 + ||b||^2),                          z = x(T)              (3)
    lam(T) = mu1 (z - y) + mu2 (soft(z) - y) + mu3 z                                (8)
    phi(eta) = E with z + eta zeta for z and w + eta d for w = (W, b)               App. B.1

Cross-entropy always acts on the C classes, the first C components of z ("only 10 dimensions are
used", Sec. 5).  The readout says on which components the mu1 and mu3 terms act: on "all" N, the
target padded with zeros (Eq. (3) with y in R^N, and the authors' prototype), or on the "classes".

Letters: N width, K images, C classes; z, zeta, lam(T) (N, K); y one-hot (C, K).
"""

from dataclasses import dataclass

import numpy as np

from snode.arrays import array_module, to_numpy
from snode.network import inner_products
from snode.scalars import check_positive

READOUTS = ("all", "classes")


@dataclass(frozen=True)
class Cost:
    """The cost functional E.  Eq. (3).

    Parameters
    ----------
    mu1, mu2, mu3, mu4 : float
        Weights (scalars >= 0) of squared error, cross-entropy, size of the output, weight decay.
    readout : str
        "all" or "classes": the components of z that the mu1 and mu3 terms see.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or the readout is unknown.
    """

    mu1: float = 0.0
    mu2: float = 0.0
    mu3: float = 0.0
    mu4: float = 0.0
    readout: str = "all"

    def __post_init__(self):
        """Check the settings."""
        for name in ("mu1", "mu2", "mu3", "mu4"):
            check_positive(name, getattr(self, name), zero=True)
        if self.readout not in READOUTS:
            raise ValueError(f"readout: expected 'all' or 'classes', got {self.readout!r}")

    def value(self, z, y, weights=None):
        """Return E.  Eq. (3).

        Parameters
        ----------
        z : array (N, K)
            The outputs x(T).
        y : array (C, K)
            One-hot targets.
        weights : Weights, optional
            (L, N, N), (L, N, 1); needed only where mu4 > 0.  Trusts its input.

        Returns
        -------
        float
            Computed in float64 on the CPU.
        """
        return self.along(z, array_module(z).zeros_like(z), y, weights).value(0.0)

    def terminal(self, z, y):
        """Return lambda(T), the derivative of K times E by z.  Eq. (8).

        Parameters
        ----------
        z : array (N, K)
            The outputs x(T).
        y : array (C, K)
            One-hot targets.  Trusts its input.

        Returns
        -------
        array (N, K)
        """
        C, m = len(y), self._components(z, y)
        lam = array_module(z, y).zeros_like(z)
        lam[:m] = (self.mu1 + self.mu3) * z[:m]
        lam[:C] -= self.mu1 * y
        if self.mu2:
            lam[:C] += self.mu2 * softmax_error(z[:C], y)
        return lam

    def along(self, z, zeta, y, weights=None, direction=None):
        """Return phi, the linearised cost along a direction.  App. B.1.

        The outputs are copied to the CPU here, both in one go: the only place of a training step
        that does.

        Parameters
        ----------
        z, zeta : array (N, K)
            x(T) and xi(T), the latter solved with this direction.
        y : array (C, K)
            One-hot targets.
        weights, direction : Weights, optional
            (L, N, N), (L, N, 1); needed only where mu4 > 0.  Trusts its input.

        Returns
        -------
        Line
            phi(eta), its derivative and their coefficients.
        """
        C, m = len(y), self._components(z, y)
        xp = array_module(z, zeta)
        z, zeta = to_numpy(xp.stack([z[:m], zeta[:m]])).astype(np.float64)
        y = to_numpy(y).astype(np.float64)
        error = z.copy()
        error[:C] -= y
        K = z.shape[1]
        quadratic = np.array(
            [
                (self.mu1 * np.vdot(error, error) + self.mu3 * np.vdot(z, z)) / (2 * K),
                (self.mu1 * np.vdot(error, zeta) + self.mu3 * np.vdot(z, zeta)) / K,
                (self.mu1 + self.mu3) * np.vdot(zeta, zeta) / (2 * K),
            ]
        )
        quadratic += self._decay(weights, direction)
        return Line(quadratic, self.mu2, z[:C], zeta[:C], y)

    def _decay(self, weights, direction):
        """Return the coefficients of mu4/2 ||w + eta d||^2 in 1, eta, eta^2."""
        if self.mu4 == 0.0:
            return np.zeros(3)
        if weights is None:
            raise ValueError(f"weights: needed where mu4 > 0 (mu4 = {self.mu4}), got None")
        if direction is None:
            return self.mu4 * np.array([weights.inner(weights) / 2, 0.0, 0.0])
        ww, wd, dd = inner_products((weights, weights), (weights, direction), (direction,) * 2)
        return self.mu4 * np.array([ww / 2, wd, dd / 2])

    def _components(self, z, y):
        return len(z) if self.readout == "all" else len(y)


@dataclass(frozen=True, eq=False)
class Line:
    """The linearised cost phi(eta) = c0 + c1 eta + c2 eta^2 + mu2 CE(z + eta zeta).  App. B.1.

    Parameters
    ----------
    quadratic : array (3,)
        c0, c1, c2: everything but the cross-entropy.
    mu2 : float
        Weight of the cross-entropy, a scalar.
    z, zeta, y : array (C, K)
        Outputs, their sensitivity and the targets, float64, on the CPU.  Trusts its input.
    """

    quadratic: np.ndarray
    mu2: float
    z: np.ndarray
    zeta: np.ndarray
    y: np.ndarray

    def value(self, eta):
        """Return phi(eta), a scalar, for the scalar eta.  App. B.1; trusts its input."""
        c0, c1, c2 = self.quadratic
        phi = c0 + c1 * eta + c2 * eta**2
        if self.mu2:
            phi += self.mu2 * cross_entropy(self.z + eta * self.zeta, self.y)
        return float(phi)

    def derivative(self, eta):
        """Return phi'(eta), a scalar, for the scalar eta; at eta = 0 it is <E', d>.  App. B.1.

        The cross-entropy term has 1/K sum_k too, which the paper omits.  Trusts its input.
        """
        _, c1, c2 = self.quadratic
        phi = c1 + 2 * c2 * eta
        if self.mu2:
            error = softmax_error(self.z + eta * self.zeta, self.y)
            phi += self.mu2 * np.vdot(error, self.zeta) / self.y.shape[1]
        return float(phi)


def check_one_hot(y):
    """Refuse targets (C, K) other than unit vectors: `softmax_error` is about those.  Eq. (8).

    Raises ValueError.
    """
    good = ((y == 0) | (y == 1)).all(axis=0) & (y.sum(axis=0) == 1)
    if not bool(good.all()):
        k = int((~good).argmax())
        raise ValueError(f"y: expected one 1 in each column, else 0, got {y[:, k]} in column {k}")


def softmax(z):
    """Return soft(z), column by column, without overflow.  Sec. 4.

    Parameters
    ----------
    z : array (C, K)
        Outputs.  Trusts its input.

    Returns
    -------
    array (C, K)
    """
    e = array_module(z).exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


def softmax_error(z, y):
    """Return soft(z) - y, the derivative of H(y, soft(z)) by z.  Eq. (8).

    The right class has minus the sum of its rivals: the difference from 1 would be 0 in float32
    once it leads by 16.

    Parameters
    ----------
    z, y : array (C, K)
        Outputs and one-hot targets.  Trusts its input.

    Returns
    -------
    array (C, K)
    """
    rivals = softmax(z) * (1 - y)
    return rivals - y * rivals.sum(axis=0)


def cross_entropy(z, y):
    """Return the mean over images of H(y, soft(z)).  Sec. 4.

    Parameters
    ----------
    z, y : array (C, K)
        Outputs and one-hot targets, on the CPU.  Trusts its input.

    Returns
    -------
    float
        A scalar.
    """
    return float(np.mean(cross_entropies(z, y)))


def cross_entropies(z, y):
    """Return H(y, soft(z)) of each image, (K,); see `cross_entropy`.  Sec. 4; trusts its input."""
    z = z - z.max(axis=0)
    return np.log(np.exp(z).sum(axis=0)) - (y * z).sum(axis=0)
