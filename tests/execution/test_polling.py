"""Health endpoints that answer nonsense, hang or lie, and what a clock may do to the checks."""

from datetime import timedelta

import pytest
from django.utils import timezone

from execution.domain.health import Check
from execution.domain.rollups import Counted
from execution.models import CircuitBreaker, ExchangeHealth, HealthEvent
from execution.selectors import facts
from execution.services import health, housekeeping, rollups
from execution.services.budgets import Banned
from policies import snapshot
from policies.models import Exchange
from tests.execution.conftest import Platform


def status_of(slug: str = "binance") -> str:
    return ExchangeHealth.objects.get(pk=slug).status


def poll(platform: Platform) -> None:
    ExchangeHealth.objects.update(checked_at=timezone.now() - timedelta(hours=1))
    platform.poll_health()


@pytest.mark.parametrize("fault", ["html_200", "error_500_before", "timeout_before"])
def test_a_check_that_gets_nonsense_or_nothing_has_failed(platform, fault, monkeypatch):
    monkeypatch.setattr(health, "PING_TIMEOUT_S", 0.5)
    for slug in ("binance", "firi"):
        platform.simulator.control.queue_fault(slug, fault, operation="fetch_time", count=2)

    poll(platform)
    poll(platform)

    assert (status_of("binance"), status_of("firi"), status_of("kraken")) == ("down", "down", "ok")
    assert ExchangeHealth.objects.get(pk="binance").last_error


def test_maintenance_that_is_announced_while_orders_are_taken_does_not_take_it_out(platform):
    announced = {"binance": Check(timezone.now(), ok=False, error="Upgrade.", maintenance=True)}
    policy = snapshot.refresh()
    placed = Counted()
    placed.add(40)
    rollups.add({("binance", "place", 0.0): placed})

    health.store_checks(announced, policy)
    assert status_of() == "ok"
    assert platform.settle(amount="0.01").exchange_id == "binance"

    failed = Counted(calls=9, failures=9)
    rollups.add({("binance", "place", 0.0): failed})
    health.store_checks(announced, policy)
    assert status_of() == "maintenance"


def test_maintenance_is_believed_where_nobody_places_orders(platform):
    long_ago = Counted()
    long_ago.add(40)
    rollups.add({("binance", "place", 300.0): long_ago})

    health.store_checks(
        {"binance": Check(timezone.now(), ok=False, error="Upgrade.", maintenance=True)}, snapshot.refresh()
    )

    assert status_of() == "maintenance"


def test_a_clock_that_was_set_back_does_not_stop_the_polls(platform):
    Exchange.objects.update(health_interval_s=30)
    ExchangeHealth.objects.update(checked_at=timezone.now() + timedelta(days=3))

    assert "binance" in housekeeping.poll_health(platform.executor, snapshot.refresh())
    assert housekeeping.poll_health(platform.executor, snapshot.refresh()) == []


def test_a_clock_that_jumped_ahead_costs_one_check_and_no_order(platform):
    ExchangeHealth.objects.update(checked_at=timezone.now() - timedelta(days=3))
    facts.refresh_facts()

    signal = platform.settle(amount="0.01")

    assert (signal.status, signal.exchange_id) == ("filled", "binance")
    assert timezone.now() - ExchangeHealth.objects.get(pk="binance").checked_at < timedelta(minutes=1)
    assert not HealthEvent.objects.filter(exchange_id="binance").exclude(old_status="unknown").exists()


def test_a_health_endpoint_that_lies_keeps_nothing_in_use_that_takes_no_orders(platform):
    platform.simulator.control.queue_fault("binance", "disconnect_before", count=100)
    for _ in range(5):
        platform.settle(amount="0.01")

    poll(platform)
    poll(platform)

    assert status_of() == "ok", "so it says"
    assert CircuitBreaker.objects.get(exchange_id="binance", credential=None).state == "open"
    assert platform.settle(amount="0.01").orders.get().exchange_id == "kraken"


def test_a_ban_is_in_the_log_from_its_beginning_to_its_end(platform):
    now = timezone.now()
    health.store_ban(Banned("binance", (now + timedelta(seconds=30)).timestamp()))
    health.store_ban(Banned("binance", (now + timedelta(seconds=60)).timestamp()))
    ExchangeHealth.objects.filter(pk="binance").update(banned_until=now - timedelta(seconds=1))

    platform.poll_health()

    events = HealthEvent.objects.filter(kind="ban").order_by("at")
    assert sorted((event.old_status, event.new_status) for event in events) == [
        ("allowed", "banned"),
        ("banned", "allowed"),
    ]
    assert ExchangeHealth.objects.get(pk="binance").banned_until is None
