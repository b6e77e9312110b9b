"""Projected gradient ascent and the single gradient step."""

import numpy as np
import pytest
from conftest import make_problem

from snode import Cost, Euler, relu, tanh
from snode.arrays import to_numpy
from snode.cost import cross_entropy
from snode.gradient_attacks import LOSSES, Margin, one_step, pgd
from snode.perturbed import infer

C = 4


def images(xp, K=12, **options):
    p = make_problem(xp, K=K, size=0.4, **options)
    return p.weights, (xp.tanh(p.x0) - 1) / 2


def loss_of(name, z, y):
    """The losses once more, on the CPU, for one image: z, y (C,)."""
    if name == "cross-entropy":
        return cross_entropy(z[:, None], y[:, None])
    if name == "squared-error":
        return ((z - y) ** 2).sum() / 2
    return z[y == 0].max() - z[y == 1][0]


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("activation", [tanh, relu])
def test_result_stays_in_ball_and_box(xp, loss, activation):
    weights, x0 = images(xp)
    flow, settings = Euler(activation), {"radius": 0.4, "step": 0.15, "loss": loss}
    for least_norm in (True, False):
        r = pgd(flow, weights, x0, C, **settings, least_norm=least_norm)
        x = to_numpy(r.x)
        assert x.min() >= -1 and x.max() <= 0 and r.norm.max() <= 0.4 * (1 + 1e-12)
        np.testing.assert_allclose(r.norm, np.linalg.norm(x - to_numpy(x0), axis=0), rtol=1e-12)
        np.testing.assert_array_equal(r.final, to_numpy(infer(flow, weights, r.x, C)))
        np.testing.assert_array_equal(r.success, r.final != r.initial)
        assert (r.gradients == 15).all()


@pytest.mark.parametrize("loss", list(LOSSES))
def test_first_step_is_the_gradient_by_central_differences(xp, loss):
    weights, x0 = images(xp, K=3)
    flow, length = Euler(tanh), 1e-3
    r = one_step(flow, weights, x0, C, radius=length, loss=loss, box=None)
    step, y = to_numpy(r.x - x0) / length, np.eye(C)[:, r.initial]
    unit = np.eye(13)[:, :, None] * 1e-5
    for k in range(3):
        moved = [x0[:, k : k + 1] + s * xp.asarray(unit[:, :, 0]) for s in (1, -1)]
        z = [to_numpy(flow.forward(weights, x).end)[:C] for x in moved]
        values = [[loss_of(loss, column, y[:, k]) for column in outputs.T] for outputs in z]
        g = np.subtract(*values)
        np.testing.assert_allclose(step[:, k], g / np.linalg.norm(g), atol=1e-8)


@pytest.mark.parametrize("radius", [0.5, 0.25])
def test_least_norm_keeps_the_best_point_on_the_way(xp, radius):
    """Redo the ascent with ever more steps: its last points are the points on the way."""
    weights, x0 = images(xp)
    flow, settings = Euler(tanh), {"radius": radius, "step": 0.1}
    norms = np.full((9, x0.shape[1]), np.inf)
    for m in range(1, 9):
        last = pgd(flow, weights, x0, C, iterations=m, least_norm=False, **settings)
        norms[m] = np.where(last.success, last.norm.round(9), np.inf)
        r = pgd(flow, weights, x0, C, iterations=m, **settings)
        least = norms.min(axis=0)
        np.testing.assert_array_equal(r.success, np.isfinite(least))
        np.testing.assert_allclose(r.norm[r.success], least[r.success], rtol=1e-8)
        kept_at = np.where(r.success, norms.argmin(axis=0), m)  # of points alike, the first
        np.testing.assert_array_equal(r.iterations, kept_at)
        assert r.iterations.dtype.kind == r.gradients.dtype.kind == "i"
    assert r.success.any() and (r.norm <= 0.1 * r.iterations + 1e-9).all()


def test_the_step_is_cut_at_the_edge_before_it_is_shortened(xp):
    """The order of the Toolbox: step, valid region, ball."""
    weights, x0 = images(xp)
    unit = to_numpy(one_step(Euler(tanh), weights, x0, C, radius=1.0, box=None).x - x0)
    d = (to_numpy(x0) + 0.6 * unit).clip(-1, 0) - to_numpy(x0)
    expected = to_numpy(x0) + np.minimum(1, 0.3 / np.linalg.norm(d, axis=0)) * d
    r = pgd(Euler(tanh), weights, x0, C, radius=0.3, step=0.6, iterations=1)
    np.testing.assert_allclose(to_numpy(r.x), expected, atol=1e-12)


def test_an_image_does_not_depend_on_its_neighbours(xp):
    weights, x0 = images(xp)
    settings = {"radius": 0.5, "step": 0.1}
    together = pgd(Euler(tanh), weights, x0, C, chunk=5, **settings)
    alone = pgd(Euler(tanh), weights, x0[:, 7:8], C, **settings)
    np.testing.assert_allclose(to_numpy(alone.x)[:, 0], to_numpy(together.x)[:, 7], atol=1e-11)


def test_labels_steer_the_ascent(xp):
    """Climbing away from another class than the inferred one leads elsewhere."""
    weights, x0 = images(xp)
    flow = Euler(tanh)
    own = pgd(flow, weights, x0, C, radius=0.3)
    same = pgd(flow, weights, x0, C, own.initial, radius=0.3)
    other = pgd(flow, weights, x0, C, (own.initial + 1) % C, radius=0.3)
    np.testing.assert_array_equal(to_numpy(same.x), to_numpy(own.x))
    assert np.abs(to_numpy(other.x) - to_numpy(own.x)).max() > 0.01


def test_one_step_is_pgd_with_one_step_of_the_radius(xp):
    weights, x0 = images(xp)
    labels = (to_numpy(infer(Euler(tanh), weights, x0, C)) + 1) % C
    one = one_step(Euler(tanh), weights, x0, C, labels, radius=0.3)
    same = pgd(Euler(tanh), weights, x0, C, labels, radius=0.3, step=0.3, iterations=1)
    np.testing.assert_array_equal(to_numpy(one.x), to_numpy(same.x))
    assert (one.gradients == 1).all()


def test_the_settings_of_the_paper_are_the_defaults(xp):
    weights, x0 = images(xp)
    paper = {"step": 0.06, "iterations": 15, "loss": "cross-entropy", "box": (-1.0, 0.0)}
    calls = [(pgd, {"least_norm": True} | paper), (one_step, {"loss": "cross-entropy"})]
    for function, settings in calls:
        default = function(Euler(tanh), weights, x0, radius=0.3)
        given = function(Euler(tanh), weights, x0, 10, None, radius=0.3, **settings)
        np.testing.assert_array_equal(to_numpy(default.x), to_numpy(given.x))
        np.testing.assert_array_equal(default.gradients, given.gradients)


def test_a_cost_may_be_the_loss(xp):
    weights, x0 = images(xp)
    named = pgd(Euler(tanh), weights, x0, C, radius=0.3, loss="cross-entropy")
    given = pgd(Euler(tanh), weights, x0, C, radius=0.3, loss=Cost(mu2=2.0))
    np.testing.assert_allclose(to_numpy(given.x), to_numpy(named.x), atol=1e-12)


def test_margin_pairs_the_label_with_its_strongest_rival(xp):
    z = xp.asarray(np.array([[3.0, 1.0], [2.0, 5.0], [9.0, 4.0], [99.0, 99.0]]))
    y = xp.asarray(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    lam = to_numpy(Margin().terminal(z, y))
    np.testing.assert_array_equal(lam, [[1, 0], [0, -1], [-1, 1], [0, 0]])


class SinglePrecision(Cost):
    """A loss that takes nothing but float32."""

    def terminal(self, z, y):
        assert z.dtype == y.dtype == np.float32
        return super().terminal(z, y)


def test_float32_stays_float32(xp):
    weights, x0 = images(xp, dtype=np.float32)
    for loss in (SinglePrecision(mu2=1.0), *LOSSES):
        r = pgd(Euler(tanh), weights, x0, C, radius=0.3, loss=loss)
        assert r.x.dtype == np.float32
    for numbers in (
        {"step": np.float64(0.1)},
        {"radius": np.float64(0.3)},
        {"box": np.array([-9.0, 9.0])},
    ):
        assert pgd(Euler(tanh), weights, x0, C, **{"radius": 0.3} | numbers).x.dtype == np.float32


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"radius": 0.0}, "radius: expected"),
        ({"radius": np.inf}, "radius: expected"),
        ({"radius": 1.0, "step": -1.0}, "step: expected"),
        ({"radius": 1.0, "iterations": 0}, "iterations: expected"),
        (
            {"radius": 1.0, "loss": "l2"},
            "loss: expected one of cross-entropy, squared-error, margin or .*'l2'",
        ),
        ({"radius": 1.0, "box": (0.0, 1.0)}, "x0: expected values in the valid region"),
        ({"radius": 1.0, "box": (0.0, -1.0)}, "box: expected"),
        ({"radius": 1.0, "labels": [0, 1]}, "labels: expected integers"),
    ],
)
def test_bad_settings_are_named(xp, settings, message):
    weights, x0 = images(xp)
    with pytest.raises(ValueError, match=f"^{message}"):
        pgd(Euler(tanh), weights, x0, C, **settings)
