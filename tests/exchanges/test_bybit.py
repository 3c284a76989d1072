"""What is peculiar to Bybit's adapter."""

import asyncio
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from execution.domain.orders import OrderStatus
from execution.exchanges.errors import ExchangeError, NotSent
from execution.exchanges.quirks import BYBIT
from policies.domain.reasons import ReasonCode
from tests.exchanges.cases import LIVE
from tests.exchanges.conftest import connect
from tests.simulator.bybit_client import signed

CASE = next(case for case in LIVE if case.slug == "bybit")


@pytest.fixture
def bybit(simulator, pool, run):
    return connect(CASE, simulator, pool, run)


def signed_at(request, sent_s, valid_s):
    """The same order, committed and valid so many seconds from now."""
    now = time.time()
    return replace(request, sent_at=now + sent_s, valid_until=now + valid_s)


def test_the_signed_window_ends_with_the_validity(bybit):
    with pytest.raises(NotSent) as caught:
        bybit.place(signed_at(bybit.request(), -2, -0.5))
    assert caught.value.code == ReasonCode.CLOCK_SKEW

    assert bybit.place(signed_at(bybit.request(), -7, 3)).exchange_order_id


def test_concurrent_placements_have_windows_of_their_own(bybit):
    requests = [signed_at(bybit.request("0.1", "49000"), -2, valid_s) for valid_s in (5, -1, 5, -1)]

    async def place_all():
        return await asyncio.gather(*(bybit.adapter.place(r) for r in requests), return_exceptions=True)

    answers = bybit.run(place_all())

    assert [isinstance(answer, NotSent) for answer in answers] == [False, True, False, True]
    assert bybit.run(bybit.adapter.balances())["BTC"].free == 20
    assert bybit.adapter._client.options["recvWindow"] == 5000


@pytest.mark.parametrize("operation", ["fetch_order", "fetch_orders"])
def test_a_page_instead_of_an_answer_does_not_mean_that_an_order_is_not_there(bybit, operation):
    request = bybit.request("0.5", "49000")
    bybit.simulator.control.queue_fault("bybit", "html_200", operation=operation)

    with pytest.raises(ExchangeError) as caught:
        bybit.look_up(request)

    assert caught.value.code == ReasonCode.EXCHANGE_UNAVAILABLE


def test_an_order_that_bybit_no_longer_counts_as_recent_is_found_in_the_history(bybit):
    request = bybit.request("0.5", "50010")
    report = bybit.place(request)
    cancelled = {
        "category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "timeInForce": "FOK",
        "qty": "1", "price": "1000",
    }  # fmt: skip
    for _ in range(500):
        signed(bybit.simulator.base_urls["bybit"], "POST", "/v5/order/create", cancelled)

    assert bybit.look_up(request).status == OrderStatus.FILLED
    assert bybit.look_up(request, report).status == OrderStatus.FILLED


def test_a_limit_of_one_second_is_not_taken_for_a_ban(bybit):
    bybit.simulator.control.queue_fault("bybit", "rate_limit")

    with pytest.raises(NotSent) as caught:
        bybit.place(bybit.request())

    assert 0 <= caught.value.retry_after_s <= 1


def test_a_reset_time_is_a_wait_only_when_nothing_is_left():
    in_a_second = str(int(time.time() * 1000) + 1000)

    assert BYBIT.retry_after_s({"X-Bapi-Limit-Status": "19", "X-Bapi-Limit-Reset-Timestamp": in_a_second}) is None
    assert BYBIT.retry_after_s({"X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": "1"}) == 0
    assert BYBIT.retry_after_s({}) is None


class Pages:
    """A client with 150 executions of one order, paid in Bybit's own coin."""

    def __init__(self):
        self.asked = []

    async def fetch_order_trades(self, order_id, symbol, since, limit, params):
        self.asked.append((order_id, symbol, limit, params))
        count = 50 if params else 100
        rows = [{"info": {"feeCurrency": "MNT"}, "fee": {"cost": "0.1", "currency": "BTC"}} for _ in range(count)]
        rows[0]["info"]["nextPageCursor"] = "last" if params else "first"
        return rows

    def safe_currency_code(self, asset):
        return asset


def test_all_pages_of_executions_are_read_with_the_asset_the_fee_was_charged_in(run):
    client = Pages()

    trades = run(BYBIT.fetch_trades(client, {"id": "1", "symbol": "BTC/USDT"}))

    assert [asked[3] for asked in client.asked] == [{}, {"cursor": "first"}]
    assert len(trades) == 150
    assert {(trade["fee"]["currency"], Decimal(trade["fee"]["cost"])) for trade in trades} == {("MNT", Decimal("0.1"))}
