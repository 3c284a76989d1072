"""Kraken's keys, signatures, nonces, deadlines and argument errors."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator

from .clients import KRAKEN_SECRET, BlockingClient, kraken_client, send

SYMBOL = "BTC/USD"
PATH = "/0/private/AddOrder"
LIMIT_BUY = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.1", "price": "49000"}


@pytest.fixture
def host(kraken: BlockingClient, simulator: RunningSimulator) -> str:
    return simulator.base_urls["kraken"]


def sign(nonce: str, body: str, secret: str = KRAKEN_SECRET, path: str = PATH) -> str:
    message = path.encode() + hashlib.sha256((nonce + body).encode()).digest()
    return base64.b64encode(hmac.new(base64.b64decode(secret), message, "sha512").digest()).decode()


def post(
    host: str, parameters: dict[str, str | None], *, nonce: str | None = None, path: str = PATH, **headers: str
) -> Any:
    """Send a private request signed by hand; return its parsed answer."""
    nonce = nonce or str(time.time_ns())
    body = urlencode({"nonce": nonce, **{name: text for name, text in parameters.items() if text is not None}})
    signed = {"API-Key": "kraken-key", "API-Sign": sign(nonce, body, path=path)}
    signed |= {name.replace("_", "-"): text for name, text in headers.items()}
    status, answer, _ = send(host, "POST", path, body, {**signed, "Content-Type": "application/x-www-form-urlencoded"})
    assert status == 200
    return answer


def test_a_good_order_signed_by_hand_is_placed(host: str) -> None:
    answer = post(host, LIMIT_BUY)

    assert answer["error"] == []
    assert answer["result"]["descr"]["order"] == "buy 0.10000000 XBTUSD @ limit 49000.0"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"pair": "XBTEUR"}, "EQuery:Unknown asset pair"),
        ({"type": "hold"}, "EGeneral:Invalid arguments:type"),
        ({"ordertype": "stop-loss"}, "EGeneral:Invalid arguments:ordertype"),
        ({"volume": None}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "1e-3"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "0"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "0.00004"}, "EOrder:Order minimum not met"),
        ({"price": "1000", "volume": "0.0001"}, "EOrder:Cost minimum not met"),
        ({"price": None}, "EGeneral:Invalid arguments:price"),
        ({"price": "49000.05"}, "EOrder:Tick size check failed"),
        ({"volume": "3"}, "EOrder:Insufficient funds"),
        ({"timeinforce": "GTD"}, "EGeneral:Invalid arguments:timeinforce"),
        ({"oflags": "fcib"}, "EGeneral:Invalid arguments:oflags"),
        ({"oflags": "viqc"}, "EGeneral:Invalid arguments:viqc"),
        ({"cl_ord_id": "x" * 19}, "EGeneral:Invalid arguments:cl_ord_id"),
        ({"cl_ord_id": "x", "userref": "1"}, "EGeneral:Invalid arguments:cl_ord_id"),
        ({"userref": "one"}, "EGeneral:Invalid arguments:userref"),
        ({"deadline": "soon"}, "EGeneral:Invalid arguments:deadline"),
    ],
)
def test_a_bad_order_is_refused_with_200_and_the_error(
    host: str, control: SimulatorControl, changes: dict[str, str | None], error: str
) -> None:
    assert post(host, {**LIMIT_BUY, **changes}) == {"error": [error]}
    assert control.ledger() == []


@pytest.mark.parametrize(
    "client_order_id", ["0123456789abcdef" * 2, "6d1b345e-2821-40e2-ad83-4ecb18a06876", "short-text", "x" * 18]
)
def test_client_order_ids_may_be_uuids_or_short_text(host: str, client_order_id: str) -> None:
    assert post(host, {**LIMIT_BUY, "cl_ord_id": client_order_id})["error"] == []


def test_keys_and_signatures_are_really_checked(host: str, control: SimulatorControl) -> None:
    assert post(host, LIMIT_BUY, API_Key="nobody") == {"error": ["EAPI:Invalid key"]}
    assert post(host, LIMIT_BUY, API_Sign="bm90IGl0") == {"error": ["EAPI:Invalid signature"]}
    assert post(host, LIMIT_BUY, API_Sign="") == {"error": ["EAPI:Invalid signature"]}
    assert control.ledger() == []


def test_a_nonce_must_grow_with_every_request_of_a_key(host: str) -> None:
    start = time.time_ns()

    answers = [post(host, LIMIT_BUY, nonce=str(start + step))["error"] for step in (10, 10, 9, 11)]

    assert answers == [[], ["EAPI:Invalid nonce"], ["EAPI:Invalid nonce"], []]
    assert post(host, LIMIT_BUY, nonce="later") == {"error": ["EAPI:Invalid nonce"]}


def test_a_forged_request_does_not_use_up_the_nonce(host: str) -> None:
    high = str(time.time_ns() * 10)

    assert post(host, LIMIT_BUY, nonce=high, API_Sign="bm90IGl0") == {"error": ["EAPI:Invalid signature"]}
    assert post(host, LIMIT_BUY)["error"] == []


def test_nonces_of_different_keys_do_not_meddle(host: str, control: SimulatorControl) -> None:
    control.upsert_account("kraken", "other", KRAKEN_SECRET, {"USD": "50000"})

    assert post(host, LIMIT_BUY, nonce="1000")["error"] == []
    assert post(host, LIMIT_BUY, nonce="500", API_Key="other")["error"] == []


def test_a_json_body_is_signed_and_read_like_a_form(host: str) -> None:
    nonce = str(time.time_ns())
    body = json.dumps({"nonce": nonce, **LIMIT_BUY, "userref": 7})
    headers = {"API-Key": "kraken-key", "API-Sign": sign(nonce, body), "Content-Type": "application/json"}

    _, answer, _ = send(host, "POST", PATH, body, headers)

    assert answer["error"] == []


@pytest.mark.parametrize(
    ("offset_s", "errors"),
    [(-1, ["EService:Deadline elapsed"]), (3, []), (120, ["EGeneral:Invalid arguments:deadline"])],
)
def test_the_deadline_is_honoured(host: str, offset_s: int, errors: list[str]) -> None:
    deadline = (datetime.now(UTC) + timedelta(seconds=offset_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    assert post(host, {**LIMIT_BUY, "deadline": deadline})["error"] == errors


def test_ccxt_makes_the_expected_exceptions(simulator: RunningSimulator, kraken: BlockingClient, connect: Any) -> None:
    url = simulator.base_urls["kraken"]
    unknown = connect(kraken_client(url, api_key="nobody"))
    wrong_secret = connect(kraken_client(url, secret=base64.b64encode(b"wrong").decode()))

    for client, amount, exception in (
        (kraken, "10", ccxt.InsufficientFunds),
        (kraken, "0.00001", ccxt.InvalidOrder),
        (unknown, "0.1", ccxt.AuthenticationError),
        # ccxt does not map EAPI:Invalid signature.
        (wrong_secret, "0.1", ccxt.ExchangeError),
    ):
        with pytest.raises(exception) as raised:
            client.create_order(SYMBOL, "limit", "buy", amount, "49000")
        assert type(raised.value) is exception


def test_an_old_nonce_becomes_ccxts_invalid_nonce(kraken: BlockingClient, host: str) -> None:
    post(host, {}, nonce=str(int(time.time() * 1000) + 60_000), path="/0/private/Balance")

    with pytest.raises(ccxt.InvalidNonce):
        kraken.fetch_balance()
