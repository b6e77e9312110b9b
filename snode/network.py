"""The network's parameters as a vector of L2(0, T), and the activations.

Right-hand side of (1): sigma(W(t) x(t) + b(t)).  The parameters (W, b), the perturbation
(omega, beta), the gradient (E'_omega, E'_beta) and the descent direction (dW, db) are all vectors
of one Hilbert space, App. A.1: <u, v> = integral over (0, T) of <u(t), v(t)> dt.

Letters: L layers, N width, T horizon, h = T/L; W (L, N, N), b (L, N, 1); layer l stands for the
midpoint t_l = (l + 1/2) h of its interval; Euler's method uses W[l] on the whole interval.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from snode.arrays import array_module, axpby, check_array, dot, generator, to_device, to_numpy
from snode.files import atomic, read_arrays
from snode.scalars import check_count, check_dtype, check_positive


@dataclass(frozen=True)
class Activation:
    """A function sigma of the real line together with its derivative, as in (1) and (2).

    Source: Sec. 3, Eq. (1).

    Parameters
    ----------
    name : str
        For messages and result files.
    sigma : callable
        Maps a, an array of any shape, to sigma(a) of the same shape.
    slope : callable
        Maps a and sigma(a) to sigma'(a) of the same shape: often the value tells the derivative.
    cuda : str, optional
        The same in CUDA, for a GPU: sets `sigma` and `slope` from `a`.  Trusts its input.
    """

    name: str
    sigma: Callable
    slope: Callable
    cuda: str = ""

    def __call__(self, a):
        """Return sigma(a) and sigma'(a), arrays of a's shape.  Eq. (1); trusts its input."""
        sigma = self.sigma(a)
        return sigma, self.slope(a, sigma)

    def __reduce__(self):
        """Pickle one of ours by its name: its functions have none.  For multiprocessing."""
        return self.name if ACTIVATIONS.get(self.name) is self else super().__reduce__()


def check_activation(activation):
    """Refuse what is no scalar `Activation`, such as NumPy's tanh.  Eq. (1); Raises TypeError."""
    if not (hasattr(activation, "sigma") and hasattr(activation, "slope")):
        raise TypeError(f"activation: expected an Activation (snode.tanh), got {activation!r:.60}")


tanh = Activation(
    "tanh",
    lambda a: array_module(a).tanh(a),
    lambda a, sigma: 1 - sigma * sigma,
    "sigma = tanh(a); slope = 1 - sigma * sigma;",
)
relu = Activation(
    "relu",
    lambda a: array_module(a).maximum(a, 0),
    lambda a, sigma: (a > 0).astype(a.dtype),  # 0 at the kink
    "slope = a > 0; sigma = a <= 0 ? 0 : a;",  # a * slope would make NaN of -inf
)
identity = Activation(
    "identity",
    lambda a: a,
    lambda a, sigma: array_module(a).ones_like(a),
    "sigma = a; slope = 1;",
)
ACTIVATIONS = {activation.name: activation for activation in (tanh, relu, identity)}


@dataclass(frozen=True, eq=False)
class Weights:
    """A vector of L2(0, T): the weights, a perturbation, a gradient or a direction.  App. A.1.

    Parameters
    ----------
    W : array (L, N, N)
        Weights of the layers, float32 or float64.
    b : array (L, N, 1)
        Biases, of the same dtype and on the same device.
    horizon : float
        T, a positive scalar, in units of depth.

    Raises
    ------
    TypeError
        If an array is missing, of another dtype, or on another device.
    ValueError
        If the shapes disagree, a number is not finite, or the horizon is not positive.
    """

    W: np.ndarray
    b: np.ndarray
    horizon: float

    def __post_init__(self):
        """Check what was given; the kernels trust it from here on."""
        check_array("W", self.W, ("L", "N", "N"))
        L, N, _ = self.W.shape
        check_array("b", self.b, (L, N, 1), self.W.dtype)
        array_module(self.W, self.b)
        check_positive("horizon", self.horizon)

    @property
    def h(self):
        """The step T/L, a scalar, by Sec. 5 (T = 3, L = 150: h = 1/50); trusts its input."""
        return float(self.horizon) / len(self.W)  # a NumPy float64 would widen float32 arrays

    @property
    def times(self):
        """The midpoints t_l = (l + 1/2) h, shape (L,).  Source: this book; trusts its input."""
        return (np.arange(len(self.W)) + 0.5) * self.h

    def like(self, W, b):
        """Return a vector of the same space; W (L, N, N), b (L, N, 1).  Trusts its input.

        Source: App. A.1.  The kernels use it: their arrays need no second check.
        """
        vector = object.__new__(Weights)
        vector.__dict__.update(W=W, b=b, horizon=self.horizon)
        return vector

    def __add__(self, other):
        """Return self + other, of shapes (L, N, N), (L, N, 1).  App. A.1; Raises as `inner`."""
        check_space(self, other)
        return self.like(self.W + other.W, self.b + other.b)

    def __sub__(self, other):
        """Return self - other, of shapes (L, N, N), (L, N, 1).  App. A.1; Raises as `inner`."""
        check_space(self, other)
        return self.like(self.W - other.W, self.b - other.b)

    def __mul__(self, scalar):
        """Return scalar * self, of shapes (L, N, N), (L, N, 1).  App. A.1; trusts its input."""
        scalar = float(scalar)  # NumPy's float64 would widen float32
        return self.like(self.W * scalar, self.b * scalar)

    __rmul__ = __mul__

    def __neg__(self):
        """Return -self, of shapes (L, N, N), (L, N, 1).  App. A.1; trusts its input."""
        return self * -1.0

    def axpby(self, a, x, b):
        """Update self <- a x + b self in place, layer by layer, and return it; a, b scalars.

        Shapes (L, N, N), (L, N, 1).  Source: App. A.1, extended BLAS; Raises as `inner`.
        """
        check_space(self, x)
        axpby(a, x.W, b, self.W)
        axpby(a, x.b, b, self.b)
        return self

    def inner(self, other):
        """Return h * sum over layers of <W, W'>_F + <b, b'>, a scalar: <self, other> of App. A.1.

        On a GPU this waits for the device.  Raises TypeError unless `other` is a vector on the
        same device, ValueError unless it is of the same space: of the same L, N, T and dtype.
        """
        return inner_products((self, other))[0]

    def norm(self):
        """Return the L2(0, T) norm, a scalar.  App. A.1; trusts its input."""
        return self.inner(self) ** 0.5

    def copy(self):
        """Return a copy, shapes (L, N, N), (L, N, 1).  App. A.1; trusts its input."""
        return self.like(self.W.copy(), self.b.copy())

    def refined(self, m):
        """Return the same W(t), b(t) on finer layers, (m L, N, N), (m L, N, 1).

        Source: Euler's method, Sec. 5, with step h / m.  Raises ValueError unless m is a count.
        """
        check_count("m", m)
        return self.like(self.W.repeat(m, axis=0), self.b.repeat(m, axis=0))

    def empty_like(self):
        """Return a vector to fill, shapes (L, N, N), (L, N, 1).  App. A.1; trusts its input."""
        xp = array_module(self.W)
        return self.like(xp.empty_like(self.W), xp.empty_like(self.b))

    def to(self, xp):
        """Return the same vector, shapes kept, in the library xp (numpy or cupy).

        Source: this package; trusts its input.
        """
        return self.like(to_device(self.W, xp), to_device(self.b, xp))

    def save(self, path):
        """Write the vector (L, N, N), (L, N, 1) to `path`, an .npz file without pickles.

        Source: this package.  The file appears whole or not at all; Raises OSError.
        """
        with atomic(path) as file:
            np.savez(file, W=to_numpy(self.W), b=to_numpy(self.b), horizon=float(self.horizon))

    @staticmethod
    def load(path):
        """Read what `save` wrote: shapes (L, N, N), (L, N, 1).  Source: this package.

        Raises ValueError, naming the file, if it is not such a file; OSError if it cannot be read.
        """
        arrays = read_arrays(path)
        if not {"W", "b", "horizon"} <= arrays.keys():
            raise ValueError(f"{path}: expected W, b and horizon, got {', '.join(arrays)}")
        try:
            return Weights(arrays["W"], arrays["b"], float(arrays["horizon"]))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error


def inner_products(*pairs):
    """Return the L2(0, T) inner products of pairs of vectors, a list of float, in one GPU copy.

    Shapes (L, N, N), (L, N, 1).  Source: App. A.1; Raises as `Weights.inner`.
    """
    sums = [u.h * (dot(u.W, check_space(u, v).W) + dot(u.b, v.b)) for u, v in pairs]
    return to_numpy(array_module(pairs[0][0].W).stack(sums)).tolist()


def check_space(u, v):
    """Return v; refuse it if it is of another space than u, (L, N, N), (L, N, 1).  App. A.1.

    Broadcasting, or T of one of them, would hide it.  Raises TypeError, ValueError.
    """
    if not isinstance(v, Weights):
        raise TypeError(f"expected Weights, got {v!r:.60}")
    array_module(u.W, v.W)
    one, other = ((*w.W.shape[:2], w.horizon, w.W.dtype.name) for w in (u, v))
    if one != other:
        raise ValueError(f"vectors of one space: expected (L, N, T, dtype) {one}, got {other}")
    return v


def initial_weights(L, N, horizon=3.0, seed=0, std=0.001, start="iid", dtype=np.float32, xp=np):
    """Draw the initial weights W0(t), b0(t) of Sec. 5: normal with mean 0.

    Returns Weights of shapes (L, N, N) and (L, N, 1).  Raises ValueError if a number is out of
    range, `start` is unknown or the dtype is another.

    Parameters
    ----------
    L, N : int
        Layers and width (scalars).
    horizon, std : float
        T and the standard deviation, 0.001 in the text, 1/196 in the authors' prototype (scalars).
    seed : int
        Of the generator (scalar); NumPy draws, so both devices start alike.
    start : str
        "iid": every layer drawn anew (the paper's text); "spline": drawn at the four times 0, T/3,
        2T/3, T and joined by a cubic spline (the authors' prototype), smooth in t.
    dtype, xp : dtype, module
        float32 or float64; numpy or cupy.
    """
    for name, count in (("L", L), ("N", N)):
        check_count(name, count)
    check_positive("horizon", horizon)
    check_positive("std", std, zero=True)
    if start not in ("iid", "spline"):
        raise ValueError(f"start: expected 'iid' or 'spline', got {start!r}")
    dtype = check_dtype(dtype)
    rng = generator(seed)
    draws = rng.normal(0.0, std, (L if start == "iid" else 4, N, N + 1))
    if start == "spline":
        draws = CubicSpline(np.arange(4), draws)((np.arange(L) + 0.5) / L * 3)
    W, b = (np.ascontiguousarray(part, dtype) for part in (draws[:, :, :N], draws[:, :, N:]))
    return Weights(to_device(W, xp), to_device(b, xp), horizon)
