"""What is peculiar to KuCoin's adapter."""

import json
import time
from dataclasses import replace
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from execution.domain.orders import OrderStatus, TimeInForce
from execution.exchanges.errors import AlreadyPlaced, ExchangeError, NotSent, OrderRejected, OutcomeUnknown
from execution.exchanges.outcomes import classify
from execution.exchanges.quirks import KUCOIN
from policies.domain.reasons import ReasonCode
from tests.exchanges.cases import LIVE
from tests.exchanges.conftest import connect

CASE = next(case for case in LIVE if case.slug == "kucoin")
HEADERS = {"gw-ratelimit-limit": "4000", "gw-ratelimit-remaining": "0", "gw-ratelimit-reset": "1500"}


@pytest.fixture
def kucoin(simulator, pool, run):
    return connect(CASE, simulator, pool, run)


@pytest.mark.parametrize(
    ("code", "msg", "cls", "reason"),
    [
        ("100001", "order not exist", OrderRejected, "EXCHANGE_REJECTED"),
        ("102411", "clientOid duplicate", AlreadyPlaced, "OUTCOME_UNKNOWN"),
        ("126033", "Duplicate order", AlreadyPlaced, "OUTCOME_UNKNOWN"),
        ("126044", "clientOid duplicate", AlreadyPlaced, "OUTCOME_UNKNOWN"),
        ("400100", "clientOid duplicate", AlreadyPlaced, "OUTCOME_UNKNOWN"),
        ("400100", "validation.createOrder.clientOidDuplicated", AlreadyPlaced, "OUTCOME_UNKNOWN"),
        ("200001", "Order creation for this pair suspended", OrderRejected, "EXCHANGE_MAINTENANCE"),
        ("200003", "Number of orders breached the limit", OrderRejected, "EXCHANGE_REJECTED"),
        ("200004", "Balance insufficient!", OrderRejected, "INSUFFICIENT_FUNDS"),
        ("400100", "account.available.amount", OrderRejected, "INSUFFICIENT_FUNDS"),
        ("300000", "Param error", OrderRejected, "EXCHANGE_REJECTED"),
        ("400200", "Forbidden to place an order", OrderRejected, "EXCHANGE_REJECTED"),
        ("400201", "Invalid KC-API-PARTNER-SIGN", OrderRejected, "EXCHANGE_REJECTED"),
        ("400301", "Operation restricted due to local laws", OrderRejected, "EXCHANGE_REJECTED"),
        ("400500", "Your located country/region is currently not supported", OrderRejected, "EXCHANGE_REJECTED"),
        ("400600", "validation.createOrder.symbolNotAvailable", OrderRejected, "PAIR_NOT_LISTED"),
        ("400700", "Transaction restricted, there's a risk problem", OrderRejected, "EXCHANGE_REJECTED"),
        ("600100", "Funds below the minimum requirement.", OrderRejected, "EXCHANGE_REJECTED"),
        ("600100", "Order size increment invalid.", OrderRejected, "EXCHANGE_REJECTED"),
        ("600101", "The order funds should more then 0.1 USDT.", OrderRejected, "EXCHANGE_REJECTED"),
        ("600203", "Symbol BTC-USDT cant be traded", OrderRejected, "EXCHANGE_MAINTENANCE"),
        ("900001", "symbol not exists", OrderRejected, "PAIR_NOT_LISTED"),
        ("400002", "KC-API-TIMESTAMP Invalid", NotSent, "CLOCK_SKEW"),
        ("400003", "KC-API-KEY not exists", OrderRejected, "AUTHENTICATION_FAILED"),
        ("400004", "Invalid KC-API-PASSPHRASE", OrderRejected, "AUTHENTICATION_FAILED"),
        ("400005", "Invalid KC-API-SIGN", OrderRejected, "AUTHENTICATION_FAILED"),
        ("400006", "The requested ip address is not in the api whitelist", OrderRejected, "AUTHENTICATION_FAILED"),
        ("400008", "V1 & V2 API keys are no longer supported", OrderRejected, "AUTHENTICATION_FAILED"),
        ("400009", "Invalid KC-API-KEY-VERSION.", OrderRejected, "AUTHENTICATION_FAILED"),
        ("411100", "User are frozen", OrderRejected, "AUTHENTICATION_FAILED"),
        ("429000", "Too many requests", NotSent, "RATE_LIMITED"),
        ("408000", "Network timeout, please try again later", OutcomeUnknown, "OUTCOME_UNKNOWN"),
        ("500000", "Internal Server Error", OutcomeUnknown, "OUTCOME_UNKNOWN"),
        ("999999", "something new", OutcomeUnknown, "OUTCOME_UNKNOWN"),
    ],
)
def test_each_of_its_errors_has_its_verdict_through_the_class_that_ccxt_makes_of_it(code, msg, cls, reason):
    answer = {"code": code, "msg": msg}
    with pytest.raises(ccxt.BaseError) as raised:
        ccxt.kucoin().handle_errors(200, "OK", "", "POST", {}, json.dumps(answer), answer, {}, None)

    error = classify(raised.value, KUCOIN.rules)

    assert (type(error), error.code) == (cls, ReasonCode(reason))


def test_the_time_to_wait_is_in_milliseconds_and_counts_only_when_nothing_is_left(kucoin):
    assert KUCOIN.retry_after_s(HEADERS) == 1.5
    assert KUCOIN.retry_after_s({**HEADERS, "gw-ratelimit-remaining": "12"}) is None
    assert KUCOIN.retry_after_s({**HEADERS, "gw-ratelimit-reset": "soon"}) is None
    assert KUCOIN.retry_after_s({}) is None

    kucoin.simulator.control.queue_fault("kucoin", "rate_limit")
    with pytest.raises(NotSent) as caught:
        kucoin.place(kucoin.request())

    assert caught.value.retry_after_s == 1.0


def test_an_order_is_signed_at_the_committed_instant_by_the_exchanges_clock(kucoin):
    client = kucoin.adapter._public._client
    request = kucoin.request("0.1", "49000")
    kucoin.run(kucoin.adapter.balances())
    client.options["timeDifference"] = 60_000
    kucoin.simulator.control.queue_fault("kucoin", "error_500_before", operation="fetch_time")
    ahead = {"sent_at": request.sent_at + 60, "valid_until": request.valid_until + 60}

    with pytest.raises(NotSent) as caught:
        kucoin.place(request)

    assert caught.value.code == ReasonCode.CLOCK_SKEW
    assert kucoin.place(replace(request, **ahead)).exchange_order_id
    with pytest.raises(NotSent):
        kucoin.place(replace(request, **{**ahead, "sent_at": time.time() + 54}))
    assert len(kucoin.ledger()) == 1


def test_every_fill_of_an_order_is_known_however_many_there_are(kucoin):
    asks = [(f"{50010 + number}", "0.01") for number in range(120)]
    kucoin.simulator.control.set_book("kucoin", CASE.symbol, bids=[("49990", "1")], asks=asks)
    kucoin.settled(kucoin.request("0.01", "50010"))

    report = kucoin.settled(kucoin.request("1.1", "50200"))

    assert (report.status, report.filled_amount, len(report.trades)) == (OrderStatus.FILLED, Decimal("1.1"), 110)
    assert len({trade.trade_id for trade in report.trades}) == 110


def test_fills_end_where_pages_no_longer_bring_anything_new(run):
    page = [{"id": str(number), "amount": "1", "info": {"id": number}} for number in range(100)]
    asked = []

    class Deaf:
        """Does not know `lastId`."""

        async def fetch_order_trades(self, *_):
            asked.append(_)
            return page

    trades = run(KUCOIN.fetch_trades(Deaf(), {"id": "x", "symbol": "BTC/USDT"}))

    assert (len(trades), len(asked)) == (100, 2)


def test_a_post_only_order_that_would_take_is_placed_and_cancelled(kucoin):
    report = kucoin.settled(kucoin.request("0.5", "50010", time_in_force=TimeInForce.PO))

    assert (report.status, report.filled_amount) == (OrderStatus.CANCELLED, 0)


def test_a_used_id_finds_the_latest_order_because_a_closed_one_frees_it(kucoin):
    request = kucoin.request("0.1", "50010")
    first, second = kucoin.place(request), kucoin.place(request)

    assert first.exchange_order_id != second.exchange_order_id
    assert kucoin.look_up(request).exchange_order_id == second.exchange_order_id


@pytest.mark.parametrize("kind", ["html_200", "error_500_before", "rate_limit"])
def test_an_unclear_answer_to_a_look_up_does_not_mean_that_an_order_is_not_there(kucoin, kind):
    kucoin.simulator.control.queue_fault("kucoin", kind, operation="fetch_order")

    with pytest.raises(ExchangeError):
        kucoin.look_up(kucoin.request())


def test_nothing_but_the_order_is_sent_and_no_market_order_names_funds(kucoin):
    kucoin.run(kucoin.adapter.balances())
    before = kucoin.simulator.control.stats()["kucoin"]["requests"]

    kucoin.place(kucoin.request("0.1", None))

    after = kucoin.simulator.control.stats()["kucoin"]["requests"]
    assert {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name)} == {
        "create_order": 1
    }
    (booked,) = kucoin.ledger()
    assert (booked["type"], booked["amount"]) == ("market", "0.1")


def test_it_has_no_sandbox_and_reaches_nothing_but_spot(kucoin):
    assert (KUCOIN.sandbox, KUCOIN.credentials["passphrase"]) == (False, "password")
    assert not [path for path in KUCOIN.paths if any(word in path for word in ("margin", "futures", "sub", "deposit"))]
