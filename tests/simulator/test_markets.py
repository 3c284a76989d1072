"""The arithmetic of every market in the table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.simulator.facts import EXCHANGES, PORT_OFFSETS
from execution.simulator.markets import MarketSpec, market_specs

SPECS = [spec for slug in EXCHANGES for spec in market_specs(slug).values()]
AMOUNTS = st.lists(st.integers(1, 10**9), min_size=1, max_size=6)


@given(st.sampled_from(SPECS), st.integers(1, 10**8), AMOUNTS, st.booleans())
def test_however_an_order_is_filled_its_trades_never_cost_more_than_it_holds(
    spec: MarketSpec, price: int, parts: list[int], is_maker: bool
) -> None:
    ppm = spec.exchange.maker_ppm if is_maker else spec.exchange.taker_ppm
    left, paid = sum(parts), 0
    for amount in parts:
        notional = spec.notional(price, amount)
        fee = spec.fee(ppm, notional=notional, amount=amount, is_buy=True)
        left -= amount
        paid += notional + (fee if spec.exchange.fee_asset == "quote" else 0)
        assert paid + spec.hold(price, left, is_buy=True) <= spec.hold(price, sum(parts), is_buy=True)


@given(st.sampled_from(SPECS), st.integers(1, 10**8), st.integers(0, 10**16))
def test_the_affordable_amount_is_the_largest_that_fits(spec: MarketSpec, price: int, budget: int) -> None:
    amount = spec.affordable(price, budget)

    assert amount % spec.lot == 0
    assert spec.notional(price, amount) <= budget
    # One lot more costs more than the budget, up to the rounding of the notional itself.
    assert spec.notional(price, amount + spec.lot) + 1 > budget


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.exchange.slug != "binance"], ids=lambda s: s.symbol)
def test_price_times_amount_is_exact_where_the_quote_asset_has_the_decimals(spec: MarketSpec) -> None:
    assert spec.notional(1, 1) == 10 ** (spec.quote_decimals - spec.price_decimals - spec.base_decimals)


def test_binance_cuts_a_notional_to_eight_decimals() -> None:
    spec = market_specs("binance")["ETH/BTC"]

    # 0.03541 x 0.0001 = 0.000003541 BTC
    assert spec.notional(3_541, 10_000) == 354


def test_kraken_fees_are_cut_to_five_decimals() -> None:
    spec = market_specs("kraken")["BTC/USD"]
    notional = spec.notional(960_001, 12_345_678)

    fee = spec.fee(4_000, notional=notional, amount=0, is_buy=True)

    assert (notional, fee) == (118_518_632_256_780, 474_074_500_000)


def test_every_exchange_has_its_own_place_on_the_port_range() -> None:
    assert sorted(PORT_OFFSETS.values()) == list(range(1, 9))
    assert set(EXCHANGES) <= set(PORT_OFFSETS)
