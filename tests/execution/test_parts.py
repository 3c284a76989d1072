"""Orders in parts: whatever happens to them, the whole is never exceeded, and what was not filled is planned anew."""

import threading
from dataclasses import replace
from decimal import Decimal as D

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from execution.domain.ids import order_id, part_id
from execution.domain.orders import OrderStatus, TimeInForce
from execution.exchanges.base import Trade
from execution.models import Order, Orphan, Signal
from execution.selectors import facts
from execution.services import claims
from execution.services.cancel import cancel_left, cancel_order, cancel_signal
from execution.services.decisions import NewPart
from execution.services.ledger import Move, record
from execution.services.reconcile import orders as reconcile
from policies.domain.policy import Scope, TradingStatus
from policies.services import set_trading_state
from tests.execution.conftest import add_keys
from tests.execution.parts import booked, check_sums, is_final, leg, part_row, plan, wait_until
from tests.execution.test_reconciliation import seen_order, task_for

DEEP = [("50010", "40")]


@pytest.fixture
def quiet(platform, monkeypatch):
    """A platform with three exchanges that have depth for ten coins, and no executor running."""
    add_keys(platform.simulator, platform.user, "bybit")
    for slug, price in (("binance", "50010"), ("kraken", "50020"), ("bybit", "50015")):
        platform.simulator.control.set_book(slug, "BTC/USDT", bids=[("49990", "40")], asks=[(price, "40")])
    platform.executor.stop()
    return platform


@pytest.fixture(autouse=True)
def _bybit_account(monkeypatch):
    from tests.execution import conftest

    monkeypatch.setitem(conftest.BALANCES, "bybit", {"USDT": "1000000", "BTC": "10"})


def run(platform, started, signal, **patience):
    """Let an executor work until the parent has ended."""
    platform.executor = started(**patience)
    platform.executor.wake()
    ended = platform.final(signal, within_s=25)
    check_sums(ended)
    return ended


def test_ten_coins_over_three_exchanges_are_one_signal(quiet, started):
    signal = plan(quiet, leg("binance", 4), leg("kraken", 3), leg("bybit", 3), amount="10")
    assert (signal.status, signal.allocated_amount, signal.parts_made) == ("executing", D(10), 3)

    # A busy machine is no exchange that does not answer: then the others would take its leg.
    ended = run(quiet, started, signal, timeout_s=10.0, validity_s=12.0)

    assert (ended.status, ended.reason_code, ended.filled_amount) == ("filled", "", D(10))
    assert [booked(quiet, slug) for slug in ("binance", "kraken", "bybit")] == [D(4), D(3), D(3)]
    parts = list(signal.parts.order_by("part"))
    assert [part.pk for part in parts] == [part_id(signal.pk, n) for n in range(3)]
    assert [part.exchange_id for part in parts] == ["binance", "kraken", "bybit"]
    assert ended.decisions.count() == 1
    order = parts[0].orders.get()
    assert (order.order_type, order.time_in_force, order.price) == ("limit", "IOC", D(51000))


def test_an_exchange_that_proved_it_has_nothing_is_left_out_of_the_next_plan(quiet, started):
    quiet.simulator.control.queue_fault("kraken", "rate_limit")
    signal = plan(quiet, leg("binance", 4), leg("kraken", 3), leg("bybit", 3), amount="10")

    ended = run(quiet, started, signal)

    assert (ended.status, ended.filled_amount, ended.tried) == ("filled", D(10), ["kraken"])
    assert booked(quiet, "kraken") == 0
    assert booked(quiet, "binance", "bybit") == D(10)
    second = ended.decisions.get(attempt=2)
    codes = {c["exchange"]: c["code"] for c in second.candidates}
    assert (second.exchange, codes["kraken"]) == ("binance", "ALREADY_TRIED")
    assert ended.parts.get(part=3).amount == D(3)


def test_a_part_whose_fate_is_unknown_keeps_its_share_until_it_is_known(quiet, started):
    quiet.simulator.control.queue_fault("kraken", "timeout_after")
    signal = plan(quiet, leg("binance", 4), leg("kraken", 3), leg("bybit", 3), amount="10")
    quiet.executor = started()

    wait_until(lambda: Order.objects.filter(signal__parent=signal, status="unknown").exists())
    wait_until(lambda: Signal.objects.filter(parent=signal, status="filled").count() == 2)
    signal.refresh_from_db()
    assert (signal.status, signal.filled_amount, signal.allocated_amount) == ("executing", D(7), D(10))
    assert signal.parts.count() == 3

    ended = quiet.final(signal, within_s=20)
    check_sums(ended)
    assert (ended.status, ended.filled_amount) == ("filled", D(10))
    assert (booked(quiet, "binance", "kraken", "bybit"), ended.parts.count()) == (D(10), 3)


def test_a_part_that_was_lost_before_it_arrived_is_planned_again_after_the_proof(quiet, started):
    quiet.simulator.control.queue_fault("kraken", "timeout_before")
    signal = plan(quiet, leg("binance", 6), leg("kraken", 4), amount="10")

    ended = run(quiet, started, signal)

    assert (ended.status, ended.tried, ended.parts.count()) == ("filled", ["kraken"], 3)
    lost = ended.parts.get(part=1)
    assert (lost.status, lost.reason_code) == ("failed", "NOT_PLACED")
    assert booked(quiet, "binance", "kraken", "bybit") == D(10)


def test_a_worker_that_dies_between_claim_and_send_loses_and_doubles_nothing(quiet, started):
    signal = plan(quiet, leg("binance", 6), leg("kraken", 4), amount="10")
    for claimed in claims.claim_signals(10):  # routed by a worker that is killed before the first byte leaves
        Order.objects.create(
            id=order_id(claimed.id, 1), signal_id=claimed.id, user=quiet.user, exchange_id=claimed.requested_exchange,
            credential=quiet.user.exchange_credentials.get(exchange_id=claimed.requested_exchange), attempt=1,
            mode="live", symbol="BTC/USDT", side="buy", order_type="limit", time_in_force="IOC",
            amount=claimed.wanted.amount, price=claimed.wanted.limit_price, reference_price=D(50000), priority=3,
            expires_at=claimed.expires_at, status="submitting", created_at=timezone.now(), submitted_at=timezone.now(),
            valid_until=timezone.now(), next_check_at=timezone.now(),
        )  # fmt: skip
        Signal.objects.filter(pk=claimed.id).update(status="executing", attempt=1, claimed_until=None)

    ended = run(quiet, started, signal)

    assert (ended.status, ended.filled_amount) == ("filled", D(10))
    assert booked(quiet, "binance", "kraken", "bybit") == D(10)
    assert ended.tried == ["binance", "kraken"]  # proved not placed there, so the rest went to the third


def test_what_a_part_did_not_get_is_planned_again_on_fresh_books(quiet, started):
    quiet.simulator.control.set_book("kraken", "BTC/USDT", bids=[("49990", "40")], asks=[("50020", "1")])
    signal = plan(quiet, leg("binance", 6, "50010"), leg("kraken", 4, "50020"), amount="10")
    quiet.simulator.control.set_book("kraken", "BTC/USDT", bids=[("49990", "40")], asks=[("50500", "40")])

    ended = run(quiet, started, signal)

    assert (ended.status, ended.filled_amount, ended.tried) == ("filled", D(10), [])
    assert booked(quiet, "binance") == D(10)


def test_what_nobody_can_take_ends_as_a_partial_fill_with_a_reason(quiet, started):
    for slug in ("kraken", "bybit"):
        quiet.simulator.control.set_book(slug, "BTC/USDT", bids=[("49990", "40")], asks=[("50020", "2")])
    quiet.simulator.control.set_book("binance", "BTC/USDT", bids=[("49990", "40")], asks=[("50010", "5")])
    signal = plan(quiet, leg("binance", 6, "50010"), leg("kraken", 4, "50020"), amount="10")

    ended = run(quiet, started, signal)

    assert (ended.status, ended.reason_code) == ("partial_fill", "INSUFFICIENT_LIQUIDITY")
    assert ended.filled_amount == booked(quiet, "binance", "kraken", "bybit") < D(10)
    assert ended.allocated_amount == ended.filled_amount


def test_a_part_never_leaves_its_exchange_and_never_goes_to_the_default(quiet, started):
    quiet.simulator.control.configure("kraken", down=True)
    signal = plan(quiet, leg("kraken", 4), amount="4")

    ended = run(quiet, started, signal)

    assert ended.parts.get(part=0).reason_code == "NO_HEALTHY_EXCHANGE"
    assert not Order.objects.filter(signal__parent=signal, signal__part=0).exists()
    assert (ended.status, ended.parts.get(part=1).exchange_id) == ("filled", "binance")


def test_a_notional_is_never_overspent(quiet, started):
    parts = (leg("binance", "0.5", "50200"), leg("kraken", "0.4", "50200"))
    signal = plan(quiet, *parts, notional="50000")
    assert signal.allocated_amount == D("0.9") * 50200

    ended = run(quiet, started, signal)

    assert ended.status == "filled"
    assert D(49500) <= ended.filled_notional <= D(50000)


def test_a_plan_for_more_than_the_whole_is_denied_and_nothing_is_sent(quiet):
    signal = plan(quiet, leg("binance", 6), leg("kraken", 5), amount="10")
    assert (signal.status, signal.reason_code, signal.parts.count()) == ("failed", "PARTS_TOO_LARGE", 0)

    dear = plan(quiet, leg("binance", 1, "50200"), notional="50000")
    assert (dear.status, dear.reason_code) == ("failed", "PARTS_TOO_LARGE")
    untold = plan(quiet, NewPart("binance", D(1), None), notional="50000")
    assert untold.reason_code == "PARTS_TOO_LARGE"


def test_the_database_refuses_more_than_the_whole_and_parts_of_parts_of_parts(quiet):
    signal = plan(quiet, leg("binance", 6), NewPart("", D(4), None), amount="10")
    with pytest.raises(IntegrityError, match="signal_parts_within_whole"), transaction.atomic():
        Signal.objects.filter(pk=signal.pk).update(allocated_amount=D(11))
    with pytest.raises(IntegrityError, match="may not have parts"), transaction.atomic():
        part_row(signal.parts.get(part=0), 0)  # a leg
    below = part_row(signal.parts.get(part=1), 0, leg=True)
    with pytest.raises(IntegrityError, match="may not have parts"), transaction.atomic():
        part_row(below, 0)
    with pytest.raises(IntegrityError, match="signal_part_once"), transaction.atomic():
        part_row(signal, 1)


def test_cancelling_the_whole_cancels_its_parts_and_their_orders(quiet, started):
    resting = replace(leg("binance", 6, "45000"), time_in_force=TimeInForce.GTC)
    signal = plan(quiet, resting, leg("kraken", 4), amount="10")
    quiet.executor = started()
    wait_until(lambda: Order.objects.filter(signal__parent=signal, status="open").exists())
    wait_until(lambda: Signal.objects.filter(parent=signal, status="filled").exists())

    cancel_signal(signal.pk, by=quiet.user)

    ended = quiet.final(signal)
    check_sums(ended)
    assert (ended.status, ended.reason_code, ended.filled_amount) == ("partial_fill", "CANCELLED_BY_CLIENT", D(4))
    assert ended.parts.get(part=0).status == "cancelled"
    assert booked(quiet, "binance") == 0


def test_parts_are_cancelled_although_their_canceller_died_half_way(quiet, started):
    signal = plan(quiet, leg("binance", 6), leg("kraken", 4), amount="10")
    Signal.objects.filter(pk=signal.pk).update(cancel_requested_at=timezone.now())

    assert cancel_left() == 2

    assert is_final(signal)
    assert (signal.status, signal.reason_code) == ("cancelled", "CANCELLED_BY_CLIENT")
    assert list(signal.parts.values_list("status", flat=True)) == ["cancelled", "cancelled"]


def test_who_cancels_the_order_of_a_part_does_not_want_it_elsewhere(quiet, started):
    resting = replace(leg("binance", 6, "45000"), time_in_force=TimeInForce.GTC)
    signal = plan(quiet, resting, leg("kraken", 4), amount="10")
    quiet.executor = started()
    wait_until(lambda: Order.objects.filter(signal__parent=signal, status="open").exists())

    cancel_order(Order.objects.get(signal__parent=signal, status="open").pk, by=quiet.user, reason="wrong price")

    ended = quiet.final(signal)
    check_sums(ended)
    assert (ended.status, ended.reason_code) == ("partial_fill", "CANCELLED_BY_OPERATOR")
    assert (ended.filled_amount, ended.parts.count()) == (D(4), 2)


def test_a_halt_between_plan_and_send_ends_the_whole_without_another_plan_leaving(quiet, started):
    signal = plan(quiet, leg("binance", 6), leg("kraken", 4), amount="10")
    state = {"scope": Scope.GLOBAL, "target": "", "by": quiet.user}
    set_trading_state(**state, status=TradingStatus.HALTED, reason="drill")

    ended = run(quiet, started, signal)

    assert (ended.status, ended.reason_code) == ("failed", "TRADING_HALTED")
    assert booked(quiet, "binance", "kraken", "bybit") == 0


def filled_leg(part, amount, price="50010"):
    """The order of a part, and the move that fills it, as a worker has it in hand."""
    order = Order.objects.create(
        id=order_id(part.pk, 1), signal=part, user_id=part.user_id, exchange_id=part.requested_exchange, attempt=1,
        mode="paper", symbol=part.symbol, side=part.side, order_type="limit", time_in_force="IOC", amount=part.amount,
        price=D(51000), reference_price=D(price), priority=3, expires_at=part.expires_at, status="submitting",
        created_at=timezone.now(), submitted_at=timezone.now(), valid_until=timezone.now(),
    )  # fmt: skip
    Signal.objects.filter(pk=part.pk).update(status="executing", attempt=1)
    trade = Trade(f"t{part.part}", D(amount), D(price), D(0), "USDT", timezone.now().timestamp())
    status = OrderStatus.FILLED if D(amount) == part.amount else OrderStatus.CANCELLED
    return Move(
        claims.working_order(order.pk), status, timezone.now(), code="" if status == "filled" else "PARTLY_FILLED",
        exchange_order_id=f"x{part.part}", filled_amount=D(amount), trades=(trade,),
    )  # fmt: skip


def test_workers_that_end_parts_of_one_whole_at_the_same_time_lose_nothing_and_do_not_deadlock(quiet):
    wholes = [plan(quiet, *(leg("binance", 1) for _ in range(6)), amount="6") for _ in range(4)]
    moves = [filled_leg(part, "0.7") for whole in wholes for part in whole.parts.order_by("part")]
    batches = [moves[n::6] for n in range(6)]  # each worker has one part of every whole
    errors = []
    barrier = threading.Barrier(6)

    def work(batch):
        try:
            barrier.wait()
            record(batch)
        except Exception as e:
            errors.append(e)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    for whole in wholes:
        whole.refresh_from_db()
        assert (whole.status, whole.filled_amount, whole.allocated_amount) == ("pending", D("4.2"), D("4.2"))
        assert whole.filled_notional == D("4.2") * 50010


def test_recording_the_same_end_twice_gives_back_once(quiet):
    whole = plan(quiet, leg("binance", 1), leg("binance", 1), amount="2")
    move = filled_leg(whole.parts.get(part=0), "0.4")

    assert record([move]) == {move.order.id}
    assert record([move]) == set()

    whole.refresh_from_db()
    assert (whole.status, whole.filled_amount, whole.allocated_amount) == ("executing", D("0.4"), D("1.4"))


def test_a_restored_backup_adopts_orders_of_parts_it_never_heard_of(quiet):
    platform = quiet
    receipt = platform.store({"id": "lost", "symbol": "BTC/USDT", "side": "buy", "amount": "10"})
    child = part_id(receipt.signal_id, 1)
    seen = seen_order(order_id(child, 1).hex, amount=D("3.9"), filled_amount=D("3.9"))

    found = reconcile.settle(task_for(), [seen], timezone.now())

    assert (found.adopted, found.orphans) == (1, 0)
    parent = Signal.objects.get(pk=receipt.signal_id)
    assert (parent.status, parent.allocated_amount, parent.parts_made) == ("executing", D("3.9"), 2)
    part = parent.parts.get()
    assert (part.pk, part.part, part.amount, part.leg) == (child, 1, D("3.9"), True)
    # What is left is planned when that part has ended, with ids that nobody had before.
    order = part.orders.get()
    trade = Trade("t", D("3.9"), D(50010), D(0), "USDT", timezone.now().timestamp())
    working = claims.working_order(order.pk)
    record([Move(working, OrderStatus.FILLED, timezone.now(), filled_amount=D("3.9"), trades=(trade,))])
    (again,) = claims.claim_signals(10)
    assert (again.id, again.wanted.amount, again.parts_made) == (parent.pk, D("6.1"), 2)


def test_an_order_that_does_not_fit_into_what_is_left_is_for_people(quiet):
    signal = plan(quiet, leg("binance", 6), leg("kraken", 4), amount="10")
    seen = seen_order(order_id(part_id(signal.pk, 5), 1).hex, amount=D("3.9"))

    found = reconcile.settle(task_for(), [seen], timezone.now())

    assert (found.adopted, found.orphans) == (0, 1)
    assert Orphan.objects.get().client_order_id == seen.client_order_id
    assert signal.parts.count() == 2


def test_a_plan_made_again_takes_the_order_that_is_already_there(quiet, started):
    receipt = quiet.store({"id": "again", "symbol": "BTC/USDT", "side": "buy", "amount": "10"})
    seen = seen_order(order_id(part_id(receipt.signal_id, 0), 1).hex, amount=D(4), filled_amount=D(4))
    Signal.objects.all().delete()
    assert reconcile.settle(task_for(), [seen], timezone.now()).orphans == 1
    reconcile.Reconciliation.objects.update(clean_at=timezone.now())
    facts.refresh_facts()
    signal = quiet.store({"id": "again", "symbol": "BTC/USDT", "side": "buy", "amount": "10"})

    quiet.executor = started()
    quiet.executor.wake()

    wait_until(lambda: Signal.objects.filter(parent=signal.signal_id, part=0).exists())
    part = Signal.objects.get(parent=signal.signal_id)
    assert (part.amount, part.status) == (D(4), "executing")
    assert booked(quiet, "binance", "kraken", "bybit") == 0
