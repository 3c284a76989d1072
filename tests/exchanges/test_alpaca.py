"""What is peculiar to Alpaca's adapter."""

import json
import time
from dataclasses import replace
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest
from django.conf import settings

from execution.domain.orders import OrderStatus, TimeInForce
from execution.exchanges.errors import AlreadyPlaced, ExchangeError, NotSent, OrderRejected, OutcomeUnknown
from execution.exchanges.metering import Unmetered
from execution.exchanges.outcomes import classify
from execution.exchanges.quirks import ALPACA
from execution.exchanges.registry import AdapterPool
from execution.services.process import options_from_settings
from policies.domain.reasons import ReasonCode
from tests.exchanges.cases import LIVE, PUBLIC_SECRETS
from tests.exchanges.conftest import connect

CASE = next(case for case in LIVE if case.slug == "alpaca")
HEADERS = {"X-Ratelimit-Limit": "200", "X-Ratelimit-Remaining": "0"}
URL = "https://api.alpaca.markets/v2/orders"


@pytest.fixture
def alpaca(simulator, pool, run):
    return connect(CASE, simulator, pool, run)


def read(status, answer):
    """What ccxt does with an answer."""
    client, body = ccxt.alpaca(), json.dumps(answer)
    client.handle_errors(status, "No", URL, "POST", {}, body, answer, {}, None)
    client.handle_http_status_code(status, "No", URL, "POST", body)


@pytest.mark.parametrize(
    ("status", "code", "message", "cls", "reason"),
    [
        (422, 40010001, "client_order_id must be unique", AlreadyPlaced, "OUTCOME_UNKNOWN"),
        (422, 40010001, "client order id must be unique", AlreadyPlaced, "OUTCOME_UNKNOWN"),
        (
            403,
            40310000,
            "insufficient balance for USDT (requested: 9, available: 0)",
            OrderRejected,
            "INSUFFICIENT_FUNDS",
        ),
        (403, 40310000, "insufficient buying power", OrderRejected, "INSUFFICIENT_FUNDS"),
        (403, 40310000, "insufficient qty available for order (requested: 2)", OrderRejected, "INSUFFICIENT_FUNDS"),
        (403, 40310000, "cost basis must be >= minimal amount of order 10", OrderRejected, "EXCHANGE_REJECTED"),
        (403, 40310000, "potential wash trade detected. use complex orders", OrderRejected, "EXCHANGE_REJECTED"),
        (403, 40310000, "new orders are rejected by user request", OrderRejected, "EXCHANGE_REJECTED"),
        (403, 40310100, "trade denied due to pattern day trading protection", OrderRejected, "EXCHANGE_REJECTED"),
        (403, 40310000, "some other rejection", OrderRejected, "EXCHANGE_REJECTED"),
        (403, None, "forbidden.", OrderRejected, "AUTHENTICATION_FAILED"),
        (401, 40110000, "request is not authorized", OrderRejected, "AUTHENTICATION_FAILED"),
        (401, None, "unauthorized.", OrderRejected, "AUTHENTICATION_FAILED"),
        (422, 42210000, "invalid crypto time_in_force", OrderRejected, "EXCHANGE_REJECTED"),
        (422, 42210000, 'asset "LUNA/USD" is not tradable', OrderRejected, "PAIR_NOT_LISTED"),
        (422, 42210000, 'asset "LUNA/USD" not found', OrderRejected, "PAIR_NOT_LISTED"),
        (422, 40010000, "qty must be > 0", OrderRejected, "EXCHANGE_REJECTED"),
        (404, 40410000, "order not found", OrderRejected, "EXCHANGE_REJECTED"),
        (404, None, "endpoint not found.", OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (429, 42910000, "rate limit exceeded", NotSent, "RATE_LIMITED"),
        (429, None, "too many requests.", NotSent, "RATE_LIMITED"),
        (500, 50010000, "internal server error occurred", OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (504, None, "upstream timeout", OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (422, None, "something new", OutcomeUnknown, "OUTCOME_UNKNOWN"),
    ],
)
def test_each_of_its_errors_has_its_verdict_through_the_class_that_ccxt_makes_of_it(status, code, message, cls, reason):
    with pytest.raises(ccxt.BaseError) as raised:
        read(status, {"message": message} | ({"code": code} if code else {}))

    error = classify(raised.value, ALPACA.rules)

    assert (type(error), error.code) == (cls, ReasonCode(reason))
    assert error.venue_fault == (cls is OutcomeUnknown)


@pytest.mark.parametrize(("status", "cls"), [(401, OrderRejected), (403, OutcomeUnknown), (502, OutcomeUnknown)])
def test_a_page_of_something_in_front_proves_only_what_its_status_does(status, cls):
    with pytest.raises(ccxt.BaseError) as raised:
        ccxt.alpaca().handle_http_status_code(status, "No", URL, "POST", "<html/>")

    assert type(classify(raised.value, ALPACA.rules)) is cls


def test_the_time_to_wait_counts_only_when_nothing_is_left(alpaca):
    full_again = {**HEADERS, "X-Ratelimit-Reset": str(int(time.time()) + 30)}
    assert 28 < ALPACA.retry_after_s(full_again) <= 30
    assert ALPACA.retry_after_s({**full_again, "X-Ratelimit-Remaining": "7"}) is None
    assert ALPACA.retry_after_s({**HEADERS, "X-Ratelimit-Reset": "1"}) == 0
    assert ALPACA.retry_after_s({**HEADERS, "X-Ratelimit-Reset": "soon"}) is None
    assert ALPACA.retry_after_s({}) is None

    alpaca.simulator.control.queue_fault("alpaca", "rate_limit")
    with pytest.raises(NotSent) as caught:
        alpaca.place(alpaca.request())

    assert 0 <= caught.value.retry_after_s <= 1


@pytest.mark.parametrize("time_in_force", [TimeInForce.FOK, TimeInForce.PO])
def test_an_order_it_would_take_for_another_kind_is_not_sent(alpaca, time_in_force):
    with pytest.raises(NotSent, match=time_in_force.value):
        alpaca.place(alpaca.request("0.5", "49000", time_in_force=time_in_force))

    assert alpaca.ledger() == []


def test_a_market_order_with_any_time_in_force_is_sent(alpaca):
    assert alpaca.settled(alpaca.request("0.5", None, time_in_force=TimeInForce.FOK)).filled_amount == Decimal("0.5")


def test_nobody_says_who_was_the_maker_nor_what_it_cost(alpaca):
    report = alpaca.settled(alpaca.request("1.5", "50020"))

    assert {(trade.maker, trade.fee, trade.fee_asset) for trade in report.trades} == {(None, 0, "")}
    # It is paid all the same.
    assert alpaca.run(alpaca.adapter.balances())["BTC"].total == Decimal("21.5") - Decimal("1.5") * Decimal("0.0025")


def test_every_fill_of_an_order_is_known_among_those_of_others(alpaca):
    asks = [(f"{50010 + number}", "0.01") for number in range(230)]
    alpaca.simulator.control.set_book("alpaca", CASE.symbol, bids=[("49990", "1")], asks=asks)
    first = alpaca.request("1.1", "50200")
    placed = alpaca.place(first)
    report = alpaca.settled(alpaca.request("1.15", "50300"))

    assert (report.status, report.filled_amount, len(report.trades)) == (OrderStatus.FILLED, Decimal("1.15"), 115)
    assert len({trade.trade_id for trade in report.trades}) == 115
    assert len(alpaca.look_up(first, placed).trades) == 110


class Endless:
    """A client of an account with nothing but fills of other orders."""

    def iso8601(self, _):
        return "2026-01-01T00:00:00.000Z"

    async def request(self, *_):
        return [{"id": str(number), "order_id": "another"} for number in range(100)]


def test_a_list_of_fills_without_an_end_proves_nothing(run):
    with pytest.raises(ExchangeError, match="does not end"):
        run(ALPACA.fetch_trades(Endless(), {"id": "ours", "filled": "1", "timestamp": 1}))


@pytest.mark.parametrize("by_our_id", [True, False])
@pytest.mark.parametrize("kind", ["html_200", "error_500_before", "rate_limit"])
def test_a_look_up_that_is_not_answered_does_not_mean_that_the_order_is_not_there(alpaca, kind, by_our_id):
    request = alpaca.request("0.5", "49000")
    report = alpaca.place(request)
    alpaca.simulator.control.queue_fault("alpaca", kind, operation="fetch_order")

    with pytest.raises(ExchangeError):
        alpaca.look_up(request, None if by_our_id else report)


def test_an_order_id_that_it_does_not_know_is_cleanly_not_there(alpaca):
    request = replace(alpaca.request(), exchange_order_id="9d1f1c3e-6a0f-5d0a-8c25-7f2b0e6a4b11")

    assert alpaca.look_up(request) is None


@pytest.mark.parametrize(
    ("echo", "found"),
    [
        ({}, 1),
        ({"symbol": "BTCUSD"}, 1),
        ({"symbol": "ETHUSD"}, 0),
        ({"symbol": "ETH/USD"}, 0),
        ({"client_order_id": "another"}, 0),
        ({"side": "sell"}, 0),
    ],
)
def test_an_echo_is_ours_with_or_without_its_slash(alpaca, echo, found):
    request = alpaca.request("0.5", "49000")
    alpaca.place(request)
    client = alpaca.adapter._client
    honest = client.request

    async def answering(*args):
        return {**await honest(*args), **echo}

    client.request = answering

    assert (alpaca.look_up(request) is not None) == bool(found)


def test_without_the_platforms_keys_nothing_is_sent(alpaca, run):
    async def build():
        keyless = AdapterPool(base_urls=alpaca.simulator.base_urls, timeout_s=1)
        return keyless, keyless.private("alpaca", CASE.secrets)

    keyless, adapter = run(build())
    with pytest.raises(ExchangeError) as caught:
        run(keyless.public("alpaca").ping())
    assert caught.value.code == ReasonCode.AUTHENTICATION_FAILED
    with pytest.raises(NotSent) as caught:
        run(adapter.place(alpaca.request()))
    assert caught.value.code == ReasonCode.MARKETS_NOT_LOADED
    run(keyless.close())


def test_the_platforms_keys_are_counted_as_keys(run):
    counted = []

    def meters(slug, key):
        counted.append((slug, key))
        return Unmetered()

    async def build():
        pool = AdapterPool(base_urls={}, timeout_s=1, meters=meters, public_secrets=PUBLIC_SECRETS)
        pool.public("alpaca")
        pool.public("binance")
        await pool.close()

    run(build())

    assert counted == [("alpaca", "public"), ("binance", None)]


def test_the_platforms_keys_come_from_the_environment_and_are_not_shown(monkeypatch):
    monkeypatch.setitem(settings.ENV, "PUBLIC_KEYS", {"alpaca": {"api_key": "shown-nowhere", "secret": "hidden"}})

    options = options_from_settings()

    assert options.public_secrets["alpaca"]["secret"] == "hidden"
    assert "shown-nowhere" not in repr(options)
    assert "hidden" not in repr(options)
