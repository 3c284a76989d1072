from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain.schedule import (
    ImpactModel,
    iceberg_slice,
    merge_small,
    optimal_holdings,
    rest_or_cross,
    slice_amounts,
    twap,
    twap_amounts,
)

AMOUNTS = st.decimals("0.00000001", "100000", places=8)
LOTS = st.sampled_from([D("0.00001"), D("0.001"), D("0.1"), D(1)])


def impact(risk_aversion):
    return ImpactModel(volatility=0.95, permanent=2.5e-7, temporary=2.5e-6, risk_aversion=risk_aversion)


@given(AMOUNTS, st.integers(1, 60), LOTS)
def test_equal_slices_sum_to_the_amount_in_whole_lots(amount, count, lot):
    slices = twap_amounts(amount, count, lot)

    assert sum(slices) == amount
    assert len(slices) == count
    assert all(each >= 0 and each % lot == 0 for each in slices[:-1])
    assert max(slices) - min(slices) < 2 * lot


@given(AMOUNTS, st.lists(st.integers(0, 50), min_size=1, max_size=30).filter(any), LOTS)
def test_slices_follow_a_volume_curve_to_within_a_lot(amount, weights, lot):
    slices = slice_amounts(amount, [D(weight) for weight in weights], lot)

    assert sum(slices) == amount
    running = D(0)
    for position, each in enumerate(slices):
        running += each
        assert abs(running - amount * sum(weights[: position + 1]) / sum(weights)) < lot


@given(AMOUNTS, st.integers(1, 20), LOTS, st.decimals("0", "1000", places=3))
def test_slices_below_a_minimum_wait_for_the_next(amount, count, lot, minimum):
    merged = merge_small(twap_amounts(amount, count, lot), minimum)

    assert sum(merged) == amount
    assert all(each == 0 or each >= minimum for each in merged) or amount < minimum
    assert sum(each > 0 for each in merged) <= count


@pytest.mark.parametrize("weights", [[], [D(0)], [D(2), D(-1)]])
def test_weights_that_say_nothing_are_refused(weights):
    with pytest.raises(ValueError, match="weights"):
        slice_amounts(D(1), weights, D(1))


@pytest.mark.parametrize(
    ("risk_aversion", "expected"),
    [
        (1e-6, [1_000_000, 541_955.55, 289_854.22, 147_897.49, 62_141.80, 0]),
        (2e-6, [1_000_000, 428_598.85, 182_932.81, 76_295.72, 27_643.38, 0]),
        (0, [1_000_000, 800_000, 600_000, 400_000, 200_000, 0]),
    ],
)
def test_holdings_fall_as_in_almgren_and_chriss(risk_aversion, expected):
    assert optimal_holdings(1e6, 5, 5, impact(risk_aversion)) == pytest.approx(expected, abs=0.005)


def test_much_risk_aversion_trades_at_once_and_little_trades_evenly():
    assert optimal_holdings(1e6, 5, 5, impact(1e9))[1] == pytest.approx(0, abs=1e-3)
    assert optimal_holdings(1e6, 5, 5, impact(1e-12)) == pytest.approx([1e6, 8e5, 6e5, 4e5, 2e5, 0], abs=5)
    with pytest.raises(ValueError, match="impact"):
        optimal_holdings(1e6, 5, 1, ImpactModel(0.95, 1e-5, 2.5e-6, 1e-6))


@pytest.mark.parametrize(
    ("amount", "queue", "mean", "costs", "penalty", "resting"),
    [
        (1000, 2000, 2200, (0.02, 0.003, 0.002, 0.0005), 0.05, 132.681),
        (1000, 2000, 3000, (0.02, 0.003, 0.002, 0.0005), 0.06, 365.372),
        (800, 500, 1000, (0.01, 0.003, 0.0029, 0.001), 0.02, 800),
        (800, 500, 1, (0.01, 0.003, 0.0029, 0.001), 0.02, 0),
        (800, 500, 1, (0.01, 0.003, 0.0029, 0.001), 0.005, 800),  # not being filled costs less than crossing
    ],
)
def test_resting_is_weighed_against_crossing_as_in_cont_and_kukanov(amount, queue, mean, costs, penalty, resting):
    half_spread, taker_fee, maker_rebate, impact_cost = costs
    rest, cross = rest_or_cross(
        amount,
        queue,
        mean,
        half_spread=half_spread,
        taker_fee=taker_fee,
        maker_rebate=maker_rebate,
        impact=impact_cost,
        underfill_penalty=penalty,
    )

    assert rest == pytest.approx(resting, abs=5e-4)
    assert rest + cross == amount


@given(AMOUNTS, st.integers(1, 60), LOTS, st.decimals("0", "100", places=3), st.floats(0, 0.49), st.integers(0, 10**6))
def test_a_schedule_sums_to_the_amount_and_keeps_its_order_and_its_horizon(amount, count, lot, minimum, jitter, seed):
    slices = twap(amount, count, 600.0, lot=lot, minimum=minimum, jitter=jitter, seed=seed)

    assert sum(each.amount for each in slices) == amount
    assert all(each.amount >= minimum for each in slices) or amount < minimum
    times = [each.after_s for each in slices]
    assert times == sorted(set(times))
    assert times[0] >= 0
    assert times[-1] < 600.0
    assert slices == twap(amount, count, 600.0, lot=lot, minimum=minimum, jitter=jitter, seed=seed)


def test_another_seed_is_another_schedule_and_no_jitter_is_even():
    def schedule(jitter, seed):
        return twap(D(10), 10, 100.0, lot=D("0.001"), minimum=D(0), jitter=jitter, seed=seed)

    assert schedule(0.2, 1) != schedule(0.2, 2)
    assert [(each.after_s, each.amount) for each in schedule(0.0, 1)] == [(10.0 * n, D(1)) for n in range(10)]


@given(AMOUNTS, st.decimals("0.001", "1000", places=3), LOTS, st.floats(0, 0.45), st.integers(0, 10**6))
def test_an_iceberg_is_traded_to_the_end_in_slices_that_are_never_too_small(amount, display, lot, jitter, seed):
    minimum, left, shown = 2 * lot, amount, []
    while left and len(shown) < 50:
        each = iceberg_slice(left, display, lot=lot, minimum=minimum, jitter=jitter, seed=seed, number=len(shown))
        assert 0 < each <= left
        assert each >= minimum or amount < minimum
        shown.append(each)
        left -= each

    assert sum(shown) + left == amount
    assert all(each % lot == 0 for each in shown if each != shown[-1])
    assert max(shown) <= display * (1 + D(str(jitter))) + 2 * minimum
