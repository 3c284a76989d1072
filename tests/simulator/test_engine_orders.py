"""What each kind of order does to an exact book."""

import pytest

from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.orders import Refusal, Refused, Status

from .engine_helpers import NOW, fills, fund, held, make_exchange, place, set_book, total

SYMBOL = "BTC/USDT"


@pytest.fixture
def exchange() -> Exchange:
    exchange = make_exchange("binance")
    set_book(
        exchange,
        SYMBOL,
        bids=[("49990", "1"), ("49980", "2")],
        asks=[("50010", "1"), ("50020", "2")],
    )
    return exchange


def test_a_market_buy_walks_the_book_level_by_level(exchange: Exchange) -> None:
    account = fund(exchange, "a", USDT="200000")

    order = place(exchange, account, SYMBOL, "buy", "1.5")

    assert order.status is Status.FILLED
    assert fills(order) == [("50010", "1", False), ("50020", "0.5", False)]
    # 1.5 BTC less 0.1 % fee; 50010 + 25010 USDT paid.
    assert total(exchange, account, "BTC") == "1.4985"
    assert total(exchange, account, "USDT") == "124980"


def test_a_market_order_larger_than_the_book_expires_with_what_it_got(exchange: Exchange) -> None:
    account = fund(exchange, "a", BTC="5")

    order = place(exchange, account, SYMBOL, "sell", "4")

    assert (order.status, order.filled) == (Status.EXPIRED, 300_000_000)
    assert exchange.markets[SYMBOL].book.buys.depth(5) == []


def test_a_budget_buys_whole_lots_and_never_more_than_it_can_pay(exchange: Exchange) -> None:
    account = fund(exchange, "a", USDT="60000")

    order = place(exchange, account, SYMBOL, "buy", budget="60000")

    assert fills(order) == [("50010", "1", False), ("50020", "0.19972", False)]
    assert order.status is Status.FILLED
    assert total(exchange, account, "USDT") == "0.0056"
    assert order.amount == order.filled


def test_a_budget_that_cannot_buy_one_lot_is_refused(exchange: Exchange) -> None:
    account = fund(exchange, "a", USDT="60000")
    set_book(exchange, SYMBOL, asks=[("900000", "1")])

    with pytest.raises(Refused) as refused:
        place(exchange, account, SYMBOL, "buy", budget="8")

    assert refused.value.refusal is Refusal.NO_LIQUIDITY


def test_a_limit_order_takes_what_it_may_and_rests_with_the_remainder(exchange: Exchange) -> None:
    account = fund(exchange, "a", USDT="200000")

    order = place(exchange, account, SYMBOL, "buy", "2", "50010")

    assert order.status is Status.OPEN
    assert fills(order) == [("50010", "1", False)]
    assert held(exchange, account, "USDT") == "50010"
    assert exchange.markets[SYMBOL].book.buys.depth(1) == [(5_001_000, 100_000_000)]


def test_a_resting_order_fills_as_maker_at_its_own_price_when_the_market_crosses_it(exchange: Exchange) -> None:
    account = fund(exchange, "a", USDT="200000")
    order = place(exchange, account, SYMBOL, "buy", "2", "49900")

    set_book(exchange, SYMBOL, bids=[("49000", "1")], asks=[("49500", "0.5"), ("49900", "0.25"), ("49950", "9")])

    assert fills(order) == [("49900", "0.5", True), ("49900", "0.25", True)]
    assert order.status is Status.OPEN
    assert held(exchange, account, "USDT") == "62375"  # 1.25 x 49900
    assert exchange.markets[SYMBOL].book.sells.depth(5) == [(4_995_000, 900_000_000)]


def test_ioc_takes_what_is_there_and_expires(exchange: Exchange) -> None:
    account = fund(exchange, "a", USDT="200000")

    order = place(exchange, account, SYMBOL, "buy", "2", "50010", tif="IOC")

    assert (order.status, fills(order)) == (Status.EXPIRED, [("50010", "1", False)])
    assert held(exchange, account, "USDT") == "0"


@pytest.mark.parametrize(("amount", "status", "trades"), [("3", Status.FILLED, 2), ("3.00001", Status.EXPIRED, 0)])
def test_fok_fills_completely_or_not_at_all(exchange: Exchange, amount: str, status: Status, trades: int) -> None:
    account = fund(exchange, "a", USDT="200000")

    order = place(exchange, account, SYMBOL, "buy", amount, "50020", tif="FOK")

    assert (order.status, len(order.trades)) == (status, trades)


def test_post_only_that_would_take_is_refused_or_cancelled_as_the_exchange_does() -> None:
    binance, kraken = make_exchange("binance"), make_exchange("kraken")
    set_book(binance, SYMBOL, asks=[("50010", "1")])
    set_book(kraken, SYMBOL, asks=[("50010", "1")])

    with pytest.raises(Refused) as refused:
        place(binance, fund(binance, "a", USDT="99999"), SYMBOL, "buy", "1", "50010", post_only=True)
    order = place(kraken, fund(kraken, "a", USDT="99999"), SYMBOL, "buy", "1", "50010", post_only=True)

    assert refused.value.refusal is Refusal.POST_ONLY_WOULD_TAKE
    assert binance.orders == []
    assert (order.status, order.reason, order.trades) == (Status.CANCELLED, "Post only order", [])


def test_post_only_below_the_market_rests(exchange: Exchange) -> None:
    order = place(exchange, fund(exchange, "a", USDT="99999"), SYMBOL, "buy", "1", "50009.99", post_only=True)

    assert order.status is Status.OPEN


def test_cancelling_releases_everything_held(exchange: Exchange) -> None:
    account = fund(exchange, "a", USDT="200000")
    order = place(exchange, account, SYMBOL, "buy", "2", "49900")

    exchange.cancel(order, NOW)

    assert order.status is Status.CANCELLED
    assert held(exchange, account, "USDT") == "0"
    assert exchange.markets[SYMBOL].book.buys.depth(1) == [(4_999_000, 100_000_000)]
    with pytest.raises(Refused) as refused:
        exchange.cancel(order, NOW)
    assert refused.value.refusal is Refusal.ORDER_NOT_OPEN


@pytest.mark.parametrize(
    ("side", "amount", "price", "budget"),
    [
        ("buy", "1", "50000", None),
        ("buy", "1", None, None),
        ("buy", "0", None, "49999.99999999"),
        ("sell", "1.00001", "60000", None),
        ("sell", "1.00001", None, None),
    ],
)
def test_an_order_the_account_cannot_pay_changes_nothing(
    exchange: Exchange, side: str, amount: str, price: str | None, budget: str | None
) -> None:
    account = fund(exchange, "a", USDT="49000", BTC="1")
    before = exchange.markets[SYMBOL].book.sells.depth(5)

    with pytest.raises(Refused) as refused:
        place(exchange, account, SYMBOL, side, amount, price, budget=budget)

    assert refused.value.refusal is Refusal.INSUFFICIENT_FUNDS
    assert (total(exchange, account, "USDT"), held(exchange, account, "USDT")) == ("49000", "0")
    assert exchange.orders == []
    assert exchange.markets[SYMBOL].book.sells.depth(5) == before


def test_funds_held_by_one_order_are_not_there_for_the_next(exchange: Exchange) -> None:
    account = fund(exchange, "a", USDT="50000")
    place(exchange, account, SYMBOL, "buy", "1", "49000")

    with pytest.raises(Refused):
        place(exchange, account, SYMBOL, "buy", "0.1", "49000")


@pytest.mark.parametrize(
    ("amount", "price", "refusal"),
    [
        ("0.000005", "50000", Refusal.AMOUNT_OFF_LOT),
        ("0", "50000", Refusal.AMOUNT_OFF_LOT),
        ("0.00009", "50000", Refusal.NOTIONAL_BELOW_MINIMUM),
        ("1", "0", Refusal.PRICE_OFF_TICK),
    ],
)
def test_the_markets_rules_are_checked_first(exchange: Exchange, amount: str, price: str, refusal: Refusal) -> None:
    with pytest.raises(Refused) as refused:
        place(exchange, fund(exchange, "a", USDT="200000"), SYMBOL, "buy", amount, price)

    assert refused.value.refusal is refusal


def test_an_amount_below_the_minimum_is_refused_even_on_the_lot() -> None:
    exchange = make_exchange("kraken")

    with pytest.raises(Refused) as refused:
        place(exchange, fund(exchange, "a", USD="9999"), "BTC/USD", "buy", "0.00004999", "90000")

    assert refused.value.refusal is Refusal.AMOUNT_BELOW_MINIMUM


def test_a_client_order_id_is_taken_while_its_order_is_open_and_free_afterwards(exchange: Exchange) -> None:
    account = fund(exchange, "a", USDT="200000")
    other = fund(exchange, "b", USDT="200000")
    first = place(exchange, account, SYMBOL, "buy", "1", "49000", client_order_id="x")

    with pytest.raises(Refused) as refused:
        place(exchange, account, SYMBOL, "buy", "1", "49000", client_order_id="x")
    place(exchange, other, SYMBOL, "buy", "1", "49000", client_order_id="x")
    exchange.cancel(first, NOW)
    again = place(exchange, account, SYMBOL, "buy", "1", client_order_id="x")

    assert refused.value.refusal is Refusal.DUPLICATE_CLIENT_ORDER_ID
    assert again.status is Status.FILLED
    assert account.orders_with("x") == [first, again]
