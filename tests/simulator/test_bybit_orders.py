"""The life of an order on Bybit, as ccxt sees it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .bybit_client import open_bybit, signed
from .clients import BlockingClient

SYMBOL = "BTC/USDT"
CLIENT_ID = "0123456789abcdef0123456789abcdef"
KNOWN = {"acknowledged": True}


@pytest.fixture
def bybit(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    return open_bybit(simulator, connect)


def numbers(order: dict[str, Any], *names: str) -> list[Decimal]:
    return [Decimal(order[name]) for name in names]


def test_markets_have_the_exchanges_steps_and_limits(bybit: BlockingClient) -> None:
    market = bybit.load_markets()[SYMBOL]

    assert (market["id"], market["spot"], market["active"]) == ("BTCUSDT", True, True)
    assert numbers(market["precision"], "price", "amount") == [Decimal("0.1"), Decimal("0.000001")]
    assert Decimal(market["limits"]["amount"]["min"]) == Decimal("0.000011")
    assert Decimal(market["limits"]["cost"]["min"]) == 5


def test_the_book_is_cut_at_the_asked_depth(bybit: BlockingClient) -> None:
    book = bybit.fetch_order_book(SYMBOL, 1)

    assert [[Decimal(str(n)) for n in row] for row in (*book["bids"], *book["asks"])] == [[49990, 1], [50010, 1]]
    with pytest.raises(ccxt.BadSymbol, match="Not supported symbols"):
        bybit.fetch_order_book(SYMBOL, 1, {"symbol": "NOPEUSDT"})


def test_the_status_tells_of_maintenance(bybit: BlockingClient, control: SimulatorControl) -> None:
    assert bybit.fetch_status()["status"] == "ok"

    control.configure("bybit", maintenance=True)

    assert bybit.fetch_status()["status"] == "maintenance"
    with pytest.raises(ccxt.ExchangeNotAvailable):
        bybit.fetch_time()


def test_placing_is_only_acknowledged(bybit: BlockingClient) -> None:
    placed = bybit.create_order(SYMBOL, "market", "buy", "0.1", None, {"orderLinkId": CLIENT_ID})

    assert (placed["status"], placed["filled"], placed["clientOrderId"]) == (None, None, CLIENT_ID)
    assert set(placed["info"]) == {"orderId", "orderLinkId"}
    assert (len(placed["id"]), placed["id"].isdecimal()) == (19, True)


def test_an_open_order_is_found_by_either_id(bybit: BlockingClient) -> None:
    placed = bybit.create_order(SYMBOL, "limit", "buy", "0.5", "49000", {"clientOrderId": CLIENT_ID})

    order = bybit.fetch_order(placed["id"], SYMBOL, KNOWN)
    [same] = bybit.fetch_open_orders(SYMBOL, None, None, {"orderLinkId": CLIENT_ID})

    assert (order["status"], order["clientOrderId"], order["symbol"], order["side"]) == (
        "open", CLIENT_ID, SYMBOL, "buy",
    )  # fmt: skip
    assert numbers(order, "amount", "filled", "remaining", "price") == [Decimal("0.5"), 0, Decimal("0.5"), 49000]
    assert (order["average"], order["timeInForce"]) == (None, "GTC")
    assert same["id"] == placed["id"]


def test_a_filled_order_is_found_by_either_id_with_its_executions(bybit: BlockingClient) -> None:
    placed = bybit.create_order(SYMBOL, "limit", "buy", "1.5", "50020", {"clientOrderId": CLIENT_ID})

    order = bybit.fetch_order(placed["id"], SYMBOL, KNOWN)
    [recent] = bybit.fetch_open_orders(SYMBOL, None, None, {"orderLinkId": CLIENT_ID})
    [closed] = bybit.fetch_canceled_and_closed_orders(SYMBOL, None, None, {"orderLinkId": CLIENT_ID})
    trades = bybit.fetch_order_trades(placed["id"], SYMBOL)

    assert placed["id"] == recent["id"] == closed["id"]
    assert (order["status"], order["info"]["orderStatus"]) == ("closed", "Filled")
    assert numbers(order, "filled", "average", "cost") == [Decimal("1.5"), Decimal("50013.3"), Decimal(75020)]
    assert (order["fee"]["currency"], Decimal(order["fee"]["cost"])) == ("BTC", Decimal("0.0015"))
    assert sorted(numbers(trade, "price", "amount", "cost") for trade in trades) == [
        [50010, 1, 50010],
        [50020, Decimal("0.5"), 25010],
    ]
    assert {(t["order"], t["takerOrMaker"], t["fee"]["currency"]) for t in trades} == {(placed["id"], "taker", "BTC")}


def test_a_sells_fee_is_in_quote(bybit: BlockingClient) -> None:
    placed = bybit.create_order(SYMBOL, "market", "sell", "0.5")

    [trade] = bybit.fetch_order_trades(placed["id"], SYMBOL)

    assert (trade["fee"]["currency"], Decimal(trade["fee"]["cost"])) == ("USDT", Decimal("24.995"))


def test_a_market_buy_by_cost_counts_in_quote(bybit: BlockingClient, control: SimulatorControl) -> None:
    placed = bybit.create_market_buy_order_with_cost(SYMBOL, "1000")

    order = bybit.fetch_order(placed["id"], SYMBOL, KNOWN)

    assert (order["info"]["qty"], order["info"]["marketUnit"], order["info"]["timeInForce"]) == (
        "1000", "quoteCoin", "IOC",
    )  # fmt: skip
    assert Decimal(order["filled"]) == Decimal("0.019996")
    assert control.ledger()[0]["filled"] == "0.019996"


def test_a_market_order_counts_in_base_when_told(bybit: BlockingClient) -> None:
    placed = bybit.create_order(SYMBOL, "market", "buy", "0.5")

    order = bybit.fetch_order(placed["id"], SYMBOL, KNOWN)

    assert (order["info"]["marketUnit"], order["status"]) == ("baseCoin", "closed")
    assert numbers(order, "amount", "filled") == [Decimal("0.5"), Decimal("0.5")]


@pytest.mark.parametrize(
    ("tif", "amount", "price", "status", "reason", "filled"),
    [
        ("IOC", "1.5", "50010", "PartiallyFilledCanceled", "EC_NoImmediateQtyToFill", "1"),
        ("IOC", "1.5", "50000", "Cancelled", "EC_NoImmediateQtyToFill", "0"),
        ("FOK", "1.5", "50010", "Cancelled", "EC_NoEnoughQtyToFill", "0"),
        ("FOK", "1", "50010", "Filled", "EC_NoError", "1"),
        ("PO", "1", "50010", "Cancelled", "EC_PostOnlyWillTakeLiquidity", "0"),
        ("PO", "1", "50000", "New", "EC_NoError", "0"),
    ],
)
def test_times_in_force(
    bybit: BlockingClient, tif: str, amount: str, price: str, status: str, reason: str, filled: str
) -> None:
    placed = bybit.create_order(SYMBOL, "limit", "buy", amount, price, {"timeInForce": tif})

    order = bybit.fetch_order(placed["id"], SYMBOL, KNOWN)

    assert (order["info"]["orderStatus"], order["info"]["rejectReason"]) == (status, reason)
    assert (order["timeInForce"], Decimal(order["filled"])) == (tif, Decimal(filled))


def test_a_partial_fill_as_maker(bybit: BlockingClient, control: SimulatorControl) -> None:
    placed = bybit.create_order(SYMBOL, "limit", "buy", "2", "49000")
    control.set_book("bybit", SYMBOL, bids=[("48000", "1")], asks=[("48900", "0.5"), ("49950", "1")])

    order = bybit.fetch_order(placed["id"], SYMBOL, KNOWN)
    [trade] = bybit.fetch_my_trades(SYMBOL)

    assert (order["status"], order["info"]["orderStatus"]) == ("open", "PartiallyFilled")
    assert (trade["takerOrMaker"], numbers(trade, "price", "amount")) == ("maker", [49000, Decimal("0.5")])
    bybit.cancel_order(placed["id"], SYMBOL)
    ended = bybit.fetch_order(placed["id"], SYMBOL, KNOWN)
    assert (ended["status"], ended["info"]["orderStatus"]) == ("closed", "PartiallyFilledCanceled")


def test_cancelling_by_either_id(bybit: BlockingClient) -> None:
    first = bybit.create_order(SYMBOL, "limit", "buy", "0.5", "49000")
    second = bybit.create_order(SYMBOL, "limit", "buy", "0.5", "49000", {"clientOrderId": CLIENT_ID})

    by_id = bybit.cancel_order(first["id"], SYMBOL)
    by_client_id = bybit.cancel_order(None, SYMBOL, {"orderLinkId": CLIENT_ID})

    assert (by_id["id"], by_client_id["id"]) == (first["id"], second["id"])
    assert bybit.fetch_open_orders(SYMBOL) == []
    cancelled = bybit.fetch_order(first["id"], SYMBOL, KNOWN)
    assert (cancelled["status"], cancelled["info"]["cancelType"]) == ("canceled", "CancelByUser")


def test_an_order_that_is_gone_and_one_that_never_was(bybit: BlockingClient) -> None:
    filled = bybit.create_order(SYMBOL, "market", "buy", "0.1")

    for order_id in (filled["id"], "1"):
        with pytest.raises(ccxt.OrderNotFound, match="170213"):
            bybit.cancel_order(order_id, SYMBOL)
    with pytest.raises(ccxt.OrderNotFound):
        bybit.fetch_order("1", SYMBOL, KNOWN)
    assert bybit.fetch_open_orders(SYMBOL, None, None, {"orderLinkId": CLIENT_ID}) == []
    assert bybit.fetch_canceled_and_closed_orders(SYMBOL, None, None, {"orderLinkId": CLIENT_ID}) == []


def test_a_client_order_id_is_refused_for_ever(bybit: BlockingClient, control: SimulatorControl) -> None:
    params = {"clientOrderId": CLIENT_ID}
    first = bybit.create_order(SYMBOL, "limit", "buy", "0.1", "49000", params)
    bybit.cancel_order(first["id"], SYMBOL)

    with pytest.raises(ccxt.InvalidOrder, match='"retCode":170141,"retMsg":"Duplicate clientOrderId"') as raised:
        bybit.create_order(SYMBOL, "market", "buy", "0.1", None, params)

    assert type(raised.value) is ccxt.InvalidOrder
    assert len(control.ledger()) == 1


def test_ccxts_unified_client_id_is_an_unknown_parameter_in_a_look_up(bybit: BlockingClient) -> None:
    other = bybit.create_order(SYMBOL, "limit", "buy", "0.1", "49000", {"clientOrderId": "f" * 32})

    found = bybit.fetch_open_orders(SYMBOL, None, None, {"clientOrderId": CLIENT_ID})

    # Bybit ignores what it does not know, so somebody who trusts the answer takes another order for this one.
    assert [order["id"] for order in found] == [other["id"]]


def test_an_order_id_wins_over_a_client_order_id(bybit: BlockingClient) -> None:
    first = bybit.create_order(SYMBOL, "limit", "buy", "0.1", "49000", {"clientOrderId": CLIENT_ID})
    second = bybit.create_order(SYMBOL, "limit", "buy", "0.1", "49000")

    found = bybit.fetch_open_orders("ETH/USDT", None, None, {"orderId": second["id"], "orderLinkId": CLIENT_ID})
    [raw] = bybit.together(
        lambda client: client.private_get_v5_order_realtime(
            {"category": "spot", "symbol": "ETHUSDT", "orderId": second["id"], "orderLinkId": CLIENT_ID}
        )
    )

    assert found == []
    assert [row["orderId"] for row in raw["result"]["list"]] == [second["id"]] != [first["id"]]


def test_the_balance_shows_what_open_orders_hold(bybit: BlockingClient) -> None:
    bybit.create_order(SYMBOL, "limit", "buy", "0.5", "49000")

    balance = bybit.fetch_balance()

    assert numbers(balance["USDT"], "free", "used", "total") == [75500, 24500, 100000]
    assert Decimal(balance["BTC"]["free"]) == 2
    assert "ETH" not in balance


def test_lists_come_newest_first_in_pages(bybit: BlockingClient) -> None:
    ids = [bybit.create_order(SYMBOL, "market", "buy", "0.001")["id"] for _ in range(5)]

    [first] = bybit.together(lambda client: client.private_get_v5_order_history({"category": "spot", "limit": 3}))
    cursor = first["result"]["nextPageCursor"]
    [second] = bybit.together(
        lambda client: client.private_get_v5_order_history({"category": "spot", "limit": 3, "cursor": cursor})
    )

    pages = [[row["orderId"] for row in answer["result"]["list"]] for answer in (first, second)]
    assert pages == [[ids[4], ids[3], ids[2]], [ids[1], ids[0]]]
    assert second["result"]["nextPageCursor"] == ""


def test_history_can_be_limited_by_status_and_time(bybit: BlockingClient) -> None:
    resting = bybit.create_order(SYMBOL, "limit", "buy", "0.1", "49000")
    bybit.cancel_order(resting["id"], SYMBOL)
    filled = bybit.create_order(SYMBOL, "market", "buy", "0.001")

    assert [order["id"] for order in bybit.fetch_closed_orders(SYMBOL)] == [filled["id"]]
    assert [order["id"] for order in bybit.fetch_canceled_orders(SYMBOL)] == [resting["id"]]
    assert bybit.fetch_canceled_and_closed_orders(SYMBOL, 1, None, {"endTime": 2}) == []
    assert bybit.fetch_my_trades(SYMBOL, 1, None, {"endTime": 2}) == []


def test_old_closed_orders_are_in_the_history_alone(bybit: BlockingClient, simulator: RunningSimulator) -> None:
    oldest = bybit.create_order(SYMBOL, "limit", "buy", "0.1", "49000")
    bybit.cancel_order(oldest["id"], SYMBOL)
    order = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "1", "price": "1000"}
    for _ in range(500):
        signed(simulator.base_urls["bybit"], "POST", "/v5/order/create", {**order, "timeInForce": "FOK"})

    with pytest.raises(ccxt.OrderNotFound):
        bybit.fetch_order(oldest["id"], SYMBOL, KNOWN)
    [found] = bybit.fetch_canceled_and_closed_orders(SYMBOL, None, None, {"orderId": oldest["id"]})
    assert found["status"] == "canceled"
