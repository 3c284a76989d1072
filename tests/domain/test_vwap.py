"""The market's average price of an order's minutes: only where nothing of them is missing."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from execution.domain.orders import Side
from execution.domain.tca import Benchmarks, Executed, Traded, Unknown, analyse, interval_vwap, vwap_slippage_bps

TRADED = Traded(minutes=2, exchanges=3, bars=6, whole=6, own=True, notional=D("1000.6"), volume=D(10))


def test_it_is_what_was_paid_by_what_was_traded():
    assert interval_vwap(TRADED) == D("100.06")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"whole": 5}, Unknown.GAP),
        ({"bars": 5, "whole": 5}, Unknown.GAP),
        ({"exchanges": 0, "bars": 0, "whole": 0, "own": False}, Unknown.NOT_FOLLOWED),
        ({"own": False}, Unknown.NOT_FOLLOWED),
        ({"notional": D(0), "volume": D(0)}, Unknown.NO_TRADES),
    ],
)
def test_what_is_missing_makes_it_unknown(changes, why):
    assert interval_vwap(replace(TRADED, **changes)) == why


def test_slippage_against_it_has_the_sign_of_all_costs():
    # The worked example of `test_tca`: bought at 100.07 on average while the market paid 100.06.
    assert round(vwap_slippage_bps(Side.BUY, D("100.07"), D("100.06")), 4) == D("0.9994")
    assert round(vwap_slippage_bps(Side.SELL, D("100.07"), D("100.06")), 4) == D("-0.9994")
    found = analyse(Side.SELL, D(1), [Executed(D("100.07"), D(1), D(0))], Benchmarks(None, None, None, D("100.06")))
    assert found.vwap_bps == vwap_slippage_bps(Side.SELL, D("100.07"), D("100.06"))
