"""Every error Binance can give here, and the exception ccxt makes of it."""

import hmac
import time
from typing import Any
from urllib.parse import urlencode

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .clients import BINANCE_SECRET, BlockingClient, binance_client, send

SYMBOL = "BTC/USDT"
LIMIT_BUY = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.1",
    "price": "49000",
}


@pytest.fixture
def host(binance: BlockingClient, simulator: RunningSimulator) -> str:
    return simulator.base_urls["binance"]


def post_order(host: str, secret: str = BINANCE_SECRET, key: str = "binance-key", **changes: str | None) -> Any:
    """Send an order signed by hand; None removes a parameter. Returns (status, answer)."""
    merged: dict[str, str | None] = {**LIMIT_BUY, "timestamp": str(int(time.time() * 1000)), **changes}
    body = urlencode({name: value for name, value in merged.items() if value is not None})
    signature = hmac.new(secret.encode(), body.encode(), "sha256").hexdigest()
    headers = {"X-MBX-APIKEY": key, "Content-Type": "application/x-www-form-urlencoded"}
    status, answer, _ = send(host, "POST", "/api/v3/order", f"{body}&signature={signature}", headers)
    return status, answer


def test_a_good_order_signed_by_hand_is_placed(host: str) -> None:
    status, answer = post_order(host)

    assert (status, answer["status"]) == (200, "NEW")


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"symbol": None}, -1102, "Mandatory parameter 'symbol'"),
        ({"symbol": "BTCEUR"}, -1121, "Invalid symbol."),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"type": "STOP_LOSS"}, -1116, "Invalid orderType."),
        ({"timeInForce": None}, -1102, "'timeInForce'"),
        ({"timeInForce": "GTD"}, -1115, "Invalid timeInForce."),
        ({"price": None}, -1102, "'price'"),
        ({"quantity": "1e-3"}, -1100, "Illegal characters found in parameter 'quantity'"),
        ({"quantity": "0.123456789"}, -1111, "Parameter 'quantity' has too much precision."),
        ({"quantity": "0.123456"}, -1013, "Filter failure: LOT_SIZE"),
        ({"price": "49000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0.0001"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "3"}, -2010, "Account has insufficient balance for requested action."),
        ({"newClientOrderId": "x" * 37}, -1100, "'newClientOrderId'"),
        ({"newClientOrderId": "a.b"}, -1100, "'newClientOrderId'"),
        ({"quoteOrderQty": "100"}, -1106, "'quoteOrderQty' sent when not required."),
        ({"type": "LIMIT_MAKER"}, -1106, "'timeInForce' sent when not required."),
        ({"type": "MARKET", "timeInForce": None}, -1106, "'price' sent when not required."),
        ({"type": "MARKET", "timeInForce": None, "price": None, "quantity": None}, -1102, "'quoteOrderQty'"),
        ({"recvWindow": "60001"}, -1131, "recvWindow"),
        ({"timestamp": None}, -1102, "'timestamp'"),
        ({"timestamp": "yesterday"}, -1100, "'timestamp'"),
    ],
)
def test_a_bad_order_is_refused_with_the_documented_error(
    host: str, control: SimulatorControl, changes: dict[str, str | None], code: int, text: str
) -> None:
    status, answer = post_order(host, **changes)

    assert (status, answer["code"]) == (400, code)
    assert text in answer["msg"]
    assert control.ledger() == []


@pytest.mark.parametrize(("offset_ms", "text"), [(-6_000, "outside of the recvWindow"), (1_500, "ahead of the server")])
def test_a_request_outside_its_window_is_refused(host: str, offset_ms: int, text: str) -> None:
    status, answer = post_order(host, timestamp=str(int(time.time() * 1000) + offset_ms))

    assert (status, answer["code"]) == (400, -1021)
    assert text in answer["msg"]


def test_a_wider_window_lets_an_older_request_in(host: str) -> None:
    status, _ = post_order(host, timestamp=str(int(time.time() * 1000) - 6_000), recvWindow="10000")

    assert status == 200


def test_keys_and_signatures_are_really_checked(host: str, control: SimulatorControl) -> None:
    assert post_order(host, key="")[1]["code"] == -2014
    assert post_order(host, key="nobody")[:1] == (401,)
    assert post_order(host, key="nobody")[1]["code"] == -2015
    assert post_order(host, secret="wrong")[1] == {"code": -1022, "msg": "Signature for this request is not valid."}
    assert control.ledger() == []


def test_a_tampered_request_is_refused(host: str) -> None:
    timestamp = int(time.time() * 1000)
    query = f"symbol=BTCUSDT&timestamp={timestamp}"
    signature = hmac.new(BINANCE_SECRET.encode(), query.encode(), "sha256").hexdigest()
    headers = {"X-MBX-APIKEY": "binance-key"}

    good, _, _ = send(host, "GET", f"/api/v3/openOrders?{query}&signature={signature}", None, headers)
    upper, _, _ = send(host, "GET", f"/api/v3/openOrders?{query}&signature={signature.upper()}", None, headers)
    _, bad, _ = send(host, "GET", f"/api/v3/openOrders?{query}&limit=1&signature={signature}", None, headers)
    _, unsigned, _ = send(host, "GET", f"/api/v3/openOrders?{query}", None, headers)

    assert (good, upper) == (200, 200)
    assert bad["code"] == -1022
    assert unsigned["code"] == -1102


def test_query_and_body_are_signed_as_one_text(host: str) -> None:
    """Binance REST API docs, signed request example with a mixed query string and body."""
    query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
    body = f"quantity=0.1&price=49000&timestamp={int(time.time() * 1000)}"
    signature = hmac.new(BINANCE_SECRET.encode(), f"{query}{body}".encode(), "sha256").hexdigest()

    status, answer, _ = send(
        host, "POST", f"/api/v3/order?{query}", f"{body}&signature={signature}", {"X-MBX-APIKEY": "binance-key"}
    )

    assert (status, answer["status"]) == (200, "NEW")


@pytest.mark.parametrize(
    ("amount", "price", "exception"),
    [
        ("10", "49000", ccxt.InsufficientFunds),
        ("0.00005", "49000", ccxt.BadRequest),
    ],
)
def test_ccxt_makes_the_expected_exception(
    binance: BlockingClient, amount: str, price: str, exception: type[Exception]
) -> None:
    with pytest.raises(exception) as raised:
        binance.create_order(SYMBOL, "limit", "buy", amount, price)

    assert type(raised.value) is exception


def test_ccxt_makes_the_expected_exception_of_authentication_errors(
    simulator: RunningSimulator, binance: BlockingClient, connect: Any
) -> None:
    url = simulator.base_urls["binance"]
    wrong_secret = connect(binance_client(url, secret="wrong"))
    unknown = connect(binance_client(url, api_key="nobody"))
    skewed = connect(binance_client(url))
    skewed.client.options["timeDifference"] = 20_000

    for client, exception in (
        (wrong_secret, ccxt.AuthenticationError),
        (unknown, ccxt.AuthenticationError),
        (skewed, ccxt.InvalidNonce),
    ):
        with pytest.raises(exception) as raised:
            client.create_order(SYMBOL, "market", "buy", "0.1")
        assert type(raised.value) is exception


def test_a_key_revoked_after_use_looks_like_a_ban_to_ccxt(simulator: RunningSimulator, binance: BlockingClient) -> None:
    """ccxt takes -2015 after a successful private call for a temporary ban of the address."""
    binance.fetch_balance()
    binance.client.apiKey = "revoked"

    with pytest.raises(ccxt.DDoSProtection, match="-2015"):
        binance.fetch_balance()


def test_orders_that_are_not_there(binance: BlockingClient) -> None:
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        binance.fetch_order("1", SYMBOL)
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        binance.fetch_order(None, SYMBOL, {"clientOrderId": "nothing"})
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        binance.cancel_order("1", SYMBOL)
