"""KuCoin's keys, signatures, time window, limits and argument errors, in its own words."""

import json
import time
from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .clients import BlockingClient, send
from .kucoin_client import KUCOIN_PASSPHRASE, KUCOIN_SECRET, kucoin_client, open_kucoin, sign, signed

SYMBOL = "BTC/USDT"
ORDERS = "/api/v1/hf/orders"
LIMIT_BUY = {"symbol": "BTC-USDT", "side": "buy", "type": "limit", "size": "0.1", "price": "49000"}


@pytest.fixture
def kucoin(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    return open_kucoin(simulator, connect)


@pytest.fixture
def host(kucoin: BlockingClient, simulator: RunningSimulator) -> str:
    return simulator.base_urls["kucoin"]


def post(host: str, changes: dict[str, object], **how: Any) -> tuple[int, Any]:
    """Send an order signed by hand; None leaves a field out."""
    fields = {name: value for name, value in {**LIMIT_BUY, **changes}.items() if value is not None}
    return signed(host, "POST", ORDERS, fields, **how)


def test_a_good_order_signed_by_hand_is_placed(host: str, control: SimulatorControl) -> None:
    status, answer = post(host, {"clientOid": "mine-1", "remark": "hello", "unknown": 1})

    assert (status, answer["code"], answer["data"]["clientOid"]) == (200, "200000", "mine-1")
    assert control.ledger()[0]["exchange_order_id"] == answer["data"]["orderId"]


def test_an_order_may_have_no_client_id_and_no_type(host: str) -> None:
    _, answer = post(host, {"type": None})

    _, found = signed(host, "GET", f"{ORDERS}/{answer['data']['orderId']}", {"symbol": "BTC-USDT"})

    assert (found["data"]["clientOid"], found["data"]["type"]) == (None, "limit")


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"symbol": None}, "400100", "Parameter Error"),
        ({"symbol": "BTC-EUR"}, "900001", "symbol not exists"),
        ({"side": None}, "400100", "validation.createOrder.sideIsRequired"),
        ({"side": "BUY"}, "400100", "Parameter Error"),
        ({"type": "stop"}, "400100", "Parameter Error"),
        ({"timeInForce": "GTD"}, "400100", "Parameter Error"),
        ({"size": None}, "400100", "validation.createOrder.sizeIsRequired"),
        ({"size": "1e-3"}, "400100", "Parameter Error"),
        ({"size": "0.000000001"}, "600100", "Order size increment invalid."),
        ({"size": "0.000009"}, "400100", "Order size below the minimum requirement."),
        ({"price": None}, "400100", "validation.createOrder.priceIsRequired"),
        ({"price": "49000.05"}, "400100", "Price increment invalid."),
        ({"size": "0.00001", "price": "1000"}, "600100", "Funds below the minimum requirement."),
        ({"size": "3"}, "200004", "Balance insufficient!"),
        ({"clientOid": "x" * 41}, "400100", "Parameter Error"),
        ({"clientOid": "with space"}, "400100", "Parameter Error"),
        ({"type": "market", "size": None}, "400100", "validation.createOrder.sizeIsRequired"),
        ({"type": "market", "funds": "100"}, "400100", "Parameter Error"),
        ({"type": "market", "size": None, "funds": "0.05"}, "600100", "Funds below the minimum requirement."),
    ],
)
def test_a_bad_order_is_refused_with_200_and_a_code(
    host: str, control: SimulatorControl, changes: dict[str, object], code: str, text: str
) -> None:
    assert post(host, changes) == (200, {"code": code, "msg": text})
    assert control.ledger() == []


def test_an_empty_book_cannot_fill_funds(host: str, control: SimulatorControl) -> None:
    control.set_book("kucoin", SYMBOL, bids=[("49990", "1")], asks=[])

    status, answer = post(host, {"type": "market", "size": None, "funds": "100"})

    assert (status, answer["code"]) == (200, "400100")


def test_a_body_must_be_a_json_object(host: str) -> None:
    assert post(host, {}, Content_Type="text/plain") == (415, {"code": "415000", "msg": "Unsupported Media Type"})
    assert signed(host, "POST", ORDERS, [1])[1]["code"] == "400100"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "code", "text"),
    [
        ({"KC_API_KEY": "nobody"}, "400003", "KC-API-KEY not exists"),
        ({"KC_API_PASSPHRASE": KUCOIN_PASSPHRASE}, "400004", "Invalid KC-API-PASSPHRASE"),
        ({"KC_API_PASSPHRASE": sign("wrong")}, "400004", "Invalid KC-API-PASSPHRASE"),
        ({"KC_API_PASSPHRASE": sign(KUCOIN_PASSPHRASE, "wrong")}, "400004", "Invalid KC-API-PASSPHRASE"),
        ({"KC_API_SIGN": sign("something else")}, "400005", "Invalid KC-API-SIGN"),
        ({"KC_API_TIMESTAMP": "now"}, "400002", "Invalid KC-API-TIMESTAMP"),
        ({"KC_API_KEY_VERSION": "1"}, "400009", "Invalid KC-API-KEY-VERSION"),
        ({"KC_API_KEY_VERSION": None}, "400009", "Invalid KC-API-KEY-VERSION"),
    ],
)
def test_key_passphrase_and_signature_are_really_checked(
    host: str, control: SimulatorControl, headers: dict[str, str | None], code: str, text: str
) -> None:
    assert post(host, {}, **headers) == (401, {"code": code, "msg": text})
    assert control.ledger() == []


@pytest.mark.parametrize("name", ["KC_API_KEY", "KC_API_SIGN", "KC_API_TIMESTAMP", "KC_API_PASSPHRASE"])
def test_every_header_is_needed(host: str, name: str) -> None:
    status, answer = post(host, {}, **{name: None})

    assert (status, answer["code"]) == (401, "400001")


def test_the_signature_covers_time_path_and_body(host: str) -> None:
    at = str(int(time.time() * 1000))
    genuine = {"KC_API_TIMESTAMP": at, "KC_API_SIGN": sign(f"{at}POST{ORDERS}{json.dumps(LIMIT_BUY)}")}

    def code(path: str, fields: dict[str, object], **headers: str) -> Any:
        return signed(host, "POST", path, fields, **{**genuine, **headers})[1]["code"]

    assert code(ORDERS, {**LIMIT_BUY, "size": "0.2"}) == "400005"
    assert code(f"{ORDERS}/test", {**LIMIT_BUY}) == "400005"
    assert code(ORDERS, {**LIMIT_BUY}, KC_API_TIMESTAMP=str(int(at) + 1)) == "400005"
    assert code(ORDERS, {**LIMIT_BUY}) == "200000"


@pytest.mark.parametrize(("offset_ms", "placed"), [(-6_000, False), (-4_000, True), (4_000, True), (6_000, False)])
def test_a_request_is_good_for_five_seconds(host: str, control: SimulatorControl, offset_ms: int, placed: bool) -> None:
    status, answer = post(host, {}, offset_ms=offset_ms)

    assert (status, answer["code"]) == ((200, "200000") if placed else (401, "400002"))
    assert len(control.ledger()) == placed


def test_an_order_that_is_held_past_its_five_seconds_is_not_executed(host: str, control: SimulatorControl) -> None:
    control.configure("kucoin", late_ms=300, hold_ms=600)
    control.queue_fault("kucoin", "late", count=2)

    for offset_ms in (-4_850, 0):
        with pytest.raises(ConnectionError):
            post(host, {"clientOid": f"at{offset_ms}"}, offset_ms=offset_ms)

    assert [order["client_order_id"] for order in control.ledger()] == ["at0"]


def test_too_many_requests_come_with_429_and_the_time_to_wait(host: str, control: SimulatorControl) -> None:
    control.queue_fault("kucoin", "rate_limit", operation="fetch_time")

    status, answer, headers = send(host, "GET", "/api/v1/timestamp")

    assert (status, answer) == (429, {"code": "429000", "msg": "Too many requests"})
    assert (headers["gw-ratelimit-remaining"], headers["gw-ratelimit-reset"]) == ("0", "1000")


def test_during_maintenance_only_the_status_answers(kucoin: BlockingClient, control: SimulatorControl) -> None:
    control.configure("kucoin", maintenance=True)

    assert kucoin.fetch_status()["status"] == "maintenance"
    with pytest.raises(ccxt.ExchangeNotAvailable):
        kucoin.create_order(SYMBOL, "limit", "buy", "0.1", "49000")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/nothing", 404, "404000"),
        ("/api/v1/hf/orders/", 404, "404000"),
        ("/api/v1/market/orderbook/level2_20?symbol=BTC-EUR", 200, "900001"),
        ("/api/v1/market/orderbook/level2_20", 200, "400100"),
    ],
)
def test_public_errors(simulator: RunningSimulator, path: str, status: int, code: str) -> None:
    got, answer, _ = send(simulator.base_urls["kucoin"], "GET", path)

    assert (got, answer["code"]) == (status, code)


def test_lists_check_their_parameters(host: str) -> None:
    for path in (f"{ORDERS}/done", "/api/v1/hf/fills"):
        assert signed(host, "GET", path, {"symbol": "BTC-USDT", "lastId": "x"})[1]["code"] == "400100"
    for name in ("pageNum", "pageSize"):
        assert signed(host, "GET", f"{ORDERS}/active/page", {"symbol": "BTC-USDT", name: "x"})[1]["code"] == "400100"
    assert signed(host, "GET", f"{ORDERS}/active/page", {"pageNum": 1})[1]["code"] == "400100"
    too_many = ",".join(["BTC-USDT"] * 11)
    assert signed(host, "GET", "/api/v1/trade-fees", {"symbols": too_many})[1]["code"] == "400100"


def test_ccxt_makes_the_expected_exceptions(simulator: RunningSimulator, kucoin: BlockingClient, connect: Any) -> None:
    url = simulator.base_urls["kucoin"]
    unknown = connect(kucoin_client(url, api_key="nobody"))
    wrong_secret = connect(kucoin_client(url, secret="wrong"))
    wrong_passphrase = connect(kucoin_client(url, passphrase="wrong"))
    for client in (unknown, wrong_secret, wrong_passphrase):
        client.set_markets_from_exchange(kucoin.client)

    for client, amount, price, exception in (
        (kucoin, "10", "49000", ccxt.InsufficientFunds),
        (kucoin, "0.000009", "49000", ccxt.InvalidOrder),
        # ccxt takes "Funds below the minimum requirement." for a lack of money.
        (kucoin, "0.00001", "1000", ccxt.InsufficientFunds),
        (unknown, "0.1", "49000", ccxt.AuthenticationError),
        (wrong_secret, "0.1", "49000", ccxt.AuthenticationError),
        (wrong_passphrase, "0.1", "49000", ccxt.AuthenticationError),
    ):
        with pytest.raises(exception) as raised:
            client.create_order(SYMBOL, "limit", "buy", amount, price)
        assert type(raised.value) is exception
        assert KUCOIN_SECRET not in str(raised.value)


def test_a_wrong_clock_becomes_ccxts_invalid_nonce(kucoin: BlockingClient) -> None:
    kucoin.client.options["timeDifference"] = 20_000

    with pytest.raises(ccxt.InvalidNonce):
        kucoin.fetch_balance()
