"""The life of an order on Kraken, as ccxt sees it."""

import re
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from execution.simulator.client import SimulatorControl

from .clients import BlockingClient

SYMBOL = "BTC/USD"
CLIENT_ID = "0123456789abcdef0123456789abcdef"
TXID = r"O[0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{6}"


def numbers(order: dict[str, Any], *names: str) -> list[Decimal]:
    return [Decimal(order[name]) for name in names]


def test_placing_is_only_acknowledged(kraken: BlockingClient) -> None:
    placed = kraken.create_order(SYMBOL, "market", "buy", "0.1", None, {"clientOrderId": CLIENT_ID})

    assert (placed["status"], placed["filled"], placed["clientOrderId"]) == (None, None, None)
    assert placed["info"] == {"descr": {"order": "buy 0.10000000 XBTUSD @ market"}, "txid": [placed["id"]]}


def test_ids_look_like_krakens(kraken: BlockingClient) -> None:
    ids = {kraken.create_order(SYMBOL, "limit", "buy", "0.001", "40000")["id"] for _ in range(20)}

    assert len(ids) == 20
    assert all(re.fullmatch(TXID, txid) for txid in ids)


def test_a_limit_order_is_found_by_txid_and_among_open_orders_by_client_id(kraken: BlockingClient) -> None:
    placed = kraken.create_order(SYMBOL, "limit", "buy", "0.5", "49000", {"clientOrderId": CLIENT_ID})

    order = kraken.fetch_order(placed["id"], SYMBOL)
    found = kraken.fetch_open_orders(SYMBOL, None, None, {"clientOrderId": CLIENT_ID})

    assert (order["status"], order["clientOrderId"], order["symbol"]) == ("open", CLIENT_ID, SYMBOL)
    assert numbers(order, "amount", "filled", "price") == [Decimal("0.5"), 0, 49000]
    assert order["info"]["descr"]["order"] == "buy 0.50000000 XBTUSD @ limit 49000.0"
    assert [each["id"] for each in found] == [placed["id"]]
    assert kraken.fetch_open_orders(SYMBOL, None, None, {"clientOrderId": "f" * 32}) == []


def test_a_filled_order_is_found_among_closed_orders_by_client_id(kraken: BlockingClient) -> None:
    placed = kraken.create_order(SYMBOL, "market", "buy", "1.5", None, {"clientOrderId": CLIENT_ID})

    [order] = kraken.fetch_closed_orders(SYMBOL, None, None, {"clientOrderId": CLIENT_ID, "trades": True})

    assert (order["id"], order["status"], order["clientOrderId"]) == (placed["id"], "closed", CLIENT_ID)
    # The average of 50010 and 50020 is written with the pair's one decimal; the trades are exact.
    assert numbers(order, "filled", "average") == [Decimal("1.5"), Decimal("50013.3")]
    assert (order["fee"]["currency"], Decimal(order["fee"]["cost"])) == ("USD", Decimal("300.08"))
    trades = kraken.fetch_order_trades(placed["id"], SYMBOL, None, None, {"trades": order["trades"]})
    # Trades of one moment come in the order of their ids, which are not in sequence.
    assert sorted(numbers(trade, "price", "amount", "cost") for trade in trades) == [
        [50010, 1, 50010],
        [50020, Decimal("0.5"), 25010],
    ]
    assert [(t["order"], t["takerOrMaker"]) for t in trades] == [(placed["id"], "taker")] * 2


def test_closed_orders_show_trades_only_when_asked(kraken: BlockingClient) -> None:
    kraken.create_order(SYMBOL, "market", "buy", "0.1")

    [silent] = kraken.fetch_closed_orders(SYMBOL)
    [asked] = kraken.fetch_closed_orders(SYMBOL, None, None, {"trades": True})

    assert ("trades" in silent["info"], len(asked["info"]["trades"])) == (False, 1)


def test_a_market_buy_by_cost_counts_in_quote(kraken: BlockingClient, control: SimulatorControl) -> None:
    placed = kraken.create_market_buy_order_with_cost(SYMBOL, "1000")

    order = kraken.fetch_order(placed["id"], SYMBOL)

    # Kraken REST API docs: volumes of `viqc` orders are in the quote asset.
    assert (order["info"]["vol"], order["info"]["vol_exec"]) == ("1000.00000000", "999.99996")
    assert control.ledger()[0]["filled"] == "0.019996"


@pytest.mark.parametrize(
    ("tif", "amount", "status", "filled"),
    [("IOC", "1.5", "canceled", "1"), ("FOK", "1.5", "canceled", "0"), ("FOK", "1", "closed", "1")],
)
def test_immediate_orders_do_not_rest(kraken: BlockingClient, tif: str, amount: str, status: str, filled: str) -> None:
    placed = kraken.create_order(SYMBOL, "limit", "buy", amount, "50010", {"timeInForce": tif})

    order = kraken.fetch_order(placed["id"], SYMBOL)

    assert (order["status"], Decimal(order["filled"])) == (status, Decimal(filled))
    assert kraken.fetch_open_orders(SYMBOL) == []


def test_post_only_that_would_take_is_accepted_and_cancelled(kraken: BlockingClient) -> None:
    placed = kraken.create_order(SYMBOL, "limit", "buy", "0.1", "50010", {"postOnly": True})

    order = kraken.fetch_order(placed["id"], SYMBOL)

    assert (order["status"], order["info"]["reason"], order["postOnly"]) == ("canceled", "Post only order", True)


def test_a_partial_fill_as_maker_pays_the_maker_fee(kraken: BlockingClient, control: SimulatorControl) -> None:
    placed = kraken.create_order(SYMBOL, "limit", "buy", "2", "49000")
    control.set_book("kraken", SYMBOL, bids=[("48000", "1")], asks=[("48900", "0.5"), ("49950", "1")])

    order = kraken.fetch_order(placed["id"], SYMBOL)
    [trade] = kraken.fetch_my_trades(SYMBOL)

    assert (order["status"], Decimal(order["filled"])) == ("open", Decimal("0.5"))
    assert (trade["takerOrMaker"], numbers(trade, "price", "amount")) == ("maker", [49000, Decimal("0.5")])
    assert Decimal(trade["fee"]["cost"]) == Decimal("61.25")


def test_cancelling_by_txid_and_by_client_id(kraken: BlockingClient) -> None:
    first = kraken.create_order(SYMBOL, "limit", "buy", "0.5", "49000")
    kraken.create_order(SYMBOL, "limit", "buy", "0.5", "49000", {"clientOrderId": CLIENT_ID})

    by_txid = kraken.cancel_order(first["id"], SYMBOL)
    by_client_id = kraken.cancel_order(None, SYMBOL, {"clientOrderId": CLIENT_ID})

    assert by_txid["info"]["result"] == by_client_id["info"]["result"] == {"count": 1}
    assert kraken.fetch_open_orders(SYMBOL) == []
    cancelled = kraken.fetch_order(first["id"], SYMBOL)
    assert (cancelled["status"], cancelled["info"]["reason"]) == ("canceled", "User requested")


def test_cancelling_by_userref_cancels_every_order_that_carries_it(kraken: BlockingClient) -> None:
    for _ in range(2):
        kraken.create_order(SYMBOL, "limit", "buy", "0.1", "49000", {"userref": 42})
    kraken.create_order(SYMBOL, "limit", "buy", "0.1", "49000", {"userref": 43})

    cancelled = kraken.cancel_order(None, SYMBOL, {"userref": 42})

    assert cancelled["info"]["result"] == {"count": 2}
    [left] = kraken.fetch_open_orders(SYMBOL, None, None, {"userref": 43})
    assert left["info"]["userref"] == 43


def test_cancel_all(kraken: BlockingClient) -> None:
    for _ in range(3):
        kraken.create_order(SYMBOL, "limit", "buy", "0.1", "49000")

    assert kraken.cancel_all_orders()[0]["info"]["result"] == {"count": 3}


def test_an_order_that_is_gone_and_one_that_never_was(kraken: BlockingClient) -> None:
    filled = kraken.create_order(SYMBOL, "market", "buy", "0.1")

    with pytest.raises(ccxt.OrderNotFound, match="EOrder:Unknown order"):
        kraken.cancel_order(filled["id"], SYMBOL)
    with pytest.raises(ccxt.OrderNotFound, match="EOrder:Unknown order"):
        kraken.cancel_order(None, SYMBOL, {"clientOrderId": CLIENT_ID})
    with pytest.raises(ccxt.InvalidOrder, match="EOrder:Invalid order"):
        kraken.cancel_order("OZZZZZ-ZZZZZ-ZZZZZZ", SYMBOL)
    with pytest.raises(ccxt.InvalidOrder, match="EOrder:Invalid order"):
        kraken.fetch_order("OZZZZZ-ZZZZZ-ZZZZZZ", SYMBOL)


def test_a_client_order_id_is_refused_while_open_and_accepted_again_afterwards(
    kraken: BlockingClient, control: SimulatorControl
) -> None:
    params = {"clientOrderId": CLIENT_ID}
    first = kraken.create_order(SYMBOL, "limit", "buy", "0.1", "49000", params)

    with pytest.raises(ccxt.ExchangeError, match="cl_ord_id not unique") as raised:
        kraken.create_order(SYMBOL, "market", "buy", "0.1", None, params)
    kraken.cancel_order(first["id"], SYMBOL)
    second = kraken.create_order(SYMBOL, "market", "buy", "0.1", None, params)
    third = kraken.create_order(SYMBOL, "market", "buy", "0.1", None, params)

    # ccxt does not know the text, so a definite refusal looks like any other exchange error.
    assert type(raised.value) is ccxt.ExchangeError
    assert len(control.ledger()) == 3
    found = kraken.fetch_closed_orders(SYMBOL, None, None, params)
    assert {order["id"] for order in found} == {first["id"], second["id"], third["id"]}


def test_query_orders_treats_a_client_id_as_a_filter_on_the_txid(kraken: BlockingClient) -> None:
    placed = kraken.create_order(SYMBOL, "limit", "buy", "0.1", "49000", {"clientOrderId": CLIENT_ID})

    with pytest.raises(ccxt.OrderNotFound):
        kraken.fetch_order(placed["id"], SYMBOL, {"cl_ord_id": "f" * 32})
    assert kraken.fetch_order(placed["id"], SYMBOL, {"cl_ord_id": CLIENT_ID})["id"] == placed["id"]


def test_the_balance_shows_what_open_orders_hold_with_the_fee(kraken: BlockingClient) -> None:
    kraken.create_order(SYMBOL, "limit", "buy", "0.5", "49000")

    balance = kraken.fetch_balance()

    assert numbers(balance["USD"], "free", "used", "total") == [75402, 24598, 100000]
    assert Decimal(balance["BTC"]["total"]) == 2


def test_the_trading_fee_is_the_one_that_is_charged(kraken: BlockingClient) -> None:
    fee = kraken.fetch_trading_fee(SYMBOL)

    assert numbers(fee, "maker", "taker") == [Decimal("0.0025"), Decimal("0.004")]


def test_validate_checks_and_places_nothing(kraken: BlockingClient, control: SimulatorControl) -> None:
    checked = kraken.create_order(SYMBOL, "limit", "buy", "0.1", "49000", {"validate": True})

    with pytest.raises(ccxt.InvalidOrder, match="Order minimum not met"):
        kraken.create_order(SYMBOL, "limit", "buy", "0.00001", "49000", {"validate": True})
    assert checked["id"] is None
    assert control.ledger() == []


def test_history_comes_newest_first_in_pages_of_fifty(kraken: BlockingClient, control: SimulatorControl) -> None:
    ids = [kraken.create_order(SYMBOL, "market", "buy", "0.001")["id"] for _ in range(52)]

    first = kraken.fetch_closed_orders(SYMBOL)
    [raw] = kraken.together(lambda client: client.private_post_closedorders({"ofs": 50}))
    trades = kraken.fetch_my_trades(SYMBOL)

    assert {order["id"] for order in first} == set(ids[2:])
    assert (list(raw["result"]["closed"]), raw["result"]["count"]) == ([ids[1], ids[0]], 52)
    assert len(trades) == 50
    assert len({trade["id"] for trade in trades}) == 50


def test_history_can_be_limited_in_time(kraken: BlockingClient) -> None:
    kraken.create_order(SYMBOL, "market", "buy", "0.001")
    kraken.create_order(SYMBOL, "market", "buy", "0.001")
    [newest, oldest] = sorted(kraken.fetch_my_trades(SYMBOL), key=lambda t: -t["info"]["time"])

    later = {"start": oldest["info"]["time"]}
    [raw] = kraken.together(lambda client: client.private_post_tradeshistory(later))

    assert list(raw["result"]["trades"]) == [newest["id"]]
