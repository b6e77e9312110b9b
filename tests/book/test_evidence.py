"""The statistics behind the verdicts, against hand computation and the paper's printed numbers."""

import evidence
import numpy as np
import pytest
from evidence import Printed
from scipy import stats

pytestmark = pytest.mark.numpy_only
D = np.array([1.0, 2.0, 3.0])  # mean 2, deviation 1, three seeds


def test_limits_by_hand():
    half = 4.302653 / np.sqrt(3)  # t at 97.5 %, two degrees of freedom
    assert evidence.limits(D) == pytest.approx((2 - half, 2 + half), abs=1e-5)


@pytest.mark.parametrize(("c", "side"), [(0.5, "greater"), (0.5, "less"), (2.5, "less")])
def test_tail_is_students_test(c, side):
    assert evidence.tail(D, c, side) == pytest.approx(
        stats.ttest_1samp(D, c, alternative=side).pvalue
    )


def test_a_deviation_that_rounding_hides_is_not_zero():
    same = np.array([0.3, 0.3])
    low, high = evidence.limits(same)
    half = stats.t.ppf(0.975, 1) * 0.005 / np.sqrt(2)
    assert (low, high) == pytest.approx((0.3 - half, 0.3 + half))
    assert 0 < evidence.tail(same, 0.0, "greater") < 0.05


@pytest.mark.parametrize("d", [D / 100, D / 10, D, np.array([-0.1, 0.1, 0.05, -0.02])])
def test_p_values_are_the_limits(d):
    """Each rule of the page Rules is stated by limits, and computed by p-values."""
    (low95, high95), (low90, high90) = evidence.limits(d), evidence.limits(d, 0.90)
    m, level = 0.3, evidence.LEVEL
    shown, false = evidence.more(d)
    assert (shown < level, false < level) == (low95 > 0, high95 < 0)
    shown, false = evidence.more(d, 1.0)
    assert (shown < level, false < level) == (low95 > 1, high95 < 1)
    inside = -m < low90 and high90 < m
    assert (evidence.more(d, 0.0, m)[1] < level) == (high95 < 0 or inside)
    shown, false = evidence.equal(d, m)
    assert (shown < level, false < level) == (inside, low95 > m or high95 < -m)
    shown, false = evidence.not_less(d, m)
    assert (shown < level, false < level) == (low90 > -m, high95 < -m)


def test_the_rules_mirror_each_other():
    assert evidence.equal(-D, 0.3) == pytest.approx(evidence.equal(D, 0.3))
    assert evidence.more(-D)[0] == pytest.approx(evidence.more(D)[1])
    assert evidence.not_less(-D, 0.3)[1] < 0.2 and evidence.not_less(D, 0.3)[1] == 1


def test_what_lies_inside_the_margin_is_seldom_called_false():
    """A true claim, half way to the margin and at it: never more than the 5 % of its two sides."""
    rng = np.random.default_rng(0)
    for centre in (0.15, 0.3):
        samples = centre + rng.normal(0, 0.22, (500, 5))
        assert np.mean([evidence.equal(d, 0.3)[1] < evidence.LEVEL for d in samples]) < 0.05
        assert np.mean([evidence.not_less(-d, 0.3)[1] < evidence.LEVEL for d in samples]) < 0.05


def test_equivalence_errs_in_one_case_of_twenty():
    """At the edge of the margin the test may say "equal" in 5 % of all samples, no more."""
    rng = np.random.default_rng(0)
    samples = 0.3 + rng.normal(0, 0.05, (500, 5))
    said = np.mean([evidence.equal(d, 0.3)[0] < evidence.LEVEL for d in samples])
    assert abs(said - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 500)


def test_unanimous():
    assert evidence.unanimous([1, 2], lambda v: v > 0) == (0, 1)
    assert evidence.unanimous([1, 2], lambda v: v < 0) == (1, 0)
    assert evidence.unanimous([1, -2], lambda v: v < 0) == (1, 1)


def test_holm_by_hand():
    corrected = evidence.holm([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(corrected, [0.03, 0.06, 0.06, 0.02])
    assert evidence.holm([]).size == 0
    np.testing.assert_allclose(evidence.holm([0.6, 0.7]), [1, 1])


def test_one_more_run_lies_within_three_deviations():
    assert evidence.prediction_factor() == pytest.approx(3.0414, abs=1e-4)
    rng = np.random.default_rng(1)
    runs = rng.normal(size=(20000, 6))
    five, sixth = runs[:, :5], runs[:, 5]
    reach = evidence.prediction_factor() * five.std(axis=1, ddof=1)
    assert np.mean(np.abs(sixth - five.mean(axis=1)) < reach) == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize(
    ("a", "b", "t"),
    [  # Table 2: NCG with and without weight decay (ReLU and tanh, CE); NCG and SGD, tanh, l2
        (Printed(98.05, 0.10), Printed(97.60, 0.08), 7.86),
        (Printed(96.99, 0.25), Printed(97.67, 0.14), -5.31),
        (Printed(97.92, 0.05), Printed(97.80, 0.06), 3.44),
    ],
)
def test_differences_that_the_paper_prints_and_calls_insignificant(a, b, t):
    d, low, high = evidence.between(a, b)
    assert d == pytest.approx(a.mean - b.mean)
    assert d / np.sqrt((a.sd**2 + b.sd**2) / 5) == pytest.approx(t, abs=0.01)
    p = stats.ttest_ind_from_stats(*a, *b, equal_var=False).pvalue
    assert (low > 0 or high < 0) == (p < 0.05) and p < 0.05
    assert low + high == pytest.approx(2 * d)


@pytest.mark.parametrize("b", [Printed(97.8, 0.3), Printed(97.8, 0.3, 3)])
def test_the_limits_of_a_printed_difference_are_those_of_welchs_test(b):
    """At the level 1 - p one of the limits is 0."""
    a = Printed(98.05, 0.1)
    p = stats.ttest_ind_from_stats(*a, *b, equal_var=False).pvalue
    _, low, high = evidence.between(a, b, 1 - p)
    assert low == pytest.approx(0, abs=1e-9) and high > 0


def words(cells, margin=None):
    return [found.word for found in evidence.compare(cells, margin)]


def test_one_run_against_the_prediction_interval():
    paper = Printed(98.0, 0.1)
    cells = [(paper, []), (paper, [98.30]), (paper, [98.31]), (paper, [97.69])]
    assert words(cells) == ["not run yet", "agrees", "differs", "differs"]


def test_more_runs_by_welch_and_the_margin():
    paper = Printed(98.0, 0.1)
    close, far, wide = [97.98, 98.0, 98.05], [97.0, 97.05, 96.98], [97.0, 98.0, 99.0]
    cells = [(paper, close), (paper, far), (paper, wide)]
    assert words(cells, 0.3) == ["agrees", "differs", "undecided"]
    assert words(cells) == ["undecided", "differs", "undecided"]


def test_welch_by_hand():
    paper, ours = Printed(98.0, 0.1), np.array([98.1, 98.3])
    u, v = ours.var(ddof=1) / 2, 0.1**2 / 5
    freedom = (u + v) ** 2 / (u**2 + v**2 / 4)
    p = 2 * stats.t.sf((98.2 - 98.0) / np.sqrt(u + v), freedom)
    assert evidence.welch(paper, ours) == pytest.approx(p)


def test_holm_is_over_all_cells_also_those_without_runs():
    paper, near = Printed(98.0, 0.1), [98.2, 98.25]
    alone = evidence.compare([(paper, near)])[0].p
    among = evidence.compare([(paper, near), (paper, [98.0]), (paper, near), (paper, [])])
    assert [found.p for found in among] == pytest.approx([4 * alone, None, 4 * alone, None])


def test_cells_without_a_p_count_as_the_largest():
    p = [0.01, 0.03, 0.002]
    np.testing.assert_allclose(evidence.holm(p, 5), evidence.holm([*p, 1.0, 1.0])[:3])


def test_bootstrap_over_images():
    rng = np.random.default_rng(2)
    a = (rng.random(2000) < 0.9).astype(float)
    low, high = evidence.bootstrap(a, draws=500)
    half = 1.96 * a.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((a.mean() - half, a.mean() + half), abs=0.2 * half)
    assert evidence.bootstrap(a, a, draws=50) == (0, 0)
    assert evidence.bootstrap(a, draws=500) == (low, high)


def test_a_significant_difference_inside_the_margin_differs():
    cells = [(Printed(98.0, 0.02), [98.10, 98.11, 98.12])]
    assert words(cells, margin=0.3) == ["differs"]
