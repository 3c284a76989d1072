"""The life of an order on Coinbase, as ccxt sees it."""

import asyncio
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .clients import BlockingClient
from .coinbase_client import coinbase_clients

SYMBOL = "BTC/USD"
CLIENT_ID = "0123456789abcdef0123456789abcdef"
OURS = {"client_order_id": CLIENT_ID}


@pytest.fixture
def coinbase(
    simulator: RunningSimulator, runner: asyncio.Runner, connect: Callable[[Any], BlockingClient]
) -> Iterator[BlockingClient]:
    for open_client in coinbase_clients(simulator, runner, connect):
        yield open_client()


def numbers(order: dict[str, Any], *names: str) -> list[Decimal]:
    return [Decimal(order[name]) for name in names]


def test_markets_have_the_exchanges_steps_limits_and_the_accounts_fees(coinbase: BlockingClient) -> None:
    market = coinbase.load_markets()[SYMBOL]

    assert (market["id"], market["spot"], market["active"]) == ("BTC-USD", True, True)
    assert numbers(market["precision"], "price", "amount") == [Decimal("0.01"), Decimal("0.00000001")]
    assert Decimal(market["limits"]["amount"]["min"]) == Decimal("0.00000001")
    assert Decimal(market["limits"]["cost"]["min"]) == 1
    assert numbers(market, "maker", "taker") == [Decimal("0.006"), Decimal("0.012")]


def test_the_book_is_cut_at_the_asked_depth(coinbase: BlockingClient) -> None:
    book = coinbase.fetch_order_book(SYMBOL, 1)

    assert [[Decimal(str(n)) for n in row] for row in (*book["bids"], *book["asks"])] == [[49990, 1], [50010, 1]]
    assert book["timestamp"] is not None


def test_both_clocks_tell_whole_seconds(coinbase: BlockingClient) -> None:
    old, new = coinbase.fetch_time(), coinbase.fetch_time({"method": "v3PublicGetBrokerageTime"})

    assert 0 <= new - old <= 1000
    assert new % 1000 == old % 1000 == 0


def test_placing_is_only_acknowledged(coinbase: BlockingClient) -> None:
    placed = coinbase.create_order(SYMBOL, "limit", "buy", "0.1", "50010", OURS)

    assert (placed["status"], placed["filled"], placed["clientOrderId"]) == (None, None, CLIENT_ID)
    assert UUID(placed["id"])


def test_ccxt_drops_its_unified_client_order_id(coinbase: BlockingClient, control: SimulatorControl) -> None:
    coinbase.create_order(SYMBOL, "limit", "buy", "0.1", "49000", {"clientOrderId": CLIENT_ID})

    assert control.ledger()[0]["client_order_id"].startswith("ccxt-")


def test_a_resting_order_is_found_by_id_and_in_the_list(coinbase: BlockingClient) -> None:
    placed = coinbase.create_order(SYMBOL, "limit", "buy", "0.5", "49000", OURS)

    order = coinbase.fetch_order(placed["id"], SYMBOL)
    [listed] = coinbase.fetch_orders(SYMBOL)
    [open_one] = coinbase.fetch_open_orders(SYMBOL)

    assert (order["status"], order["clientOrderId"], order["timeInForce"]) == ("open", CLIENT_ID, "GTC")
    assert numbers(order, "amount", "filled", "price") == [Decimal("0.5"), 0, 49000]
    assert listed["info"] == open_one["info"] == order["info"]
    # With the dearer fee on top, which an order may have to pay.
    assert Decimal(order["info"]["outstanding_hold_amount"]) == Decimal("24500") * Decimal("1.012")


def test_a_filled_order_has_its_fills_and_pays_the_taker_fee_in_quote(coinbase: BlockingClient) -> None:
    placed = coinbase.create_order(SYMBOL, "limit", "buy", "1.5", "50020", OURS)

    order = coinbase.fetch_order(placed["id"], SYMBOL)
    trades = coinbase.fetch_my_trades(SYMBOL, None, None, {"order_ids": [placed["id"]]})

    assert (order["status"], order["info"]["number_of_fills"]) == ("closed", "2")
    assert order["info"]["average_filled_price"] == "50013.3333333333333333"
    assert sorted(numbers(t, "price", "amount")[::-1] for t in trades) == [[Decimal("0.5"), 50020], [1, 50010]]
    assert {(t["takerOrMaker"], t["fee"]["currency"], t["order"]) for t in trades} == {("taker", "USD", placed["id"])}
    fees = sum(Decimal(t["fee"]["cost"]) for t in trades)
    assert fees == Decimal(order["fee"]["cost"]) == Decimal("75020") * Decimal("0.012")


def test_a_partial_fill_as_maker_pays_the_maker_fee(coinbase: BlockingClient, control: SimulatorControl) -> None:
    placed = coinbase.create_order(SYMBOL, "limit", "buy", "1", "49000")
    control.set_book("coinbase", SYMBOL, bids=[("48000", "1")], asks=[("48900", "0.25"), ("49950", "1")])

    order = coinbase.fetch_order(placed["id"], SYMBOL)
    [trade] = coinbase.fetch_my_trades(SYMBOL)

    assert (order["status"], order["info"]["completion_percentage"]) == ("open", "25")
    assert (trade["takerOrMaker"], numbers(trade, "price", "amount")) == ("maker", [49000, Decimal("0.25")])
    assert Decimal(trade["fee"]["cost"]) == Decimal("73.5")


@pytest.mark.parametrize(
    ("tif", "amount", "status", "filled"),
    [("IOC", "1.5", "canceled", "1"), ("FOK", "1.5", "canceled", "0"), ("FOK", "1", "closed", "1")],
)
def test_immediate_orders_do_not_rest(
    coinbase: BlockingClient, tif: str, amount: str, status: str, filled: str
) -> None:
    placed = coinbase.create_order(SYMBOL, "limit", "buy", amount, "50010", {"timeInForce": tif})

    order = coinbase.fetch_order(placed["id"], SYMBOL)

    assert (order["status"], order["timeInForce"], Decimal(order["filled"])) == (status, tif, Decimal(filled))
    assert coinbase.fetch_open_orders(SYMBOL) == []


def test_post_only_that_would_take_is_refused(coinbase: BlockingClient, control: SimulatorControl) -> None:
    with pytest.raises(ccxt.ExchangeError, match="INVALID_LIMIT_PRICE_POST_ONLY"):
        coinbase.create_order(SYMBOL, "limit", "buy", "0.1", "50010", {"postOnly": True})
    placed = coinbase.create_order(SYMBOL, "limit", "buy", "0.1", "49995", {"postOnly": True})

    assert coinbase.fetch_order(placed["id"], SYMBOL)["postOnly"] is True
    assert len(control.ledger()) == 1


def test_a_market_buy_is_by_cost_and_a_market_sell_by_amount(
    coinbase: BlockingClient, control: SimulatorControl
) -> None:
    bought = coinbase.create_market_buy_order_with_cost(SYMBOL, "1000")
    sold = coinbase.create_order(SYMBOL, "market", "sell", "0.1")

    buy, sell = (coinbase.fetch_order(each["id"], SYMBOL) for each in (bought, sold))
    [fill] = coinbase.fetch_my_trades(SYMBOL, None, None, {"order_ids": [bought["id"]]})

    assert (buy["info"]["size_in_quote"], fill["info"]["size_in_quote"]) == (True, True)
    assert Decimal(fill["info"]["size"]) == Decimal(buy["info"]["filled_value"])
    assert (sell["status"], Decimal(sell["filled"])) == ("closed", Decimal("0.1"))
    assert [row["budget"] for row in control.ledger()] == ["1000", None]


def test_cancelling_and_what_can_no_longer_be_cancelled(coinbase: BlockingClient) -> None:
    resting = coinbase.create_order(SYMBOL, "limit", "buy", "0.1", "49000")["id"]
    filled = coinbase.create_order(SYMBOL, "limit", "buy", "0.1", "50010")["id"]
    unknown = "00000000-0000-0000-0000-000000000000"

    def cancel() -> list[tuple[bool, str]]:
        ids = {"order_ids": [resting, filled, unknown]}
        [raw] = coinbase.together(lambda client: client.v3_private_post_brokerage_orders_batch_cancel(ids))
        return [(row["success"], row["failure_reason"]) for row in raw["results"]]

    coinbase.load_markets()
    first, second = cancel(), cancel()

    assert first[0] == (True, "UNKNOWN_CANCEL_FAILURE_REASON")
    assert first[1:] == [(False, "ORDER_IS_FULLY_FILLED"), (False, "UNKNOWN_CANCEL_ORDER")]
    assert second[0] == (False, "UNKNOWN_CANCEL_ORDER")
    assert coinbase.fetch_order(resting, SYMBOL)["status"] == "canceled"
    with pytest.raises(ccxt.BadRequest, match="cancelOrders"):
        coinbase.cancel_order(filled, SYMBOL)


def test_a_used_client_order_id_gets_the_order_that_carries_it(
    coinbase: BlockingClient, control: SimulatorControl
) -> None:
    first = coinbase.create_order(SYMBOL, "limit", "buy", "0.1", "50010", OURS)
    second = coinbase.create_order(SYMBOL, "limit", "sell", "0.7", "60000", OURS)

    assert second["id"] == first["id"]
    assert second["side"] == "buy"
    assert len(control.ledger()) == 1


def test_the_balance_shows_what_open_orders_hold_with_the_fee(coinbase: BlockingClient) -> None:
    coinbase.create_order(SYMBOL, "limit", "buy", "0.5", "49000")

    balance = coinbase.fetch_balance()

    assert numbers(balance["USD"], "free", "used", "total") == [75206, 24794, 100000]
    assert Decimal(balance["BTC"]["total"]) == 2


def test_orders_come_newest_first_in_pages(coinbase: BlockingClient) -> None:
    ids = [coinbase.create_order(SYMBOL, "limit", "buy", "0.001", "40000")["id"] for _ in range(5)]

    seen: list[list[str]] = []
    query: dict[str, object] = {"limit": 2}
    while True:
        [raw] = coinbase.together(lambda client: client.v3_private_get_brokerage_orders_historical_batch(query))
        seen.append([order["order_id"] for order in raw["orders"]])
        if not raw["has_next"]:
            break
        query["cursor"] = raw["cursor"]

    assert seen == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]


def test_the_list_can_be_limited_in_time_side_and_state(coinbase: BlockingClient) -> None:
    oldest = coinbase.create_order(SYMBOL, "limit", "buy", "0.001", "40000")["id"]
    newest = coinbase.create_order(SYMBOL, "limit", "sell", "0.001", "49990")["id"]
    since = coinbase.fetch_order(newest, SYMBOL)["info"]["created_time"]

    def listed(**query: str) -> list[str]:
        [raw] = coinbase.together(lambda client: client.v3_private_get_brokerage_orders_historical_batch(query))
        return [order["order_id"] for order in raw["orders"]]

    # The beginning belongs to the span, the end does not.
    assert listed(start_date=since) == listed(order_side="SELL") == listed(order_status="FILLED") == [newest]
    assert listed(end_date=since) == listed(order_status="OPEN") == [oldest]
    assert listed(product_id="ETH-USD") == []
