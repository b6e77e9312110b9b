"""The Dormand-Prince solver: its table, its orders, its control, what it refuses."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from snode.arrays import to_numpy
from snode.ode import A, C, D, E, solve

c = np.array(C)
CONDITIONS = {  # sum_i b_i g_i = 1/gamma for every rooted tree; g from c and A
    1: [(np.ones(7), 1)],
    2: [(c, 2)],
    3: [(c**2, 3), (A @ c, 6)],
    4: [(c**3, 4), (c * (A @ c), 8), (A @ c**2, 12), (A @ A @ c, 24)],
    5: [
        *((c**4, 5), (c**2 * (A @ c), 10), ((A @ c) ** 2, 20), (c * (A @ c**2), 15)),
        *((A @ c**3, 20), (c * (A @ A @ c), 30), (A @ (c * (A @ c)), 40)),
        *((A @ A @ c**2, 60), (A @ A @ A @ c, 120)),
    ],
}


def fixed_steps(f, t_span, y0, n):
    """Solve with n equal steps: the tolerances accept everything."""
    h = abs(t_span[1] - t_span[0]) / n
    solution = solve(f, t_span, y0, rtol=1e6, atol=1e6, first_step=h, max_step=h)
    assert solution.statistics == (n, 0, 6 * n + 1)
    return solution


def bell(t, y):
    """The right-hand side of y = 1 / (1 + t^2), with y(0) = 1."""
    return -2 * t * y * y


def network(xp, N=13, dtype=np.float64):
    """Return a nonlinear, non-autonomous f(t, y) for y (..., N, K) or (N,)."""
    W = np.random.default_rng(3).normal(size=(2, N, N)) / 2
    W0, W1 = (xp.asarray(a.astype(dtype)) for a in W)
    return lambda t, y: xp.tanh((W0 + float(np.sin(3 * t)) * W1) @ y)


def start(xp, *shape, dtype=np.float64):
    return xp.asarray(np.random.default_rng(4).normal(size=shape).astype(dtype))


@pytest.mark.numpy_only
@pytest.mark.parametrize("order", CONDITIONS)
def test_table_satisfies_the_order_conditions(order):
    b, embedded = A[6], A[6] - E
    u = np.linspace(0, 1, 7)[:, None]
    first, last = np.eye(7)[0], np.eye(7)[6]
    dense = u**2 * (3 - 2 * u) * b + u * (1 - u) ** 2 * first - u**2 * (1 - u) * last
    dense = dense + (u * (1 - u)) ** 2 * D
    for g, gamma in CONDITIONS[order]:
        assert b @ g == pytest.approx(1 / gamma, abs=1e-15)
        if order <= 4:
            assert embedded @ g == pytest.approx(1 / gamma, abs=1e-15)
            np.testing.assert_allclose(dense @ g, u[:, 0] ** order / gamma, atol=1e-14)
    if order == 5:  # otherwise E would estimate nothing
        assert max(abs(E @ g) for g, _ in CONDITIONS[5]) > 1e-4


@pytest.mark.numpy_only
def test_table_is_explicit_and_consistent():
    np.testing.assert_allclose(A.sum(axis=1), c, atol=1e-15)
    assert not np.triu(A).any()
    assert c[6] == 1 and A[6, 6] == 0  # the last stage is the next step's first
    assert abs(E.sum()) < 1e-16 and abs(D.sum()) < 1e-13


def test_steps_have_order_5_and_dense_output_order_4(xp):
    y0, at = xp.ones(1), np.linspace(0, 2, 97)
    errors = []
    for n in (10, 20, 40):
        solution = fixed_steps(bell, (0.0, 2.0), y0, n)
        dense = [abs(float(solution(t)[0]) - 1 / (1 + t * t)) for t in at]
        errors.append((abs(float(solution.end[0]) - 0.2), max(dense)))
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert (orders[-1] > 4.7).all(), orders  # dense: order 4, that is h^5 within one step


def test_dense_output_takes_values_and_slopes_of_both_ends(xp):
    f = network(xp)
    solution = solve(f, (0.0, 3.0), start(xp, 13, 2), 1e-4, 1e-4)
    for t, y, slope in zip(solution.times, solution.values, solution.slopes):
        assert (solution(t) == y).all()
        np.testing.assert_allclose(to_numpy(slope), to_numpy(f(t, y)), atol=1e-13)
    for t0, t1, k0, k1 in zip(
        solution.times, solution.times[1:], solution.slopes, solution.slopes[1:]
    ):
        u = np.linspace(0, 1, 5)
        values = to_numpy(solution.sample(t0 + u * (t1 - t0))).reshape(5, -1)
        quartic = np.linalg.solve(np.vander(u, increasing=True), values) / (t1 - t0)
        np.testing.assert_allclose(quartic[1], to_numpy(k0).ravel(), atol=1e-9)
        np.testing.assert_allclose(np.arange(5) @ quartic, to_numpy(k1).ravel(), atol=1e-9)


def test_sample_equals_single_calls(xp):
    solution = solve(network(xp), (0.0, 3.0), start(xp, 13, 2))
    times = [0.0, 0.3, 1.7, 1.71, 2.9, 3.0, 0.1]
    samples = solution.sample(times)
    assert samples.shape == (7, 13, 2)
    for t, y in zip(times, samples):
        np.testing.assert_allclose(to_numpy(y), to_numpy(solution(t)), atol=1e-13)


def test_columns_are_those_of_the_samples(xp):
    solution = solve(network(xp), (0.0, 3.0), start(xp, 13, 5))
    some, k, times = solution.columns(xp.asarray([4, 1])), [4, 1], [1.6, 1.7]
    assert (some.end == solution.end[:, k]).all() and (some.start == solution.start[:, k]).all()
    expected = to_numpy(solution.sample(times))[..., k]
    np.testing.assert_allclose(to_numpy(some.sample(times)), expected, atol=1e-14)


def test_error_falls_with_the_tolerance_and_meets_dop853(xp):
    f, y0 = network(xp), start(xp, 13, 5)

    def flat(t, y):
        return to_numpy(f(t, xp.asarray(y).reshape(13, 5))).ravel()

    reference = solve_ivp(flat, (0, 3), to_numpy(y0).ravel(), "DOP853", rtol=1e-13, atol=1e-13)
    errors = []
    for rtol in (1e-3, 1e-5, 1e-7, 1e-9, 1e-11):
        end = to_numpy(solve(f, (0.0, 3.0), y0, rtol, rtol).end)
        errors.append(abs(end.ravel() - reference.y[:, -1]).max())
        assert errors[-1] < 100 * rtol
    assert all(b < a / 10 for a, b in zip(errors, errors[1:])), errors


def test_backwards_in_time_returns_to_the_start(xp):
    f, y0 = network(xp), start(xp, 13, 5)
    forth = solve(f, (0.0, 3.0), y0, 1e-11, 1e-11)
    back = solve(f, (3.0, 0.0), forth.end, 1e-11, 1e-11)
    assert (back.end == forth.end).all() and (forth.start == y0).all()
    assert forth.start is not y0  # what the caller does to y0 later changes no solution
    assert list(back.times) == sorted(back.times) and back.times[0] == 0 and back.times[-1] == 3
    for t in (0.0, 0.77, 2.5):
        np.testing.assert_allclose(to_numpy(back(t)), to_numpy(forth(t)), atol=2e-9)


def test_any_shape_gives_the_same_columns_if_the_steps_are_the_same(xp):
    f, y0 = network(xp), start(xp, 13)
    one = fixed_steps(f, (0.0, 3.0), y0, 20).end
    two = fixed_steps(f, (0.0, 3.0), xp.stack([y0, 2 * y0], axis=1), 20).end
    six = fixed_steps(f, (0.0, 3.0), xp.stack([xp.stack([y0, 2 * y0, y0], axis=1)] * 2), 20).end
    assert two.shape == (13, 2) and six.shape == (2, 13, 3)
    for column in (two[:, 0], six[0, :, 0], six[1, :, 2]):
        np.testing.assert_allclose(to_numpy(column), to_numpy(one), atol=1e-13)
    copies = solve(f, (0.0, 3.0), xp.stack([y0] * 3, axis=1))  # shared control, equal columns
    np.testing.assert_allclose(to_numpy(copies.end[:, 1]), to_numpy(copies.end[:, 0]), atol=1e-13)


def test_columns_share_the_step_control(xp):
    f, y0 = network(xp), start(xp, 13, 2)
    alone, both = solve(f, (0.0, 3.0), y0[:, :1].copy()), solve(f, (0.0, 3.0), y0)
    difference = abs(to_numpy(alone.end) - to_numpy(both.end)[:, :1]).max()
    assert 0 < difference < 1e-2


def test_float32_stays_float32(xp):
    f, y0 = network(xp, dtype=np.float32), start(xp, 13, 2, dtype=np.float32)
    solution = solve(f, np.array([0.0, 3.0]), y0, np.float64(1e-4), np.float64(1e-4))
    for a in (solution.end, solution(1.0), solution.sample([1.0, 2.0]), *solution.bubbles):
        assert a.dtype == np.float32
    double = solve(network(xp), (0.0, 3.0), y0.astype(np.float64), 1e-4, 1e-4)
    np.testing.assert_allclose(to_numpy(solution.end), to_numpy(double.end), atol=1e-3)
    assert abs(len(solution.times) - len(double.times)) <= 2


def test_statistics_count_the_calls(xp):
    calls = []

    def f(t, y):
        calls.append(t)
        return 30 * float(np.sin(9 * t)) * y * (1 - y)

    solution = solve(f, (0.0, 3.0), xp.full(1, 0.3), 1e-5, 1e-5)
    accepted, rejected, evaluations = solution.statistics
    assert evaluations == len(calls) == 1 + 6 * (accepted + rejected)
    assert accepted == len(solution.times) - 1 and rejected > 0


def test_steps_follow_ode45(xp):
    still = solve(lambda t, y: 0 * y, (0.0, 2.0), xp.ones(3))
    np.testing.assert_allclose(np.diff(still.times), 0.2, rtol=1e-12)  # a tenth of the span
    np.testing.assert_allclose(to_numpy(still(0.123)), 1, rtol=1e-15)
    grown = solve(lambda t, y: 0 * y, (0.0, 2.0), xp.ones(3), first_step=1e-3)
    np.testing.assert_allclose(np.diff(grown.times)[:5], [1e-3, 5e-3, 0.025, 0.125, 0.2])
    free = solve(lambda t, y: 0 * y, (0.0, 2.0), xp.ones(3), max_step=2.0)
    assert free.times == [0.0, 2.0]
    first = solve(lambda t, y: 50 * y, (0.0, 1.0), xp.ones(1), rtol=1e-5).times[1]
    assert first == pytest.approx(0.8 * 1e-5**0.2 / 50)


@pytest.mark.parametrize("rtol", [1e-4, 1e-5, 1e-6])
def test_no_accepted_step_errs_more_than_the_tolerance(xp, rtol):
    f, atol = network(xp), 1e-3 * rtol
    solution = solve(f, (0.0, 3.0), start(xp, 13, 2), rtol, atol)
    assert solution.statistics.rejected > 0
    for t, t_new, y, y_new in zip(
        solution.times, solution.times[1:], solution.values, solution.values[1:]
    ):
        h, k = t_new - t, []
        for c, row in zip(C, A):
            k.append(f(t + c * h, y + h * sum(a * slope for a, slope in zip(row, k))))
        size = np.maximum(np.abs(to_numpy(y)), np.abs(to_numpy(y_new)))
        error = np.abs(to_numpy(h * sum(e * slope for e, slope in zip(E, k))))
        assert (error / np.maximum(rtol * size, atol)).max() < 1 + 1e-6


@pytest.mark.parametrize(
    ("longest", "expected"), [(0.3, [0.3, 0.6, 0.9]), (0.46, [0.46, 0.92]), (0.48, [0.48])]
)
def test_only_the_last_step_is_stretched_by_a_tenth_at_most(xp, longest, expected):
    for way in (1, -1):
        solution = solve(
            lambda t, y: 0 * y, (0.0, way), xp.ones(2), first_step=longest, max_step=longest
        )
        times = sorted(way * t for t in solution.times)
        np.testing.assert_allclose(times, [0.0, *expected, 1.0], rtol=1e-12)


@pytest.mark.parametrize("end", [50.0, 0.02])
def test_the_ends_may_be_overstepped_by_rounding_alone(xp, end):
    solution = solve(lambda t, y: -y, (-end, end), xp.ones(2))
    for way in (-1, 1):
        near = way * end * (1 + 1e-12)  # half of the slack, 1e-12 of the span
        assert (solution(near) == solution(way * end)).all()
        with pytest.raises(ValueError, match="t: expected a time within"):
            solution(way * end * (1 + 4e-12))


def test_rejected_steps_shrink_to_a_tenth_then_halve(xp):
    calls = []

    def f(t, y):
        calls.append(t)
        return xp.full_like(y, 0.0 if t < 0.004 else np.nan)

    with pytest.raises(FloatingPointError):
        solve(f, (0.0, 1.0), xp.ones(1))
    np.testing.assert_allclose(calls[6:25:6], [0.1, 0.01, 0.005, 0.0025])


def test_a_rejected_step_is_repeated_with_the_length_that_its_error_suggests(xp):
    """y' = t^5 has the error h^6 sum_j e_j c_j^5; the tolerance makes it 100 times too large."""
    atol, calls = abs(E @ c**5) / 100, []

    def f(t, y):
        calls.append(t)
        return xp.full_like(y, t**5)

    solve(f, (0.0, 2.0), xp.zeros(1), rtol=1e-13, atol=atol, first_step=1.0, max_step=2.0)
    np.testing.assert_allclose(calls[7] / c[1], 0.8 * 100**-0.2, rtol=1e-9)


def test_largest_component_counts_however_many_are_still(xp):
    f, y0 = network(xp), start(xp, 13, 1)
    crowd = xp.concatenate([y0, xp.zeros((13, 99))], axis=1)
    one, many = solve(f, (0.0, 3.0), y0), solve(f, (0.0, 3.0), crowd)
    np.testing.assert_allclose(many.times, one.times, rtol=1e-9)


def test_as_many_steps_as_scipy(xp):
    def f(t, y):
        return xp.stack([y[1], 5 * (1 - y[0] ** 2) * y[1] - y[0]])

    for rtol in (1e-3, 1e-6):
        y0 = xp.asarray([2.0, 0.0])
        cost = solve(f, (0.0, 20.0), y0, rtol, rtol, max_step=20.0).statistics.evaluations
        host = solve_ivp(
            lambda t, y: [y[1], 5 * (1 - y[0] ** 2) * y[1] - y[0]],
            (0, 20),
            [2, 0],
            rtol=rtol,
            atol=rtol,
        )
        assert host.nfev / 2 < cost < host.nfev * 2


def test_blow_up_and_nan_are_reported(xp):
    with pytest.raises(FloatingPointError, match=r"underflow at t = 0\.99.*step .*e-15.*norm"):
        solve(lambda t, y: y * y, (0.0, 2.0), xp.ones(1))
    with pytest.raises(FloatingPointError, match=r"underflow at t = 0\.(49|50).*nan"):
        solve(lambda t, y: y if t < 0.5 else y * np.nan, (0.0, 1.0), xp.ones(1))
    with pytest.raises(FloatingPointError, match="not finite at t = 1.0"):
        solve(lambda t, y: xp.full_like(y, 1e308), (0.0, 1.0), xp.full(1, 1.5e308))


@pytest.mark.parametrize(
    "change",
    [
        {"rtol": 0.0},
        {"rtol": -1e-3},
        {"rtol": 1e-15},
        {"rtol": np.nan},
        {"atol": 0.0},
        {"atol": np.inf},
        {"t_span": (1.0, 1.0)},
        {"t_span": (0.0, np.inf)},
        {"y0": np.array([1.0, np.nan])},
        {"first_step": 0.0},
        {"max_step": -1.0},
    ],
)
def test_bad_numbers_are_refused_by_name(xp, change):
    given = {"t_span": (0.0, 1.0), "y0": np.ones(2)} | change
    given["y0"] = xp.asarray(given["y0"])
    with pytest.raises(ValueError, match=f"^{next(iter(change))}: expected"):
        solve(lambda t, y: -y, **given)


def test_other_dtypes_and_shapes_are_refused(xp):
    with pytest.raises(TypeError, match="^y0: expected dtype"):
        solve(lambda t, y: -y, (0.0, 1.0), xp.ones(2, int))
    with pytest.raises(TypeError, match=r"^f\(t0, y0\): expected dtype float32"):
        solve(lambda t, y: -y.astype(np.float64), (0.0, 1.0), xp.ones(2, np.float32))
    with pytest.raises(ValueError, match=r"^f\(t0, y0\): expected shape"):
        solve(lambda t, y: y[:1], (0.0, 1.0), xp.ones(2))
    with pytest.raises(RuntimeError, match="5 steps"):
        solve(lambda t, y: -y, (0.0, 1.0), xp.ones(2), max_steps=5)
    solution = solve(lambda t, y: -y, (0.0, 1.0), xp.ones(2))
    with pytest.raises(ValueError, match=r"^t: expected a time within \[0.0, 1.0\], got 1.1"):
        solution(1.1)


def test_the_step_after_a_rejection_does_not_grow(xp):
    calls = []

    def f(t, y):
        calls.append(t)
        return xp.full_like(y, 9 * np.sign(np.sin(12 * t)))

    solution = solve(f, (0.0, 1.0), xp.ones(1))
    tries = np.array(calls[1:]).reshape(-1, 6)
    lengths = (tries[:, -1] - tries[:, 0]) / (1 - C[1])
    accepted = [bool(np.isclose(t, solution.times, atol=1e-12).any()) for t in tries[:, -1]]
    after = [
        lengths[k + 1] / lengths[k]
        for k in range(1, len(tries) - 1)
        if accepted[k] and not accepted[k - 1]
    ]
    assert len(after) > 1 and max(after) <= 1 + 1e-9


def test_a_tolerance_below_the_dtypes_numbers_does_not_hang(xp):
    """0 / 0 for a component that stays 0 would make the step NaN, for ever."""
    y0 = xp.asarray(np.array([1, 0], np.float32))
    end = solve(lambda t, y: -y, (0.0, 1.0), y0, rtol=1e-3, atol=1e-50).end
    assert to_numpy(end) == pytest.approx([np.exp(-1), 0], rel=1e-3)
