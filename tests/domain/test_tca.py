from decimal import Decimal as D

import pytest

from execution.domain.orders import Side
from execution.domain.tca import Benchmarks, Executed, Part, analyse, combine, routing_regret_bps

MARKS = Benchmarks(D(100), D("100.02"), D("100.30"), D("100.06"), D("100.04"))
FILLS = [Executed(D("100.05"), D(3), D("0.30015")), Executed(D("100.10"), D(2), D("0.2002"))]


def test_a_worked_buy_adds_up():
    found = analyse(Side.BUY, D(6), FILLS, MARKS)

    assert (found.average_price, found.fill_rate) == (D("100.07"), D(5) / 6)
    assert (found.execution_cost, found.fees, found.opportunity_cost) == (D("0.35"), D("0.50035"), D("0.30"))
    assert found.shortfall == D("1.15035")
    assert [
        round(value, 4) for value in (found.arrival_bps, found.vwap_bps, found.reversion_bps, found.shortfall_bps)
    ] == [D("4.9990"), D("0.9994"), D("-2.9979"), D("19.1725")]


def test_the_spread_paid_and_the_fees_have_their_own_figures():
    found = analyse(Side.BUY, D(6), FILLS, MARKS)

    assert round(found.spread_bps, 4) == D("9.9980")
    assert round(found.fees_bps, 6) == D(10)


def test_what_is_not_known_makes_unknown_only_what_needs_it():
    unpriced = [*FILLS[:1], Executed(D("100.10"), D(2), None)]

    without_fees = analyse(Side.BUY, D(6), unpriced, MARKS)
    without_mids = analyse(Side.BUY, D(6), FILLS, Benchmarks(None, None))
    without_end = analyse(Side.BUY, D(6), FILLS, Benchmarks(D(100), D(100)))
    filled = analyse(Side.BUY, D(5), FILLS, Benchmarks(D(100), D(100)))

    assert (without_fees.fees, without_fees.shortfall, without_fees.shortfall_bps) == (None, None, None)
    assert (without_fees.execution_cost, without_fees.opportunity_cost) == (D("0.35"), D("0.30"))
    assert (without_mids.arrival_bps, without_mids.execution_cost, without_mids.shortfall) == (None, None, None)
    assert (without_mids.fees, without_mids.fill_rate) == (D("0.50035"), D(5) / 6)
    assert (without_end.opportunity_cost, without_end.shortfall) == (None, None)
    # All of it was traded, so where the price went does not matter.
    assert (filled.opportunity_cost, filled.shortfall) == (0, D("0.85035"))


def test_parts_add_up_to_a_whole_each_against_its_own_arrival():
    parts = [
        Part(D(3), D("300.15"), D("100.02"), D("0.30015")),
        Part(D(2), D("200.20"), D("100.00"), D("0.2002")),
        Part(D(0), D(0), D("99.90"), D(0)),
    ]

    whole = combine(Side.BUY, parts)

    assert (whole.filled, whole.average_price) == (D(5), D("100.07"))
    assert whole.cost == (D("500.35") - D("500.06")) + D("0.50035")
    assert round(whole.arrival_bps, 4) == D("5.7993")
    assert round(whole.cost_bps, 4) == D("15.8051")
    assert combine(Side.BUY, parts[2:]) is None


def test_what_one_part_does_not_know_the_whole_does_not():
    known = Part(D(1), D(100), D(100), D("0.1"))

    without_fee = combine(Side.SELL, [known, Part(D(1), D(99), D(100), None)])
    without_mid = combine(Side.SELL, [known, Part(D(1), D(99), None, D("0.1"))])

    assert (without_fee.arrival_bps, without_fee.fees, without_fee.cost) == (D(50), None, None)
    assert (without_mid.arrival_bps, without_mid.fees_bps, without_mid.cost) == (None, D("0.2") / 199 * 10_000, None)


def test_a_sale_at_mirrored_prices_costs_as_much():
    mirrored = [Executed(200 - fill.price, fill.amount, fill.fee) for fill in FILLS]
    marks = Benchmarks(D(100), D("99.98"), D("99.70"))

    found = analyse(Side.SELL, D(6), mirrored, marks)

    assert found.shortfall == D("1.15035")
    assert found.arrival_bps > 0
    assert (found.vwap_bps, found.reversion_bps) == (None, None)


def test_nothing_filled_cannot_be_analysed():
    with pytest.raises(ValueError, match="nothing"):
        analyse(Side.BUY, D(6), [], MARKS)


def test_regret_is_positive_on_both_sides():
    assert routing_regret_bps(D("100.01"), D(100)) == 1
    assert routing_regret_bps(D("-99.99"), D(-100)) == 1
