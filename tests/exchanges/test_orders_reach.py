"""How far back exchanges tell of orders, and lists that are shorter than they say. See decision 0012."""

import re
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from execution.domain.orders import OrderStatus
from execution.exchanges.errors import ExchangeError
from execution.exchanges.firi_orders import marks, reaches_back, require_whole_since, seen
from execution.exchanges.listing import Listing
from execution.exchanges.quirks.kucoin import _open_orders
from policies.domain.reasons import ReasonCode
from tests.exchanges.cases import LIVE
from tests.exchanges.conftest import connect
from tests.exchanges.rewriting import rewriting
from tests.exchanges.test_orders_since import DAY, HOUR, each_exchange, listed, on, place_many

S = OrderStatus
COINBASE = next(case for case in LIVE if case.slug == "coinbase")
KEPT_UNFILLED = {"okx": 2 * HOUR, "bybit": DAY, "kucoin": 3 * DAY, "binance": 90 * DAY}
FORGETFUL = [case for case in LIVE if case.slug in {"okx", "kucoin"}]


def aged(connected, request, seconds):
    """The order as its database row would be `seconds` later."""
    connected.simulator.control.age(connected.case.slug, seconds)
    return replace(request, sent_at=request.sent_at - seconds, valid_until=request.valid_until - seconds)


@each_exchange
@pytest.mark.parametrize("price", ["49000", "50010"])
def test_an_order_is_found_by_what_identifies_it_long_after(connected, price):
    request = connected.request("0.5", price)
    report = connected.place(request)

    found = connected.look_up(aged(connected, request, 5400))

    expected = S.OPEN if price == "49000" else S.FILLED
    assert (found.exchange_order_id, found.status) == (report.exchange_order_id, expected)


@each_exchange
def test_a_cancelled_order_is_found_long_after(connected):
    request = connected.request("0.5", "49000")
    report = connected.place(request)
    connected.run(connected.adapter.cancel(replace(request, exchange_order_id=report.exchange_order_id)))

    old = aged(connected, request, 5400)

    assert connected.look_up(old).status == S.CANCELLED
    assert [order.status for order in listed(connected, ago=2 * HOUR)] == [S.CANCELLED]


@on(FORGETFUL)
def test_what_was_cancelled_without_a_fill_is_forgotten(connected):
    request = connected.request("0.5", "49000")
    report = connected.place(request)
    connected.run(connected.adapter.cancel(replace(request, exchange_order_id=report.exchange_order_id)))

    old = aged(connected, request, KEPT_UNFILLED[connected.case.slug] + 60)

    assert connected.look_up(old) is None
    assert listed(connected, ago=2.9 * DAY) == []


def test_bybit_keeps_unfilled_orders_for_a_day_in_its_history_but_shows_recent_ones(simulator, pool, run):
    bybit = connect(next(case for case in LIVE if case.slug == "bybit"), simulator, pool, run)
    request = bybit.request("0.5", "49000")
    report = bybit.place(request)
    bybit.run(bybit.adapter.cancel(replace(request, exchange_order_id=report.exchange_order_id)))

    old = aged(bybit, request, DAY + 60)

    assert bybit.look_up(old).status == S.CANCELLED
    assert [order.status for order in listed(bybit, ago=2 * DAY)] == [S.CANCELLED]
    restarted = replace(bybit, adapter=run(rewriting(bybit, pool, _without_recent_orders)))
    assert listed(restarted, ago=2 * DAY) == []


def _without_recent_orders(url, text):
    return re.sub(r'"list":\[.*\]', '"list":[]', text) if "openOnly=1" in url else text


def test_kraken_lists_pairs_that_are_gone_and_must_show_as_many_as_it_counts(simulator, pool, run):
    kraken = connect(next(case for case in LIVE if case.slug == "kraken"), simulator, pool, run)
    kraken.place(kraken.request("0.1", "50010"))

    gone = run(rewriting(kraken, pool, lambda _, text: text.replace('"pair":"XBTUSD"', '"pair":"OLDUSD"')))
    assert [order.symbol for order in listed(replace(kraken, adapter=gone))] == ["OLDUSD"]
    short = run(rewriting(kraken, pool, lambda _, text: text.replace('"count":1', '"count":2')))
    with pytest.raises(ExchangeError, match="1 of 2 closed orders"):
        listed(replace(kraken, adapter=short))


@on([case for case in LIVE if case.slug in {"binance", "coinbase"}])
def test_open_orders_do_not_depend_on_the_list_of_all_which_may_lag_behind(connected, pool, run):
    placed = place_many(connected, 240)

    def empty(url, text):
        if "/allOrders" in url:
            return "[]"
        is_of_all = "/historical/batch" in url and "order_status" not in url
        return '{"orders":[],"has_next":false,"cursor":""}' if is_of_all else text

    seen_orders = listed(replace(connected, adapter=run(rewriting(connected, pool, empty))))

    assert {order.status for order in seen_orders} == {S.OPEN}
    assert len({order.exchange_order_id for order in seen_orders} & set(placed)) == 120


def test_coinbase_pages_that_end_too_early_are_followed_by_what_is_older(simulator, pool, run):
    coinbase = connect(COINBASE, simulator, pool, run)
    placed = place_many(coinbase, 250)
    mute = rewriting(coinbase, pool, lambda _, text: re.sub(r'"has_next":true,"cursor":"\d+"', '"cursor":""', text))

    seen_orders = listed(replace(coinbase, adapter=run(mute)))

    assert {order.exchange_order_id for order in seen_orders} == set(placed)


def test_coinbase_says_so_when_an_instant_has_more_orders_than_a_page(simulator, pool, run):
    coinbase = connect(COINBASE, simulator, pool, run)
    place_many(coinbase, 102)

    def at_once(_, text):
        text = re.sub(r'"has_next":true,"cursor":"\d+"', '"cursor":""', text)
        return re.sub(r'"created_time":"[^"]+"', f'"created_time":"{moment}"', text)

    moment = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() + 2))
    adapter = run(rewriting(coinbase, pool, at_once))

    with pytest.raises(ExchangeError) as caught:
        listed(replace(coinbase, adapter=adapter))

    assert "share an instant" in caught.value.detail


class Moving:
    """KuCoin's numbered pages while orders close: what was first on the second page slips to the end of the first."""

    def __init__(self, closing):
        self.open, self.closing, self.asked = list(range(150)), closing, 0

    async def request(self, path, api, method, query):
        self.asked += 1
        size, number = query["pageSize"], query["pageNum"]
        items = [{"id": str(order)} for order in self.open[(number - 1) * size : number * size]]
        total = len(self.open)
        if self.closing:
            self.closing -= 1
            self.open.pop(0)
        return {"data": {"items": items, "totalNum": total, "totalPage": -(-total // size)}}


async def ask_at_once(call, *args):
    return await call(*args)


def test_open_orders_that_move_between_kucoins_pages_are_read_anew(run):
    moving = Moving(closing=1)
    rows = run(_open_orders(Listing(moving, ask_at_once, (), 0, 0), "BTC-USDT"))

    assert ([row["id"] for row in rows], moving.asked) == ([str(order) for order in range(1, 150)], 4)
    with pytest.raises(ExchangeError):
        run(_open_orders(Listing(Moving(closing=40), ask_at_once, (), 0, 0), "BTC-USDT"))


def row(order_id, created_at="2026-01-01T00:00:00.000Z", **amounts):
    terms = {"market": "BTCNOK", "type": "bid", "price": "10", "amount": "2", "created_at": created_at}
    return {"id": order_id, **terms, "remaining": "2", "matched": "0", "cancelled": "0", **amounts}


def rows(first, last):
    return [row(order_id) for order_id in range(first, last, -1)]


@pytest.mark.parametrize("length", [100, 1000, 1200])
def test_a_full_list_of_firi_proves_absence_only_if_it_still_shows_what_was_its_top(length):
    before = marks([row(7)], [row(9), row(3)])
    assert before == {"max_order_id": 9, "last_closed_id": 9}

    assert reaches_back([], rows(50, 10), 1000, before)
    assert not reaches_back([], rows(5000, 5000 - length), 1000, before)
    assert reaches_back([], [*rows(5000, 5001 - length), row(9)], 1000, before)
    assert not reaches_back(rows(5000, 5000 - length), [], 1000, before)
    assert reaches_back([*rows(5000, 5001 - length), row(8)], [], 1000, before)
    # The oldest first: the end is what is cut.
    assert not reaches_back([row(8), *rows(5000, 5001 - length)], [], 1000, before)
    # What was remembered before there was `last_closed_id`.
    assert not reaches_back([], rows(5000, 5000 - length), 1000, {"max_order_id": 9})


def test_a_look_up_at_firi_that_cannot_see_far_enough_is_no_absence(simulator, pool, run):
    firi = connect(next(case for case in LIVE if case.slug == "firi"), simulator, pool, run)
    request = firi.request("0.5", "49000")
    assert firi.look_up(request) is None
    place_many(firi, 200)

    with pytest.raises(ExchangeError) as caught:
        firi.look_up(request)

    assert caught.value.code == ReasonCode.NEEDS_ATTENTION
    firi.place(firi.request("0.001", "50010"))
    firi.place(replace(request, baseline=firi.run(firi.adapter.baseline(request))))
    assert firi.look_up(request).status == S.OPEN


def test_a_full_list_of_firi_is_whole_only_if_it_goes_back_before_the_beginning():
    old = row(1, "2025-12-31T23:00:00.000Z")
    begin = 1767225600.0  # 2026-01-01

    require_whole_since(rows(99, 0), 1000, begin)
    require_whole_since([*rows(5000, 4001), old], 1000, begin)
    for cut in (rows(100, 0), rows(5000, 4000), [old, *rows(5000, 4001)]):
        with pytest.raises(ExchangeError) as caught:
            require_whole_since(cut, 1000, begin)
        assert caught.value.code == ReasonCode.NEEDS_ATTENTION


@pytest.mark.parametrize(
    ("remaining", "matched", "cancelled", "status"),
    [
        ("2", "0", "0", S.OPEN),
        ("0.5", "1.5", "0", S.PARTIALLY_FILLED),
        ("0", "2", "0", S.FILLED),
        ("0", "0", "2", S.CANCELLED),
        ("0.5", "1.5", "0.5", S.CANCELLED),
        ("1", "0", "0", None),
        ("0", "1", "0", None),
        ("0", "2", "1", None),
        ("3", "0", "0", None),
    ],
)
def test_firis_amounts_tell_the_state_or_it_is_unknown(remaining, matched, cancelled, status):
    told = row(1, remaining=remaining, matched=matched, cancelled=cancelled)
    if status is None:
        with pytest.raises(ExchangeError):
            seen(told, "BTC/NOK")
        return

    order = seen(told, "BTC/NOK")

    assert (order.status, order.filled_amount, order.amount) == (status, Decimal(matched), Decimal(2))
