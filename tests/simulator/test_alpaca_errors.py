"""Alpaca's keys and refusals, in its own words."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .alpaca_client import alpaca_client, ask, open_alpaca
from .clients import BlockingClient, send

SYMBOL = "BTC/USD"
ORDERS = "/v2/orders"
BOOKS = "/v1beta3/crypto/us/latest/orderbooks"
LIMIT_BUY: dict[str, object] = {
    "symbol": SYMBOL, "side": "buy", "type": "limit", "qty": "0.1", "limit_price": "49000", "time_in_force": "gtc",
}  # fmt: skip
FORBIDDEN = (403, {"message": "forbidden."})
NOT_AUTHORIZED = (401, {"code": 40110000, "message": "request is not authorized"})
NOT_FOUND = (404, {"code": 40410000, "message": "order not found"})


@pytest.fixture
def alpaca(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    return open_alpaca(simulator, connect)


@pytest.fixture
def host(alpaca: BlockingClient, simulator: RunningSimulator) -> str:
    return simulator.base_urls["alpaca"]


def place(host: str, changes: dict[str, object] | None = None, **keys: str) -> tuple[int, Any]:
    """Send an order, with something changed or (None) left out; return status and answer."""
    fields = {name: value for name, value in {**LIMIT_BUY, **(changes or {})}.items() if value is not None}
    status, answer, _ = ask(host, "POST", ORDERS, fields, **keys)
    return status, answer


def test_a_good_order_made_by_hand_is_placed(host: str, control: SimulatorControl) -> None:
    status, answer = place(host, {"client_order_id": "mine-1", "nonsense": 1})

    assert (status, answer["client_order_id"], answer["symbol"]) == (200, "mine-1", SYMBOL)
    assert control.ledger()[0]["exchange_order_id"] == answer["id"]


@pytest.mark.parametrize(
    ("keys", "refusal"),
    [
        ({"key": ""}, FORBIDDEN),
        ({"secret": ""}, FORBIDDEN),
        ({"key": "somebody"}, NOT_AUTHORIZED),
        ({"secret": "wrong"}, NOT_AUTHORIZED),
    ],
)
@pytest.mark.parametrize("path", [ORDERS, "/v2/account", "/v2/positions", "/v2/clock", "/v2/assets"])
def test_all_but_the_books_want_the_right_keys(
    host: str, control: SimulatorControl, path: str, keys: dict[str, str], refusal: tuple[int, Any]
) -> None:
    assert ask(host, "GET", path, **keys)[:2] == refusal
    assert place(host, **keys) == refusal
    assert send(host, "GET", f"{BOOKS}?symbols=BTC%2FUSD")[0] == 200
    assert control.ledger() == []


@pytest.mark.parametrize(
    ("changes", "status", "code", "text"),
    [
        ({"symbol": "NOPE/USD"}, 422, 42210000, 'asset "NOPE/USD" not found'),
        ({"symbol": None}, 422, 42210000, 'asset "" not found'),
        ({"side": "hold"}, 422, 40010001, "invalid side"),
        ({"type": "stop"}, 422, 40010001, "invalid order type for crypto order"),
        ({"time_in_force": "fok"}, 422, 42210000, "invalid crypto time_in_force"),
        ({"time_in_force": "day"}, 422, 42210000, "invalid crypto time_in_force"),
        ({"time_in_force": None}, 422, 42210000, "invalid crypto time_in_force"),
        ({"client_order_id": "x" * 129}, 422, 40010001, "client_order_id must be no more than 128 characters"),
        ({"qty": None}, 422, 40010001, "qty or notional is required"),
        ({"notional": "100"}, 422, 40010001, "only one of qty or notional is accepted"),
        ({"notional": "100", "qty": None}, 422, 40010001, "notional orders must be market orders"),
        ({"qty": "-1"}, 422, 40010001, "invalid qty"),
        ({"qty": "0"}, 422, 40010000, "qty must be > 0"),
        ({"qty": "0.1000000001"}, 422, 42210000, "minimal trade increment of BTC/USD is 0.000000001"),
        ({"qty": "0.00001"}, 403, 40310000, "qty must be >= minimal order size 0.000028257"),
        ({"qty": "0.0001"}, 403, 40310000, "cost basis must be >= minimal amount of order 10"),
        ({"limit_price": None}, 422, 40010001, "limit orders require limit price"),
        ({"limit_price": "49000.5"}, 422, 42210000, "price increment of BTC/USD is 1"),
        ({"limit_price": "0"}, 422, 42210000, "price increment of BTC/USD is 1"),
    ],
)
def test_a_bad_order_is_refused_with_a_code_that_begins_with_the_status(
    host: str, control: SimulatorControl, changes: dict[str, object], status: int, code: int, text: str
) -> None:
    got, answer = place(host, changes)

    assert (got, answer["code"]) == (status, code)
    assert text in answer["message"]
    assert control.ledger() == []


@pytest.mark.parametrize(
    ("changes", "asset", "requested", "available"),
    [
        ({"qty": "3"}, "USD", "147000", "100000"),
        ({"qty": "2.5", "side": "sell", "limit_price": "51000"}, "BTC", "2.5", "2"),
        ({"type": "market", "limit_price": None, "qty": None, "notional": "150000"}, "USD", "150000", "100000"),
    ],
)
def test_a_lack_of_funds_names_the_asset_and_the_amounts(
    host: str, changes: dict[str, object], asset: str, requested: str, available: str
) -> None:
    status, answer = place(host, changes)

    message = f"insufficient balance for {asset} (requested: {requested}, available: {available})"
    assert (status, answer["code"], answer["message"]) == (403, 40310000, message)
    assert (answer["symbol"], answer["available"], answer["balance"]) == (asset, available, available)


def test_a_market_buy_by_value_that_finds_nothing_to_buy(host: str, control: SimulatorControl) -> None:
    control.set_book("alpaca", SYMBOL, bids=[("49990", "1")], asks=[])

    status, answer = place(host, {"type": "market", "limit_price": None, "qty": None, "notional": "100"})

    assert (status, answer["message"]) == (403, "no available quote for BTC/USD")


def test_bodies_and_queries_must_be_well_formed(host: str) -> None:
    headers = {"APCA-API-KEY-ID": "alpaca-key", "APCA-API-SECRET-KEY": "alpaca-secret"}
    for body in ("{", "[]", "null"):
        assert send(host, "POST", ORDERS, body, headers)[:2] == (
            400,
            {"code": 40010000, "message": "request body format is invalid"},
        )
    for name, value in (
        ("status", "old"), ("direction", "up"), ("limit", "0"), ("limit", "501"), ("limit", "many"),
        ("after", "yesterday"), ("until", "2026-01-01T00:00:00"),
    ):  # fmt: skip
        assert ask(host, "GET", ORDERS, {name: value})[:2] == (422, {"code": 40010001, "message": f"invalid {name}"})
    for name, value in (("page_size", "101"), ("page_token", "never")):
        assert ask(host, "GET", "/v2/account/activities/FILL", {name: value})[0] == 422


def test_pairs_of_books_must_be_written_with_their_slash(host: str) -> None:
    status, answer, _ = send(host, "GET", f"{BOOKS}?symbols=BTCUSD")

    assert (status, answer) == (400, {"message": "Invalid symbol(s): BTCUSD does not match ^[A-Z]+/[A-Z]+$"})
    assert send(host, "GET", f"{BOOKS}?symbols=DOGE%2FUSD")[1] == {"orderbooks": {}}


def test_unknown_orders_and_paths_and_other_peoples_orders(host: str, control: SimulatorControl) -> None:
    control.upsert_account("alpaca", "somebody", "else", {"USD": "1000"})
    order_id = place(host, {"client_order_id": "mine"})[1]["id"]
    stranger = {"key": "somebody", "secret": "else"}
    by_client_id = f"{ORDERS}:by_client_order_id"

    assert ask(host, "GET", f"{ORDERS}/{order_id}")[0] == 200
    for keys, path, name in (({}, "nothing", "nothing"), (stranger, order_id, "mine")):
        assert ask(host, "GET", f"{ORDERS}/{path}", **keys)[:2] == NOT_FOUND
        assert ask(host, "DELETE", f"{ORDERS}/{path}", **keys)[:2] == NOT_FOUND
        assert ask(host, "GET", by_client_id, {"client_order_id": name}, **keys)[:2] == NOT_FOUND
    assert ask(host, "GET", by_client_id)[:2] == NOT_FOUND
    assert ask(host, "GET", "/v2/nothing")[:2] == ask(host, "POST", "/v2/clock", {})[:2]
    # Unlike an unknown order it has no code.
    assert ask(host, "GET", "/v2/nothing")[:2] == (404, {"message": "endpoint not found."})


def test_ccxt_makes_the_expected_exceptions(alpaca: BlockingClient, simulator: RunningSimulator, connect: Any) -> None:
    markets = alpaca.load_markets()
    wrong = connect(alpaca_client(simulator.base_urls["alpaca"], secret="wrong"))
    wrong.client.set_markets(markets)

    for client, amount, price, params, exception in (
        (alpaca, "10", "49000", {}, ccxt.InsufficientFunds),
        (alpaca, "0.0001", "49000", {}, ccxt.InvalidOrder),
        # Any other 403 looks like an outage to ccxt.
        (alpaca, "0.00001", "49000", {}, ccxt.ExchangeNotAvailable),
        (alpaca, "0.1", "49000", {"timeInForce": "FOK"}, ccxt.BadRequest),
        (wrong, "0.1", "49000", {}, ccxt.PermissionDenied),
    ):
        with pytest.raises(exception) as raised:
            client.create_order(SYMBOL, "limit", "buy", amount, price, params)
        assert type(raised.value) is exception
    with pytest.raises(ccxt.InvalidOrder, match="order not found"):
        alpaca.fetch_order("nothing")
    with pytest.raises(ccxt.BadSymbol):
        alpaca.fetch_order_book("BTCUSD")


def test_a_rate_limit_tells_when_it_is_full_again(host: str, control: SimulatorControl) -> None:
    control.queue_fault("alpaca", "rate_limit", operation="fetch_balance")

    status, answer, headers = ask(host, "GET", "/v2/account")

    assert (status, answer) == (429, {"code": 42910000, "message": "rate limit exceeded"})
    assert (headers["X-Ratelimit-Limit"], headers["X-Ratelimit-Remaining"]) == ("200", "0")
    assert abs(int(headers["X-Ratelimit-Reset"]) - time.time()) < 2
    assert headers["Retry-After"] is None


def test_nothing_answers_during_maintenance(host: str, control: SimulatorControl) -> None:
    control.configure("alpaca", maintenance=True)

    assert place(host)[0] == ask(host, "GET", "/v2/clock")[0] == 503


def test_nothing_bounds_how_late_an_order_is_accepted(host: str, control: SimulatorControl) -> None:
    control.configure("alpaca", late_ms=300)
    control.queue_fault("alpaca", "late")

    with pytest.raises(ConnectionError):
        place(host, {"client_order_id": "late"})
    asyncio.run(asyncio.sleep(0.5))

    assert [row["client_order_id"] for row in control.ledger()] == ["late"]
