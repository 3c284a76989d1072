"""The life of an order on KuCoin, and what it tells of markets and money, as ccxt sees it."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .clients import BlockingClient, send
from .kucoin_client import open_kucoin

SYMBOL = "BTC/USDT"
CLIENT_ID = "0123456789abcdef0123456789abcdef"
PARAMS = {"clientOrderId": CLIENT_ID}


@pytest.fixture
def kucoin(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    return open_kucoin(simulator, connect)


def numbers(order: dict[str, Any], *names: str) -> list[Decimal]:
    return [Decimal(order[name]) for name in names]


def test_the_markets_have_their_steps_and_minimums(kucoin: BlockingClient) -> None:
    assert list(kucoin.markets) == ["BTC/USDT", "ETH/USDT", "SOL/USDT"]
    market = kucoin.markets[SYMBOL]
    assert (market["id"], market["active"], market["spot"]) == ("BTC-USDT", True, True)
    assert (market["precision"]["price"], market["precision"]["amount"]) == ("0.1", "0.00000001")
    assert (market["limits"]["amount"]["min"], market["limits"]["cost"]["min"]) == ("0.00001", "0.1")
    assert sorted(kucoin.currencies) == ["BTC", "ETH", "SOL", "USDT"]


@pytest.mark.parametrize("limit", [20, 100, None])
def test_the_order_book_is_what_was_set(kucoin: BlockingClient, limit: int | None) -> None:
    kucoin.client.apiKey = None  # with keys and without a limit ccxt asks for the full book, which needs them

    book = kucoin.fetch_order_book(SYMBOL, limit)

    assert (book["bids"], book["asks"]) == ([[49990.0, 1.0], [49980.0, 2.0]], [[50010.0, 1.0], [50020.0, 2.0]])
    assert book["nonce"] > 0


def test_a_book_of_another_depth_does_not_exist(simulator: RunningSimulator) -> None:
    path = "/api/v1/market/orderbook/level2_50?symbol=BTC-USDT"

    status, answer, _ = send(simulator.base_urls["kucoin"], "GET", path)

    assert (status, answer) == (404, {"code": "404000", "msg": "Url Not Found"})


def test_time_status_and_ticker(kucoin: BlockingClient) -> None:
    kucoin.create_order(SYMBOL, "market", "buy", "0.5")

    ticker = kucoin.fetch_ticker(SYMBOL)

    assert abs(kucoin.fetch_time() - kucoin.milliseconds()) < 2_000
    assert kucoin.fetch_status()["status"] == "ok"
    assert numbers(ticker, "bid", "ask", "last", "baseVolume") == [49990, 50010, 50010, Decimal("0.5")]


def test_placing_is_only_acknowledged(kucoin: BlockingClient) -> None:
    placed = kucoin.create_order(SYMBOL, "market", "buy", "0.1", None, PARAMS)

    assert (placed["status"], placed["filled"]) == (None, None)
    assert placed["info"] == {"orderId": placed["id"], "clientOid": CLIENT_ID}
    assert re.fullmatch(r"[0-9a-f]{24}", placed["id"])


def test_an_open_order_is_found_by_both_ids_and_among_the_active_ones(kucoin: BlockingClient) -> None:
    placed = kucoin.create_order(SYMBOL, "limit", "buy", "0.5", "49000", PARAMS)

    by_id = kucoin.fetch_order(placed["id"], SYMBOL)
    by_client_id = kucoin.fetch_order(None, SYMBOL, PARAMS)
    [active] = kucoin.fetch_open_orders(SYMBOL)

    assert by_id == by_client_id == active
    assert (by_id["id"], by_id["clientOrderId"], by_id["symbol"]) == (placed["id"], CLIENT_ID, SYMBOL)
    assert (by_id["status"], by_id["side"], by_id["type"], by_id["timeInForce"]) == ("open", "buy", "limit", "GTC")
    assert numbers(by_id, "amount", "filled", "price") == [Decimal("0.5"), 0, 49000]
    assert numbers(by_id["info"], "funds", "remainFunds", "cancelledFunds") == [24500, 24500, 0]
    assert kucoin.fetch_closed_orders(SYMBOL) == []


def test_a_filled_order_tells_its_fills_and_fees(kucoin: BlockingClient) -> None:
    placed = kucoin.create_order(SYMBOL, "limit", "buy", "1.5", "50020", PARAMS)

    order = kucoin.fetch_order(placed["id"], SYMBOL)
    [closed] = kucoin.fetch_closed_orders(SYMBOL)
    trades = kucoin.fetch_order_trades(placed["id"], SYMBOL)

    assert (order["status"], order["clientOrderId"], closed["id"]) == ("closed", CLIENT_ID, placed["id"])
    assert numbers(order, "filled", "cost") == [Decimal("1.5"), 75020]
    assert (order["fee"]["currency"], Decimal(order["fee"]["cost"])) == ("USDT", Decimal("75.02"))
    assert numbers(order["info"], "remainSize", "remainFunds", "cancelledSize") == [0, 10, 0]
    assert [numbers(t, "price", "amount") for t in trades] == [[50010, 1], [50020, Decimal("0.5")]]
    assert {(t["takerOrMaker"], t["fee"]["currency"], t["order"]) for t in trades} == {("taker", "USDT", placed["id"])}
    assert sum(Decimal(t["fee"]["cost"]) for t in trades) == Decimal("75.02")


def test_a_market_order_by_size_and_one_by_funds(kucoin: BlockingClient, control: SimulatorControl) -> None:
    by_size = kucoin.create_order(SYMBOL, "market", "sell", "0.5", "1")
    by_funds = kucoin.create_market_buy_order_with_cost(SYMBOL, "1000")

    size = kucoin.fetch_order(by_size["id"], SYMBOL)["info"]
    funds = kucoin.fetch_order(by_funds["id"], SYMBOL)["info"]

    assert (size["size"], size["funds"], size["price"], size["dealSize"]) == ("0.5", "0", "0", "0.5")
    assert (funds["size"], funds["funds"], funds["dealSize"]) == ("0", "1000", control.ledger()[1]["filled"])
    assert Decimal("999.999") < Decimal(funds["dealFunds"]) <= 1000


@pytest.mark.parametrize(
    ("tif", "amount", "status", "filled"),
    [("IOC", "1.5", "canceled", "1"), ("FOK", "1.5", "canceled", "0"), ("FOK", "1", "closed", "1")],
)
def test_immediate_orders_do_not_rest(kucoin: BlockingClient, tif: str, amount: str, status: str, filled: str) -> None:
    placed = kucoin.create_order(SYMBOL, "limit", "buy", amount, "50010", {"timeInForce": tif})

    order = kucoin.fetch_order(placed["id"], SYMBOL)

    assert (order["status"], Decimal(order["filled"]), order["timeInForce"]) == (status, Decimal(filled), tif)
    assert Decimal(order["info"]["cancelledSize"]) == Decimal(amount) - Decimal(filled)
    assert kucoin.fetch_open_orders(SYMBOL) == []


def test_post_only_that_would_take_is_accepted_and_cancelled(kucoin: BlockingClient) -> None:
    placed = kucoin.create_order(SYMBOL, "limit", "buy", "0.1", "50010", {"postOnly": True})

    order = kucoin.fetch_order(placed["id"], SYMBOL)

    assert (order["status"], Decimal(order["filled"]), order["postOnly"]) == ("canceled", 0, True)
    resting = kucoin.create_order(SYMBOL, "limit", "buy", "0.1", "50000", {"postOnly": True})
    assert kucoin.fetch_order(resting["id"], SYMBOL)["status"] == "open"


def test_post_only_means_nothing_to_an_immediate_order(kucoin: BlockingClient) -> None:
    # ccxt refuses the combination itself, so the flag goes past it.
    placed = kucoin.together(
        lambda client: client.privatePostHfOrders(
            {"symbol": "BTC-USDT", "side": "buy", "size": "0.1", "price": "50010", "timeInForce": "IOC",
             "postOnly": True, "clientOid": CLIENT_ID}
        )
    )  # fmt: skip

    order = kucoin.fetch_order(placed[0]["data"]["orderId"], SYMBOL)

    assert (order["status"], Decimal(order["filled"]), order["postOnly"]) == ("closed", Decimal("0.1"), False)


def test_a_partial_fill_as_maker_pays_the_maker_fee(kucoin: BlockingClient, control: SimulatorControl) -> None:
    placed = kucoin.create_order(SYMBOL, "limit", "buy", "2", "49000")
    control.set_book("kucoin", SYMBOL, bids=[("48000", "1")], asks=[("48900", "0.5"), ("49950", "1")])

    order = kucoin.fetch_order(placed["id"], SYMBOL)
    [trade] = kucoin.fetch_my_trades(SYMBOL)

    assert (order["status"], Decimal(order["filled"])) == ("open", Decimal("0.5"))
    assert (trade["takerOrMaker"], numbers(trade, "price", "amount")) == ("maker", [49000, Decimal("0.5")])
    assert (trade["fee"]["rate"], Decimal(trade["fee"]["cost"])) == ("0.001", Decimal("24.5"))


def test_cancelling_by_both_ids_and_of_a_whole_symbol(kucoin: BlockingClient) -> None:
    first = kucoin.create_order(SYMBOL, "limit", "buy", "0.5", "49000")
    kucoin.create_order(SYMBOL, "limit", "buy", "0.5", "49000", PARAMS)

    by_id = kucoin.cancel_order(first["id"], SYMBOL)
    by_client_id = kucoin.cancel_order(None, SYMBOL, PARAMS)

    assert (by_id["info"], by_client_id["info"]) == ({"orderId": first["id"]}, {"clientOid": CLIENT_ID})
    assert kucoin.fetch_order(first["id"], SYMBOL)["status"] == "canceled"
    for _ in range(2):
        kucoin.create_order(SYMBOL, "limit", "buy", "0.1", "49000")
    kucoin.cancel_all_orders(SYMBOL)
    assert kucoin.fetch_open_orders(SYMBOL) == []
    assert len(kucoin.fetch_closed_orders(SYMBOL)) == 4


def test_an_order_that_is_gone_and_one_that_never_was(kucoin: BlockingClient) -> None:
    filled = kucoin.create_order(SYMBOL, "market", "buy", "0.1")

    for call in (
        lambda: kucoin.cancel_order(filled["id"], SYMBOL),
        lambda: kucoin.cancel_order(None, SYMBOL, PARAMS),
    ):
        with pytest.raises(ccxt.OrderNotFound, match="order_not_exist_or_not_allow_to_cancel"):
            call()
    for call in (
        lambda: kucoin.fetch_order("f" * 24, SYMBOL),
        lambda: kucoin.fetch_order(None, SYMBOL, PARAMS),
        lambda: kucoin.fetch_order(filled["id"], "ETH/USDT"),
    ):
        with pytest.raises(ccxt.OrderNotFound, match="order not exist"):
            call()


def test_an_order_of_another_account_is_not_there(
    kucoin: BlockingClient, control: SimulatorControl, simulator: RunningSimulator, connect: Any
) -> None:
    placed = kucoin.create_order(SYMBOL, "limit", "buy", "0.1", "49000", PARAMS)
    control.upsert_account("kucoin", "other", "other-secret", {"USDT": "1"}, passphrase="p")
    kucoin.client.apiKey, kucoin.client.secret, kucoin.client.password = "other", "other-secret", "p"

    with pytest.raises(ccxt.OrderNotFound):
        kucoin.fetch_order(placed["id"], SYMBOL)
    with pytest.raises(ccxt.OrderNotFound):
        kucoin.cancel_order(None, SYMBOL, PARAMS)
    assert control.ledger()[0]["status"] == "open"


def test_a_client_id_is_refused_while_open_and_accepted_again_afterwards(
    kucoin: BlockingClient, control: SimulatorControl
) -> None:
    first = kucoin.create_order(SYMBOL, "limit", "buy", "0.1", "49000", PARAMS)

    with pytest.raises(ccxt.BadRequest, match="clientOidDuplicated"):
        kucoin.create_order(SYMBOL, "market", "buy", "0.1", None, PARAMS)
    kucoin.cancel_order(first["id"], SYMBOL)
    second = kucoin.create_order(SYMBOL, "market", "buy", "0.1", None, PARAMS)
    third = kucoin.create_order(SYMBOL, "market", "buy", "0.1", None, PARAMS)

    assert [order["exchange_order_id"] for order in control.ledger()] == [first["id"], second["id"], third["id"]]
    assert kucoin.fetch_order(None, SYMBOL, PARAMS)["id"] == third["id"]


def test_the_balance_shows_what_open_orders_hold_with_the_fee(kucoin: BlockingClient) -> None:
    kucoin.create_order(SYMBOL, "limit", "buy", "0.5", "49000")

    balance = kucoin.fetch_balance()

    assert numbers(balance["USDT"], "free", "used", "total") == [Decimal("75475.5"), Decimal("24524.5"), 100000]
    assert Decimal(balance["BTC"]["free"]) == 2


def test_the_trading_fee_is_the_one_that_is_charged(kucoin: BlockingClient) -> None:
    fee = kucoin.fetch_trading_fee(SYMBOL)

    assert numbers(fee, "maker", "taker") == [Decimal("0.001"), Decimal("0.001")]


def test_a_test_order_is_checked_and_not_placed(kucoin: BlockingClient, control: SimulatorControl) -> None:
    kucoin.create_order(SYMBOL, "limit", "buy", "0.1", "49000", {"test": True})

    with pytest.raises(ccxt.InvalidOrder, match="below the minimum"):
        kucoin.create_order(SYMBOL, "limit", "buy", "0.000001", "49000", {"test": True})
    assert control.ledger() == []


def test_lists_come_newest_first_in_pages(kucoin: BlockingClient) -> None:
    ids = [kucoin.create_order(SYMBOL, "market", "buy", "0.001")["id"] for _ in range(23)]

    def fills(asked: dict[str, object]) -> dict[str, Any]:
        [raw] = kucoin.together(lambda client: client.privateGetHfFills({"symbol": "BTC-USDT", **asked}))
        return dict(raw["data"])

    first = fills({})
    rest = fills({"lastId": first["lastId"]})
    assert [fill["orderId"] for fill in first["items"] + rest["items"]] == ids[::-1]
    assert (len(first["items"]), len(fills({"limit": "500"})["items"])) == (20, 23)
    later = {"startAt": first["items"][0]["createdAt"] + 60_000}
    assert fills(later) == {"items": [], "lastId": 0}
    assert len(kucoin.fetch_closed_orders(SYMBOL)) == 20
