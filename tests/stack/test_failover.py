"""The primary exchange dies under load: it is noticed, passed over, and nothing is lost or placed twice."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from execution.domain.health import DOWN_AFTER_FAILURES
from execution.models import Decision, HealthEvent, HealthSample, Order, Signal
from routing_platform.local.stack import Stack
from tests.stack.conftest import Trader, differences, wait_until_final

pytestmark = pytest.mark.stack
PER_SECOND, CALM_S = 20, 5
TOLD_WITHIN = timedelta(seconds=1)
"""Both kinds of news reach every process within its half second of memory; the rest is this machine's noise."""


@pytest.fixture
def stack_environment() -> Mapping[str, str]:
    """An exchange is given production's time: a second is no sign of death on a busy machine."""
    return {"EXCHANGE_TIMEOUT_S": "5", "ORDER_VALIDITY_S": "5"}


@contextmanager
def orders_of(traders: list[Trader], stack: Stack) -> Iterator[Counter[int]]:
    """PER_SECOND orders while it is open; the statuses of the answers, complete when it is closed."""
    body = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.001"}
    accepted: Counter[int] = Counter()
    enough = threading.Event()

    def post(number: int) -> None:
        client, sent = traders[number].client(stack), 0
        while not enough.wait(len(traders) / PER_SECOND):
            sent += 1
            accepted[client.post("/api/signals", body, key=f"d{number}-{sent}").status] += 1

    threads = [threading.Thread(target=post, args=(number,)) for number in range(len(traders))]
    for thread in threads:
        thread.start()
    try:
        yield accepted
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def noticed(since: datetime, within_s: float = 60) -> datetime:
    """When binance was first called out of use after that."""
    events = HealthEvent.objects.filter(exchange_id="binance", at__gte=since, new_status__in=["open", "down"])
    deadline = time.monotonic() + within_s
    while (first := events.order_by("at").first()) is None:
        assert time.monotonic() < deadline, "nobody noticed"
        time.sleep(0.1)
    return first.at


def p99_us(since: datetime, until: datetime) -> int:
    took = sorted(Decision.objects.filter(decided_at__range=(since, until)).values_list("took_us", flat=True))
    return took[int(len(took) * 0.99)] if took else 0


@pytest.mark.parametrize("stack", [4], indirect=True)
def test_a_primary_that_dies_under_load_is_passed_over_as_soon_as_it_is_noticed(stack, traders):
    control, began = stack.simulator.control, timezone.now()

    with orders_of(traders.all, stack) as accepted:
        time.sleep(CALM_S + random.Random(time.time_ns()).uniform(0, 2))  # anywhere between two polls
        off = timezone.now()
        control.configure("binance", down=True)
        at = noticed(off)
        time.sleep(CALM_S)
        back = timezone.now()
        control.configure("binance", down=False)
        time.sleep(CALM_S)
    wait_until_final(sum(accepted.values()), within_s=90)

    tried = Order.objects.filter(exchange_id="binance", submitted_at__range=(off, back))
    checks = HealthSample.objects.filter(exchange_id="binance", ok=False, at__range=(off, at)).count()
    warm = began + 2 * TOLD_WITHIN
    healthy, dead = p99_us(warm, off), p99_us(at + TOLD_WITHIN, back)
    print(
        f"\nnoticed after {(at - off).total_seconds():.2f} s, {tried.filter(submitted_at__lt=at).count()} orders and "
        f"{checks} checks; routing p99 {healthy} µs before, {dead} µs with the dead primary "
        f"({dead / max(healthy, 1):.2f}); {sum(accepted.values())} signals"
    )
    assert set(accepted) == {202}
    assert checks <= DOWN_AFTER_FAILURES
    assert not tried.filter(submitted_at__gt=at + TOLD_WITHIN).exists()
    others = HealthEvent.objects.filter(at__gte=began).exclude(exchange_id="binance")
    assert list(others.values_list("exchange_id", "new_status", "detail")) == []
    assert list(Signal.objects.exclude(status="filled").values_list("status", "reason_code", "reason_detail")) == []
    elsewhere = Signal.objects.filter(received_at__range=(at + TOLD_WITHIN, back))
    assert set(elsewhere.values_list("exchange_id", flat=True)) == {"kraken"}
    assert differences(control, traders=len(traders.all)) == []
