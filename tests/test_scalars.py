"""Scalars out of range are refused by name; those of NumPy do not change a computation's dtype."""

import numpy as np
import pytest
from conftest import make_problem

from snode import NCG, Cost, Euler, RMSprop
from snode.attacks import attack
from snode.first_order import Adam, Momentum
from snode.gradient_attacks import pgd
from snode.network import tanh
from snode.perturbed import check_box, nearest_valid, noise
from snode.robustness import accuracy_under_noise
from snode.scalars import check_count, check_fraction, check_positive
from snode.sobolev import matrix

pytestmark = pytest.mark.numpy_only
FLOW, ELL2, LABELS = Euler(tanh), Cost(mu1=1.0), np.zeros(5, int)


def test_a_count_is_a_positive_integer():
    for good in (1, np.int64(7)):
        check_count("passes", good)
    for bad in (0, -1, 2.0, "2", None, True):
        with pytest.raises(ValueError, match="^passes: expected a positive integer, got"):
            check_count("passes", bad)


def test_a_positive_number_is_finite_and_real():
    for good in (1, 0.5, np.float32(0.5), np.int64(2)):
        check_positive("rate", good)
    check_positive("mu1", 0, zero=True)
    for bad in (0, -1.0, np.nan, np.inf, "1", None, True, [1.0], 1j):
        with pytest.raises(ValueError, match="^rate: expected a positive finite number, got"):
            check_positive("rate", bad)
    for bad in (-1e-9, np.nan, "1", None, False):
        with pytest.raises(ValueError, match="^mu1: expected a finite number >= 0, got"):
            check_positive("mu1", bad, zero=True)


def test_a_fraction_is_a_number_below_1():
    for good in (0, 0.0, np.float32(0.9), 1 - 1e-16):
        check_fraction("rho", good)
    for bad in (1, -1e-9, np.nan, np.inf, "0.9", None, False, 1j):
        with pytest.raises(ValueError, match=r"^rho: expected a number in \[0, 1\), got"):
            check_fraction("rho", bad)


def test_a_box_is_two_numbers_in_order():
    for good in (None, (-1.0, 0.0), [0, 1], np.array([0.0, 1.0])):
        check_box("box", good)
    for bad in (5, (0.0,), (1.0, 0.0), ("a", "b"), (None, None), "01", (0, 1, 2)):
        with pytest.raises(ValueError, match="^box: expected None or .least, greatest., got"):
            check_box("box", bad)


@pytest.fixture
def problem():
    return make_problem(np, dtype=np.float32)


WRONG = {
    "step: ": lambda p: attack(FLOW, p.weights, p.x0, box=None, step="0.1"),
    "kappa: ": lambda p: attack(FLOW, p.weights, p.x0, box=None, kappa=None),
    "margin: ": lambda p: attack(FLOW, p.weights, p.x0, box=None, margin="0"),
    "radius: ": lambda p: pgd(FLOW, p.weights, p.x0, radius="1", box=None),
    "rate: ": lambda p: RMSprop(FLOW, ELL2, rate="0.1"),
    "rho: ": lambda p: RMSprop(FLOW, ELL2, rho="0.9"),
    "epsilon: ": lambda p: RMSprop(FLOW, ELL2, epsilon=None),
    "beta1: ": lambda p: Adam(FLOW, ELL2, beta1=None),
    "beta2: ": lambda p: Adam(FLOW, ELL2, beta2="0.999"),
    "momentum: ": lambda p: Momentum(FLOW, ELL2, momentum=[0.9]),
    "direction_scale: ": lambda p: NCG(FLOW, ELL2, direction_scale=None),
    "length: ": lambda p: matrix(4, 1.0, "1"),
    "sigma: ": lambda p: noise(p.x0.shape, "1", 0),
    "sigmas: ": lambda p: accuracy_under_noise(FLOW, p.weights, p.x0, LABELS, [None]),
    "clip: ": lambda p: accuracy_under_noise(FLOW, p.weights, p.x0, LABELS, clip=5),
}


@pytest.mark.parametrize("said", WRONG)
def test_what_is_no_number_is_named(problem, said):
    with pytest.raises(ValueError, match=f"^{said}expected .*, got"):
        WRONG[said](problem)


def test_numpy_s_float64_does_not_widen_float32(problem, monkeypatch):
    p, seen = problem, set()
    half = np.float64(0.5)
    assert (p.weights * half).W.dtype == (half * p.weights).b.dtype == np.float32
    box = np.array([-1e3, 1e3])
    assert nearest_valid(p.x0, box).dtype == np.float32
    forward = Euler.forward

    def spy(flow, weights, x0, **settings):
        seen.add(x0.dtype)
        return forward(flow, weights, x0, **settings)

    monkeypatch.setattr(Euler, "forward", spy)
    attack(FLOW, p.weights, p.x0, box=box, margin=np.float64(0.01), kappa=np.float64(0.9))
    pgd(FLOW, p.weights, p.x0, radius=np.float64(0.1), box=box, step=np.float64(0.05))
    accuracy_under_noise(FLOW, p.weights, p.x0, LABELS, np.array([0.1]), clip=box)
    assert seen == {np.dtype(np.float32)}


@pytest.mark.parametrize("optimiser", [NCG(FLOW, ELL2), RMSprop(FLOW, ELL2)])
def test_a_batch_without_images_is_refused(problem, optimiser):
    p = problem
    with pytest.raises(ValueError, match=r"^x0: expected shape .* no length 0, got \(\d+, 0\)$"):
        optimiser.update(p.weights, p.x0[:, :0], p.y[:, :0])
