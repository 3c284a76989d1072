"""What must hold when answers are lost, workers die and two of them meet: never twice, never lost, never guessed."""

import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from execution.domain.orders import IllegalTransition, OrderStatus
from execution.exchanges.base import Trade
from execution.models import Fill, Order, OrderEvent, Position, Signal
from execution.services import claims, ledger
from execution.services.cancel import cancel_order, cancel_signal
from execution.services.executor.checker import CheckOptions
from execution.services.ledger import FillsDisagree, Move, record
from policies.models import ExchangeCredential
from tests.execution.conftest import Platform, add_keys, add_trader

AFTER = ["timeout_after", "disconnect_after", "error_503_after", "late"]
BEFORE = ["timeout_before", "disconnect_before", "error_500_before", "html_200"]


@pytest.mark.parametrize("exchange", ["binance", "kraken", "firi"])
@pytest.mark.parametrize("kind", AFTER)
def test_placed_without_an_answer_is_found_and_never_sent_again(platform, exchange, kind):
    platform.simulator.control.queue_fault(exchange, kind)
    symbol = "BTC/NOK" if exchange == "firi" else "BTC/USDT"

    signal = platform.settle(exchange=exchange, symbol=symbol, amount="0.1")

    assert (signal.status, signal.exchange_id, signal.orders.count()) == ("filled", exchange, 1)
    (booked,) = platform.ledger(exchange)
    assert D(booked["filled"]) == signal.filled_amount
    states = list(OrderEvent.objects.filter(order__signal=signal).values_list("new_status", flat=True))
    assert "unknown" in states


@pytest.mark.parametrize("kind", BEFORE)
def test_not_placed_is_concluded_from_three_look_ups_and_the_next_exchange_takes_it(platform, kind):
    platform.simulator.control.queue_fault("binance", kind)

    signal = platform.settle(amount="0.1")

    assert (signal.status, signal.exchange_id, signal.tried) == ("filled", "kraken", ["binance"])
    first, second = signal.orders.order_by("attempt")
    assert (first.status, first.reason_code, second.status) == ("not_placed", "NOT_PLACED", "filled")
    assert first.id != second.id
    misses = [e.detail for e in first.events.filter(new_status="unknown", old_status="unknown")]
    assert misses[-2:] == ["Look-up 1: not there.", "Look-up 2: not there."]
    again = signal.decisions.get(attempt=2)
    assert (again.candidates[0]["code"], again.exchange) == ("ALREADY_TRIED", "kraken")
    assert (platform.ledger("binance"), len(platform.ledger("kraken"))) == ([], 1)


def test_nothing_is_concluded_before_the_exchange_must_refuse_the_order(platform):
    platform.simulator.control.queue_fault("binance", "timeout_before")
    signal = platform.submit(amount="0.1")
    order = platform.wait_for(signal, "unknown")

    platform.final(signal)

    order.refresh_from_db()
    conclusion = order.events.get(new_status="not_placed")
    assert conclusion.at >= order.valid_until + timedelta(seconds=0.2)


def test_a_rate_limited_order_goes_to_the_next_exchange_at_once(platform):
    platform.simulator.control.queue_fault("binance", "rate_limit")

    signal = platform.settle(amount="0.1")

    first = signal.orders.get(attempt=1)
    assert (first.status, first.reason_code, signal.exchange_id) == ("not_placed", "RATE_LIMITED", "kraken")


def test_too_little_money_is_final_and_tried_nowhere_else(platform):
    signal = platform.settle(exchange="binance", amount="21", order_type="limit", limit_price="50200")

    assert (signal.status, signal.reason_code) == ("rejected", "INSUFFICIENT_FUNDS")
    assert platform.ledger("kraken") == []


def test_keys_the_exchange_does_not_know_are_tried_elsewhere_and_say_why(platform):
    user = add_trader(platform.simulator, "algo2", exchanges=("kraken",))
    add_keys(platform.simulator, user, "binance", known=False)

    signal = platform.settle(user, amount="0.1")

    first = signal.orders.get(attempt=1)
    assert (first.status, first.reason_code) == ("rejected", "AUTHENTICATION_FAILED")
    assert (signal.status, signal.exchange_id) == ("filled", "kraken")


def test_keys_that_cannot_be_decrypted_are_never_used(platform):
    mine = ExchangeCredential.objects.get(exchange_id="binance")
    other = ExchangeCredential.objects.get(exchange_id="kraken")
    ExchangeCredential.objects.filter(pk=mine.pk).update(ciphertext=other.ciphertext, version=mine.version + 1)

    signal = platform.settle(amount="0.1")

    first = signal.orders.get(attempt=1)
    assert (first.status, first.reason_code) == ("not_placed", "CREDENTIAL_UNREADABLE")
    assert "do not belong to this row" in first.reason_detail
    assert signal.exchange_id == "kraken"


def test_when_no_look_up_is_answered_nothing_is_guessed_and_a_person_is_asked(trading, simulator, started):
    checks = CheckOptions(0.1, 3, attention_after_s=2, window_margin_s=0.2, emulated_ioc_s=0.3)
    executor = started(checks=checks)
    platform = Platform(simulator, trading, executor)
    platform.prepare()
    simulator.control.configure("binance", fault_operations=["create_order", "fetch_order"])
    simulator.control.queue_fault("binance", "timeout_after")
    simulator.control.queue_fault("binance", "error_500_before", operation="fetch_order", count=1000)

    signal = platform.submit(amount="0.1")
    order = platform.wait_for(signal, "needs_attention")

    assert (order.reason_code, signal.orders.count()) == ("NEEDS_ATTENTION", 1)
    signal.refresh_from_db()
    assert signal.status == "executing"
    assert len(platform.ledger()) == 1
    simulator.control.reset(5)  # the exchange answers again: what is there now is believed


def put_order(user, *, status="submitting", age_s=60.0, **changes):
    """A signal and its order as a worker that died left them."""
    now = timezone.now()
    signal = Signal.objects.create(
        user=user, idempotency_key=uuid.uuid4().hex, body_hash="", received_at=now, symbol="BTC/USDT", side="buy",
        amount=D("0.1"), expires_at=now + timedelta(seconds=60), status="executing", attempt=1, exchange_id="binance",
    )  # fmt: skip
    sent = now - timedelta(seconds=age_s)
    fields = {
        "signal": signal, "user": user, "exchange_id": "binance", "attempt": 1, "mode": "live", "symbol": "BTC/USDT",
        "side": "buy", "order_type": "limit", "time_in_force": "IOC", "amount": D("0.1"), "price": D(50100),
        "reference_price": D(50010), "priority": 3, "expires_at": signal.expires_at, "status": status,
        "created_at": sent, "submitted_at": sent, "valid_until": sent + timedelta(seconds=1), "next_check_at": sent,
        "credential": ExchangeCredential.objects.get(user=user, exchange_id="binance"),
    }  # fmt: skip
    return Order.objects.create(**{**fields, **changes})


def test_an_order_of_a_dead_worker_that_was_placed_is_adopted(platform):
    order = put_order(platform.user, next_check_at=None)
    (claimed,) = as_claimed(order)
    adapter = platform.executor.submit(open_adapter(platform, claimed)).result()
    request = replace(claimed.request(), sent_at=timezone.now().timestamp())
    platform.executor.submit(adapter.place(replace(request, valid_until=request.sent_at + 5))).result()
    Order.objects.update(next_check_at=timezone.now())
    platform.executor.wake()

    signal = platform.final(order.signal)

    assert (signal.status, signal.filled_amount) == ("filled", D("0.1"))
    assert len(platform.ledger()) == 1


async def open_adapter(platform, order):
    policy = platform.executor._policy()
    credential = policy.credentials[order.user_id, order.exchange, order.mode]
    return await platform.executor.connections.for_order(policy.exchanges[order.exchange], order.mode, credential)


def as_claimed(order):
    Order.objects.filter(pk=order.pk).update(next_check_at=timezone.now())
    found = [item for item in claims.claim_checks(10) if item.id == order.pk]
    Order.objects.filter(pk=order.pk).update(next_check_at=None)
    return found


def test_an_order_of_a_dead_worker_that_never_left_is_not_placed_and_routed_again(platform):
    order = put_order(platform.user)
    platform.executor.wake()

    signal = platform.final(order.signal)

    order.refresh_from_db()
    assert (order.status, signal.status, signal.exchange_id) == ("not_placed", "filled", "kraken")
    assert (platform.ledger("binance"), len(platform.ledger("kraken"))) == ([], 1)


def test_a_signal_whose_worker_died_while_routing_is_taken_up_again(platform):
    platform.executor.stop()
    signal = platform.submit(amount="0.1")
    claims.claim_signals(10)
    assert claims.return_stale_claims() == 0
    Signal.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))

    assert claims.return_stale_claims() == 1

    signal.refresh_from_db()
    assert signal.status == "pending"


def test_two_executors_share_the_work_without_doing_any_of_it_twice(platform, started):
    started()
    for number in range(150):
        platform.store({"id": f"n{number}", "symbol": "BTC/USDT", "side": "buy", "amount": "0.001"})
    platform.executor.wake()

    for signal in Signal.objects.all():
        assert platform.final(signal, within_s=30).status == "filled"

    booked = platform.ledger()
    assert len(booked) == 150
    assert len({order["client_order_id"] for order in booked}) == 150
    assert Position.objects.get().bought_amount == D("0.15")


def test_a_flood_of_one_user_does_not_keep_another_waiting(trading, simulator):
    other = add_trader(simulator, "algo2")
    store = Platform(simulator, trading, None)
    for number in range(60):
        store.store({"id": f"flood{number}", "symbol": "BTC/USDT", "side": "buy", "amount": "0.1"})
    store.store({"id": "one", "symbol": "BTC/USDT", "side": "buy", "amount": "0.1"}, user=other)

    claimed = claims.claim_signals(10)

    assert sum(signal.user_id == other.pk for signal in claimed) == 1
    assert len(claimed) == 10


def test_urgent_signals_are_claimed_first(trading, simulator):
    store = Platform(simulator, trading, None)
    for number in range(5):
        store.store({"id": f"e{number}", "symbol": "BTC/USDT", "side": "buy", "amount": "0.1"})
    store.store({"id": "stop", "symbol": "BTC/USDT", "side": "sell", "amount": "0.1", "signal_type": "stop_loss"})

    (claimed,) = claims.claim_signals(1)

    assert claimed.priority == 1


def seen(order):
    Order.objects.filter(pk=order.pk).update(next_check_at=timezone.now() - timedelta(seconds=1))
    return next(item for item in claims.claim_checks(10) if item.id == order.pk)


FILL = Trade("t1", D("0.1"), D(50010), D("0.0001"), "BTC", 0.0)


def test_recording_the_same_answer_twice_changes_nothing(trading):
    order = put_order(trading)
    move = Move(seen(order), OrderStatus.FILLED, timezone.now(), filled_amount=D("0.1"), trades=(FILL,))

    assert record([move]) == {order.pk}
    assert record([move]) == set()

    assert (Fill.objects.count(), Position.objects.get().bought_amount, OrderEvent.objects.count()) == (1, D("0.1"), 1)


def test_a_miss_does_not_go_on_with_a_row_that_another_look_up_has_ended(trading):
    order = put_order(trading, status="unknown", clean_misses=1)
    first, second = seen(order), seen(order)

    assert record([Move(first, OrderStatus.UNKNOWN, timezone.now(), detail="Look-up unanswered.")]) == {order.pk}
    assert record([Move(second, OrderStatus.UNKNOWN, timezone.now(), clean_misses=2)]) == set()

    order.refresh_from_db()
    assert order.clean_misses == 0


@pytest.mark.parametrize("whose", ["order", "signal"])
def test_what_somebody_cancelled_while_in_doubt_is_not_tried_elsewhere(trading, whose):
    order = put_order(trading, status="unknown")
    seen_before = seen(order)
    if whose == "order":
        cancel_order(order.pk, by="ann", reason="wrong size")
    else:
        cancel_signal(order.signal_id, by="algo1")

    record([Move(seen_before, OrderStatus.NOT_PLACED, timezone.now(), code="NOT_PLACED")])

    order.signal.refresh_from_db()
    assert (order.signal.status, order.signal.reason_code) == ("failed", "NOT_PLACED")
    assert claims.claim_signals(10) == []


def test_executions_that_do_not_add_up_are_not_recorded(trading):
    order = put_order(trading)

    with pytest.raises(FillsDisagree):
        record([Move(seen(order), OrderStatus.FILLED, timezone.now(), filled_amount=D("0.09"), trades=(FILL,))])

    order.refresh_from_db()
    assert (order.status, Fill.objects.count()) == ("submitting", 0)


def test_an_illegal_move_is_refused_before_anything_is_written(trading):
    order = put_order(trading, status="open")

    with pytest.raises(IllegalTransition):
        record([Move(seen(order), OrderStatus.UNKNOWN, timezone.now())])


def test_the_database_refuses_what_no_code_should_try(trading):
    order = put_order(trading)
    record([Move(seen(order), OrderStatus.FILLED, timezone.now(), filled_amount=D("0.1"), trades=(FILL,))])
    attempts = [
        "UPDATE execution_order SET status = 'open'",
        "UPDATE execution_order SET filled_amount = 0.05",
        "UPDATE execution_order SET filled_amount = 0.2",
        "UPDATE execution_orderevent SET detail = 'x'",
        "DELETE FROM execution_orderevent",
        "UPDATE execution_fill SET price = 1",
        "DELETE FROM execution_fill",
    ]
    for statement in attempts:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_the_database_allows_one_live_order_per_signal(trading):
    order = put_order(trading)

    with pytest.raises(IntegrityError), transaction.atomic():
        put_order(trading, signal=order.signal, attempt=2)


def test_the_database_allows_one_order_in_doubt_where_the_exchange_keeps_no_ids(trading):
    firi = {"exchange_id": "firi", "symbol": "BTC/NOK", "exclusive": True}
    keys = ExchangeCredential.objects.get(user=trading, exchange_id="firi")
    put_order(trading, credential=keys, **firi)

    with pytest.raises(IntegrityError), transaction.atomic():
        put_order(trading, credential=keys, **firi)


def test_a_baseline_is_committed_once_and_only_while_submitting(trading):
    order = put_order(trading)

    assert ledger.save_baseline(order.pk, '{"max_order_id": 1}') is True
    assert ledger.save_baseline(order.pk, '{"max_order_id": 2}') is False
