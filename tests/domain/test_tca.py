from decimal import Decimal as D

import pytest

from execution.domain.orders import Side
from execution.domain.tca import Benchmarks, Executed, analyse, routing_regret_bps

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
