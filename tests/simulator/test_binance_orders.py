"""The life of an order on Binance, as ccxt sees it."""

from decimal import Decimal
from typing import Any

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .clients import BlockingClient, binance_client

SYMBOL = "BTC/USDT"
CLIENT_ID = "0123456789abcdef0123456789abcdef"


def numbers(order: dict[str, Any], *names: str) -> list[Decimal]:
    return [Decimal(order[name]) for name in names]


def test_a_limit_order_rests_and_is_found_by_id_and_by_client_id(binance: BlockingClient) -> None:
    placed = binance.create_order(SYMBOL, "limit", "buy", "0.5", "49000", {"clientOrderId": CLIENT_ID})

    by_id = binance.fetch_order(placed["id"], SYMBOL)
    by_client_id = binance.fetch_order(None, SYMBOL, {"clientOrderId": CLIENT_ID})

    assert (placed["status"], placed["clientOrderId"], placed["timeInForce"]) == ("open", CLIENT_ID, "GTC")
    assert numbers(placed, "amount", "filled", "price") == [Decimal("0.5"), 0, 49000]
    assert by_id["id"] == by_client_id["id"] == placed["id"]
    assert by_id["timestamp"] == placed["timestamp"]
    assert [order["id"] for order in binance.fetch_open_orders(SYMBOL)] == [placed["id"]]
    binance.client.options["fetchOpenOrders"]["warnWithoutSymbol"] = False
    assert [order["id"] for order in binance.fetch_open_orders()] == [placed["id"]]


def test_a_market_order_answers_with_its_fills(binance: BlockingClient) -> None:
    order = binance.create_order(SYMBOL, "market", "buy", "1.5")

    assert (order["status"], order["type"]) == ("closed", "market")
    assert numbers(order, "filled", "cost") == [Decimal("1.5"), 75020]
    assert [(t["price"], t["amount"]) for t in order["trades"]] == [
        ("50010.00000000", "1.00000000"),
        ("50020.00000000", "0.50000000"),
    ]
    assert [(fee["currency"], Decimal(fee["cost"])) for fee in order["fees"]] == [("BTC", Decimal("0.0015"))]


def test_selling_pays_the_fee_in_usdt(binance: BlockingClient) -> None:
    order = binance.create_order(SYMBOL, "market", "sell", "1")

    assert [(fee["currency"], Decimal(fee["cost"])) for fee in order["fees"]] == [("USDT", Decimal("49.99"))]


def test_a_market_buy_by_cost_spends_at_most_the_cost(binance: BlockingClient) -> None:
    order = binance.create_market_buy_order_with_cost(SYMBOL, "1000")

    assert numbers(order, "filled", "cost") == [Decimal("0.01999"), Decimal("999.6999")]
    assert order["info"]["origQuoteOrderQty"] == "1000.00000000"


@pytest.mark.parametrize(
    ("tif", "amount", "status", "filled"),
    [("IOC", "1.5", "expired", "1"), ("FOK", "1.5", "expired", "0"), ("FOK", "1", "closed", "1")],
)
def test_immediate_orders_do_not_rest(binance: BlockingClient, tif: str, amount: str, status: str, filled: str) -> None:
    order = binance.create_order(SYMBOL, "limit", "buy", amount, "50010", {"timeInForce": tif})

    assert (order["status"], Decimal(order["filled"])) == (status, Decimal(filled))
    assert binance.fetch_open_orders(SYMBOL) == []


def test_post_only_rests_or_is_refused(binance: BlockingClient) -> None:
    placed = binance.create_order(SYMBOL, "limit", "buy", "0.1", "50009.99", {"postOnly": True})

    with pytest.raises(ccxt.OrderImmediatelyFillable, match="would immediately match"):
        binance.create_order(SYMBOL, "limit", "buy", "0.1", "50010", {"postOnly": True})

    order = binance.fetch_order(placed["id"], SYMBOL)
    assert (order["status"], order["postOnly"]) == ("open", True)


def test_a_partial_fill_is_seen_while_the_order_is_open(binance: BlockingClient, control: SimulatorControl) -> None:
    placed = binance.create_order(SYMBOL, "limit", "buy", "2", "49900")
    control.set_book("binance", SYMBOL, bids=[("49000", "1")], asks=[("49800", "0.75"), ("49950", "1")])

    order = binance.fetch_order(placed["id"], SYMBOL)
    trades = binance.fetch_my_trades(SYMBOL)

    assert (order["info"]["status"], order["status"]) == ("PARTIALLY_FILLED", "open")
    assert numbers(order, "filled", "remaining", "average") == [Decimal("0.75"), Decimal("1.25"), 49900]
    assert [(t["order"], t["takerOrMaker"], t["price"], t["amount"]) for t in trades] == [
        (placed["id"], "maker", "49900.00000000", "0.75000000")
    ]


def test_cancelling_by_id_and_by_client_id(binance: BlockingClient) -> None:
    first = binance.create_order(SYMBOL, "limit", "buy", "0.5", "49000")
    binance.create_order(SYMBOL, "limit", "buy", "0.5", "49000", {"clientOrderId": CLIENT_ID})

    by_id = binance.cancel_order(first["id"], SYMBOL)
    by_client_id = binance.cancel_order(None, SYMBOL, {"clientOrderId": CLIENT_ID})

    assert (by_id["id"], by_id["status"]) == (first["id"], "canceled")
    assert by_client_id["info"]["origClientOrderId"] == CLIENT_ID
    assert binance.fetch_open_orders(SYMBOL) == []
    assert binance.fetch_order(first["id"], SYMBOL)["status"] == "canceled"


def test_cancel_all_cancels_every_order_of_the_symbol(binance: BlockingClient) -> None:
    for _ in range(3):
        binance.create_order(SYMBOL, "limit", "buy", "0.1", "49000")

    cancelled = binance.cancel_all_orders(SYMBOL)

    assert [order["status"] for order in cancelled] == ["canceled"] * 3
    with pytest.raises(ccxt.OrderNotFound):
        binance.cancel_all_orders(SYMBOL)


def test_closed_orders_and_trades_are_listed_oldest_first(binance: BlockingClient) -> None:
    orders = [binance.create_order(SYMBOL, "market", side, "0.1") for side in ("buy", "sell", "buy")]

    closed = binance.fetch_closed_orders(SYMBOL)
    trades = binance.fetch_my_trades(SYMBOL)

    assert [order["id"] for order in closed] == [order["id"] for order in orders]
    assert [trade["order"] for trade in trades] == [order["id"] for order in orders]
    assert [trade["side"] for trade in trades] == ["buy", "sell", "buy"]
    assert binance.fetch_order_trades(orders[1]["id"], SYMBOL)[0]["id"] == trades[1]["id"]
    assert [o["id"] for o in binance.fetch_closed_orders(SYMBOL, None, 2)] == [o["id"] for o in orders[1:]]
    assert [t["id"] for t in binance.fetch_my_trades(SYMBOL, trades[0]["timestamp"])] == [t["id"] for t in trades]


def test_the_balance_shows_what_open_orders_hold(binance: BlockingClient) -> None:
    binance.create_order(SYMBOL, "limit", "buy", "0.5", "49000")
    binance.create_order(SYMBOL, "limit", "sell", "0.5", "51000")

    balance = binance.fetch_balance()

    assert numbers(balance["USDT"], "free", "used", "total") == [75500, 24500, 100000]
    assert numbers(balance["BTC"], "free", "used", "total") == [Decimal("1.5"), Decimal("0.5"), 2]


def test_the_trading_fee_is_the_one_that_is_charged(binance: BlockingClient) -> None:
    fee = binance.fetch_trading_fee(SYMBOL)
    fees = binance.fetch_trading_fees()

    assert (fee["maker"], fee["taker"]) == ("0.001", "0.001")
    assert len(fees) == 4


def test_a_test_order_is_checked_but_not_placed(binance: BlockingClient, control: SimulatorControl) -> None:
    binance.create_order(SYMBOL, "limit", "buy", "0.5", "49000", {"test": True})

    with pytest.raises(ccxt.BadRequest, match="NOTIONAL"):
        binance.create_order(SYMBOL, "limit", "buy", "0.00005", "49000", {"test": True})
    assert control.ledger() == []


def test_a_client_order_id_can_be_used_again_once_its_order_is_filled(
    binance: BlockingClient, control: SimulatorControl
) -> None:
    """The trap: a blindly repeated market order is a second order."""
    params = {"clientOrderId": CLIENT_ID}
    first = binance.create_order(SYMBOL, "market", "buy", "0.1", None, params)
    second = binance.create_order(SYMBOL, "market", "buy", "0.1", None, params)

    assert first["id"] != second["id"]
    assert [entry["client_order_id"] for entry in control.ledger()] == [CLIENT_ID, CLIENT_ID]
    assert binance.fetch_order(None, SYMBOL, params)["id"] == second["id"]


def test_a_client_order_id_is_refused_while_its_order_is_open(
    binance: BlockingClient, control: SimulatorControl
) -> None:
    params = {"clientOrderId": CLIENT_ID}
    binance.create_order(SYMBOL, "limit", "buy", "0.1", "49000", params)

    with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
        binance.create_order(SYMBOL, "market", "buy", "0.1", None, params)
    assert len(control.ledger()) == 1


def test_one_accounts_orders_are_invisible_to_another(
    binance: BlockingClient, simulator: RunningSimulator, connect: Any
) -> None:
    placed = binance.create_order(SYMBOL, "limit", "buy", "0.1", "49000", {"clientOrderId": CLIENT_ID})
    simulator.control.upsert_account("binance", "other-key", "other-secret", {"USDT": "100"})
    other = connect(binance_client(simulator.base_urls["binance"], "other-key", "other-secret"))

    for lookup in ((placed["id"], {}), (None, {"clientOrderId": CLIENT_ID})):
        with pytest.raises(ccxt.OrderNotFound):
            other.fetch_order(lookup[0], SYMBOL, lookup[1])
    with pytest.raises(ccxt.OrderNotFound):
        other.cancel_order(placed["id"], SYMBOL)
    assert other.fetch_open_orders(SYMBOL) == []
