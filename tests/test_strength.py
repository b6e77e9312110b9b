"""How strength is measured, by attacks and networks so simple that the numbers are plain."""

from types import SimpleNamespace

import numpy as np
import pytest

from snode import Euler, tanh
from snode.experiments import strength, toolbox
from snode.experiments.profiles import PROFILES
from snode.network import Weights

pytestmark = pytest.mark.numpy_only
PROFILE = PROFILES["smoke"]


@pytest.fixture
def searched(monkeypatch):
    """Norms, points and gradients of the search in balls, of images of one pixel.

    The pixel of an image says how far it must move to fall, and the attack, of one gradient,
    moves it as far, or to the border of the ball.
    """

    def in_ball(network, x, name, radius):
        need = x[0]
        norm = np.minimum(need, radius)
        known = {"x": x + norm, "norm": norm, "success": need <= radius}
        return SimpleNamespace(**known, gradients=np.ones(len(need)))

    monkeypatch.setattr(strength, "_in_ball", in_ball)
    network = SimpleNamespace(profile=PROFILE, xp=np)
    return lambda *needs: strength._in_balls(network, np.array([needs]), "pgd")


def test_bisection_tries_few_balls_and_counts_them_all(searched):
    assert PROFILE.radii == (0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
    norm, _, spent = searched(0.05, 0.2, 0.3, 0.7, 2.0)
    assert norm.tolist() == [0.05, 0.2, 0.3, 0.7, np.inf]
    # the balls tried: 0.4; 0.4, 0.1; 0.4, 0.2; 0.4, 0.75, 0.5; 0.4, 0.75, 1
    assert spent.tolist() == [1, 2, 2, 3, 3]


def test_what_withstands_every_ball_is_shown_where_the_largest_took_it(searched):
    _, moved, _ = searched(0.2, 2.0)
    np.testing.assert_allclose(moved, [[0.2 + 0.2, 2.0 + 1.0]])


def test_13_holds_without_attack_where_outputs_are_negative_and_close():
    """Without weights the outputs are the image: 0.975 * -0.51 > -0.5 > 0.975 * -0.52."""
    z = np.array([[-0.5] * 3, [-0.51, -0.52, -0.53], *[[-1] * 3] * 8])
    weights = Weights(np.zeros((2, 10, 10)), np.zeros((2, 10, 1)), 3.0)
    of = {"flow": Euler(tanh), "weights": weights, "x": z, "right": np.full(3, True)}
    network = SimpleNamespace(**of, run=PROFILE.run(), profile=PROFILE, chunk=250, xp=np)
    numbers, _ = strength.targets(network)
    assert numbers["(13) holds without attack"] == 1 / 3


def test_the_toolbox_cannot_leave_the_box(monkeypatch):
    """Whatever it answers: from -1/2 no pixel can go further than to 0, or back to -1.

    The first pixel goes one way and the others the other: one way round, the class stays.
    """
    change = np.array([[-3.0] + [3.0] * 15, [3.0] + [-3.0] * 15])
    far = SimpleNamespace(generate=lambda rows, y: rows + change)
    monkeypatch.setattr(toolbox, "_adapter", lambda: lambda *of, **rest: None)
    monkeypatch.setattr(toolbox, "_attacks", lambda *of: {"far": far})
    weights = Weights(np.zeros((2, 16, 16)), np.zeros((2, 16, 1)), 3.0)
    found = toolbox.toolbox_attacks(Euler(tanh), weights, np.full((16, 2), -0.5))
    assert found["far"] == pytest.approx([0.5 * 4, np.inf])
