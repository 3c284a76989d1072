"""Breakers under a real executor: they open on the exchange's faults only, and what is open gets nothing."""

import time
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from execution.api.signal_input import parse_signal
from execution.domain.breaker import BreakerState
from execution.models import CircuitBreaker, HealthEvent, Order, Signal
from execution.selectors import facts
from execution.services import breakers
from execution.services.intake import store_signals
from policies import snapshot
from policies.models import Exchange, ExchangeCredential
from tests.execution.conftest import Platform, add_keys, add_trader


def state_of(exchange: str = "binance") -> str:
    row = CircuitBreaker.objects.filter(exchange_id=exchange, credential=None).first()
    return row.state if row else "closed"


def until(condition, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, list(CircuitBreaker.objects.values())
        time.sleep(0.02)


def break_it(platform: Platform, count: int = 5) -> None:
    """Placements at binance fail until its breaker opens."""
    platform.simulator.control.queue_fault("binance", "disconnect_before", count=count)
    for _ in range(count):
        platform.submit(amount="0.01")
    until(lambda: state_of() == "open")


def test_five_failures_open_it_and_what_comes_next_goes_elsewhere_without_being_tried(platform):
    break_it(platform)
    tried = len(Order.objects.filter(exchange_id="binance"))

    signal = platform.settle(amount="0.02")

    skipped = signal.decisions.get().candidates[0]
    assert (skipped["exchange"], skipped["code"], signal.exchange_id) == ("binance", "CIRCUIT_OPEN", "kraken")
    assert Order.objects.filter(exchange_id="binance").count() == tried
    event = HealthEvent.objects.get(kind="breaker")
    assert (event.exchange_id, event.old_status, event.new_status) == ("binance", "closed", "open")
    assert "5 failures in a row" in event.detail
    for each in Signal.objects.all():
        assert platform.final(each).status == "filled"


def test_an_order_that_was_queued_before_it_opened_is_not_sent_there(platform):
    Exchange.objects.filter(pk="binance").update(max_in_flight=1)
    snapshot.refresh()
    platform.simulator.control.configure("binance", latency_ms=100)
    platform.simulator.control.queue_fault("binance", "disconnect_before", count=50)

    signals = [platform.submit(amount="0.01") for _ in range(20)]

    done = [platform.final(signal) for signal in signals]
    assert {(s.exchange_id, s.status, s.reason_code, s.reason_detail) for s in done} == {("kraken", "filled", "", "")}
    sent = platform.simulator.control.stats()["binance"]["requests"]["create_order"]
    assert sent < 10, "the five that opened it, and what was on its way"


def test_with_every_exchange_out_nothing_is_sent_and_each_signal_says_so(platform):
    for slug in ("binance", "kraken", "firi", "bybit", "okx", "kucoin"):
        breakers.force(slug, BreakerState.OPEN, until=None, reason="A drill of ours.", by=None)
    facts.refresh_facts()

    signals = [platform.settle(amount="0.01") for _ in range(3)]

    assert {(s.status, s.reason_code) for s in signals} == {("denied", "NO_HEALTHY_EXCHANGE")}
    assert Order.objects.count() == 0


def test_it_comes_back_through_probes(platform):
    Exchange.objects.filter(pk="binance").update(breaker_first_open_s=1, breaker_longest_open_s=1)
    snapshot.refresh()
    break_it(platform)
    time.sleep(1.2)

    for _ in range(3):
        assert platform.settle(amount="0.01").status == "filled"

    until(lambda: state_of() == "closed")
    changes = list(HealthEvent.objects.filter(kind="breaker").order_by("pk").values_list("new_status", flat=True))
    assert changes == ["open", "half_open", "closed"]
    assert platform.settle(amount="0.01").exchange_id == "binance"


def test_while_it_is_probed_only_the_probes_go_there(platform):
    Exchange.objects.filter(pk="binance").update(breaker_first_open_s=1, breaker_longest_open_s=1)
    snapshot.refresh()
    break_it(platform)
    platform.simulator.control.configure("binance", latency_ms=400)
    time.sleep(1.2)

    # Stored and claimed together: none is late enough to find it closed again.
    bodies = [parse_signal({"id": f"p{n}", "symbol": "BTC/USDT", "side": "buy", "amount": "0.01"}) for n in range(10)]
    store_signals(bodies, user_id=platform.user.pk, token_id=None, now=timezone.now(), max_age_s=300)
    platform.executor.wake()
    signals = Signal.objects.filter(idempotency_key__startswith="p")
    exchanges = [platform.final(signal).exchange_id for signal in signals]

    assert (len(exchanges), exchanges.count("binance")) == (10, 1)


def test_one_users_troubles_move_no_exchanges_breaker(platform):
    """A revoked key, a hundred times too little money and a hundred bad orders are not the exchange's fault."""
    poor = add_trader(platform.simulator, "poor", exchanges=())
    add_keys(platform.simulator, poor, "binance", known=False)
    for _ in range(3):
        platform.submit(poor, amount="0.01")
    signals = [
        platform.submit(exchange="binance", amount="30", order_type="limit", limit_price="50200") for _ in range(100)
    ]
    signals += [platform.submit(exchange="binance", amount="0.0000001") for _ in range(100)]

    for signal in signals:
        assert platform.final(signal).status in {"rejected", "denied"}
    time.sleep(0.7)

    assert state_of() == "closed"
    assert not HealthEvent.objects.filter(kind="breaker", credential=None).exists()


def test_keys_that_fail_have_a_breaker_of_their_own(platform):
    Exchange.objects.filter(pk="binance").update(breaker_failures=1)
    snapshot.refresh()
    poor = add_trader(platform.simulator, "poor", exchanges=("kraken",))
    add_keys(platform.simulator, poor, "binance", known=False)

    platform.settle(poor, amount="0.01")

    keys = ExchangeCredential.objects.get(user=poor, exchange_id="binance")
    until(lambda: CircuitBreaker.objects.filter(credential=keys, state="open").exists())
    assert state_of() == "closed"
    assert platform.settle(amount="0.01").exchange_id == "binance"


def test_a_person_opens_and_closes_it_with_a_reason(platform):
    with pytest.raises(ValidationError, match="Write why"):
        breakers.force("binance", BreakerState.OPEN, until=None, reason="x", by=platform.user)
    breakers.force(
        "binance",
        BreakerState.OPEN,
        until=timezone.now() + timedelta(hours=1),
        reason="They migrate tonight.",
        by=platform.user,
    )
    facts.refresh_facts()
    assert platform.settle(amount="0.01").exchange_id == "kraken"

    breakers.release("binance", policy=snapshot.refresh(), reason="They are done.", by=platform.user)

    facts.refresh_facts()
    assert platform.settle(amount="0.01").exchange_id == "binance"
    events = list(HealthEvent.objects.filter(kind="breaker").order_by("pk"))
    assert [(event.new_status, event.by, event.detail) for event in events][:2] == [
        ("open", platform.user, "They migrate tonight."),
        ("half_open", platform.user, "They are done."),
    ]


def test_a_hold_that_ended_is_noted_by_the_clock(platform):
    breakers.force(
        "binance", BreakerState.OPEN, until=timezone.now() + timedelta(seconds=0.2), reason="A short drill.", by=None
    )
    time.sleep(0.3)

    breakers.tick(snapshot.refresh())

    assert state_of() == "half_open"
