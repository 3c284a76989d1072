"""What is peculiar to Coinbase's adapter."""

import base64
import json
import math
import time
from dataclasses import replace
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from execution.domain.orders import OrderStatus, OrderType, Side
from execution.exchanges.errors import AlreadyPlaced, ExchangeError, NotSent, OrderRejected, OutcomeUnknown
from execution.exchanges.outcomes import classify
from execution.exchanges.quirks import COINBASE, coinbase
from policies.domain.reasons import ReasonCode
from tests.exchanges.cases import LIVE
from tests.exchanges.conftest import connect

CASE = next(case for case in LIVE if case.slug == "coinbase")


@pytest.fixture
def exchange(simulator, pool, run):
    return connect(CASE, simulator, pool, run)


def lasting(request, from_s, until_s):
    """The same order, committed and valid so many seconds from now."""
    now = time.time()
    return replace(request, sent_at=now + from_s, valid_until=now + until_s)


def failed(**reasons):
    return {"success": False, "error_response": {"error": "UNKNOWN_FAILURE_REASON", "message": "x", **reasons}}


@pytest.mark.parametrize(
    ("status", "body", "cls", "code"),
    [
        (200, failed(preview_failure_reason="PREVIEW_INSUFFICIENT_FUND"), OrderRejected, "INSUFFICIENT_FUNDS"),
        (200, failed(error="INSUFFICIENT_FUND"), OrderRejected, "INSUFFICIENT_FUNDS"),
        (200, failed(new_order_failure_reason="INSUFFICIENT_FUNDS"), OrderRejected, "INSUFFICIENT_FUNDS"),
        (200, failed(error="DUPLICATE_CLIENT_ORDER_ID"), AlreadyPlaced, "OUTCOME_UNKNOWN"),
        (200, failed(), OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (200, failed(preview_failure_reason="UNKNOWN_PREVIEW_FAILURE_REASON"), OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (200, failed(error="A_REASON_OF_NEXT_YEAR"), OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (200, failed(error="INVALID_PRODUCT_ID"), OrderRejected, "PAIR_NOT_LISTED"),
        (200, failed(error="ORDER_ENTRY_DISABLED"), OrderRejected, "EXCHANGE_MAINTENANCE"),
        (200, failed(preview_failure_reason="PREVIEW_TRADING_DISABLED"), OrderRejected, "EXCHANGE_MAINTENANCE"),
        (200, failed(error="INVALID_LIMIT_PRICE_POST_ONLY"), OrderRejected, "EXCHANGE_REJECTED"),
        (200, failed(preview_failure_reason="PREVIEW_INVALID_PRICE_PRECISION"), OrderRejected, "EXCHANGE_REJECTED"),
        (200, failed(error="UNSUPPORTED_ORDER_CONFIGURATION"), OrderRejected, "EXCHANGE_REJECTED"),
        (400, {"error": "INVALID_ARGUMENT", "message": "x"}, OrderRejected, "EXCHANGE_REJECTED"),
        (401, {"error": "unauthorized"}, OrderRejected, "AUTHENTICATION_FAILED"),
        (403, {"error": "PERMISSION_DENIED", "message": "x"}, OrderRejected, "AUTHENTICATION_FAILED"),
        (429, {"error": "rate_limit_exceeded", "message": "x"}, NotSent, "RATE_LIMITED"),
        (500, {"error": "internal", "message": "x"}, OutcomeUnknown, "OUTCOME_UNKNOWN"),
    ],
)  # fmt: skip
def test_every_failure_of_an_order_has_its_verdict(status, body, cls, code):
    with pytest.raises(ccxt.BaseError) as raised:
        ccxt.coinbase().handle_errors(status, "", "", "POST", {}, json.dumps(body), body, {}, "")

    error = classify(raised.value, COINBASE.rules)

    assert (type(error), error.code) == (cls, code)


def test_the_order_ends_with_its_signature(exchange):
    with pytest.raises(NotSent) as caught:
        exchange.place(lasting(exchange.request(), -4, -1.5))
    assert caught.value.code == ReasonCode.NOT_SENT
    assert "unauthorized" in caught.value.detail

    assert exchange.place(lasting(exchange.request(), -60, 3)).exchange_order_id
    assert len(exchange.ledger()) == 1


@pytest.mark.parametrize("ahead_s", [0, 30])
def test_the_token_is_dated_back_so_that_it_ends_with_the_validity(exchange, monkeypatch, ahead_s):
    request = lasting(exchange.request(), 0, 5)
    exchange.run(exchange.adapter.balances())  # the markets and the clock are loaded
    client = exchange.adapter._client
    seen = []

    async def fetch(url, method, headers, body):
        seen.append(headers)
        raise ccxt.RequestTimeout("no answer")

    monkeypatch.setattr(client, "fetch", fetch)
    monkeypatch.setitem(exchange.adapter._public._client.options, "timeDifference", ahead_s * 1000)
    with pytest.raises(OutcomeUnknown):
        exchange.place(request)

    claims = json.loads(base64.urlsafe_b64decode(seen[0]["Authorization"].split(".")[1] + "=="))
    assert claims["exp"] == math.ceil(request.valid_until - ahead_s)
    assert claims["exp"] - claims["nbf"] == COINBASE.signature_lives_s


def test_a_bad_key_is_not_taken_for_a_late_order(exchange, pool, run):
    async def open_adapter():
        return pool.private("coinbase", {**CASE.secrets, "secret": CASE.wrong_secret})

    impostor = replace(exchange, adapter=run(open_adapter()))

    with pytest.raises(OrderRejected) as caught:
        impostor.place(lasting(impostor.request(), 0, 5))
    assert caught.value.code == ReasonCode.AUTHENTICATION_FAILED


def test_a_secret_that_cannot_sign_places_nothing_and_is_not_repeated(exchange, pool, run):
    # As it stands in the downloaded JSON file: the line breaks are still written as \n.
    escaped = CASE.secrets["secret"].replace("\n", "\\n")

    async def open_adapter():
        return pool.private("coinbase", {**CASE.secrets, "secret": escaped})

    broken = replace(exchange, adapter=run(open_adapter()))

    with pytest.raises(OrderRejected) as caught:
        broken.place(broken.request())
    assert caught.value.code == ReasonCode.AUTHENTICATION_FAILED
    assert "PRIVATE KEY" not in str(caught.value)
    assert exchange.ledger() == []


def test_no_market_order_leaves_this_system(exchange):
    for side in Side:
        with pytest.raises(NotSent) as caught:
            exchange.place(exchange.request("0.5", None, side=side, order_type=OrderType.MARKET))
        assert caught.value.code == ReasonCode.NOT_SENT
    assert exchange.ledger() == []


def test_our_order_is_found_behind_a_full_page(exchange, monkeypatch):
    monkeypatch.setattr(coinbase, "_PAGE", 2)
    request = exchange.request("0.5", "49000")
    report = exchange.place(request)
    for _ in range(4):
        exchange.place(exchange.request("0.1", "48000"))

    assert exchange.look_up(request).exchange_order_id == report.exchange_order_id
    assert exchange.look_up(exchange.request("0.5", "49000")) is None


def test_fills_are_collected_over_several_pages(exchange, monkeypatch):
    monkeypatch.setattr(coinbase, "_PAGE", 1)
    exchange.settled(exchange.request("0.1", "50010"))

    report = exchange.settled(exchange.request("1.5", "50020"))

    assert (report.status, report.filled_amount) == (OrderStatus.FILLED, Decimal("1.5"))
    assert [trade.amount for trade in report.trades] == [Decimal("0.6"), Decimal("0.9")]


def test_a_list_without_an_end_is_no_clean_answer(exchange, monkeypatch):
    monkeypatch.setattr(coinbase, "_PAGE", 1)
    monkeypatch.setattr(coinbase, "_MOST_PAGES", 1)
    for _ in range(2):
        exchange.place(exchange.request("0.1", "48000"))
    filled = exchange.request("1.5", "50020")
    report = exchange.place(filled)

    with pytest.raises(ExchangeError, match="orders does not end"):
        exchange.look_up(exchange.request("0.5", "49000"))
    with pytest.raises(ExchangeError, match="fills does not end"):
        exchange.look_up(filled, report)


def test_loading_markets_asks_for_products_only(exchange, pool, run):
    exchange.run(pool.public("coinbase").markets())

    assert exchange.simulator.control.stats()["coinbase"]["requests"] == {"load_markets": 2}
