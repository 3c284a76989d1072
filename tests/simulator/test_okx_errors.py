"""OKX's keys, signatures, passphrases, time windows and argument errors."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .clients import BlockingClient, send
from .okx_client import OKX_KEY, OKX_PASSPHRASE, OKX_SECRET, okx_client, open_okx

SYMBOL = "BTC/USDT"
PATH = "/api/v5/trade/order"
LIMIT_BUY = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "sz": "0.1", "px": "49000"}


@pytest.fixture
def okx(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    return open_okx(simulator, connect)


@pytest.fixture
def host(okx: BlockingClient, simulator: RunningSimulator) -> str:
    return simulator.base_urls["okx"]


def stamp(offset_s: float = 0) -> str:
    at = datetime.fromtimestamp(time.time() + offset_s, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def request(
    host: str, method: str, target: str, body: str = "", *, offset_s: float = 0, **headers: str | None
) -> tuple[int, Any]:
    """Send a request signed by hand; a header given as None is left out."""
    at = stamp(offset_s)
    signature = hmac.new(OKX_SECRET.encode(), f"{at}{method}{target}{body}".encode(), "sha256").digest()
    signed: dict[str, str | None] = {
        "OK-ACCESS-KEY": OKX_KEY,
        "OK-ACCESS-PASSPHRASE": OKX_PASSPHRASE,
        "OK-ACCESS-TIMESTAMP": at,
        "OK-ACCESS-SIGN": base64.b64encode(signature).decode(),
        "Content-Type": "application/json",
    }
    signed |= {name.replace("_", "-"): value for name, value in headers.items()}
    present = {name: value for name, value in signed.items() if value is not None}
    status, answer, _ = send(host, method, target, body or None, present)
    return status, answer


def place(host: str, changes: dict[str, Any] | None = None, **headers: Any) -> tuple[int, Any]:
    fields = {name: value for name, value in {**LIMIT_BUY, **(changes or {})}.items() if value is not None}
    return request(host, "POST", PATH, json.dumps(fields), **headers)


def test_a_good_order_signed_by_hand_is_placed(host: str, control: SimulatorControl) -> None:
    status, answer = place(host, {"somethingNew": True})

    assert (status, answer["code"], answer["msg"], answer["data"][0]["sCode"]) == (200, "0", "", "0")
    assert [row["exchange_order_id"] for row in control.ledger()] == [answer["data"][0]["ordId"]]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"instId": "BTC-EUR"}, "51001"),
        ({"tdMode": "cross"}, "51000"),
        ({"side": "hold"}, "51000"),
        ({"ordType": "trigger"}, "51000"),
        ({"sz": "1e-3"}, "51000"),
        ({"sz": "0"}, "51000"),
        ({"sz": "0.000000001"}, "51121"),
        ({"instId": "ETH-USDT", "sz": "0.0000015"}, "51121"),
        ({"sz": "0.000009"}, "51020"),
        ({"px": None}, "51000"),
        ({"px": "cheap"}, "51000"),
        ({"px": "49000.05"}, "51150"),
        ({"sz": "3"}, "51008"),
        ({"side": "sell", "sz": "3", "px": "60000"}, "51008"),
        ({"ordType": "market", "tgtCcy": "usd"}, "51000"),
        ({"ordType": "market", "tgtCcy": "quote_ccy", "sz": "0.0000000001"}, "51109"),
        ({"clOrdId": "with-hyphens"}, "51000"),
        ({"clOrdId": "x" * 33}, "51000"),
        ({"tag": "y" * 17}, "51000"),
    ],
)
def test_a_bad_order_is_refused_with_200_and_the_items_code(
    host: str, control: SimulatorControl, changes: dict[str, str | None], code: str
) -> None:
    status, answer = place(host, changes)

    [item] = answer["data"]
    assert (status, answer["code"], answer["msg"]) == (200, "1", "All operations failed")
    assert (item["sCode"], item["ordId"]) == (code, "")
    assert control.ledger() == []


def test_the_refusal_names_what_is_wrong(host: str) -> None:
    assert place(host, {"px": "cheap"})[1]["data"][0]["sMsg"] == "Parameter px error"
    assert "Insufficient USDT balance" in place(host, {"sz": "3"})[1]["data"][0]["sMsg"]
    assert place(host, {"clOrdId": "mine", "sz": "3"})[1]["data"][0]["clOrdId"] == "mine"


@pytest.mark.parametrize("name", ["instId", "tdMode", "side", "ordType", "sz"])
def test_a_missing_parameter_is_an_error_of_the_request(host: str, name: str) -> None:
    status, answer = place(host, {name: None})

    assert (status, answer) == (400, {"code": "50014", "data": [], "msg": f"Parameter {name} can not be empty."})


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        ("", {}, 400, "50000"),
        ("{", {}, 400, "50002"),
        ("[]", {}, 400, "50002"),
        ("{}", {"Content_Type": "application/x-www-form-urlencoded"}, 400, "50006"),
    ],
)
def test_a_bad_body(host: str, body: str, headers: dict[str, str], status: int, code: str) -> None:
    got, answer = request(host, "POST", PATH, body, **headers)

    assert (got, answer["code"]) == (status, code)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"OK_ACCESS_KEY": None}, "50103"),
        ({"OK_ACCESS_PASSPHRASE": None}, "50104"),
        ({"OK_ACCESS_PASSPHRASE": "guess"}, "50105"),
        ({"OK_ACCESS_SIGN": None}, "50106"),
        ({"OK_ACCESS_TIMESTAMP": None}, "50107"),
        ({"OK_ACCESS_KEY": "nobody"}, "50111"),
        ({"OK_ACCESS_TIMESTAMP": "now"}, "50112"),
        ({"OK_ACCESS_TIMESTAMP": "2026-01-01T00:00:00"}, "50112"),
        ({"OK_ACCESS_SIGN": "bm90IGl0"}, "50113"),
        ({"offset_s": -31}, "50102"),
        ({"offset_s": 31}, "50102"),
    ],
)
def test_keys_signatures_and_times_are_really_checked(
    host: str, control: SimulatorControl, headers: dict[str, Any], code: str
) -> None:
    status, answer = place(host, **headers)

    assert (status, answer["code"], answer["data"]) == (401, code, [])
    assert control.ledger() == []


def test_the_query_is_signed_too(host: str) -> None:
    good, _ = request(host, "GET", "/api/v5/account/balance?ccy=BTC")
    at = stamp()
    signature = hmac.new(OKX_SECRET.encode(), f"{at}GET/api/v5/account/balance".encode(), "sha256").digest()
    forged = {"OK_ACCESS_TIMESTAMP": at, "OK_ACCESS_SIGN": base64.b64encode(signature).decode()}

    assert good == 200
    assert request(host, "GET", "/api/v5/account/balance?ccy=BTC", **forged)[1]["code"] == "50113"


def test_an_order_is_refused_after_its_exp_time(host: str, control: SimulatorControl) -> None:
    now_ms = int(time.time() * 1000)

    _, late = place(host, expTime=str(now_ms - 1))
    status, malformed = place(host, expTime="soon")
    _, early = place(host, expTime=str(now_ms + 5_000))

    assert (late["code"], late["data"][0]["sCode"]) == ("1", "50036")
    assert (status, malformed["code"]) == (400, "51000")
    assert early["code"] == "0"
    assert len(control.ledger()) == 1


@pytest.mark.parametrize(("valid_ms", "placed"), [(20, 0), (5_000, 1)])
def test_an_order_held_on_its_way_is_executed_only_inside_its_exp_time(
    host: str, control: SimulatorControl, valid_ms: int, placed: int
) -> None:
    control.queue_fault("okx", "late")

    with pytest.raises(ConnectionError):
        place(host, expTime=str(int(time.time() * 1000) + valid_ms))

    assert len(control.ledger()) == placed


def test_exp_time_bounds_placements_only(host: str) -> None:
    past = str(int(time.time() * 1000) - 1)

    assert request(host, "GET", "/api/v5/account/balance", expTime=past)[0] == 200


def test_cancelling_and_asking_need_an_id(host: str) -> None:
    status, answer = request(host, "POST", "/api/v5/trade/cancel-order", '{"instId": "BTC-USDT"}')

    assert (status, answer["code"], answer["data"][0]["sCode"]) == (200, "1", "51407")
    assert request(host, "GET", f"{PATH}?instId=BTC-USDT")[1]["code"] == "51003"
    assert request(host, "GET", PATH)[1]["code"] == "50014"
    assert request(host, "GET", "/api/v5/trade/orders-history")[1]["code"] == "50014"
    assert request(host, "GET", "/api/v5/trade/orders-pending?limit=all")[1]["code"] == "51000"


def test_going_too_fast(host: str, control: SimulatorControl) -> None:
    control.queue_fault("okx", "rate_limit")

    status, answer, headers = send(host, "POST", PATH)

    assert (status, answer["code"], headers["Retry-After"]) == (429, "50011", "1")


def test_ccxt_makes_the_expected_exceptions(simulator: RunningSimulator, okx: BlockingClient, connect: Any) -> None:
    url = simulator.base_urls["okx"]
    clients = {
        "good": okx,
        "unknown": connect(okx_client(url, api_key="nobody")),
        "wrong secret": connect(okx_client(url, secret="wrong")),
        "wrong passphrase": connect(okx_client(url, passphrase="wrong")),
    }

    for name, amount, exception in (
        ("good", "10", ccxt.InsufficientFunds),
        ("good", "0.000001", ccxt.InvalidOrder),
        ("unknown", "0.1", ccxt.AuthenticationError),
        ("wrong secret", "0.1", ccxt.AuthenticationError),
        ("wrong passphrase", "0.1", ccxt.AuthenticationError),
    ):
        with pytest.raises(exception) as raised:
            clients[name].create_order(SYMBOL, "limit", "buy", amount, "49000")
        assert type(raised.value) is exception


def test_a_clock_that_is_off_becomes_ccxts_invalid_nonce(okx: BlockingClient) -> None:
    okx.client.options["timeDifference"] = 60_000

    with pytest.raises(ccxt.InvalidNonce):
        okx.fetch_balance()


def test_maintenance_is_told_in_okxs_words(okx: BlockingClient, control: SimulatorControl) -> None:
    okx.load_markets()
    control.configure("okx", maintenance=True)

    with pytest.raises(ccxt.OnMaintenance, match="50001"):
        okx.create_order(SYMBOL, "limit", "buy", "0.1", "49000")
