"""The life of an order on Alpaca, as ccxt sees it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .alpaca_client import ask, open_alpaca
from .clients import BlockingClient

SYMBOL = "BTC/USD"
CLIENT_ID = "0123456789abcdef0123456789abcdef"
OURS = {"clientOrderId": CLIENT_ID}


@pytest.fixture
def alpaca(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    return open_alpaca(simulator, connect)


@pytest.fixture
def host(alpaca: BlockingClient, simulator: RunningSimulator) -> str:
    return simulator.base_urls["alpaca"]


def numbers(order: dict[str, Any], *names: str) -> list[Decimal]:
    return [Decimal(order[name]) for name in names]


def by_client_id(alpaca: BlockingClient, client_id: str) -> dict[str, Any]:
    path, query = "v2/orders:by_client_order_id", {"client_order_id": client_id}
    return dict(alpaca.parse_order(alpaca.request(path, ["trader", "private"], "GET", query)))


def fills(host: str, **query: object) -> list[dict[str, Any]]:
    status, answer, _ = ask(host, "GET", "/v2/account/activities/FILL", query)
    assert status == 200, answer
    return list(answer)


def test_markets_have_the_exchanges_steps_and_limits(alpaca: BlockingClient) -> None:
    markets = alpaca.load_markets()
    market = markets[SYMBOL]

    assert (market["id"], market["spot"], market["active"]) == ("BTC/USD", True, True)
    assert numbers(market["precision"], "price", "amount") == [1, Decimal("0.000000001")]
    assert Decimal(market["limits"]["amount"]["min"]) == Decimal("0.000028257")
    # The least value of an order is not in the answer: ccxt knows it for pairs in dollars alone.
    assert [markets[symbol]["limits"]["cost"]["min"] for symbol in (SYMBOL, "BTC/USDT")] == ["10", None]


def test_equities_are_not_simulated(alpaca: BlockingClient, host: str) -> None:
    assert ask(host, "GET", "/v2/assets", {"asset_class": "us_equity"})[:2] == (200, [])


def test_the_clock_tells_nanoseconds_in_new_york(alpaca: BlockingClient, host: str) -> None:
    _, clock, _ = ask(host, "GET", "/v2/clock")

    assert clock["timestamp"].endswith("000-05:00")
    assert abs(alpaca.fetch_time() - alpaca.milliseconds()) < 5_000


def test_the_book_is_whole_and_needs_no_keys(alpaca: BlockingClient) -> None:
    alpaca.load_markets()
    alpaca.client.apiKey = alpaca.client.secret = None

    book = alpaca.fetch_order_book(SYMBOL, 1)

    assert book["bids"] == [[49990, 1], [49980, 2]]
    assert book["asks"] == [[50010, 1], [50020, 2]]
    assert book["timestamp"] is not None


def test_a_placement_is_answered_before_it_is_matched(alpaca: BlockingClient) -> None:
    placed = alpaca.create_order(SYMBOL, "limit", "buy", "0.1", "50010", OURS)

    assert (placed["info"]["status"], placed["status"], placed["clientOrderId"]) == ("pending_new", "open", CLIENT_ID)
    assert (Decimal(placed["filled"]), placed["average"], placed["timeInForce"]) == (0, None, "GTC")
    assert UUID(placed["id"])
    assert alpaca.fetch_order(placed["id"])["status"] == "closed"


def test_a_resting_order_is_found_by_both_ids_and_in_the_list(alpaca: BlockingClient) -> None:
    placed = alpaca.create_order(SYMBOL, "limit", "buy", "0.5", "49000", OURS)

    order = alpaca.fetch_order(placed["id"])
    [listed] = alpaca.fetch_open_orders(SYMBOL)

    assert (order["status"], order["info"]["status"], order["clientOrderId"]) == ("open", "new", CLIENT_ID)
    assert numbers(order, "amount", "filled", "price") == [Decimal("0.5"), 0, 49000]
    assert listed["info"] == by_client_id(alpaca, CLIENT_ID)["info"] == order["info"]
    assert alpaca.fetch_closed_orders(SYMBOL) == []


def test_a_filled_order_has_its_fills_which_tell_no_fee(alpaca: BlockingClient, control: SimulatorControl) -> None:
    placed = alpaca.create_order(SYMBOL, "limit", "buy", "1.5", "50020", OURS)

    order = by_client_id(alpaca, CLIENT_ID)
    trades = alpaca.fetch_my_trades(SYMBOL)

    assert (order["status"], order["info"]["filled_avg_price"]) == ("closed", "50013.333333333")
    assert sorted(numbers(t, "price", "amount")[::-1] for t in trades) == [[Decimal("0.5"), 50020], [1, 50010]]
    assert {(t["order"], t["fee"]["cost"] if t["fee"] else None) for t in trades} == {(placed["id"], None)}
    assert order["fee"] is None
    # And yet it is paid, from what the trade brings in.
    assert sum(Decimal(trade["fee"]) for trade in control.ledger()[0]["trades"]) == Decimal("0.00375")
    assert Decimal(alpaca.fetch_balance()["BTC"]["total"]) == Decimal("3.49625")


def test_fills_tell_how_far_the_order_was_filled(alpaca: BlockingClient, host: str, control: SimulatorControl) -> None:
    alpaca.create_order(SYMBOL, "limit", "buy", "1", "49000")
    control.set_book("alpaca", SYMBOL, bids=[("48000", "1")], asks=[("48900", "0.25"), ("49950", "1")])
    [order] = alpaca.fetch_open_orders(SYMBOL)
    control.set_book("alpaca", SYMBOL, bids=[("48000", "1")], asks=[("48950", "5")])

    first, second = fills(host, direction="asc")

    assert (order["info"]["status"], Decimal(order["filled"])) == ("partially_filled", Decimal("0.25"))
    assert [(f["type"], f["qty"], f["cum_qty"], f["leaves_qty"], f["order_status"]) for f in (first, second)] == [
        ("partial_fill", "0.25", "0.25", "0.75", "partially_filled"),
        ("fill", "0.75", "1", "0", "filled"),
    ]


def test_fills_come_newest_first_in_pages_that_a_token_continues(alpaca: BlockingClient, host: str) -> None:
    for _ in range(5):
        alpaca.create_order(SYMBOL, "limit", "buy", "0.01", "50010")
    oldest, *_, newest = (fill["transaction_time"] for fill in fills(host, direction="asc"))

    seen: list[list[str]] = []
    token: dict[str, str] = {}
    while page := fills(host, page_size=2, **token):
        seen.append([fill["transaction_time"] for fill in page])
        token = {"page_token": page[-1]["id"]}

    assert [len(page) for page in seen] == [2, 2, 1]
    assert (seen[0][0], seen[-1][-1]) == (newest, oldest)
    assert [fill["transaction_time"] for fill in fills(host, until=newest, direction="asc")][0] == oldest
    assert len(fills(host, after=oldest)) == len(fills(host, until=newest)) == 4


@pytest.mark.parametrize(
    ("kind", "side", "tif", "amount", "status", "filled"),
    [
        ("limit", "buy", "IOC", "1.5", "canceled", "1"),
        ("limit", "buy", "IOC", "0.5", "closed", "0.5"),
        ("market", "buy", "GTC", "1.5", "closed", "1.5"),
        ("market", "sell", "IOC", "0.5", "closed", "0.5"),
    ],
)
def test_immediate_and_market_orders_do_not_rest(
    alpaca: BlockingClient, kind: str, side: str, tif: str, amount: str, status: str, filled: str
) -> None:
    price = "50010" if kind == "limit" else None
    placed = alpaca.create_order(SYMBOL, kind, side, amount, price, {"timeInForce": tif})

    order = alpaca.fetch_order(placed["id"])

    assert (order["status"], order["timeInForce"], Decimal(order["filled"])) == (status, tif, Decimal(filled))
    assert alpaca.fetch_open_orders(SYMBOL) == []


def test_a_market_order_by_value_names_no_amount(alpaca: BlockingClient, control: SimulatorControl) -> None:
    placed = alpaca.create_market_buy_order_with_cost(SYMBOL, "1000")

    order = alpaca.fetch_order(placed["id"])

    assert (order["info"]["notional"], order["info"]["qty"], order["status"]) == ("1000", None, "closed")
    assert Decimal("999") < Decimal(order["info"]["filled_qty"]) * 50010 <= 1000
    assert control.ledger()[0]["budget"] == "1000"


def test_post_only_is_not_known_and_ignored(alpaca: BlockingClient) -> None:
    placed = alpaca.create_order(SYMBOL, "limit", "buy", "0.1", "50010", {"postOnly": True})

    assert alpaca.fetch_order(placed["id"])["status"] == "closed"


def test_a_cancel_is_answered_without_a_body(alpaca: BlockingClient, host: str) -> None:
    placed = alpaca.create_order(SYMBOL, "limit", "buy", "0.5", "49000", OURS)

    assert alpaca.cancel_order(placed["id"])["id"] is None
    order = by_client_id(alpaca, CLIENT_ID)

    assert (order["status"], order["info"]["canceled_at"] is not None) == ("canceled", True)
    status, answer, _ = ask(host, "DELETE", f"/v2/orders/{placed['id']}")
    assert (status, answer) == (422, {"code": 42210000, "message": 'order is already in "canceled" state'})
    with pytest.raises(ccxt.BadRequest):
        alpaca.cancel_order(placed["id"])


def test_a_client_order_id_is_refused_for_ever(alpaca: BlockingClient, control: SimulatorControl) -> None:
    alpaca.create_order(SYMBOL, "limit", "buy", "0.1", "50010", OURS)

    with pytest.raises(ccxt.BadRequest, match="client_order_id must be unique"):
        alpaca.create_order(SYMBOL, "limit", "sell", "0.1", "60000", OURS)

    assert len(control.ledger()) == 1


def test_an_order_without_a_client_id_is_given_one(alpaca: BlockingClient, host: str) -> None:
    order = {"symbol": SYMBOL, "side": "buy", "type": "limit", "qty": 0.1, "limit_price": 49000, "time_in_force": "gtc"}

    ids = [ask(host, "POST", "/v2/orders", order)[1]["client_order_id"] for _ in range(2)]

    assert by_client_id(alpaca, ids[0])["clientOrderId"] != by_client_id(alpaca, ids[1])["clientOrderId"]


def test_cash_leaves_out_what_open_orders_hold_and_equity_counts_it(alpaca: BlockingClient, host: str) -> None:
    alpaca.create_order(SYMBOL, "limit", "buy", "0.5", "49000")
    alpaca.create_order(SYMBOL, "limit", "sell", "0.25", "60000")

    balance = alpaca.fetch_balance()
    account = ask(host, "GET", "/v2/account")[1]
    [position] = ask(host, "GET", "/v2/positions")[1]

    assert numbers(balance["USD"], "free", "used", "total") == [75500, 24500, 100000]
    assert numbers(balance["BTC"], "free", "used", "total") == [Decimal("1.75"), Decimal("0.25"), 2]
    assert (position["symbol"], position["qty"], position["qty_available"]) == ("BTCUSD", "2", "1.75")
    assert Decimal(account["equity"]) - Decimal(account["position_market_value"]) == 100000


def test_a_stablecoin_is_a_position_worth_a_dollar(
    alpaca: BlockingClient, host: str, control: SimulatorControl
) -> None:
    control.upsert_account("alpaca", "alpaca-key", "alpaca-secret", {"USDT": "1234.5", "BTC": "0"})

    balance = alpaca.fetch_balance()
    [position] = ask(host, "GET", "/v2/positions")[1]

    assert Decimal(balance["USDT"]["total"]) == Decimal("1234.5")
    assert (position["symbol"], position["market_value"], position["current_price"]) == ("USDTUSD", "1234.5", "1")
    assert "BTC" not in balance["total"]


def test_lists_can_be_limited_in_time_pair_and_number(alpaca: BlockingClient, host: str) -> None:
    ids = [alpaca.create_order(SYMBOL, "limit", "buy", "0.01", "40000")["id"] for _ in range(3)]
    filled = alpaca.create_order(SYMBOL, "limit", "sell", "0.01", "49990")["id"]
    since = alpaca.fetch_order(ids[1])["info"]["submitted_at"]

    def listed(**query: object) -> list[str]:
        return [order["id"] for order in ask(host, "GET", "/v2/orders", query)[1]]

    assert listed() == ids[::-1]
    assert listed(status="all") == [filled, *ids[::-1]]
    assert listed(status="closed") == [filled]
    assert listed(direction="asc", limit=2) == ids[:2]
    # Neither end belongs to the span.
    assert (listed(after=since), listed(until=since)) == ([ids[2]], [ids[0]])
    assert (listed(symbols="ETH/USD"), listed(symbols="BTCUSD,ETH/USD")) == ([], ids[::-1])
    assert [order["id"] for order in alpaca.fetch_orders(SYMBOL, 1, 2)] == ids[:2]
