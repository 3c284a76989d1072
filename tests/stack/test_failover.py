"""The primary exchange dies under load: it is noticed, passed over, and nothing is lost or placed twice."""

import random
import threading
import time
from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from execution.models import Decision, HealthEvent, Order, Signal
from tests.stack.conftest import differences, wait_until_final

pytestmark = pytest.mark.stack
PER_SECOND, SECONDS, BACK_AFTER_S = 20, 15, 8
TOLD_WITHIN = timedelta(seconds=1)
"""Both kinds of news reach every process within its half second of memory; the rest is this machine's noise."""


def p99_us(since: datetime, until: datetime) -> int:
    took = sorted(Decision.objects.filter(decided_at__range=(since, until)).values_list("took_us", flat=True))
    return took[int(len(took) * 0.99)] if took else 0


@pytest.mark.parametrize("stack", [4], indirect=True)
def test_a_dead_primary_costs_five_orders_at_most(stack, traders):
    control, began = stack.simulator.control, timezone.now()
    body = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.001"}
    accepted: Counter[int] = Counter()

    def post(number: int) -> None:
        client = traders.all[number].client(stack)
        for n in range(PER_SECOND * SECONDS // len(traders.all)):
            answer = client.post("/api/signals", body, key=f"d{number}-{n}")
            accepted[answer.status] += 1
            time.sleep(len(traders.all) / PER_SECOND)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(len(traders.all))]
    for thread in threads:
        thread.start()
    time.sleep(random.Random(time.time_ns()).uniform(2, 4))
    off = timezone.now()
    control.configure("binance", down=True)
    time.sleep(BACK_AFTER_S)
    back = timezone.now()
    control.configure("binance", down=False)
    for thread in threads:
        thread.join()
    wait_until_final(sum(accepted.values()), within_s=90)

    noticed = HealthEvent.objects.filter(exchange_id="binance", at__gte=off, new_status__in=["open", "down"])
    at = noticed.order_by("at").values_list("at", flat=True)[0]
    tried = Order.objects.filter(exchange_id="binance", submitted_at__range=(off, back))
    late = tried.filter(submitted_at__gt=at + TOLD_WITHIN)
    healthy, dead = p99_us(began, off), p99_us(at + TOLD_WITHIN, back)
    print(
        f"\nnoticed after {(at - off).total_seconds():.2f} s and {tried.filter(submitted_at__lt=at).count()} orders; "
        f"routing p99 {healthy} µs before, {dead} µs with the dead primary ({dead / max(healthy, 1):.2f})"
    )
    assert set(accepted) == {202}
    assert not late.exists()
    assert (at - off).total_seconds() <= 2 * 2 + 1.5, "two polls of two seconds, and their time-outs"
    assert list(Signal.objects.exclude(status="filled").values_list("status", "reason_code", "reason_detail")) == []
    elsewhere = Signal.objects.filter(received_at__range=(at + TOLD_WITHIN, back))
    assert set(elsewhere.values_list("exchange_id", flat=True)) == {"kraken"}
    assert differences(control, traders=len(traders.all)) == []
