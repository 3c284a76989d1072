"""Listing an account's orders: the whole truth or an error, over HTTP, against every exchange's own protocol."""

import asyncio
import time
import uuid
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from execution.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from execution.exchanges.errors import ExchangeError, NotSent
from execution.exchanges.metering import Unmetered
from execution.exchanges.registry import AdapterPool, traits
from policies.domain.reasons import ReasonCode
from tests.exchanges.cases import LIVE, PAPER, PUBLIC_SECRETS
from tests.exchanges.conftest import TIMEOUT_S, connect
from tests.exchanges.rewriting import rewriting

S = OrderStatus
HOUR, DAY = 3600, 86_400
CCXT = [case for case in LIVE if case.slug != "firi"]
BY_SYMBOL = [case for case in LIVE if traits(case.slug).lists_by_symbol]
FAR_BACK = [case for case in LIVE if traits(case.slug).lists_back_s > 30 * DAY]
NARROW = [case for case in LIVE if traits(case.slug).lists_back_s < 30 * DAY]
ALL_PAIRS = [case for case in LIVE if case not in BY_SYMBOL]
# More than one page of every list there is.
MANY = {"alpaca": 520, "binance": 1020}
# How an open order's state is written, and what nobody knows.
ODD_STATE = {
    "alpaca": ('"status":"new"', '"status":"odd"'),
    "binance": ('"status":"NEW"', '"status":"ODD"'),
    "bybit": ('"orderStatus":"New"', '"orderStatus":"Odd"'),
    "coinbase": ('"status":"OPEN"', '"status":"UNKNOWN_ORDER_STATUS"'),
    "firi": ('"remaining":"0.50000000"', '"remaining":"0.40000000"'),
    "kraken": ('"status":"open"', '"status":"odd"'),
    "kucoin": ('"active":true', '"active":null'),
    "okx": ('"state":"live"', '"state":"odd"'),
}


def on(cases):
    return pytest.mark.parametrize("connected", cases, indirect=True, ids=lambda case: case.name)


each_exchange = on(LIVE)


def listed(connected, ago=60.0, symbols=None):
    pairs = {connected.case.symbol} if symbols is None else symbols
    return connected.run(connected.adapter.orders_since(pairs, time.time() - ago))


def filled(connected):
    """A new order that is filled at once."""
    return connected.place(connected.request("0.001", "50010"))


def requests_so_far(connected):
    return sum(connected.simulator.control.stats()[connected.case.slug]["requests"].values())


def place_many(connected, number):
    """Resting orders, every second of which is cancelled. Client order ids by the exchange's ids."""
    basic, slots = connected.request("0.001", "49000"), asyncio.Semaphore(10)

    async def place(place):
        request = replace(basic, client_order_id=uuid.uuid4().hex, sent_at=time.time(), valid_until=time.time() + 10)
        async with slots:
            report = await connected.adapter.place(request)
            if place % 2:
                await connected.adapter.cancel(replace(request, exchange_order_id=report.exchange_order_id))
        return report.exchange_order_id, "" if connected.case.slug == "firi" else request.client_order_id

    async def place_all():
        return await asyncio.gather(*(place(place_) for place_ in range(number)))

    return dict(connected.run(place_all()))


@each_exchange
def test_every_order_is_listed_with_its_terms_and_its_state(connected):
    whole = connected.request("0.4", "50010")
    part = connected.request("2", "50010")
    resting = connected.request("0.5", "49000")
    gone = connected.request("0.25", "48000.5" if connected.case.slug != "alpaca" else "48000")
    sold = connected.request("0.3", "51000", side=Side.SELL)
    reports = [connected.place(request) for request in (whole, part, resting, gone, sold)]
    connected.run(connected.adapter.cancel(replace(gone, exchange_order_id=reports[3].exchange_order_id)))

    seen = {order.exchange_order_id: order for order in listed(connected)}

    expected = [
        (whole, S.FILLED, "0.4"),
        (part, S.PARTIALLY_FILLED, "0.6"),
        (resting, S.OPEN, "0"),
        (gone, S.CANCELLED, "0"),
        (sold, S.OPEN, "0"),
    ]
    assert len(seen) == 5
    for report, (request, status, amount) in zip(reports, expected, strict=True):
        order = seen[report.exchange_order_id]
        assert order.client_order_id == ("" if connected.case.slug == "firi" else request.client_order_id)
        assert (order.symbol, order.side, order.order_type) == (request.symbol, request.side, OrderType.LIMIT)
        assert (order.amount, order.price) == (request.amount, request.price)
        assert (order.status, order.filled_amount) == (status, Decimal(amount))
        assert abs(order.created_at - request.sent_at) < 5


@on([case for case in CCXT if case.market_orders])
def test_a_market_order_has_no_limit(connected):
    request = connected.request("0.5", None, time_in_force=TimeInForce.IOC)
    connected.place(request)

    (order,) = listed(connected)

    assert (order.client_order_id, order.order_type, order.price) == (request.client_order_id, OrderType.MARKET, None)
    assert (order.amount, order.filled_amount, order.status) == (Decimal("0.5"), Decimal("0.5"), S.FILLED)


@on(CCXT)
def test_what_others_placed_is_listed_too_and_an_order_by_value_counts_as_what_it_bought(connected):
    connected.place(connected.request("0.001", "49000", client_order_id="handmade1"))
    connected.run(connected.adapter.balances())
    # The adapters place nothing by value; an owner does, on the exchange's own pages.
    client = connected.adapter._client
    options = client.options
    client.allowed_paths |= {"trade/batch-orders"}
    options["createMarketBuyOrderRequiresPrice"] = False
    connected.run(client.create_market_buy_order_with_cost(connected.case.symbol, "5001"))

    by_hand = {order.client_order_id: order for order in listed(connected)}

    bought = next(order for id_, order in by_hand.items() if id_ != "handmade1")
    booked = next(order for order in connected.ledger() if order["type"] == "market")
    assert by_hand["handmade1"].status == S.OPEN
    assert bought.filled_amount == bought.amount == Decimal(booked["filled"]) > 0
    assert (bought.order_type, bought.price, bought.status) == (OrderType.MARKET, None, S.FILLED)


@each_exchange
def test_lists_of_many_pages_are_whole_and_a_page_that_fails_fails_all(connected):
    number = MANY.get(connected.case.slug, 260)
    placed = place_many(connected, number)

    seen = listed(connected)

    assert len(seen) == len(placed) == number
    assert {order.exchange_order_id: order.client_order_id for order in seen} == placed
    assert Counter(order.status for order in seen) == {S.OPEN: number // 2, S.CANCELLED: number // 2}

    second = 0 if connected.case.slug == "firi" else 1
    connected.simulator.control.queue_fault(
        connected.case.slug, "error_500_before", operation="fetch_orders", after=second
    )
    with pytest.raises(ExchangeError):
        listed(connected)
    assert len(listed(connected)) == number


@each_exchange
@pytest.mark.parametrize("kind", ["error_500_before", "html_200", "rate_limit", "timeout_before"])
def test_an_unclear_answer_is_an_error_and_never_an_empty_list(connected, kind):
    filled(connected)
    listed(connected)
    connected.simulator.control.queue_fault(connected.case.slug, kind, operation="fetch_orders")

    with pytest.raises(ExchangeError):
        listed(connected)

    assert len(listed(connected)) == 1


@each_exchange
def test_orders_from_before_are_left_out(connected):
    old = filled(connected)
    connected.simulator.control.age(connected.case.slug, 2 * HOUR)
    new = filled(connected)

    assert [order.exchange_order_id for order in listed(connected, ago=HOUR)] == [new.exchange_order_id]
    both = {order.exchange_order_id for order in listed(connected, ago=3 * HOUR)}
    assert both == {old.exchange_order_id, new.exchange_order_id}


@each_exchange
def test_days_are_listed_whole_though_only_short_periods_may_be_asked_for(connected):
    ids = []
    for days in (0.3, 1.4, 1, 0):
        ids.append(filled(connected).exchange_order_id)
        connected.simulator.control.age(connected.case.slug, int(days * DAY))

    assert {order.exchange_order_id for order in listed(connected, ago=2.9 * DAY)} == set(ids)


@on(FAR_BACK)
def test_weeks_are_listed_whole(connected):
    ids = []
    for days in (6, 9, 10, 0):
        ids.append(filled(connected).exchange_order_id)
        connected.simulator.control.age(connected.case.slug, days * DAY)

    assert {order.exchange_order_id for order in listed(connected, ago=29 * DAY)} == set(ids)


@on(NARROW)
def test_further_back_than_the_exchange_tells_is_an_error_not_a_part(connected):
    filled(connected)
    before = requests_so_far(connected)

    with pytest.raises(ExchangeError) as caught:
        listed(connected, ago=traits(connected.case.slug).lists_back_s + 60)

    assert caught.value.code == ReasonCode.NEEDS_ATTENTION
    assert requests_so_far(connected) == before


@each_exchange
def test_orders_of_another_account_are_never_listed(connected, pool, run):
    case = connected.case
    key = case.secrets["api_key"][:-1] + ("0" if case.slug == "coinbase" else "2")
    assert key != case.secrets["api_key"]
    names = {name: f"{case.secrets[name]}2" for name in ("client_id",) if name in case.secrets}
    other = connect(replace(case, secrets={**case.secrets, "api_key": key, **names}), connected.simulator, pool, run)
    theirs, ours = filled(other), filled(connected)

    assert [order.exchange_order_id for order in listed(connected)] == [ours.exchange_order_id]
    assert [order.exchange_order_id for order in listed(other)] == [theirs.exchange_order_id]


@on(BY_SYMBOL)
def test_where_a_pair_must_be_named_only_those_are_asked_for(connected):
    bitcoin = filled(connected)
    connected.simulator.control.set_book(connected.case.slug, "ETH/USDT", bids=[("2000", "1")], asks=[("2001", "1")])
    ether = connected.place(connected.request("0.1", "2001", symbol="ETH/USDT"))
    before = requests_so_far(connected)

    assert listed(connected, symbols=()) == []
    assert requests_so_far(connected) == before
    assert [o.exchange_order_id for o in listed(connected, symbols=["BTC/USDT"])] == [bitcoin.exchange_order_id]
    both = {order.exchange_order_id: order.symbol for order in listed(connected, symbols=["BTC/USDT", "ETH/USDT"])}
    assert both == {bitcoin.exchange_order_id: "BTC/USDT", ether.exchange_order_id: "ETH/USDT"}
    # Pairs that are traded elsewhere.
    assert len(listed(connected, symbols=["BTC/USDT", "BTC/NOK", "OLD/USDT"])) == 1


@on(ALL_PAIRS)
def test_where_no_pair_need_be_named_all_are_listed(connected):
    pair = connected.case.symbol.replace("BTC", "ETH")
    bitcoin = filled(connected)
    connected.simulator.control.set_book(connected.case.slug, pair, bids=[("2000", "1")], asks=[("2001", "1")])
    ether = connected.place(connected.request("0.1", "2001", symbol=pair))

    for symbols in ((), [connected.case.symbol]):
        seen = {order.exchange_order_id: order.symbol for order in listed(connected, symbols=symbols)}
        assert seen == {bitcoin.exchange_order_id: connected.case.symbol, ether.exchange_order_id: pair}


def test_paper_orders_leave_nothing_to_list(simulator, pool, run):
    paper = connect(PAPER, simulator, pool, run)
    paper.settled(paper.request("0.5", "49000"))

    assert listed(paper) == []


@each_exchange
def test_a_state_that_we_do_not_know_is_an_error(connected, pool, run):
    slug = connected.case.slug
    connected.place(connected.request("0.5", "49000"))
    assert [order.status for order in listed(connected)] == [S.OPEN]

    rewritten = run(rewriting(connected, pool, lambda _, text: text.replace(*ODD_STATE[slug])))
    with pytest.raises(ExchangeError) as caught:
        listed(replace(connected, adapter=rewritten))

    assert "do not know" in caught.value.detail


# What tells the request for the open orders from the others.
OPEN_LIST = {
    "binance": "/openOrders",
    "bybit": "openOnly=0",
    "coinbase": "order_status=OPEN",
    "firi": "/v2/orders?",
    "kraken": "/OpenOrders",
    "kucoin": "/active/page",
    "okx": "/orders-pending",
}


@on([case for case in LIVE if case.slug in OPEN_LIST])
def test_an_order_that_ends_while_it_is_listed_is_listed_once_with_its_end(connected, pool, run):
    kept = []

    def as_it_was(url, text):
        """The list of open orders from before."""
        if OPEN_LIST[connected.case.slug] not in url:
            return text
        kept.append(text)
        return kept[0]

    placed = connected.place(connected.request("0.5", "49000"))
    meanwhile = replace(connected, adapter=run(rewriting(connected, pool, as_it_was)))
    assert [order.status for order in listed(meanwhile)] == [S.OPEN]
    bids, asks = [("48000", "1")], [("48900", "1")]
    connected.simulator.control.set_book(connected.case.slug, connected.case.symbol, bids=bids, asks=asks)

    (order,) = listed(meanwhile)

    assert len(kept) == 2
    assert kept[0] != kept[1]
    assert (order.exchange_order_id, order.status) == (placed.exchange_order_id, S.FILLED)


class Counting(Unmetered):
    """Counts what it lets through, and refuses as told first."""

    def __init__(self):
        self.endpoints = Counter()
        self.refusals = []

    @asynccontextmanager
    async def turn(self):
        yield time.time_ns() // 1000

    async def take(self, endpoint):
        if self.refusals:
            raise NotSent(ReasonCode.RATE_LIMITED, "later", retry_after_s=self.refusals.pop())
        self.endpoints[endpoint] += 1


@pytest.fixture
def metered(connected, simulator, run):
    """The same adapter with a meter that can be read."""
    meter = Counting()
    pool = AdapterPool(
        base_urls=simulator.base_urls, timeout_s=TIMEOUT_S, public_secrets=PUBLIC_SECRETS, meters=lambda *_: meter
    )

    async def open_adapter():
        return pool.private(connected.case.slug, connected.case.secrets)

    yield replace(connected, adapter=run(open_adapter())), meter
    run(pool.close())


@each_exchange
def test_every_request_of_a_listing_is_counted(connected, metered):
    ours, meter = metered
    filled(connected)
    before = requests_so_far(connected)

    listed(ours, ago=2 * DAY)

    assert sum(meter.endpoints.values()) == requests_so_far(connected) - before > 1


@on(CCXT)
def test_a_listing_waits_for_the_request_limits_but_not_for_a_ban(connected, metered):
    ours, meter = metered
    filled(connected)
    listed(ours)

    meter.refusals = [0.01, 0.01, 0.01]
    assert len(listed(ours)) == 1
    meter.refusals = [600.0]
    with pytest.raises(NotSent) as caught:
        listed(ours)
    assert caught.value.retry_after_s == 600.0
