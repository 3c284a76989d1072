"""The same answers everywhere: every adapter, over HTTP, against the exchanges' own protocols."""

import time
from dataclasses import replace
from decimal import Decimal

import pytest

from execution.domain.orders import OrderStatus, Side, TimeInForce
from execution.exchanges.errors import AlreadyPlaced, ExchangeError, NotSent, OrderRejected, OutcomeUnknown
from execution.exchanges.registry import AdapterPool
from policies.domain.reasons import ReasonCode
from tests.exchanges.cases import CASES, LIVE, PAPER, PUBLIC_SECRETS
from tests.exchanges.conftest import connect

(BYBIT,) = [case for case in LIVE if case.slug == "bybit"]
IMMEDIATE = [case for case in CASES if case.immediate]
WITH_IDS = [case for case in LIVE if case.slug != "firi" and not case.repeats]
TIMED = [case for case in LIVE if case.slug in {"binance", "bybit", "kucoin", "okx"}]
REPEATING = [case for case in LIVE if case.repeats]
BOUNDED = [case for case in LIVE if case.bounds_lateness]
live_only = pytest.mark.parametrize("connected", LIVE, indirect=True, ids=lambda case: case.name)


def test_it_lists_its_pairs_with_their_steps(connected):
    markets = {market.symbol: market for market in connected.run(connected.adapter.markets())}

    market = markets[connected.case.symbol]
    assert market.tick > 0
    assert market.lot > 0
    assert (market.base, market.quote) == tuple(connected.case.symbol.split("/"))


def test_it_gives_the_book_exactly(connected):
    book = connected.run(connected.adapter.order_book(connected.case.symbol, 20))

    assert list(book.bids) == [(Decimal(p), Decimal(a)) for p, a in connected.case.bids]
    assert list(book.asks) == [(Decimal(p), Decimal(a)) for p, a in connected.case.asks]
    assert book.is_usable()


@live_only
def test_it_tells_the_markets_trades_exactly_and_each_by_its_own_id(connected):
    trades = connected.run(connected.adapter.trades(connected.case.symbol))
    assert trades.trades == []
    before = time.time()
    # Twice the same amount at the same price: two trades.
    for amount in ("0.5", "0.5", "0.75"):
        connected.place(connected.request(amount, "50020"))

    trades = connected.run(connected.adapter.trades(connected.case.symbol))

    told = [(trade.price, trade.amount) for trade in trades.trades]
    assert told == [(50010, Decimal("0.5")), (50010, Decimal("0.5")), (50020, Decimal("0.75"))]
    assert len({trade.id for trade in trades.trades}) == 3
    assert all(abs(trade.at - before) < 30 for trade in trades.trades)
    assert trades.since < before - 3599
    again = connected.run(connected.adapter.trades(connected.case.symbol))
    assert again.trades == trades.trades


@pytest.mark.parametrize("connected", [BYBIT], indirect=True, ids=lambda case: case.name)
def test_a_cut_answer_reaches_back_to_the_first_trade_it_tells(connected):
    connected.simulator.control.set_book("bybit", "BTC/USDT", bids=[("49990", "5")], asks=[("50010", "5")])
    for _ in range(61):
        connected.place(connected.request("0.001", "50010"))

    answer = connected.run(connected.adapter.trades("BTC/USDT"))

    assert len(answer.trades) == 60
    assert answer.since == answer.trades[0].at


def test_it_answers_a_health_check(connected):
    assert connected.run(connected.adapter.ping()).latency_ms > 0


def test_it_is_down_when_nobody_answers(connected):
    connected.simulator.control.configure(connected.case.slug, down=True)

    with pytest.raises(ExchangeError) as caught:
        connected.run(connected.adapter.ping())

    assert caught.value.code == ReasonCode.EXCHANGE_UNAVAILABLE


def test_a_marketable_limit_is_filled_and_every_trade_is_known(connected):
    report = connected.settled(connected.request("1.5", "50020"))

    assert (report.status, report.filled_amount) == (OrderStatus.FILLED, Decimal("1.5"))
    assert sum(trade.amount for trade in report.trades) == Decimal("1.5")
    notional = sum(trade.amount * trade.price for trade in report.trades)
    bound = Decimal("1.5") * 50020
    walked = Decimal(1) * 50010 + Decimal("0.5") * 50020
    assert notional == (walked if connected.case.tells_price else bound)
    assert {trade.fee_asset for trade in report.trades} == {connected.case.pays_in}


@live_only
def test_what_it_reports_is_what_the_exchange_booked(connected):
    request = connected.request("1.5", "50020")

    report = connected.settled(request)

    (booked,) = connected.ledger()
    assert booked["exchange_order_id"] == report.exchange_order_id
    assert booked["filled"] == "1.5"
    if connected.case.slug != "firi":
        assert booked["client_order_id"] == request.client_order_id
    if connected.case.tells_price:
        fees = [t["fee"] if connected.case.pays_in else 0 for t in booked["trades"]]
        trades = [
            (t["id"], Decimal(t["amount"]), Decimal(t["price"]), Decimal(fee))
            for t, fee in zip(booked["trades"], fees, strict=True)
        ]
        assert sorted((t.trade_id, t.amount, t.price, t.fee) for t in report.trades) == sorted(trades)


def test_a_resting_order_is_open_until_it_is_cancelled(connected):
    request = connected.request("0.5", "49000")
    report = connected.settled(request)
    assert (report.status, report.filled_amount, report.trades) == (OrderStatus.OPEN, 0, ())

    known = replace(request, exchange_order_id=report.exchange_order_id)
    ended = connected.run(connected.adapter.cancel(known)) or connected.look_up(request, report)

    assert (ended.status, ended.filled_amount) == (OrderStatus.CANCELLED, 0)


def test_cancelling_an_order_that_is_gone_is_no_error(connected):
    request = connected.request()
    report = connected.settled(request)

    try:
        connected.run(connected.adapter.cancel(replace(request, exchange_order_id=report.exchange_order_id)))
    except ExchangeError as e:
        assert e.code in {ReasonCode.EXCHANGE_REJECTED, ReasonCode.NOT_FOUND}  # noqa: PT017
    if not connected.case.paper:
        assert connected.look_up(request, report).status == OrderStatus.FILLED


def test_a_partial_fill_is_told_and_the_rest_can_be_cancelled(connected):
    request = connected.request("2", "50010")

    report = connected.settled(request)

    assert (report.status, report.filled_amount) == (OrderStatus.PARTIALLY_FILLED, Decimal(1))
    known = replace(request, exchange_order_id=report.exchange_order_id, filled=Decimal(1))
    ended = connected.run(connected.adapter.cancel(known)) or connected.run(connected.adapter.look_up(known))
    assert (ended.status, ended.filled_amount) == (OrderStatus.CANCELLED, Decimal(1))


@pytest.mark.parametrize("connected", IMMEDIATE, indirect=True, ids=lambda case: case.name)
def test_immediate_or_cancel_takes_what_is_there(connected):
    report = connected.settled(connected.request("2", "50010", time_in_force=TimeInForce.IOC))

    assert report.filled_amount == Decimal(1)
    assert report.status in {OrderStatus.CANCELLED, OrderStatus.EXPIRED}


def test_a_market_order_carries_no_price(connected):
    request = connected.request("0.5", None, time_in_force=TimeInForce.IOC)
    if not connected.case.market_orders:
        with pytest.raises(NotSent):
            connected.place(request)
        return

    report = connected.settled(request)

    assert (report.status, report.filled_amount) == (OrderStatus.FILLED, Decimal("0.5"))
    if not connected.case.paper:
        (booked,) = connected.ledger()
        assert (booked["type"], booked["price"], booked["amount"]) == ("market", None, "0.5")


def test_a_sell_is_a_sell(connected):
    report = connected.settled(connected.request("0.5", "49990", side=Side.SELL))

    assert (report.status, report.filled_amount) == (OrderStatus.FILLED, Decimal("0.5"))


def test_an_order_that_was_never_placed_is_cleanly_not_there(connected):
    assert connected.look_up(connected.request()) is None


@live_only
def test_an_open_order_is_found_by_our_own_id(connected):
    request = connected.request("0.5", "49000")
    report = connected.place(request)

    found = connected.look_up(request)

    assert (found.exchange_order_id, found.status) == (report.exchange_order_id, OrderStatus.OPEN)


@live_only
def test_a_filled_order_is_found_by_our_own_id(connected):
    request = connected.request("0.5", "50010")
    report = connected.place(request)

    found = connected.look_up(request)

    assert (found.exchange_order_id, found.status) == (report.exchange_order_id, OrderStatus.FILLED)
    assert found.filled_amount == Decimal("0.5")


@live_only
def test_another_order_is_never_taken_for_ours(connected):
    connected.place(connected.request("0.4", "49000"))
    connected.place(connected.request("0.6", "49100"))

    assert connected.look_up(connected.request("0.5", "49000")) is None


@live_only
def test_too_little_money_is_a_rejection_of_the_user_not_a_fault_of_the_exchange(connected):
    with pytest.raises(OrderRejected) as caught:
        connected.place(connected.request("10", "1400000" if connected.case.slug == "firi" else "120000"))

    assert (caught.value.code, caught.value.venue_fault) == (ReasonCode.INSUFFICIENT_FUNDS, False)
    assert connected.ledger() == []


@live_only
def test_an_order_below_the_minimum_is_rejected_with_the_exchanges_words(connected):
    price = "0.01" if connected.case.slug == "firi" else "49000"

    with pytest.raises(OrderRejected) as caught:
        connected.place(connected.request(connected.case.too_small, price))

    assert caught.value.code == ReasonCode.EXCHANGE_REJECTED
    assert caught.value.detail


@live_only
def test_a_wrong_secret_is_refused_without_an_order(connected, pool, run):
    wrong = connected.case.wrong_secret

    async def open_adapter():
        return pool.private(connected.case.slug, {**connected.case.secrets, "secret": wrong})

    impostor = replace(connected, adapter=run(open_adapter()))
    request = replace(connected.request(), client_order_id="0" * 32)

    with pytest.raises(OrderRejected) as caught:
        impostor.place(request)

    assert caught.value.code == ReasonCode.AUTHENTICATION_FAILED
    assert wrong not in str(caught.value)
    assert connected.case.secrets["api_key"] not in str(caught.value)
    assert connected.ledger() == []


AFTER = ["timeout_after", "disconnect_after", "error_503_after"]
BEFORE = ["timeout_before", "disconnect_before", "error_500_before", "html_200"]


@live_only
@pytest.mark.parametrize("kind", AFTER)
def test_placed_without_an_answer_is_unknown_and_found_by_look_up(connected, kind):
    request = connected.request("0.5", "49000")
    connected.simulator.control.queue_fault(connected.case.slug, kind)

    with pytest.raises(OutcomeUnknown):
        connected.place(request)

    assert connected.look_up(request).status == OrderStatus.OPEN
    assert len(connected.ledger()) == 1


@live_only
@pytest.mark.parametrize("kind", BEFORE)
def test_not_placed_without_an_answer_is_unknown_too_and_cleanly_not_there(connected, kind):
    request = connected.request("0.5", "49000")
    connected.simulator.control.queue_fault(connected.case.slug, kind)

    with pytest.raises(OutcomeUnknown):
        connected.place(request)

    assert connected.look_up(request) is None
    assert connected.ledger() == []


@live_only
def test_a_rate_limit_proves_that_nothing_was_placed_and_says_how_long_to_wait(connected):
    connected.simulator.control.queue_fault(connected.case.slug, "rate_limit")

    with pytest.raises(NotSent) as caught:
        connected.place(connected.request())

    assert caught.value.code == ReasonCode.RATE_LIMITED
    assert caught.value.retry_after_s is not None
    assert connected.ledger() == []


@pytest.mark.parametrize("connected", BOUNDED, indirect=True, ids=lambda case: case.name)
def test_an_order_that_arrives_after_its_validity_is_refused_by_the_exchange(connected):
    request = connected.request("0.5", "50010")
    late = replace(request, sent_at=request.sent_at - 30, valid_until=request.valid_until - 30)

    with pytest.raises(NotSent):
        connected.place(late)

    assert connected.ledger() == []


@live_only
def test_a_refused_connection_proves_that_nothing_was_sent(connected, simulator, run):
    urls = {connected.case.slug: "http://127.0.0.1:9"}
    elsewhere = AdapterPool(base_urls=urls, timeout_s=1, public_secrets=PUBLIC_SECRETS)

    async def open_adapter():
        return elsewhere.private(connected.case.slug, connected.case.secrets)

    unreachable = replace(connected, adapter=run(open_adapter()))

    with pytest.raises(NotSent) as caught:
        unreachable.place(connected.request())

    assert caught.value.code in {ReasonCode.EXCHANGE_UNAVAILABLE, ReasonCode.MARKETS_NOT_LOADED}
    run(elsewhere.close())


@pytest.mark.parametrize("connected", WITH_IDS, indirect=True, ids=lambda case: case.name)
def test_the_same_id_while_open_means_look_it_up(connected):
    request = connected.request("0.5", "49000")
    connected.place(request)

    with pytest.raises(OutcomeUnknown) as caught:
        connected.place(request)

    assert isinstance(caught.value, AlreadyPlaced)
    assert len(connected.ledger()) == 1


@pytest.mark.parametrize("connected", REPEATING, indirect=True, ids=lambda case: case.name)
def test_the_same_id_again_gets_the_same_order(connected):
    request = connected.request("0.5", "49000")

    first, second = connected.place(request), connected.place(request)

    assert first.exchange_order_id == second.exchange_order_id
    assert len(connected.ledger()) == 1


@live_only
def test_keys_that_are_accepted_say_what_they_may_do_where_the_exchange_tells(connected):
    harmless = connected.run(connected.adapter.key_permissions())
    connected.case.open_account(connected.simulator.control, may_withdraw=True, ip_restricted=False)
    dangerous = connected.run(connected.adapter.key_permissions())

    told = connected.case.tells_permissions
    assert (harmless.withdraw, dangerous.withdraw) == ((False, True) if told else (None, None))
    assert harmless.trade in {True, None}
    assert dangerous.ip_restricted in {False, None}


@live_only
def test_keys_that_are_not_accepted_say_so(connected, pool, run):
    async def open_adapter():
        return pool.private(connected.case.slug, {**connected.case.secrets, "secret": connected.case.wrong_secret})

    impostor = run(open_adapter())

    with pytest.raises(ExchangeError) as caught:
        run(impostor.key_permissions())

    assert caught.value.code == ReasonCode.AUTHENTICATION_FAILED


@pytest.mark.parametrize("connected", TIMED, indirect=True, ids=lambda case: case.name)
def test_a_clock_that_is_half_a_minute_off_is_set_right_once(connected):
    connected.run(connected.adapter._ready())
    connected.adapter._public._client.options["timeDifference"] = 30_000
    request = connected.request("0.5", "49000")

    report = connected.place(request)

    assert connected.look_up(request, report).status == OrderStatus.OPEN
    assert len(connected.ledger()) == 1


@pytest.mark.parametrize("connected", TIMED, indirect=True, ids=lambda case: case.name)
def test_a_clock_that_cannot_be_set_right_is_a_clear_error_and_no_order(connected):
    connected.run(connected.adapter._ready())
    connected.adapter._public._client.options["timeDifference"] = 30_000
    connected.simulator.control.queue_fault(connected.case.slug, "error_500_before", operation="fetch_time")

    with pytest.raises(NotSent) as caught:
        connected.place(connected.request("0.5", "49000"))

    assert caught.value.code == ReasonCode.CLOCK_SKEW
    assert connected.ledger() == []


@live_only
def test_balances_are_exact(connected):
    connected.settled(connected.request("0.5", "49000"))

    balances = connected.run(connected.adapter.balances())

    assert balances["BTC"].free == Decimal(20)
    quote = connected.case.symbol.split("/")[1]
    assert balances[quote].total == Decimal(connected.case.balances[quote])
    assert balances[quote].free < balances[quote].total


def test_paper_sends_nothing(simulator, pool, run):
    paper = connect(PAPER, simulator, pool, run)

    paper.settled(paper.request("0.5", "50010"))

    assert paper.ledger() == []


def test_a_resting_paper_order_fills_when_the_live_book_reaches_it(simulator, pool, run):
    paper = connect(PAPER, simulator, pool, run)
    request = paper.request("0.5", "49000")
    report = paper.place(request)
    simulator.control.set_book("binance", "BTC/USDT", bids=[("48000", "1")], asks=[("48900", "0.2"), ("48950", "5")])

    found = paper.look_up(request, report)

    assert (found.status, found.filled_amount) == (OrderStatus.FILLED, Decimal("0.5"))
    assert [(t.amount, t.price, t.maker) for t in found.trades] == [(Decimal("0.5"), Decimal(49000), True)]


def test_fill_or_kill_on_paper_is_all_or_nothing(simulator, pool, run):
    paper = connect(PAPER, simulator, pool, run)

    killed = paper.place(paper.request("2", "50010", time_in_force=TimeInForce.FOK))
    filled = paper.place(paper.request("1", "50010", time_in_force=TimeInForce.FOK))

    assert (killed.status, killed.filled_amount) == (OrderStatus.EXPIRED, 0)
    assert filled.status == OrderStatus.FILLED


def test_post_only_on_paper_is_rejected_when_it_would_cross(simulator, pool, run):
    paper = connect(PAPER, simulator, pool, run)

    with pytest.raises(OrderRejected):
        paper.place(paper.request("1", "50010", time_in_force=TimeInForce.PO))
    assert paper.place(paper.request("1", "49995", time_in_force=TimeInForce.PO)).status == OrderStatus.OPEN
