"""Orders the exchange has and we do not, time the platform was away, databases that went back in time."""

import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from redis import Redis

from execution.domain.ids import order_id
from execution.domain.orders import OrderStatus, OrderType, Side
from execution.exchanges.base import SeenOrder
from execution.exchanges.errors import ExchangeError
from execution.models import Heartbeat, Installation, Order, OrderEvent, Orphan, Reconciliation, Signal
from execution.selectors import facts
from execution.services import claims
from execution.services.installation import installation_id
from execution.services.reconcile import epoch, orders
from execution.services.reconcile.witness import Witness
from policies.domain.policy import Mode
from policies.models import ExchangeCredential, TradingState
from tests.execution.conftest import Platform

LONG_AGO = timedelta(minutes=5)


@pytest.fixture
def witness():
    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.delete(f"ledger-position:{installation_id()}")
    found = Witness(settings.REDIS_URL)
    yield found
    found.close()


def seen_order(client_order_id: str, **changes) -> SeenOrder:
    basic = SeenOrder(
        client_order_id=client_order_id,
        exchange_order_id=f"x-{client_order_id[:8] or uuid4().hex[:8]}",
        symbol="BTC/USDT",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        amount=D("0.1"),
        price=D("50200"),
        status=OrderStatus.FILLED,
        filled_amount=D("0.1"),
        created_at=time.time() - 30,
    )
    return replace(basic, **changes)


def task_for(exchange: str = "binance") -> orders.Task:
    """The account of the only trader there, as a worker takes it."""
    epoch.require_all(reason="test", since=timezone.now() - timedelta(hours=1))
    return next(task for task in orders.claim_due(100) if task.exchange == exchange)


def test_the_same_wish_has_the_same_ids_for_ever(trading, simulator):
    platform = Platform(simulator, trading, None)
    receipt = platform.store({"id": "k1", "symbol": "BTC/USDT", "side": "buy", "amount": "0.1"})
    Signal.objects.all().delete()

    again = platform.store({"id": "k1", "symbol": "BTC/USDT", "side": "buy", "amount": "0.1"})
    other = platform.store({"id": "k2", "symbol": "BTC/USDT", "side": "buy", "amount": "0.1"})

    assert again.signal_id == receipt.signal_id != other.signal_id
    assert order_id(again.signal_id, 1) != order_id(again.signal_id, 2)


@pytest.mark.django_db(transaction=True)
class TestEpoch:
    def test_a_fresh_installation_and_a_quick_restart_hold_up_nothing(self, trading, witness):
        epoch.begin("w1", timezone.now(), witness)
        epoch.begin("w2", timezone.now(), witness)

        assert not Reconciliation.objects.filter(clean_at=None).exists()
        assert not TradingState.objects.exists()

    def test_after_an_absence_every_account_is_compared_and_nothing_is_halted(self, trading, witness):
        epoch.begin("w1", timezone.now(), witness)
        Heartbeat.objects.update(seen_at=timezone.now() - LONG_AGO)

        epoch.begin("w2", timezone.now(), witness)

        rows = Reconciliation.objects.filter(clean_at=None)
        assert rows.count() == ExchangeCredential.objects.count() == 3
        assert rows[0].reason.startswith("No worker was seen for 30")
        assert rows[0].since < timezone.now() - LONG_AGO
        assert not TradingState.objects.exists()

    def test_a_database_behind_what_redis_remembers_halts_everything(self, trading, witness):
        epoch.begin("w1", timezone.now(), witness)
        position = 0
        for _ in range(5):
            position = epoch.advance(position, witness)
        Installation.objects.update(ledger_position=2)  # the backup

        epoch.begin("w2", timezone.now(), witness)

        state = TradingState.objects.get()
        assert (state.scope, state.status) == ("global", "halted")
        assert "its ledger stands at 2, and had been at 5" in state.reason
        assert Reconciliation.objects.filter(clean_at=None).count() == 3
        # Said once: the next worker goes on from there.
        TradingState.objects.all().delete()
        epoch.begin("w3", timezone.now(), witness)
        assert not TradingState.objects.exists()

    def test_another_postgresql_halts_everything(self, trading, witness):
        epoch.begin("w1", timezone.now(), witness)
        Installation.objects.update(database_identity="7000000000000000000/1")

        epoch.begin("w2", timezone.now(), witness)

        assert "7000000000000000000/1" in TradingState.objects.get().reason

    def test_a_database_replaced_under_a_running_worker_is_noticed_at_its_next_heartbeat(self, trading, witness):
        epoch.begin("w1", timezone.now(), witness)
        position = epoch.advance(0, witness)
        position = epoch.advance(position, witness)
        Installation.objects.update(ledger_position=0)

        position = epoch.advance(position, witness)

        assert TradingState.objects.get().status == "halted"
        assert epoch.advance(position, witness) == position + 1

    def test_no_redis_proves_nothing(self, trading):
        gone = Witness("unix:///nowhere/valkey.sock")
        epoch.begin("w1", timezone.now(), gone)
        assert epoch.advance(0, gone) == 1
        assert not TradingState.objects.exists()
        gone.close()


class TestWhatIsHeldUp:
    def test_older_signals_wait_and_newer_ones_of_others_do_not(self, trading, simulator):
        platform = Platform(simulator, trading, None)
        receipt = platform.store({"id": "old", "symbol": "BTC/USDT", "side": "buy", "amount": "0.1"})
        epoch.require_all(reason="test", since=timezone.now() - LONG_AGO)
        held = facts.refresh_facts().held_before

        assert claims.claim_signals(10, held) == []
        newer = platform.store({"id": "new", "symbol": "BTC/USDT", "side": "buy", "amount": "0.1"})
        assert [signal.id for signal in claims.claim_signals(10, held)] == [newer.signal_id]
        assert Signal.objects.get(pk=receipt.signal_id).status == "pending"

    def test_what_has_expired_meanwhile_is_let_go(self, trading, simulator):
        platform = Platform(simulator, trading, None)
        receipt = platform.store({"id": "old", "symbol": "BTC/USDT", "side": "buy", "amount": "0.1"})
        Signal.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        epoch.require_all(reason="test", since=timezone.now() - LONG_AGO)

        claimed = claims.claim_signals(10, facts.refresh_facts().held_before)

        assert [signal.id for signal in claimed] == [receipt.signal_id]

    def test_queued_orders_of_an_account_that_was_not_compared_stay(self, platform):
        signal = platform.settle(exchange="binance", amount="0.1")
        order = signal.orders.get()
        credential = str(order.credential_id)
        platform.executor.stop()  # it would take the order first
        with connection.cursor() as cursor:  # a row as an older backup has it
            cursor.execute("ALTER TABLE execution_order DISABLE TRIGGER USER")
            cursor.execute("UPDATE execution_order SET status = 'queued', final_at = NULL, exchange_order_id = ''")
            cursor.execute("ALTER TABLE execution_order ENABLE TRIGGER USER")
        wanted = {"validity_s": 1, "check_after_s": 5}

        assert claims.claim_orders({"binance": 5}, unreconciled=[credential], **wanted) == []
        assert len(claims.claim_orders({"binance": 5}, **wanted)) == 1


class TestSettling:
    def test_an_order_whose_id_follows_from_a_waiting_signal_gets_its_row_and_its_fills(self, platform, started):
        """The backup is from before the order was sent: the signal waits, the order is at the exchange."""
        signal = platform.settle(exchange="binance", amount="0.1")
        (booked,) = platform.ledger()
        platform.executor.stop()  # it would find the order by itself
        forget_order(signal, status="pending")

        task = task_for()
        found = orders.settle(task, [_as_seen(booked)], timezone.now())
        facts.refresh_facts()
        platform.executor = started()
        signal = platform.final(Signal.objects.get(pk=signal.pk))

        assert (found.adopted, found.orphans, found.clean) == (1, 0, True)
        assert (signal.status, signal.filled_amount) == ("filled", D("0.1"))
        assert signal.orders.get().client_order_id == booked["client_order_id"]
        assert len(platform.ledger()) == 1

    def test_an_order_of_a_signal_that_is_lost_too_is_shown_and_adopted_when_the_client_sends_again(
        self, platform, started
    ):
        body = {"id": "again", "symbol": "BTC/USDT", "side": "buy", "amount": "0.1", "exchange": "binance"}
        signal = platform.settle(**body)
        (booked,) = platform.ledger()
        platform.executor.stop()
        forget_order(signal)
        Signal.objects.all().delete()

        found = orders.settle(task_for(), [_as_seen(booked)], timezone.now())

        assert (found.adopted, found.orphans) == (0, 1)
        orphan = Orphan.objects.get()
        assert (orphan.client_order_id, orphan.order_id) == (booked["client_order_id"], None)
        assert facts.refresh_facts().orphans == {signal.user_id: {booked["client_order_id"]}}
        platform.executor = started()
        again = platform.settle(**body)
        assert (again.pk, again.status, len(platform.ledger())) == (signal.pk, "filled", 1)
        orphan.refresh_from_db()
        assert orphan.order_id == again.orders.get().pk

    def test_a_queued_row_of_an_order_that_is_there_is_looked_up_and_not_sent(self, platform, started):
        signal = platform.settle(exchange="binance", amount="0.1")
        (booked,) = platform.ledger()
        platform.executor.stop()
        _back_to_queued(signal)

        found = orders.settle(task_for(), [_as_seen(booked)], timezone.now())
        platform.executor = started()
        signal = platform.final(signal)

        assert (found.adopted, signal.status, len(platform.ledger())) == (1, "filled", 1)

    def test_an_order_we_called_not_placed_is_a_contradiction_for_people(self, platform):
        platform.simulator.control.queue_fault("binance", "rate_limit")
        signal = platform.settle(amount="0.1")
        first = signal.orders.get(attempt=1)
        assert first.status == "not_placed"

        orders.settle(task_for(), [seen_order(first.client_order_id)], timezone.now())

        assert Orphan.objects.get().client_order_id == first.client_order_id

    def test_other_peoples_orders_are_left_alone(self, trading):
        found = orders.settle(task_for(), [seen_order("web-1234"), seen_order("")], timezone.now())

        assert (found.adopted, found.orphans, found.clean) == (0, 0, True)
        assert not Orphan.objects.exists()

    def test_where_ids_are_not_kept_an_unknown_order_holds_up_what_may_be_it(self, trading, simulator):
        platform = Platform(simulator, trading, None)
        platform.store({"id": "n1", "symbol": "BTC/NOK", "side": "buy", "amount": "0.1", "exchange": "firi"})
        nameless = seen_order("", exchange_order_id="77", symbol="BTC/NOK")

        found = orders.settle(task_for("firi"), [nameless], timezone.now())

        assert (found.orphans, found.clean) == (1, False)
        row = Reconciliation.objects.get(exchange_id="firi")
        assert "77, which may be ours" in row.last_error
        Orphan.objects.update(resolved_at=timezone.now(), resolution="Traded by hand.")
        assert orders.settle(task_for("firi"), [nameless], timezone.now()).clean

    def test_where_old_orders_are_forgotten_an_absence_is_no_obstacle_and_a_restored_backup_is(self):
        now = timezone.now()
        task = orders.Task(uuid4(), 1, "kucoin", Mode.LIVE, now - timedelta(days=9), frozenset(), True, False)

        assert now - timedelta(days=3) < orders.reachable(task, now) < now - timedelta(days=2)
        with pytest.raises(ExchangeError, match="Look there yourself"):
            orders.reachable(replace(task, restored=True), now)

    def test_an_exchange_that_does_not_tell_keeps_its_accounts_out(self, trading):
        task = task_for()
        orders.failed(task, "503")

        row = Reconciliation.objects.get(pk=task.credential_id)
        assert (row.clean_at, row.last_error) == (None, "503")
        assert str(task.credential_id) in facts.refresh_facts().unreconciled


def test_a_worker_that_comes_back_after_an_absence_compares_first_and_trades_then(platform, started):
    signal = platform.settle(exchange="binance", amount="0.1")
    platform.executor.stop()
    forget_order(signal, status="pending")
    Heartbeat.objects.update(seen_at=timezone.now() - LONG_AGO)

    second = started()
    platform.executor = second
    signal = platform.final(Signal.objects.get(pk=signal.pk), within_s=15)
    fresh = platform.settle(exchange="binance", amount="0.2")

    assert (signal.status, fresh.status) == ("filled", "filled")
    assert OrderEvent.objects.filter(order__signal=signal, reason_code="ADOPTED").exists()
    assert [D(booked["amount"]) for booked in platform.ledger()] == [D("0.1"), D("0.2")]
    assert not Reconciliation.objects.filter(clean_at=None).exists()


def test_while_an_exchange_cannot_be_compared_its_orders_go_elsewhere(platform, started):
    platform.settle(amount="0.1")  # Binance is asked about the pairs that somebody trades
    platform.executor.stop()
    Heartbeat.objects.update(seen_at=timezone.now() - LONG_AGO)
    platform.simulator.control.queue_fault("binance", "error_500_before", operation="fetch_orders", count=50)
    platform.simulator.control.queue_fault("binance", "error_500_before", operation="fetch_open_orders", count=50)
    began = timezone.now()
    platform.executor = started()
    deadline = time.monotonic() + 10
    while not Reconciliation.objects.filter(exchange_id="kraken", clean_at__gt=began).exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.6)  # the worker's facts are half a second old at the most

    signal = platform.settle(amount="0.1")

    skipped = signal.decisions.get().candidates[0]
    assert (skipped["exchange"], skipped["code"], signal.exchange_id) == ("binance", "NOT_RECONCILED", "kraken")


def forget_order(signal: Signal, **changes: object) -> None:
    """As if the backup were from before the order."""
    with connection.cursor() as cursor:
        for table in ("execution_orderevent", "execution_fill"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(f"DELETE FROM {table}")
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("DELETE FROM execution_decision")
        cursor.execute("DELETE FROM execution_position")
        cursor.execute("DELETE FROM execution_feetotal")
    Order.objects.filter(signal=signal).delete()
    Signal.objects.filter(pk=signal.pk).update(
        attempt=0, final_at=None, filled_amount=0, filled_notional=0, exchange=None, **{"status": "pending", **changes}
    )


def _back_to_queued(signal: Signal) -> None:
    with connection.cursor() as cursor:
        for table in ("execution_order", "execution_fill"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM execution_fill")
        cursor.execute("DELETE FROM execution_position")
        cursor.execute("DELETE FROM execution_feetotal")
        cursor.execute(
            "UPDATE execution_order SET status = 'queued', final_at = NULL, exchange_order_id = '', filled_amount = 0, "
            "filled_notional = 0, next_check_at = NULL"
        )
        for table in ("execution_order", "execution_fill"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    Signal.objects.filter(pk=signal.pk).update(status="queued", final_at=None, filled_amount=0, filled_notional=0)


def _as_seen(booked: dict) -> SeenOrder:
    return SeenOrder(
        client_order_id=booked["client_order_id"],
        exchange_order_id=booked["exchange_order_id"],
        symbol=booked["symbol"],
        side=Side(booked["side"]),
        order_type=OrderType(booked["type"]),
        amount=D(booked["amount"]),
        price=D(booked["price"]) if booked["price"] else None,
        status=OrderStatus.FILLED,
        filled_amount=D(booked["filled"]),
        created_at=time.time() - 5,
    )
