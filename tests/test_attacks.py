"""Algorithm 2, targeted, untargeted and nine-fold."""

import re

import numpy as np
import pytest
from conftest import make_problem

from snode import Euler, Weights, tanh
from snode.arrays import array_module, to_numpy
from snode.attacks import Attacked, Rule, attack, nine_targets, smaller
from snode.gradient_attacks import pgd
from snode.linearise import jacobian_rows, least_norm_step, least_norms
from snode.network import identity
from snode.perturbed import check_images, infer
from snode.rk45 import RK45

C = 4
FREE = {"box": None, "iterations": 60, "step": 0.05}


def images(xp, K=12, **options):
    """Five or more images inside [-1, 0], and a network that changes them a good deal."""
    p = make_problem(xp, K=K, size=0.4, **options)
    return p.weights, (xp.tanh(p.x0) - 1) / 2


def classes_of(flow, weights, x):
    return to_numpy(infer(flow, weights, x, C))


def linear_layer(xp, matrix, bias):
    """One identity layer with T = 1: the output is x + W x + b = matrix x + bias."""
    matrix, bias = (np.asarray(a, dtype=float) for a in (matrix, bias))
    W = xp.asarray((matrix - np.eye(len(matrix)))[None])
    return Weights(W, xp.asarray(bias[None, :, None]), 1.0)


@pytest.mark.parametrize("settings", [{}, {"cap": True}, {"kappa": 1.0}, {"literal": False}])
def test_result_is_consistent_and_inside_the_valid_region(xp, settings):
    weights, x0 = images(xp)
    flow = Euler(tanh)
    r = attack(flow, weights, x0, C, step=0.1, **settings)
    x, clean = to_numpy(r.x), to_numpy(x0)
    assert x.min() >= -1 and x.max() <= 0
    np.testing.assert_allclose(r.norm, np.linalg.norm(x - clean, axis=0), rtol=1e-12)
    assert (r.norm <= 0.1 * r.iterations * (1 + 1e-12)).all()
    np.testing.assert_array_equal(r.initial, classes_of(flow, weights, x0))
    np.testing.assert_array_equal(r.final, classes_of(flow, weights, r.x))
    np.testing.assert_array_equal(r.success, r.final != r.initial)
    np.testing.assert_array_equal(r.gradients, C * r.iterations)
    assert r.success.any() and (r.iterations[~r.success] == 15).all()
    np.testing.assert_array_equal(clean, to_numpy(images(xp)[1]))


def algorithm_2(weights, x, i=None, kappa=0.975, margin=0.0, cap=False, literal=True):
    """Algorithm 2 for one image (N, 1), line by line: x and the steps of length 0.1 or less."""
    flow, target = Euler(tanh), i
    j = flow.forward(weights, x).end[:C].argmax(axis=0)
    fooled, m = False, 0
    while not fooled and m < 15:
        m += 1
        path = flow.forward(weights, x)
        z, P = path.end[:C], jacobian_rows(flow, weights, path, C)
        kappas = array_module(x).full_like(z, kappa)
        if not literal:
            kappas[z[j[0]] - kappa * z + margin <= 0] = 1.0
        i = least_norms(z, P, j, kappas, margin).argmin(axis=0) if target is None else target
        xi0 = least_norm_step(z, P, i, j, float(kappas[i[0], 0]), margin)
        length = float((xi0**2).sum() ** 0.5)
        x = (x + (min(0.1, length) if cap else 0.1) / length * xi0).clip(-1, 0)
        fooled = bool(flow.forward(weights, x).end[:C].argmax(axis=0) != j)
    return to_numpy(x)[:, 0], m


RULES = {
    "literal": {},
    "margin": {"margin": 3.0},
    "mended": {"literal": False, "kappa": 0.6, "margin": 0.05},
    "capped": {"cap": True, "margin": 0.3, "kappa": 0.8},
}


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_the_attack_is_algorithm_2(xp, rule, targeted):
    weights, x0 = images(xp)
    i = None
    if targeted:
        i = (infer(Euler(tanh), weights, x0, C) + xp.arange(12) % 3 + 1) % C
    r = attack(Euler(tanh), weights, x0, C, i, step=0.1, **RULES[rule])
    for k in range(12):
        one = slice(k, k + 1)
        x, m = algorithm_2(weights, x0[:, one], i if i is None else i[one], **RULES[rule])
        np.testing.assert_allclose(to_numpy(r.x)[:, k], x, rtol=0, atol=1e-10)
        assert r.iterations[k] == m


@pytest.mark.numpy_only
def test_the_settings_of_the_prototype_are_the_defaults():
    assert Rule() == Rule(0.06, 15, 0.975, 0.0, False, True, (-1.0, 0.0), 250)


def test_ten_classes_by_default(xp):
    weights, x0 = images(xp, K=4)
    for function in (attack, nine_targets):
        default, ten = (function(Euler(tanh), weights, x0, *classes) for classes in ((), (10,)))
        np.testing.assert_array_equal(to_numpy(default.x), to_numpy(ten.x))
        np.testing.assert_array_equal(default.gradients, ten.gradients)


def test_an_image_does_not_depend_on_its_neighbours(xp):
    weights, x0 = images(xp)
    flow = Euler(tanh)
    together = attack(flow, weights, x0, C, step=0.1)
    chunked = attack(flow, weights, x0, C, step=0.1, chunk=5)
    np.testing.assert_allclose(to_numpy(chunked.x), to_numpy(together.x), atol=1e-12)
    for k in range(x0.shape[1]):
        alone = attack(flow, weights, x0[:, k : k + 1], C, step=0.1)
        np.testing.assert_allclose(to_numpy(alone.x)[:, 0], to_numpy(together.x)[:, k], atol=1e-12)
        assert alone.iterations[0] == together.iterations[k]
        assert alone.final[0] == together.final[k]


def test_linear_outputs_fall_in_the_predicted_number_of_steps(xp):
    """The direction never changes, and so (15) with kappa = 1 counts the steps to the border."""
    p = make_problem(xp, size=0.3, K=8)
    flow = Euler(identity)
    path = flow.forward(p.weights, p.x0)
    z = path.end[:2]
    j = z.argmax(axis=0)
    P = jacobian_rows(flow, p.weights, path, 2)
    distance = to_numpy(least_norms(z, P, j)).min(axis=0)
    step = float(distance.max()) / 7.5
    settings = {"box": None, "kappa": 1.0, "step": step}
    for target in (None, 1 - j):
        r = attack(flow, p.weights, p.x0, 2, target, **settings)
        np.testing.assert_array_equal(r.iterations, np.ceil(distance / step))
        np.testing.assert_allclose(r.norm, step * r.iterations, rtol=1e-9)
        assert r.success.all() and (r.final == to_numpy(1 - j)).all()
        assert r.gradients.sum() == (2 if target is None else 1) * r.iterations.sum()


def test_a_capped_step_lands_where_15_says(xp):
    """For linear outputs one step suffices if a margin carries it over the border."""
    p = make_problem(xp, size=0.3, K=8)
    flow = Euler(identity)
    path = flow.forward(p.weights, p.x0)
    z = path.end[:2]
    P, j = jacobian_rows(flow, p.weights, path, 2), z.argmax(axis=0)
    settings = {"box": None, "kappa": 1.0, "margin": 1e-6, "step": 1e3, "cap": True}
    r = attack(flow, p.weights, p.x0, 2, **settings)
    distance = to_numpy(least_norms(z, P, j, 1.0, 1e-6)).min(axis=0)
    np.testing.assert_allclose(r.norm, distance, rtol=1e-9)
    assert (r.iterations == 1).all() and r.success.all()
    uncapped = attack(flow, p.weights, p.x0, 2, **{**settings, "cap": False})
    np.testing.assert_allclose(uncapped.norm, 1e3, rtol=1e-9)


def test_target_of_the_moving_attack_first_is_the_class_of_least_15(xp):
    weights, x0 = images(xp)
    flow = Euler(tanh)
    path = flow.forward(weights, x0)
    z = path.end[:C]
    P, j = jacobian_rows(flow, weights, path, C), z.argmax(axis=0)
    i = to_numpy(least_norms(z, P, j, 0.975)).argmin(axis=0)
    moving = attack(flow, weights, x0, C, iterations=1)
    fixed = attack(flow, weights, x0, C, i, iterations=1)
    np.testing.assert_allclose(to_numpy(moving.x), to_numpy(fixed.x), atol=1e-13)


def test_the_continuous_flow_is_attacked_alike(xp):
    """The same weights, read by RK45 instead of Euler's method."""
    weights, x0 = images(xp, K=4)
    flow = RK45(tanh)
    r = attack(flow, weights, x0, C, step=0.3, iterations=4)
    np.testing.assert_array_equal(r.final, classes_of(flow, weights, r.x))
    assert r.success.any() and to_numpy(r.x).max() <= 0
    p = pgd(flow, weights, x0, C, radius=1.0, step=0.3, iterations=4)
    assert p.success.any() and p.norm.max() <= 1 + 1e-12


def test_nine_targets_is_the_best_of_them(xp):
    weights, x0 = images(xp)
    flow = Euler(tanh)
    best = nine_targets(flow, weights, x0, C, step=0.1)
    j = classes_of(flow, weights, x0)
    each = [attack(flow, weights, x0, C, (j + s) % C, step=0.1) for s in (1, 2, 3)]
    norms = np.min([np.where(r.success, r.norm, np.inf) for r in each], axis=0)
    np.testing.assert_array_equal(best.success, np.isfinite(norms))
    np.testing.assert_array_equal(best.norm[best.success], norms[best.success])
    np.testing.assert_array_equal(best.gradients, sum(r.gradients for r in each))
    np.testing.assert_array_equal(best.final, classes_of(flow, weights, best.x))


def test_moving_target_is_no_worse_than_targets_for_linear_outputs(xp):
    """The nearest border is straight ahead: the moving target needs the fewest steps."""
    p = make_problem(xp, size=0.3, K=8)
    settings = {**FREE, "kappa": 1.0, "step": 0.02, "iterations": 400}
    moving = attack(Euler(identity), p.weights, p.x0, C, **settings)
    nine = nine_targets(Euler(identity), p.weights, p.x0, C, **settings)
    assert moving.success.all() and nine.success.all()
    assert (moving.norm <= nine.norm + 0.02).all()


def test_a_third_class_may_win(xp):
    """Class 1 is the target, class 2 rises faster along its direction."""
    weights = linear_layer(xp, [[-1, 0, 0], [1, 0, 0], [3, 0, 0]], [1, 0, -0.5])
    x0 = xp.zeros((3, 1))
    r = attack(Euler(identity), weights, x0, 3, np.array([1]), box=None, step=0.02, iterations=40)
    assert r.success[0] and r.initial[0] == 0 and r.final[0] == 2


def test_negative_outputs_literally_and_mended(xp):
    """Read literally the attack flees from the runner-up; `literal=False` reaches it."""
    weights = linear_layer(xp, np.eye(3), [-1.0, -1.02, -9.0])
    x0 = xp.zeros((3, 1))
    literal = attack(Euler(identity), weights, x0, 3, box=None, iterations=10, kappa=0.9)
    mended = attack(
        Euler(identity), weights, x0, 3, box=None, iterations=10, kappa=0.9, literal=False
    )
    assert not literal.success[0] and to_numpy(literal.x)[1, 0] < -0.05
    assert mended.success[0] and mended.final[0] == 1 and mended.iterations[0] == 1


def test_on_the_border_the_step_leads_to_the_other_class(xp):
    """z_j = kappa z_i: for kappa = 1 a tie; for kappa < 1 the pair counts as negative."""
    tie = linear_layer(xp, np.eye(3), [1.0, 1.0, 0.0])
    r = attack(Euler(identity), tie, xp.zeros((3, 1)), 3, box=None, kappa=1.0)
    assert r.initial[0] == 0 and r.final[0] == 1 and r.iterations[0] == 1
    negative = linear_layer(xp, np.eye(3), [-1.0, -2.0, -9.0])
    settings = {"box": None, "kappa": 0.5, "iterations": 1, "step": 0.5**0.5, "literal": False}
    r = attack(Euler(identity), negative, xp.zeros((3, 1)), 3, **settings)
    np.testing.assert_allclose(to_numpy(r.x)[:, 0], [-0.5, 0.5, 0.0], atol=1e-15)


def test_no_way_to_the_target_leaves_the_image_where_it_is(xp):
    weights = linear_layer(xp, np.zeros((3, 3)), [1.0, 0.0, 0.0])
    for target in (None, np.array([1])):
        r = attack(Euler(identity), weights, xp.zeros((3, 1)), 3, target)
        assert not r.success[0] and r.norm[0] == 0 and r.iterations[0] == 15


def test_nearest_valid_point_is_used(xp):
    """The straight way leads out of the region: the image stays on its edge and still succeeds."""
    weights = linear_layer(xp, [[1, 0, 0], [0, 2, 0], [0, 0, 0]], [3.0, 2.4, 0.0])
    x0 = xp.asarray([[-0.5], [-0.1], [0.0]])
    r = attack(Euler(identity), weights, x0, 3, kappa=1.0, step=0.05)
    assert r.success[0] and r.iterations[0] == 5
    expected = [-0.5 - 5 * 0.05 / 5**0.5, 0.0, 0.0]  # along (-1, 2, 0), cut at the edge
    np.testing.assert_allclose(to_numpy(r.x)[:, 0], expected, atol=1e-14)


def test_smaller_keeps_the_least_success():
    def found(x, norm, success):
        count = np.array([1, 2, 3, 4])
        return Attacked(
            np.full((2, 4), x), np.array(norm), count, count, count, np.array(success), count
        )

    a = found(1.0, [1.0, 2.0, 1.0, 1.0], [True, True, False, True])
    b = found(2.0, [0.5, 3.0, 9.0, 1.0], [True, True, True, True])
    best = smaller(a, b)
    np.testing.assert_array_equal(best.x[0], [2, 1, 2, 1])  # of two alike, the first
    np.testing.assert_array_equal(best.norm, [0.5, 2.0, 9.0, 1.0])
    np.testing.assert_array_equal(best.success, [True, True, True, True])
    np.testing.assert_array_equal(best.gradients, [2, 4, 6, 8])


def test_float32_stays_float32(xp):
    weights, x0 = images(xp, dtype=np.float32)
    assert attack(Euler(tanh), weights, x0, C, cap=True, margin=0.1).x.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("step", 0.0),
        ("step", float("nan")),
        ("iterations", 0),
        ("iterations", 2.0),
        ("kappa", 0.0),
        ("kappa", 1.1),
        ("margin", -0.1),
        ("margin", float("inf")),
        ("box", (1.0, 0.0)),
        ("chunk", 0),
    ],
)
def test_settings_out_of_range_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name}: expected.*{re.escape(str(value))}"):
        Rule(**{name: value})


def test_a_border_that_float32_rounds_outwards_is_valid(xp):
    box = (-0.1, 0.1)
    x = xp.asarray(np.float32([[-0.1], [0.1], [0.0]]))
    weights = Weights(xp.zeros((2, 3, 3), np.float32), xp.zeros((2, 3, 1), np.float32), 3.0)
    check_images("x", x, weights, 2, box)
    with pytest.raises(ValueError, match="x: expected values in the valid region"):
        check_images("x", x * np.float32(1.001), weights, 2, box)


def test_bad_images_and_targets_are_refused(xp):
    weights, x0 = images(xp)
    flow, j = Euler(tanh), classes_of(Euler(tanh), *images(xp))
    for bad, message in [
        (-x0, "valid region"),
        (x0[:5], "x0: expected shape"),
        (x0[:, :0], "no length 0"),
        (xp.full_like(x0, xp.nan), "finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            attack(flow, weights, bad, C)
        with pytest.raises(ValueError, match=f"^x0: .*{message.removeprefix('x0: ')}"):
            nine_targets(flow, weights, bad, C)
    with pytest.raises(TypeError, match="float64"):
        attack(flow, weights, x0.astype(np.float32), C)
    with pytest.raises(ValueError, match="classes: expected"):
        attack(flow, weights, x0, 14)
    for target, message in [
        (j, "target: image 0 is inferred"),
        (j + C, "target: expected classes 0 to 3"),
        (j[:3], "target: expected integers"),
        (j + 0.5, "target: expected integers"),
    ]:
        with pytest.raises(ValueError, match=message):
            attack(flow, weights, x0, C, target)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": float("inf")}, "step: expected"),
        ({"box": (0.0, 0.0)}, "box: expected"),
        ({"target": np.full(12, C)}, f"{C}"),
    ],
)
def test_the_borders_of_what_is_allowed_are_refused(xp, change, message):
    weights, x0 = images(xp)
    with pytest.raises(ValueError, match=message):
        attack(Euler(tanh), weights, x0, C, **change)


def test_ten_classes_unless_told(xp):
    weights = Weights(xp.zeros((2, 13, 13)), xp.zeros((2, 13, 1)), 1.0)
    x = xp.zeros((13, 1))
    x[10] = 1.0  # an eleventh output is none
    assert int(infer(Euler(tanh), weights, x)[0]) < 10
