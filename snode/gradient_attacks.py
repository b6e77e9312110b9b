"""Attacks that climb a loss: projected gradient descent (PGD) and its single step, in l2.

    g = lam(0) for the solution lam of (8), lam(T) = derivative of the loss by x(T)
    x <- clip(x + s g / |g|) to the valid region                                     step
    x <- x0 + (x - x0) min(1, r / |x - x0|)                                          projection

The order and the projection are those of the Adversarial Robustness Toolbox (l2, no random start).
One step with s = r is the l2 version of Goodfellow et al.'s fast gradient method, "FGSM" in App. D.

Letters: N width, K images, C classes; x0, x, g (N, K), y one-hot (C, K), r radius, s step.
"""

from dataclasses import dataclass

from snode.arrays import array_module, to_device
from snode.cost import Cost
from snode.linearise import divisor, norms, unit
from snode.perturbed import (
    check_images,
    check_labels,
    check_settings,
    chunks,
    infer,
    nearest_valid,
    outcome,
)
from snode.scalars import check_positive


class Margin:
    """The loss max over i of z_i - z_y, i not the label y, a scalar for each image.

    Source: Carlini and Wagner 2017.  Trusts its input.
    """

    def terminal(self, z, y):
        """Return lambda(T) = e_i - e_y, i the strongest other class.  Eq. (8).

        Parameters
        ----------
        z : array (N, K)
            The outputs x(T).
        y : array (C, K)
            One-hot labels.  Trusts its input.

        Returns
        -------
        array (N, K)
        """
        xp, classes = array_module(z, y), len(y)
        others = xp.where(y > 0, xp.full_like(y, -xp.inf), z[:classes])
        lam = xp.zeros_like(z)
        lam[:classes] = -y
        lam[others.argmax(axis=0), xp.arange(z.shape[1])] = 1
        return lam


LOSSES = {
    "cross-entropy": Cost(mu2=1.0),
    "squared-error": Cost(mu1=1.0, readout="classes"),
    "margin": Margin(),
}


def pgd(
    flow,
    weights,
    x0,
    classes=10,
    labels=None,
    *,
    radius,
    step=0.06,
    iterations=15,
    loss="cross-entropy",
    box=(-1.0, 0.0),
    least_norm=True,
    chunk=250,
):
    """Attack by projected gradient ascent of a loss.  Sec. 5, App. D.4; Madry et al. 2018.

    Parameters
    ----------
    flow : Euler or RK45
        The discretisation.
    weights : Weights
        (L, N, N), (L, N, 1).
    x0 : array (N, K)
        Images inside the valid region.
    classes : int
        C, a scalar.
    labels : array (K,), optional
        Classes whose loss is climbed; without them the inferred classes.
    radius, step : float
        r and s, scalars in units of the input; 0.06 or 0.6 in App. D.4.
    iterations : int
        A scalar: 15 in Sec. 5.
    loss : str or Cost
        "cross-entropy", "squared-error" (both on the C outputs), "margin", or whatever has
        `terminal(z, y)`.
    box : (float, float) or None
        The valid region of every pixel.
    least_norm : bool
        True: of all points on the way that are misclassified, keep the one of least norm, for
        curves of success against norm.  False: keep the last point, as the Toolbox does.
    chunk : int
        How many images are solved for at once (scalar).

    Returns
    -------
    Attacked
        Success means that the inferred class changed, whatever the labels.

    Raises
    ------
    TypeError, ValueError
        Naming what does not fit.
    """
    check_settings(step, iterations, box, chunk)
    check_positive("radius", radius)
    check_images("x0", x0, weights, classes, box)
    climb = _Climb(_terminal(loss), float(radius), float(step), iterations, box, least_norm)
    xp, j = array_module(x0), infer(flow, weights, x0, classes, chunk)
    if labels is None:
        labels = j
    labels = to_device(check_labels("labels", labels, x0.shape[1], classes), xp)
    y = (xp.arange(classes)[:, None] == labels).astype(x0.dtype)
    parts = zip(chunks(x0, chunk), chunks(y, chunk), chunks(j, chunk), strict=True)
    found = zip(*(climb(flow, weights, *part) for part in parts), strict=True)
    x, final, kept_at = (xp.concatenate(part, axis=-1) for part in found)
    return outcome(x0, x, j, final, kept_at, xp.full_like(j, iterations))


def one_step(flow, weights, x0, classes=10, labels=None, *, radius, **settings):
    """Attack by one gradient step of length r, App. D.4's "FGSM" in l2: PGD with M = 1, s = r.

    Parameters
    ----------
    flow, weights, x0, classes, labels : as in `pgd`
        Images (N, K), labels (K,).
    radius : float
        r, a scalar in units of the input.
    **settings : str, tuple or int
        `loss`, `box` and `chunk` of `pgd`.

    Returns
    -------
    Attacked

    Raises
    ------
    TypeError, ValueError
        As `pgd` does.
    """
    fixed = {"radius": radius, "step": radius, "iterations": 1}
    return pgd(flow, weights, x0, classes, labels, **fixed, **settings)


@dataclass(frozen=True)
class _Climb:
    """The ascent of one chunk."""

    loss: object
    radius: float
    step: float
    iterations: int
    box: tuple | None
    least_norm: bool

    def __call__(self, flow, weights, x0, y, j):
        """Return the point kept of each image, its class and the step that led to it."""
        xp, x, path = array_module(x0), x0, flow.forward(weights, x0)
        kept, final, kept_at = x0, j, xp.zeros_like(j)
        least = xp.full_like(x0[0], xp.inf)
        for m in range(1, self.iterations + 1):
            lam_T = self.loss.terminal(path.end, y)
            g = flow.adjoint(weights, path, lam_T, keep=False).start
            x, norm = self.move(x, x0, g)
            path = flow.forward(weights, x)
            inferred = path.end[: len(y)].argmax(axis=0)
            better = (inferred != j) & (norm < least) & self.least_norm
            least = xp.where(better, norm, least)
            better = better | (m == self.iterations) & xp.isinf(least)  # nothing found: the last
            kept, final = xp.where(better, x, kept), xp.where(better, inferred, final)
            kept_at = xp.where(better, xp.full_like(j, m), kept_at)
        return kept, final, kept_at

    def move(self, x, x0, g):
        """Return the next point and its distance from x0."""
        x = nearest_valid(x + self.step * unit(g)[0], self.box)
        norm, xp = norms(x - x0), array_module(x)
        shrink = xp.minimum(1, self.radius / divisor(norm))
        x = nearest_valid(x0 + shrink * (x - x0), self.box)  # again, for the last digit
        return x, xp.minimum(norm, self.radius)


def _terminal(loss):
    """Return what has `terminal(z, y)`."""
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    if not hasattr(loss, "terminal"):
        names = ", ".join(LOSSES)
        raise ValueError(f"loss: expected one of {names} or a Cost, got {loss!r}")
    return loss
