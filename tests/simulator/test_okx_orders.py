"""The life of an order on OKX, as ccxt sees it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .clients import BlockingClient
from .okx_client import open_okx, raw

SYMBOL = "BTC/USDT"
CLIENT_ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def okx(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    return open_okx(simulator, connect)


def numbers(order: dict[str, Any], *names: str) -> list[Decimal]:
    return [Decimal(order[name]) for name in names]


def test_placing_is_only_acknowledged(okx: BlockingClient) -> None:
    placed = okx.create_order(SYMBOL, "market", "buy", "0.1", None, {"clientOrderId": CLIENT_ID})

    assert (placed["status"], placed["filled"], placed["clientOrderId"]) == (None, None, CLIENT_ID)
    assert {name: placed["info"][name] for name in ("ordId", "sCode", "sMsg", "tag")} == {
        "ordId": placed["id"],
        "sCode": "0",
        "sMsg": "",
        "tag": "",
    }


def test_a_limit_order_is_found_by_either_id(okx: BlockingClient) -> None:
    placed = okx.create_order(SYMBOL, "limit", "buy", "0.5", "49000", {"clientOrderId": CLIENT_ID})

    order = okx.fetch_order(placed["id"], SYMBOL)
    found = okx.fetch_order(None, SYMBOL, {"clientOrderId": CLIENT_ID})
    [pending] = okx.fetch_open_orders(SYMBOL)

    assert (order["status"], order["clientOrderId"], order["symbol"]) == ("open", CLIENT_ID, SYMBOL)
    assert numbers(order, "amount", "filled", "price") == [Decimal("0.5"), 0, 49000]
    assert (order["info"]["state"], order["info"]["avgPx"], order["info"]["fee"]) == ("live", "", "0")
    assert found["id"] == pending["id"] == placed["id"]


def test_a_filled_order_has_its_average_and_its_fills(okx: BlockingClient) -> None:
    placed = okx.create_order(SYMBOL, "market", "buy", "1.5", None, {"clientOrderId": CLIENT_ID})

    order = okx.fetch_order(None, SYMBOL, {"clientOrderId": CLIENT_ID})
    fills = okx.fetch_order_trades(placed["id"], SYMBOL)

    assert (order["status"], order["type"], order["info"]["state"]) == ("closed", "market", "filled")
    assert numbers(order, "filled", "average") == [Decimal("1.5"), Decimal("50013.3333333333")]
    # OKX tells what it took as a negative number, and ccxt turns the sign.
    assert (order["info"]["fee"], order["info"]["feeCcy"]) == ("-0.00225", "BTC")
    assert sorted(numbers(fill, "price", "amount", "cost") for fill in fills) == [
        [50010, 1, 50010],
        [50020, Decimal("0.5"), 25010],
    ]
    assert {(fill["order"], fill["takerOrMaker"], fill["fee"]["currency"]) for fill in fills} == {
        (placed["id"], "taker", "BTC")
    }
    assert sum(Decimal(fill["fee"]["cost"]) for fill in fills) == Decimal("0.00225")


def test_a_sell_pays_its_fee_in_what_it_receives(okx: BlockingClient) -> None:
    placed = okx.create_order(SYMBOL, "limit", "sell", "0.5", "49990")

    order = okx.fetch_order(placed["id"], SYMBOL)

    assert (order["fee"]["currency"], Decimal(order["fee"]["cost"])) == ("USDT", Decimal("37.4925"))


def test_a_market_buy_counts_base_or_quote_as_it_says(okx: BlockingClient, control: SimulatorControl) -> None:
    okx.create_order(SYMBOL, "market", "buy", "0.1")
    by_cost = okx.create_market_buy_order_with_cost(SYMBOL, "1000")

    base, quote = control.ledger()
    order = okx.fetch_order(by_cost["id"], SYMBOL)

    assert (base["amount"], base["budget"]) == ("0.1", None)
    assert (quote["budget"], quote["filled"]) == ("1000", "0.019996")
    assert (order["info"]["sz"], order["info"]["tgtCcy"], order["status"]) == ("1000", "quote_ccy", "closed")


def test_without_a_word_a_market_buy_counts_quote_and_a_sell_base(
    okx: BlockingClient, control: SimulatorControl
) -> None:
    for side in ("buy", "sell"):
        fields = {"instId": "BTC-USDT", "tdMode": "cash", "side": side, "ordType": "market", "sz": "1"}
        raw(okx, "private_post_trade_order", {**fields, "clOrdId": side})

    bought, sold = control.ledger()

    assert (bought["budget"], bought["filled"]) == ("1", "0.00001999")
    assert (sold["budget"], sold["filled"]) == (None, "1")


@pytest.mark.parametrize(
    ("tif", "amount", "status", "filled", "source"),
    [
        ("IOC", "1.5", "canceled", "1", "14"),
        ("FOK", "1.5", "canceled", "0", "13"),
        ("FOK", "1", "closed", "1", ""),
    ],
)
def test_immediate_orders_do_not_rest(
    okx: BlockingClient, tif: str, amount: str, status: str, filled: str, source: str
) -> None:
    placed = okx.create_order(SYMBOL, "limit", "buy", amount, "50010", {"timeInForce": tif})

    order = okx.fetch_order(placed["id"], SYMBOL)

    assert (order["status"], Decimal(order["filled"]), order["timeInForce"]) == (status, Decimal(filled), tif)
    assert order["info"]["cancelSource"] == source
    assert okx.fetch_open_orders(SYMBOL) == []


def test_post_only_that_would_take_is_accepted_and_cancelled(okx: BlockingClient) -> None:
    placed = okx.create_order(SYMBOL, "limit", "buy", "0.1", "50010", {"postOnly": True})

    order = okx.fetch_order(placed["id"], SYMBOL)

    assert (order["status"], order["info"]["cancelSource"], order["postOnly"]) == ("canceled", "31", True)


def test_a_partial_fill_as_maker_pays_the_maker_fee(okx: BlockingClient, control: SimulatorControl) -> None:
    placed = okx.create_order(SYMBOL, "limit", "buy", "2", "49000")
    control.set_book("okx", SYMBOL, bids=[("48000", "1")], asks=[("48900", "0.5"), ("49950", "1")])

    order = okx.fetch_order(placed["id"], SYMBOL)
    [fill] = okx.fetch_my_trades(SYMBOL)

    assert (order["status"], order["info"]["state"]) == ("open", "partially_filled")
    assert (fill["takerOrMaker"], numbers(fill, "price", "amount")) == ("maker", [49000, Decimal("0.5")])
    assert (fill["fee"]["currency"], Decimal(fill["fee"]["cost"])) == ("BTC", Decimal("0.0005"))


def test_cancelling_by_either_id(okx: BlockingClient) -> None:
    first = okx.create_order(SYMBOL, "limit", "buy", "0.5", "49000")
    second = okx.create_order(SYMBOL, "limit", "buy", "0.5", "49000", {"clientOrderId": CLIENT_ID})

    assert okx.cancel_order(first["id"], SYMBOL)["id"] == first["id"]
    assert okx.cancel_order(None, SYMBOL, {"clientOrderId": CLIENT_ID})["id"] == second["id"]

    assert okx.fetch_open_orders(SYMBOL) == []
    cancelled = okx.fetch_order(first["id"], SYMBOL)
    assert (cancelled["status"], cancelled["info"]["cancelSource"]) == ("canceled", "1")


def test_an_order_that_is_gone_and_one_that_never_was(okx: BlockingClient) -> None:
    filled = okx.create_order(SYMBOL, "market", "buy", "0.1")

    for order_id in (filled["id"], "12345"):
        with pytest.raises(ccxt.OrderNotFound, match="51400"):
            okx.cancel_order(order_id, SYMBOL)
    with pytest.raises(ccxt.OrderNotFound, match="51603"):
        okx.fetch_order("12345", SYMBOL)
    with pytest.raises(ccxt.OrderNotFound, match="51603"):
        okx.fetch_order(filled["id"], "ETH/USDT")
    with pytest.raises(ccxt.OrderNotFound, match="51603"):
        okx.fetch_order(None, SYMBOL, {"clientOrderId": CLIENT_ID})


def test_a_client_order_id_is_refused_while_open_and_accepted_again_afterwards(
    okx: BlockingClient, control: SimulatorControl
) -> None:
    params = {"clientOrderId": CLIENT_ID}
    first = okx.create_order(SYMBOL, "limit", "buy", "0.1", "49000", params)

    with pytest.raises(ccxt.InvalidOrder, match="Client order ID already exists") as raised:
        okx.create_order(SYMBOL, "market", "buy", "0.1", None, params)
    okx.cancel_order(first["id"], SYMBOL)
    second = okx.create_order(SYMBOL, "market", "buy", "0.1", None, params)

    # The class is that of a plain refusal, though the order is there.
    assert type(raised.value) is ccxt.InvalidOrder
    assert len(control.ledger()) == 2
    # Of several orders under one client order id the latest is found.
    assert okx.fetch_order(None, SYMBOL, params)["id"] == second["id"]


def test_another_account_sees_nothing(okx: BlockingClient, simulator: RunningSimulator, connect: Any) -> None:
    placed = okx.create_order(SYMBOL, "limit", "buy", "0.5", "49000", {"clientOrderId": CLIENT_ID})
    okx.client.apiKey = "other"
    simulator.control.upsert_account("okx", "other", okx.secret, {"USDT": "5"}, passphrase=okx.password)

    for order_id, params in ((placed["id"], {}), (None, {"clientOrderId": CLIENT_ID})):
        with pytest.raises(ccxt.OrderNotFound):
            okx.fetch_order(order_id, SYMBOL, params)
        with pytest.raises(ccxt.OrderNotFound):
            okx.cancel_order(order_id, SYMBOL, params)


def test_the_balance_shows_what_open_orders_hold(okx: BlockingClient) -> None:
    okx.create_order(SYMBOL, "limit", "buy", "0.5", "49000.1")

    balance = okx.fetch_balance()
    only = okx.fetch_balance({"ccy": "BTC"})

    assert [balance["USDT"][name] for name in ("free", "used", "total")] == ["75499.95", "24500.05", "100000"]
    assert balance["BTC"]["total"] == "2"
    assert list(only["total"]) == ["BTC"]


def test_the_trading_fee_is_the_one_that_is_charged(okx: BlockingClient) -> None:
    fee = okx.fetch_trading_fee(SYMBOL)

    assert numbers(fee, "maker", "taker") == [Decimal("0.001"), Decimal("0.0015")]


def test_histories_are_newest_first_in_pages_and_by_state(okx: BlockingClient) -> None:
    ids = [okx.create_order(SYMBOL, "market", "buy", "0.001")["id"] for _ in range(3)]
    resting = okx.create_order(SYMBOL, "limit", "buy", "0.1", "49000")
    okx.cancel_order(resting["id"], SYMBOL)
    spot = {"instType": "SPOT"}

    newest = raw(okx, "private_get_trade_orders_history", {**spot, "limit": 2})
    older = raw(okx, "private_get_trade_orders_history", {**spot, "after": newest[-1]["ordId"]})
    fills = raw(okx, "private_get_trade_fills_history", spot)
    newer_fills = raw(okx, "private_get_trade_fills", {"before": fills[-1]["billId"], "begin": fills[0]["ts"]})

    assert [row["ordId"] for row in newest] == [resting["id"], ids[2]]
    assert [row["ordId"] for row in older] == [ids[1], ids[0]]
    assert [row["ordId"] for row in fills] == ids[::-1]
    assert [row["ordId"] for row in newer_fills] == ids[:0:-1][: len(newer_fills)]
    assert {order["id"] for order in okx.fetch_closed_orders(SYMBOL)} == set(ids)
    assert [order["id"] for order in okx.fetch_canceled_orders(SYMBOL)] == [resting["id"]]
    assert raw(okx, "private_get_trade_orders_history", {"instType": "SWAP"}) == []
    assert raw(okx, "private_get_trade_fills", {"instType": "SWAP"}) == []
