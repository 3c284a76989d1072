"""Coinbase's tokens, their life, and argument errors."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import ccxt
import pytest

from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator
from tests.coinbase_keys import API_KEY, SECRET, WRONG_SECRET

from .clients import BlockingClient, send
from .coinbase_client import ROOT, coinbase_clients, signed, token

SYMBOL = "BTC/USD"
LIMIT = {"base_size": "0.1", "limit_price": "49000"}
ORDER: dict[str, Any] = {
    "client_order_id": "0f" * 16,
    "product_id": "BTC-USD",
    "side": "BUY",
    "order_configuration": {"limit_limit_gtc": {**LIMIT, "post_only": False}},
}
UNAUTHORIZED = (401, {"error": "unauthorized"})


@pytest.fixture
def open_client(
    simulator: RunningSimulator, runner: asyncio.Runner, connect: Callable[[Any], BlockingClient]
) -> Iterator[Callable[..., BlockingClient]]:
    yield from coinbase_clients(simulator, runner, connect)


@pytest.fixture
def host(open_client: Callable[..., BlockingClient], simulator: RunningSimulator) -> str:
    return simulator.base_urls["coinbase"]


def place(host: str, authorization: str | None = None, **changes: object) -> tuple[int, Any]:
    return signed(host, "POST", "/orders", {**ORDER, **changes}, authorization)


def bearer(**changes: Any) -> str:
    """The authorization of a placement, with something changed."""
    return f"Bearer {token('POST', f'{ROOT}/orders', **changes)}"


def test_a_good_order_signed_by_hand_is_placed(host: str) -> None:
    status, answer = place(host)

    assert (status, answer["success"]) == (200, True)
    assert answer["success_response"]["client_order_id"] == ORDER["client_order_id"]
    assert answer["order_configuration"] == ORDER["order_configuration"]


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": WRONG_SECRET},
        {"sub": "somebody"},
        {"header": {"kid": "organizations/nobody/apiKeys/none"}},
        {"header": {"alg": "HS256"}},
        {"iss": "me"},
        {"uri": f"POST api.coinbase.com{ROOT}/orders/batch_cancel"},
        {"uri": f"GET api.coinbase.com{ROOT}/orders"},
        {"uri": f"POST 127.0.0.1{ROOT}/orders"},
        {"uri": None},
        {"exp": None},
    ],
    ids=str,
)
def test_everything_in_a_token_is_really_checked(host: str, control: SimulatorControl, changes: dict[str, Any]) -> None:
    assert place(host, bearer(**changes)) == UNAUTHORIZED
    assert control.ledger() == []


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer a.b.c", "Basic a.b.c", "Bearer bnVsbA.bnVsbA.AA"])
def test_what_is_no_token_is_refused_like_a_wrong_one(host: str, authorization: str) -> None:
    assert place(host, authorization) == UNAUTHORIZED


def test_a_token_cannot_be_changed_after_it_was_signed(host: str) -> None:
    header, claims, signature = token("POST", f"{ROOT}/orders", age_s=200).split(".")
    decoded = json.loads(base64.urlsafe_b64decode(claims + "=="))
    decoded["exp"] += 200
    decoded["nbf"] += 200
    forged = base64.urlsafe_b64encode(json.dumps(decoded).encode()).decode().rstrip("=")

    assert place(host, f"Bearer {header}.{forged}.{signature}") == UNAUTHORIZED
    assert place(host, f"Bearer {header}.{claims}.{signature[:-8]}") == UNAUTHORIZED


@pytest.mark.parametrize(
    ("age_s", "life_s", "accepted"),
    [(0, 120, True), (115, 120, True), (120, 120, False), (-30, 120, False), (0, 121, False), (4, 4, False)],
)
def test_a_token_lives_two_minutes_at_most(
    host: str, control: SimulatorControl, age_s: int, life_s: int, accepted: bool
) -> None:
    status, _ = place(host, bearer(age_s=age_s, life_s=life_s))

    assert status == (200 if accepted else 401)
    assert len(control.ledger()) == accepted


def test_a_secret_that_is_no_key_signs_nothing(host: str, control: SimulatorControl) -> None:
    control.upsert_account("coinbase", API_KEY, "not a key", {})

    assert place(host) == UNAUTHORIZED


def test_an_order_that_is_held_is_refused_once_its_token_has_ended(host: str, control: SimulatorControl) -> None:
    control.configure("coinbase", late_ms=1500)
    for ends_in_s in (1, 60):
        control.queue_fault("coinbase", "late")
        with pytest.raises(ConnectionError):
            place(host, bearer(age_s=120 - ends_in_s), client_order_id=f"ends in {ends_in_s}")

    asyncio.run(asyncio.sleep(1.7))

    assert [row["client_order_id"] for row in control.ledger()] == ["ends in 60"]


@pytest.mark.parametrize(
    ("changes", "error", "preview"),
    [
        ({"product_id": "BTC-NOK"}, "INVALID_PRODUCT_ID", "PREVIEW_INVALID_PRODUCT_ID"),
        ({"side": "HOLD"}, "INVALID_SIDE", "PREVIEW_INVALID_SIDE"),
        ({"order_configuration": {"limit_limit_gtd": LIMIT}}, "UNSUPPORTED_ORDER_CONFIGURATION", None),
        ({"order_configuration": {"market_market_ioc": {"base_size": "0.1"}}}, "UNSUPPORTED_ORDER_CONFIGURATION", None),
        ({"base_size": "0.123456789"}, "INVALID_SIZE_PRECISION", "PREVIEW_INVALID_SIZE_PRECISION"),
        ({"limit_price": "49000.005"}, "INVALID_PRICE_PRECISION", "PREVIEW_INVALID_PRICE_PRECISION"),
        ({"base_size": "0.00001"}, "UNKNOWN_FAILURE_REASON", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
        ({"base_size": "3"}, "INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND"),
    ],
)
def test_an_order_that_fails_is_200_without_success(
    host: str, control: SimulatorControl, changes: dict[str, Any], error: str, preview: str | None
) -> None:
    fields = {name: changes.pop(name) for name in ("base_size", "limit_price") if name in changes}
    configuration = {"order_configuration": {"limit_limit_gtc": {**LIMIT, **fields}}}

    status, answer = place(host, **{**configuration, **changes})

    assert (status, answer["success"], answer["error_response"]["error"]) == (200, False, error)
    assert answer["error_response"]["preview_failure_reason"] == preview or preview is None
    assert control.ledger() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"client_order_id": None},
        {"client_order_id": ""},
        {"order_configuration": None},
        {"order_configuration": {}},
        {"order_configuration": {"limit_limit_gtc": {**LIMIT, "base_size": 0.1}}},
        {"order_configuration": {"limit_limit_gtc": {"base_size": "0.1"}}},
        {"order_configuration": {"limit_limit_gtc": {**LIMIT, "limit_price": "-1"}}},
    ],
)
def test_what_cannot_be_read_is_an_invalid_argument(host: str, changes: dict[str, Any]) -> None:
    status, answer = place(host, **changes)

    assert (status, answer["error"]) == (400, "INVALID_ARGUMENT")


def test_bodies_and_queries_must_be_well_formed(host: str) -> None:
    headers = {"Authorization": bearer()}
    assert send(host, "POST", f"{ROOT}/orders", "[]", headers)[0] == 400
    assert send(host, "POST", f"{ROOT}/orders", "{", headers)[0] == 400
    for query in ({"start_date": "yesterday"}, {"limit": "many"}, {"cursor": "x"}):
        assert signed(host, "GET", "/orders/historical/batch", query)[0] == 400
    for ids in ({}, {"order_ids": []}, {"order_ids": [None]}):
        assert signed(host, "POST", "/orders/batch_cancel", ids)[0] == 400


def test_unknown_orders_products_and_paths(host: str, control: SimulatorControl) -> None:
    control.upsert_account("coinbase", "somebody", WRONG_SECRET, {"USD": "1000"})
    _, placed = place(host)
    path = f"/orders/historical/{placed['success_response']['order_id']}"
    other = token("GET", ROOT + path, secret=WRONG_SECRET, header={"kid": "somebody"}, sub="somebody")

    assert signed(host, "GET", path)[0] == 200
    assert signed(host, "GET", path, authorization=f"Bearer {other}")[0] == 404
    assert signed(host, "GET", "/orders/historical/nothing")[1]["message"] == "order with this orderID was not found"
    assert send(host, "GET", f"{ROOT}/market/product_book?product_id=BTC-NOK")[0] == 404
    assert send(host, "GET", "/v2/nothing")[0] == 404


def test_ccxt_makes_the_expected_exceptions(open_client: Callable[..., BlockingClient]) -> None:
    good, wrong = open_client(), open_client(API_KEY, WRONG_SECRET)
    unknown = open_client("organizations/nobody/apiKeys/none", SECRET)
    for client in (wrong, unknown):
        client.client.set_markets(good.load_markets())

    for client, amount, exception in (
        (good, "10", ccxt.InsufficientFunds),
        # ccxt knows none of the other reasons.
        (good, "0.00001", ccxt.ExchangeError),
        (wrong, "0.1", ccxt.AuthenticationError),
        (unknown, "0.1", ccxt.AuthenticationError),
    ):
        with pytest.raises(exception) as raised:
            client.create_order(SYMBOL, "limit", "buy", amount, "49000")
        assert type(raised.value) is exception


def test_a_rate_limit_tells_the_limit_and_how_long_to_wait(host: str, control: SimulatorControl) -> None:
    control.queue_fault("coinbase", "rate_limit", operation="fetch_balance")

    status, answer, headers = send(
        host, "GET", f"{ROOT}/accounts", None, {"Authorization": f"Bearer {token('GET', f'{ROOT}/accounts')}"}
    )

    assert (status, answer["error"]) == (429, "rate_limit_exceeded")
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"], headers["Retry-After"]) == ("30", "0", "1")


def test_nothing_answers_during_maintenance(host: str, control: SimulatorControl) -> None:
    control.configure("coinbase", maintenance=True)

    assert send(host, "GET", "/v2/time")[0] == place(host)[0] == 503
