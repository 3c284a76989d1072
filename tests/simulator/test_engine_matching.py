"""Clients trading with each other: priority, fees, ids, holds."""

import pytest

from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.orders import Status

from .engine_helpers import NOW, fills, fund, held, make_exchange, place, set_book, total

SYMBOL = "BTC/USDT"


def empty(slug: str) -> Exchange:
    exchange = make_exchange(slug)
    set_book(exchange, SYMBOL)
    return exchange


def test_the_best_price_trades_first_and_the_oldest_order_first_at_one_price() -> None:
    exchange = empty("binance")
    early, late, better = (fund(exchange, name, BTC="5") for name in ("early", "late", "better"))
    first = place(exchange, early, SYMBOL, "sell", "1", "50010")
    second = place(exchange, late, SYMBOL, "sell", "1", "50010")
    cheapest = place(exchange, better, SYMBOL, "sell", "1", "50000")

    taker = place(exchange, fund(exchange, "taker", USDT="200000"), SYMBOL, "buy", "2.5", "50010")

    assert fills(taker) == [("50000", "1", False), ("50010", "1", False), ("50010", "0.5", False)]
    assert [order.status for order in (cheapest, first, second)] == [Status.FILLED, Status.FILLED, Status.OPEN]
    assert second.remaining == 50_000_000


def test_synthetic_liquidity_that_was_there_before_trades_before_a_client_at_the_same_price() -> None:
    exchange = make_exchange("binance")
    set_book(exchange, SYMBOL, asks=[("50010", "1")])
    resting = place(exchange, fund(exchange, "maker", BTC="5"), SYMBOL, "sell", "1", "50010")
    taker = fund(exchange, "taker", USDT="200000")

    place(exchange, taker, SYMBOL, "buy", "1", "50010")
    assert resting.filled == 0
    place(exchange, taker, SYMBOL, "buy", "0.4", "50010")
    assert resting.filled == 40_000_000


def test_liquidity_replenished_later_waits_behind_a_client_at_the_same_price() -> None:
    exchange = empty("binance")
    resting = place(exchange, fund(exchange, "maker", BTC="5"), SYMBOL, "sell", "1", "50010")
    set_book(exchange, SYMBOL, asks=[("50010", "1")])

    place(exchange, fund(exchange, "taker", USDT="200000"), SYMBOL, "buy", "0.4", "50010")

    assert resting.filled == 40_000_000


def test_a_taker_pays_the_makers_price_and_gets_the_difference_back() -> None:
    exchange = empty("binance")
    place(exchange, fund(exchange, "maker", BTC="5"), SYMBOL, "sell", "1", "50000")
    account = fund(exchange, "taker", USDT="120000")

    place(exchange, account, SYMBOL, "buy", "2", "60000")

    assert total(exchange, account, "USDT") == "70000"
    assert held(exchange, account, "USDT") == "60000"


@pytest.mark.parametrize(
    ("slug", "buyer", "seller", "fees"),
    [
        # Binance cuts 0.1 % from what comes in; Kraken takes 0.40 % (taker) and 0.25 % (maker) in the quote asset.
        ("binance", ("0.999", "150000"), ("4", "49950"), ("0.001", "50")),
        ("kraken", ("1", "149800"), ("4", "49875"), ("0", "325")),
    ],
)
def test_fees_are_charged_the_way_the_exchange_charges_them(
    slug: str, buyer: tuple[str, str], seller: tuple[str, str], fees: tuple[str, str]
) -> None:
    exchange = empty(slug)
    maker, taker = fund(exchange, "maker", BTC="5"), fund(exchange, "taker", USDT="200000")
    place(exchange, maker, SYMBOL, "sell", "1", "50000")

    place(exchange, taker, SYMBOL, "buy", "1", "50000")

    assert (total(exchange, taker, "BTC"), total(exchange, taker, "USDT")) == buyer
    assert (total(exchange, maker, "BTC"), total(exchange, maker, "USDT")) == seller
    collected = exchange.settlement.fees
    decimals = exchange.facts.asset_decimals
    assert tuple(collected[asset] for asset in ("BTC", "USDT")) == tuple(
        int(float(fee) * 10 ** decimals[asset]) for asset, fee in zip(("BTC", "USDT"), fees, strict=True)
    )


def test_a_buy_on_a_quote_fee_exchange_holds_the_fee_too() -> None:
    exchange = empty("kraken")
    account = fund(exchange, "a", USDT="100000")

    place(exchange, account, SYMBOL, "buy", "1", "50000")

    assert held(exchange, account, "USDT") == "50200"


@pytest.mark.parametrize(("slug", "is_shared"), [("binance", True), ("kraken", False)])
def test_both_sides_of_a_trade_have_the_ids_the_exchange_gives_them(slug: str, is_shared: bool) -> None:
    exchange = empty(slug)
    resting = place(exchange, fund(exchange, "maker", BTC="5"), SYMBOL, "sell", "1", "50000")

    taking = place(exchange, fund(exchange, "taker", USDT="200000"), SYMBOL, "buy", "1", "50000")

    assert (resting.trades[0].id == taking.trades[0].id) is is_shared


def test_trade_ids_are_unique_over_all_markets_of_an_exchange() -> None:
    exchange = make_exchange("binance")
    account = fund(exchange, "a", USDT="1000000")
    symbols = ["BTC/USDT", "ETH/USDT", "SOL/USDT"] * 5

    orders = [place(exchange, account, symbol, "buy", "1") for symbol in symbols]

    ids = [trade.id for order in orders for trade in order.trades]
    assert len(set(ids)) == len(ids) >= 15


def test_time_moves_the_book_and_replenishes_it() -> None:
    exchange = make_exchange("binance")
    market = exchange.markets[SYMBOL]
    untouched = market.book.sells.depth(20)
    place(exchange, fund(exchange, "a", USDT="9000000"), SYMBOL, "buy", "5")
    eaten = market.book.sells.depth(20)

    exchange.advance(1, NOW)

    assert len(eaten) < len(untouched) == len(market.book.sells.depth(20))


def test_a_resting_order_meets_every_step_it_slept_through() -> None:
    """Asked once after 200 steps or after each step: the same order fills the same."""
    sleeper, watcher = make_exchange("binance", seed=3), make_exchange("binance", seed=3)
    orders = []
    for exchange in (sleeper, watcher):
        bid = exchange.markets[SYMBOL].book.buys.depth(1)[0][0]
        price = f"{bid * 0.9995 / 100:.2f}"
        orders.append(place(exchange, fund(exchange, "a", USDT="1000000"), SYMBOL, "buy", "5", price))

    sleeper.advance(200, NOW)
    for step in range(1, 201):
        watcher.advance(step, NOW)

    assert orders[0].filled == orders[1].filled > 0
    assert [t.amount for t in orders[0].trades] == [t.amount for t in orders[1].trades]


def test_moving_the_mid_fills_what_it_crosses_and_goes_on_from_there() -> None:
    exchange = make_exchange("binance")
    market = exchange.markets[SYMBOL]
    order = place(exchange, fund(exchange, "a", USDT="1000000"), SYMBOL, "buy", "0.1", "60000")

    exchange.move_mid(market, 5_000_000, NOW)

    assert fills(order)[0][0] == "60000"
    assert order.status is Status.FILLED
    exchange.advance(10, NOW)
    bid = market.book.buys.depth(1)[0][0]
    assert 4_980_000 < bid < 5_020_000


def test_an_account_cannot_be_set_below_what_its_orders_hold() -> None:
    exchange = empty("binance")
    account = fund(exchange, "a", USDT="100000")
    place(exchange, account, SYMBOL, "buy", "1", "50000")

    with pytest.raises(ValueError, match="hold more USDT"):
        fund(exchange, "a", USDT="49999")
