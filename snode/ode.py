"""Dormand and Prince's explicit Runge-Kutta method of order 5(4): the "ODE45" of Sec. 5.

For y' = f(t, y), from t to t + h, with the stages k_1 = f(t, y), ..., k_7:

    k_i = f(t + c_i h, y + h sum_j a_ij k_j),   y_new = y + h sum_j a_7j k_j
    error = h sum_j e_j k_j                     between the formulas of order 5 and 4
    y(t + u h) = cubic through both ends and slopes + u^2 (1 - u)^2 h sum_j d_j k_j,  0 <= u <= 1

k_7 = f(t + h, y_new) is the next step's k_1: six evaluations a step.  The last line has order 4.
A step is accepted if the *largest* component of |error| / max(rtol |y|, atol) is at most 1.  All
columns share the steps: a column depends on its neighbours, at the size of the tolerance.

Sources: Dormand and Prince 1980 (a, c, e); Hairer, Norsett and Wanner, Solving ODEs I, Sec. II.6,
DOPRI5 (d); Shampine and Reichelt 1997, ode45 (norm, first step, step control).
Letters: y (any shape) state, h signed step, k (7, *y's shape) stages, u place within a step.
"""

import itertools
import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from snode.arrays import array_module, check_array
from snode.scalars import check_count, check_positive

# fmt: off
C = (0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
A = np.array([
    [0, 0, 0, 0, 0, 0, 0],
    [1 / 5, 0, 0, 0, 0, 0, 0],
    [3 / 40, 9 / 40, 0, 0, 0, 0, 0],
    [44 / 45, -56 / 15, 32 / 9, 0, 0, 0, 0],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0, 0, 0],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0, 0],
    [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0],
])
E = np.array([71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])
D = np.array([
    -12715105075 / 11282082432, 0, 87487479700 / 32700410799, -10690763975 / 1880347072,
    701980252875 / 199316789632, -1453857185 / 822651844, 69997945 / 29380423,
])
# fmt: on
SAFETY, GROWTH, SHRINK = 0.8, 5.0, 0.1


class Statistics(NamedTuple):
    """Accepted and rejected steps, evaluations of f: scalars.  Source: ode45; trusts its input."""

    accepted: int
    rejected: int
    evaluations: int


@dataclass(frozen=True, eq=False)
class Solution:
    """A solution y(t), in ascending time whichever way it was computed.  Source: DOPRI5.

    Parameters
    ----------
    times, values, slopes : list of n + 1 floats or arrays (any shape)
        The ends of the steps, ascending; y and f(t, y) there.
    bubbles : list of n arrays (the same shape)
        h sum_j d_j k_j of each step.
    statistics : Statistics
        What it cost.  Trusts its input.
    """

    times: list
    values: list
    slopes: list
    bubbles: list
    statistics: Statistics

    @property
    def start(self):
        """The value at the smaller end of the time span, y's shape.  Eq. (1); trusts its input."""
        return self.values[0]

    @property
    def end(self):
        """The value at the larger end of the time span, y's shape.  Eq. (1); trusts its input."""
        return self.values[-1]

    def __call__(self, t):
        """Return y(t), of y's shape, for a scalar t; Raises: as `sample`.  Source: DOPRI5."""
        return self.sample([t])[0]

    def columns(self, k):
        """Return the solution for the columns k, indices (M,), alone.

        Source: this package; trusts its input.
        """
        arrays = ([a[..., k] for a in part] for part in (self.values, self.slopes, self.bubbles))
        return Solution(self.times, *arrays, self.statistics)

    def sample(self, times):
        """Return y at m times, near one another, by one matrix product.  Source: DOPRI5.

        Parameters
        ----------
        times : sequence of m floats
            Within the time span.

        Returns
        -------
        array (m, ...)
            y at these times; at the end of a step, the step's own value.

        Raises
        ------
        ValueError
            If a time lies outside the span.
        """
        places = [self._place(t) for t in times]
        first = min(places)[0]
        n = max(places)[0] - first + 1
        c = np.zeros((len(places), 3 * n + 2))
        for row, (i, h, u) in zip(c, places):
            i, v = i - first, 1 - u
            row[i : i + 2] = v * v * (1 + 2 * u), u * u * (3 - 2 * u)
            row[n + 1 + i : n + 3 + i] = h * u * v * v, -h * u * u * v
            row[2 * n + 2 + i] = (u * v) ** 2
        nodes, steps = slice(first, first + n + 1), slice(first, first + n)
        stack = self.values[nodes] + self.slopes[nodes] + self.bubbles[steps]
        xp = array_module(self.start)
        return _combine(xp.asarray(c, self.start.dtype), xp.stack(stack))

    def _place(self, t):
        """Return (i, h, u): t is at the fraction u of step i, of length h."""
        start, end = self.times[0], self.times[-1]
        slack = 1e-12 * (end - start)  # a stage's time may overstep the end by rounding
        if not start - slack <= t <= end + slack:
            raise ValueError(f"t: expected a time within [{start}, {end}], got {t!r}")
        i = min(max(bisect_right(self.times, t) - 1, 0), len(self.bubbles) - 1)
        h = self.times[i + 1] - self.times[i]
        return i, h, min(max((t - self.times[i]) / h, 0.0), 1.0)


def solve(
    f, t_span, y0, rtol=1e-3, atol=1e-6, first_step=None, max_step=None, max_steps=10**5, keep=True
):
    """Solve y' = f(t, y) from t0 to t1, forwards or backwards.  Source: ode45, see the module.

    The next step is 0.8 err^(-1/5) times the last, at most 5 times, and no longer after a
    rejection; a first rejection shortens to no less than a tenth, each further one halves.

    Parameters
    ----------
    f : callable
        f(t, y) -> array of y's shape, dtype and device; t is a scalar.
    t_span : (float, float)
        t0 and t1, scalars; t1 < t0 integrates backwards.
    y0 : array (any shape, with an axis)
        y(t0), float32 or float64; the solution keeps the dtype.
    rtol, atol : float
        Scalar tolerances: err = max |error| / max(rtol max(|y|, |y_new|), atol).
    first_step, max_step : float, optional
        Scalars; as in ode45 the first attempt is 0.8 rtol^(1/5) / max(|f| / max(|y0|, atol/rtol))
        by default, the longest step a tenth of the span.
    max_steps : int
        The largest number of steps (scalar).
    keep : bool
        False: of the solution, only `.start`, `.end` and `.statistics` are worth reading.

    Returns
    -------
    Solution
        Ascending in time: `.start` is the value at min(t_span).

    Raises
    ------
    TypeError
        If y0 is no float32 or float64 array, or f(t0, y0) is not of the same dtype.
    ValueError
        If a tolerance, time, step or count is out of range, y0 or f(t0, y0) is not finite, or f's
        shape is wrong.
    FloatingPointError
        If the step underflows, as where the solution or f stops being finite on the way.
    RuntimeError
        If max_steps do not reach t1.
    """
    longest = _check(t_span, y0, rtol, atol, first_step, max_step)
    check_count("max_steps", max_steps)
    xp, (t, t1) = array_module(y0), map(float, t_span)
    k = xp.empty((7, *y0.shape), y0.dtype)
    k[0] = check_array("f(t0, y0)", f(t, y0), y0.shape, y0.dtype)
    table, e, d = (xp.asarray(a, y0.dtype) for a in (A, E, D))
    shortest = 16 * math.ulp(max(abs(t), abs(t1)))  # times are float64 whatever y's dtype
    control = rtol, atol, shortest, longest, table, e
    size = first_step or SAFETY * rtol**0.2 / max(_norm(k[0], y0, y0, 1, atol / rtol), 1e-300)
    y, steps, rejected = y0.copy(), 0, 0
    times, values, slopes, bubbles = [t], [y], [k[0].copy()], []
    while t != t1:
        if steps == max_steps:
            raise RuntimeError(f"{max_steps} steps within {t_span} reached only t = {t}")
        t, h, y, size, failures = _advance(f, t, t1, y, k, size, control)
        if keep or t == t1:
            times.append(t)
            values.append(y)
            slopes.append(k[6].copy())
            bubbles.append(_combine(h * d, k))
        k[0], steps, rejected = k[6], steps + 1, rejected + failures
    if not bool(xp.isfinite(y).all()):  # y + h k may overflow although k and the error are finite
        raise FloatingPointError(f"the solution is not finite at t = {t}, last step {h}")
    cost = Statistics(steps, rejected, 1 + 6 * (steps + rejected))
    way = -1 if times[0] > t1 else 1
    return Solution(*(a[::way] for a in (times, values, slopes, bubbles)), cost)


def _step(f, t, y, h, k, table):
    """Return y(t + h) of order 5; k[0] = f(t, y) is given, k[1:] are filled."""
    for i in range(1, 7):
        y_new = _combine(h * table[i, :i], k[:i])
        y_new += y
        k[i] = f(t + C[i] * h, y_new)
    return y_new


def _advance(f, t, t1, y, k, size, control):
    """Make one accepted step from t towards t1: new t, h, new y, next size, rejections."""
    rtol, atol, shortest, longest, table, e = control
    for failures in itertools.count():
        size = min(max(size, shortest), longest)
        arrives = 1.1 * size >= abs(t1 - t)
        h = t1 - t if arrives else math.copysign(size, t1 - t)
        with np.errstate(over="ignore", invalid="ignore"):  # a NaN norm shortens the step
            y_new = _step(f, t, y, h, k, table)
            err = _norm(_combine(h * e, k), y, y_new, rtol, atol)
        if err <= 1:
            break
        if abs(h) <= shortest:
            raise FloatingPointError(f"step underflow at t = {t}: step {h}, error norm {err}")
        size = abs(h) * (0.5 if failures else max(SHRINK, SAFETY * err**-0.2))
    size = abs(h) * (1.0 if failures else min(GROWTH, SAFETY * max(err, 1e-300) ** -0.2))
    return t1 if arrives else t + h, h, y_new, size, failures


def _norm(error, y, y_new, rtol, atol):
    """Return max |error| / max(rtol |y|, atol): the one copy to the host in a step."""
    xp = array_module(y)
    least = max(atol, float(np.finfo(y.dtype).tiny))  # 0 in float32 would make 0/0
    weight = xp.maximum(rtol * xp.maximum(abs(y), abs(y_new)), least)
    return float((abs(error) / weight).max())


def _combine(c, k):
    """Return sum_j c[..., j] k[j]."""
    return (c @ k.reshape(len(k), -1)).reshape(c.shape[:-1] + k.shape[1:])


def _check(t_span, y0, rtol, atol, first_step, max_step):
    """Refuse what `solve` cannot work with; return the longest step."""
    check_array("y0", y0, (...,))
    t0, t1 = t_span
    if not math.isfinite(t1 - t0) or t0 == t1:
        raise ValueError(f"t_span: expected two different finite times, got {t_span!r}")
    longest = abs(t1 - t0) / 10 if max_step is None else max_step
    first = longest if first_step is None else first_step
    check_rtol(rtol, y0.dtype)
    for name, value in ("atol", atol), ("max_step", longest), ("first_step", first):
        check_positive(name, value)
    return longest


def check_rtol(rtol, dtype):
    """Refuse a relative tolerance, a scalar, within reach of the dtype's rounding.

    Source: ode45, which has 100 eps where this has 10; Raises ValueError.
    """
    least = 10 * float(np.finfo(dtype).eps)
    if not least < rtol < math.inf:
        raise ValueError(f"rtol: expected a number above {least:.3g} in {dtype}, got {rtol!r}")
