"""What the scoreboard's measures and rules say of numbers that a reader can check by hand."""

import contrasts
import evidence
import measures
import numpy as np
import pytest
from memory import full, memory, put
from scipy import stats

pytestmark = pytest.mark.numpy_only


@pytest.fixture
def made(monkeypatch):
    yield from memory(monkeypatch)


def uneven(measured):
    """No two numbers of the result agree, so that none can stand for another."""
    full(measured)
    n, a = measured.numbers, measured.arrays
    n["accuracy"] = {"euler": [0.90, 0.80], "rk45": [0.60, 0.70]}
    n["noise"] |= {"measured": [0.50] * 9, "accuracy": [0.50] * 8 + [0.54]}
    n["noise"]["accuracy"][0] = 0.57
    shares = {"own": 0.8, "pgd": 0.5, "pgd-long": 0.6, "one-step": 0.2}
    for name, share in shares.items():
        n["attacks"][name]["susceptible"] = [share] * 20
    n["targets"]["nine"]["susceptible"], n["targets"]["moving"]["susceptible"] = (
        [0.4] * 20,
        [0.3] * 20,
    )
    for name, r in (("own", 0.2), ("pgd", 0.3), ("pgd-long", 0.4)):
        a[f"attacks_{name}_norm"] = np.float16([r, r, np.nan, np.inf, 0.05])
    n["toolbox"] |= {"attacked": 3}
    n["toolbox"][measures.CW] |= {"mean": 0.6, "success": 0.5, "susceptible": [0.1] * 20}
    a["propagation_measured"] = a["propagation_predicted"] * [1, 1.1, 0.8, 1.2, 1, 1, 1]
    a |= {
        "iterations_E": np.array([1.0, 1, 1, 1]),
        "iterations_true": np.array([0.5, 0.6, 0.7, 1.2]),
        "iterations_predicted": np.array([0.4, 0.4, 0.4, 0.4]),
    }


def auc(share):
    return 95 * share


BY_HAND = {
    "mean test accuracy over epochs": (90 + 81) / 2,  # of ten, a point more every time
    "training drop by the other solver": 30,
    "test drop by the other solver": 10,
    "training gain by the other solver": -30,
    "test gain by the other solver": -10,
    "R": 50,
    "fall": 30,
    "largest gap of predicted accuracy": 7,
    "largest log ratio of sizes over depth": np.log(1 / 0.8),  # which is more than log 1.2
    "AUC own - pgd": auc(0.3),
    "AUC pgd - own": auc(-0.3),
    "AUC own - pgd-long": auc(0.2),
    "AUC pgd-long - own": auc(-0.2),
    "AUC best pgd - one-step": auc(0.4),
    "AUC nine - moving": auc(0.1),
    # of the first three: 0.3, 0.3 and a failure, 4.5 and 5 of 10 steps of the trapezoid
    "AUC best pgd - Carlini-Wagner": 100 * 2 / 3 * 0.45 - auc(0.1),
    "log norm by success, Carlini-Wagner - own": np.log(0.6 / 0.5) - np.log(0.2 / (2 / 3)),
    "log norm by success, Carlini-Wagner - pgd": np.log(0.6 / 0.5) - np.log(0.3 / (2 / 3)),
    "share of rising steps": 0.25,
    "median miss of the predicted decrease": np.median([0.1, 0.2, 0.3, 0.8]) / 0.6,
}


@pytest.mark.parametrize(("name", "value"), BY_HAND.items())
def test_measures_by_hand(made, name, value):
    put(made, "data", 0.9, uneven)
    found = contrasts.values(name, {}, "data", "paper")
    assert found == pytest.approx({0: value}, rel=2e-3)  # norms are kept in half precision


def test_a_norm_on_a_radius_lies_within_it():
    assert measures.auc_of_norms(np.float16([0.3]).astype(float)) == pytest.approx(45)


def rule(name, d, **part):
    return [p < evidence.LEVEL for p in contrasts.RULES[name](np.array(d), part)]


@pytest.mark.parametrize(
    ("name", "part", "d", "said"),
    [
        ("more", {"than": 2.0}, [1.0, 1.1, 0.9], [False, True]),
        ("equal", {"margin": 0.3}, [0.10, 0.11, 0.09], [True, False]),  # apart from 0, and equal
        ("not less", {"margin": 0.3}, [-0.10, -0.11, -0.09], [True, False]),
        ("at most", {"than": 1.0}, [1.0, 0.5], [True, False]),
        ("at least", {"than": 1.0}, [1.0, 1.5], [True, False]),
    ],
)
def test_rules_at_their_edges(name, part, d, said):
    assert rule(name, d, **part) == said


def test_two_sided_means_that_the_p_is_doubled():
    d = [-0.5, -0.9, -0.7]
    p, beyond = (stats.ttest_1samp(d, c).pvalue for c in (0, -0.3))
    assert evidence.more(d)[1] == pytest.approx(p)
    assert evidence.not_less(d, 0.3)[1] == pytest.approx(beyond) == evidence.equal(d, 0.3)[1]


@pytest.mark.parametrize("need", ["all", "most", "some"])
@pytest.mark.parametrize("last", [-1.0, 1.0])
def test_what_picks_cells_out_of_many_is_corrected(monkeypatch, need, last):
    """Three p's of 0.03, either way: significant alone, not by Holm.

    Where all cells are to be shown and all are, nothing has been picked.
    """
    part = {"statistic": "R", "rule": "known", "need": need, "over": ["seed"]}
    monkeypatch.setitem(
        contrasts.RULES, "known", lambda d, part: (0.03, 1.0) if d[0] > 0 else (1.0, 0.03)
    )
    data = {0: [1.0, 1], 1: [1.0, 1], 2: [last, last]}
    monkeypatch.setattr(
        contrasts, "differences", lambda p, cell, *rest: np.array(data[cell[0]["k"]])
    )
    found = contrasts.outcomes(part | {"over": ["k"]}, {"k": [0, 1, 2]}, "data", "paper")
    word = "shown" if need == "all" and last > 0 else "undecided"
    assert [o.word for o in found] == 3 * [word]


def test_pairs_have_the_same_seed(made):
    for method, seeds in (("ncg", (0, 2)), ("rmsprop", (1, 2))):
        for seed in seeds:
            put(made, "data", 0.9 + seed / 100, method=method, seed=seed)
    pair = ({"method": "ncg"}, {"method": "rmsprop"})
    found = contrasts.differences({"statistic": "test accuracy"}, pair, "data", "paper")
    assert found == pytest.approx([0])


@pytest.mark.parametrize("p", [(0.02, 1.0), (1.0, 0.02)], ids=["shown", "false"])
@pytest.mark.parametrize(("cells", "decided"), [(2, True), (3, False)])
def test_cells_without_data_are_corrected_for(monkeypatch, p, cells, decided):
    """One cell has runs: its p of 0.02 counts twice or three times, as it will with all data."""
    part = {"statistic": "R", "rule": "known", "need": "most", "over": ["k"]}
    monkeypatch.setitem(contrasts.RULES, "known", lambda d, part: p)
    monkeypatch.setattr(
        contrasts,
        "differences",
        lambda part, cell, *rest: np.array([] if cell[0]["k"] else [1.0, 2.0]),
    )
    found = contrasts.outcomes(part, {"k": list(range(cells))}, "data", "paper")
    word = ("shown" if p[0] < 1 else "false") if decided else "undecided"
    assert [o.word for o in found] == [word, *["missing"] * (cells - 1)]


@pytest.mark.parametrize("side", [-1, 1])
def test_agreement_needs_both_sides(side):
    """Ours is near one edge of the margin: unlike by no test, and not shown to be equal."""
    paper = evidence.Printed(98.0, 0.1)

    def word(shift):
        values = 98 + side * shift + np.array([-0.1, 0, 0.1])
        return evidence.compare([(paper, list(values))], 0.3)[0].word

    assert [word(shift) for shift in (0.0, 0.17)] == ["agrees", "undecided"]


def test_limits_of_a_printed_difference_are_welchs():
    a, b = evidence.Printed(1.0, 0.1), evidence.Printed(0.0, 0.4)
    u, v = 0.1**2 / 5, 0.4**2 / 5
    half = stats.t.ppf(0.975, (u + v) ** 2 / (u**2 / 4 + v**2 / 4)) * np.sqrt(u + v)
    assert evidence.between(a, b) == pytest.approx((1.0, 1 - half, 1 + half))
