"""Bybit's keys, signatures, time window and argument errors, in its own words."""

from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .bybit_client import BYBIT_SECRET, bybit_client, open_bybit, signed
from .clients import BlockingClient, send

SYMBOL = "BTC/USDT"
CREATE = "/v5/order/create"
LIMIT_BUY = {
    "category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.1", "price": "49000",
}  # fmt: skip


@pytest.fixture
def bybit(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    return open_bybit(simulator, connect)


@pytest.fixture
def host(bybit: BlockingClient, simulator: RunningSimulator) -> str:
    return simulator.base_urls["bybit"]


def post(host: str, changes: dict[str, str | None], path: str = CREATE, **how: Any) -> dict[str, Any]:
    """Send an order; return the answer."""
    fields = {name: value for name, value in {**LIMIT_BUY, **changes}.items() if value is not None}
    status, answer = signed(host, "POST", path, fields, **how)
    assert status == 200
    return dict(answer)


def test_a_good_order_signed_by_hand_is_placed(host: str, control: SimulatorControl) -> None:
    answer = post(host, {"orderLinkId": "mine-1"})

    assert (answer["retCode"], answer["retMsg"]) == (0, "OK")
    assert control.ledger()[0]["exchange_order_id"] == answer["result"]["orderId"]
    assert answer["result"]["orderLinkId"] == "mine-1"


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"category": "linear"}, 10001, "Illegal category"),
        ({"category": None}, 10001, "Illegal category"),
        ({"symbol": "NOPEUSDT"}, 170121, "Invalid symbol."),
        ({"side": "buy"}, 170117, "Invalid side."),
        ({"orderType": "Stop"}, 170116, "Invalid orderType."),
        ({"timeInForce": "GTD"}, 170115, "Invalid timeInForce."),
        ({"orderFilter": "StopOrder"}, 170130, "Data sent for paramter 'orderFilter' is not valid."),
        ({"orderLinkId": "with space"}, 170130, "Data sent for paramter 'orderLinkId' is not valid."),
        ({"orderLinkId": "x" * 37}, 170130, "Data sent for paramter 'orderLinkId' is not valid."),
        ({"orderType": "Market", "marketUnit": "lots"}, 170130, "Data sent for paramter 'marketUnit' is not valid."),
        ({"qty": None}, 170105, "Parameter 'qty' was empty."),
        ({"qty": "1e-3"}, 170130, "Data sent for paramter 'qty' is not valid."),
        ({"qty": "0.0000001"}, 170137, "Order volume decimal too long"),
        ({"qty": "0.000000001"}, 170137, "Order volume decimal too long"),
        ({"qty": "0.00001"}, 170136, "Order quantity lower than the minimum."),
        ({"qty": "0.0001"}, 170140, "Order value exceeded lower limit"),
        ({"qty": "3"}, 170131, "Balance insufficient"),
        ({"price": None}, 170105, "Parameter 'price' was empty."),
        ({"price": "49000.05"}, 170134, "Order price decimal too long."),
        ({"price": "0"}, 170134, "Order price decimal too long."),
    ],
)
def test_a_bad_order_is_refused_with_200_and_the_code(
    host: str, control: SimulatorControl, changes: dict[str, str | None], code: int, text: str
) -> None:
    answer = post(host, changes)

    assert (answer["retCode"], answer["retMsg"], answer["result"]) == (code, text, {})
    assert control.ledger() == []


def test_a_market_buy_that_finds_nothing_to_buy(host: str, control: SimulatorControl) -> None:
    control.set_book("bybit", SYMBOL, bids=[("49990", "1")], asks=[])

    answer = post(host, {"orderType": "Market", "qty": "100"})

    assert (answer["retCode"], answer["retMsg"]) == (170210, "New order rejected.")


def test_a_body_that_is_no_object_and_numbers_instead_of_texts(host: str) -> None:
    status, answer = signed(host, "POST", CREATE, [])  # type: ignore[arg-type]
    assert (status, answer["retCode"]) == (200, 10001)

    assert post(host, {"qty": 1, "isLeverage": 0})["retCode"] == 0  # type: ignore[dict-item]


def test_a_cancel_needs_an_id(host: str) -> None:
    answer = post(host, {}, path="/v5/order/cancel")

    assert (answer["retCode"], answer["retMsg"]) == (10001, "params error: orderId or orderLinkId is required")


def test_orders_of_another_account_are_not_there(host: str, control: SimulatorControl, connect: Any) -> None:
    control.upsert_account("bybit", "other", BYBIT_SECRET, {"USDT": "50000"})
    theirs = connect(bybit_client(host, api_key="other")).create_order(SYMBOL, "limit", "buy", "0.1", "49000")

    answer = post(host, {"orderId": theirs["id"]}, path="/v5/order/cancel")

    assert (answer["retCode"], answer["retMsg"]) == (170213, "Order does not exist.")


def test_keys_and_signatures_are_really_checked(host: str, control: SimulatorControl) -> None:
    unknown = post(host, {}, X_BAPI_API_KEY="nobody")
    forged = post(host, {}, X_BAPI_SIGN="00" * 32)

    assert (unknown["retCode"], unknown["retMsg"]) == (10003, "API key is invalid.")
    assert forged["retCode"] == 10004
    # The text Bybit expected to be signed: timestamp, key, window and body.
    assert forged["retMsg"].startswith("error sign! origin_string[")
    assert 'bybit-key5000{"category": "spot"' in forged["retMsg"]
    assert control.ledger() == []


@pytest.mark.parametrize("header", ["X_BAPI_API_KEY", "X_BAPI_SIGN", "X_BAPI_TIMESTAMP"])
def test_a_request_without_authentication_is_401_without_a_body(host: str, header: str) -> None:
    assert signed(host, "POST", CREATE, LIMIT_BUY, **{header: ""}) == (401, "")


@pytest.mark.parametrize(
    ("offset_ms", "window", "code"),
    [
        (0, "5000", 0),
        (-4_000, "5000", 0),
        (-4_000, None, 0),
        (-6_000, "5000", 10002),
        (-6_000, None, 10002),
        (-6_000, "10000", 0),
        (500, "5000", 0),
        (1_500, "5000", 10002),
        (0, "soon", 10002),
    ],
)
def test_the_window_is_measured_from_the_signed_timestamp(
    host: str, offset_ms: int, window: str | None, code: int
) -> None:
    answer = post(host, {}, offset_ms=offset_ms, window=window)

    assert answer["retCode"] == code
    if code:
        assert "check your server timestamp or recv_window param. req_timestamp[" in answer["retMsg"]


def test_what_is_held_up_past_its_window_is_not_executed(host: str, control: SimulatorControl) -> None:
    control.configure("bybit", late_ms=300)
    control.queue_fault("bybit", "late")
    control.queue_fault("bybit", "late")

    for window in ("100", "5000"):
        with pytest.raises(ConnectionError):
            signed(host, "POST", CREATE, LIMIT_BUY, window=window)

    assert len(control.ledger()) == 1


def test_too_many_visits_come_with_200_and_a_reset_time(host: str, control: SimulatorControl) -> None:
    control.queue_fault("bybit", "rate_limit")

    status, answer, headers = send(host, "POST", CREATE, "{}")

    assert (status, answer["retCode"], answer["retMsg"]) == (200, 10006, "Too many visits!")
    assert (headers["X-Bapi-Limit-Status"], headers["Retry-After"]) == ("0", None)
    assert 0 < int(headers["X-Bapi-Limit-Reset-Timestamp"]) - answer["time"] <= 1_001


def test_an_unknown_path(host: str) -> None:
    status, answer, _ = send(host, "GET", "/v5/order/create")

    assert (status, answer["retCode"], answer["retMsg"]) == (404, 10017, "Route not found.")


def test_an_unknown_kind_of_wallet(host: str) -> None:
    _, answer = signed(host, "GET", "/v5/account/wallet-balance", {"accountType": "SPOT"})
    _, asked = signed(host, "GET", "/v5/account/wallet-balance", {"accountType": "UNIFIED", "coin": "BTC,ETH"})

    assert answer["retCode"] == 170130
    assert [coin["coin"] for coin in asked["result"]["list"][0]["coin"]] == ["BTC"]


def test_ccxt_makes_the_expected_exceptions(host: str, bybit: BlockingClient, connect: Any) -> None:
    unknown = connect(bybit_client(host, api_key="nobody"))
    wrong_secret = connect(bybit_client(host, secret="wrong"))

    for client, amount, exception in (
        (bybit, "10", ccxt.InsufficientFunds),
        (bybit, "0.00001", ccxt.InvalidOrder),
        (unknown, "0.1", ccxt.AuthenticationError),
        (wrong_secret, "0.1", ccxt.AuthenticationError),
    ):
        with pytest.raises(exception) as raised:
            client.create_order(SYMBOL, "limit", "buy", amount, "49000")
        assert type(raised.value) is exception


def test_ccxt_takes_a_late_request_for_a_bad_nonce(bybit: BlockingClient) -> None:
    bybit.client.options["timeDifference"] = 60_000
    try:
        with pytest.raises(ccxt.InvalidNonce, match="req_timestamp"):
            bybit.fetch_balance()
    finally:
        bybit.client.options["timeDifference"] = 0
