"""Rules are evaluated: alerts open once, are seen again, close after the hold time and tell it once."""

import threading
import uuid
from copy import copy
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from execution.models import Alert, AlertDelivery, ExchangeHealth, Heartbeat, Signal, WebhookDelivery
from execution.selectors.alerts import EVALUATORS
from execution.services import alerts
from execution.services.alerts.watch import watch_once
from execution.services.housekeeping import only_one
from policies import snapshot
from policies.alerts import store_channel
from policies.domain.alerts import MEANINGS, Condition
from policies.models import AlertChannel, AlertRule, Exchange
from tests.admin import world

REASON = "people must be told of this"


@pytest.fixture
def day(risk_manager):
    """A desk where all is well, without the installed rules."""
    AlertRule.objects.update(enabled=False)
    return world.calm_day(minutes=1)


class Clock:
    """Time for the evaluation alone."""

    def __init__(self):
        self.at = timezone.now()

    def pass_s(self, seconds):
        """Health checks go on meanwhile."""
        self.at += timedelta(seconds=seconds)
        ExchangeHealth.objects.update(checked_at=self.at)


@pytest.fixture
def clock():
    return Clock()


def channel(name="desk"):
    target = {"slack_hook": "T0000000/B0000000/abcdefghijklmnopqrstuvwx"}
    return store_channel(AlertChannel(name=name, kind="slack"), target, reason=REASON, by=None)


def rule(condition, *channels, **kwargs):
    row = AlertRule.objects.create(name=f"r {condition}", condition=condition, severity="critical", **kwargs)
    row.channels.set(channels)
    return row


def look(clock=None):
    snapshot.forget()
    return alerts.evaluate(clock.at if clock else None)


def down(*slugs):
    for slug in slugs:
        world.healthy(slug, status="down", last_error="HTTP 503: service unavailable")


def all_slugs():
    return list(Exchange.objects.values_list("slug", flat=True))


def told(kind):
    return AlertDelivery.objects.filter(kind=kind).count()


def test_every_condition_has_an_evaluator_and_words():
    assert set(EVALUATORS) == set(MEANINGS) == set(Condition)


def test_a_calm_day_finds_nothing(day):
    AlertRule.objects.update(enabled=True)

    look()

    assert not Alert.objects.exists()


def test_a_fresh_installation_has_the_critical_rules_without_channels(db):
    assert AlertRule.objects.filter(enabled=True, severity="critical", channels=None).count() >= 10


def test_an_exchange_that_is_down_is_one_alert_however_often_it_is_seen(day, clock):
    rule("exchange_down", channel())
    down("okx")

    for _ in range(50):
        look(clock)
    alert = Alert.objects.get()

    assert (alert.times_seen, alert.scope_key, alert.subject) == (50, "okx", "OKX is down")
    assert "503" in alert.evidence
    assert alert.link == "/admin/policies/exchange/okx/change/"
    assert told("opened") == 1
    assert AlertDelivery.objects.count() == 1


def test_a_thousand_denials_are_one_alert(day):
    rule("denials", channel(), threshold=100)
    first = world.make_signal(day.sender, "denied", reason_code="ORDER_VALUE", received_at=timezone.now())
    for signal in (copies := [copy(first) for _ in range(999)]):
        signal.pk, signal.idempotency_key = uuid.uuid4(), uuid.uuid4().hex
    Signal.objects.bulk_create(copies)

    look()
    look()

    assert Alert.objects.get().subject.endswith("denials within an hour")
    assert AlertDelivery.objects.count() == 1


def test_it_closes_after_the_hold_time_and_tells_it_once(day, clock):
    rule("exchange_down", channel(), hold_s=30)
    down("okx")
    look(clock)
    world.healthy("okx")

    clock.pass_s(20)
    look(clock)
    assert Alert.objects.get().closed_at is None
    clock.pass_s(15)
    for _ in range(5):
        look(clock)

    alert = Alert.objects.get()
    assert alert.closed_at == alert.cleared_at == clock.at
    assert (told("opened"), told("recovered")) == (1, 1)
    assert "RECOVERED: OKX is down" in AlertDelivery.objects.get(kind="recovered").text


def test_what_flaps_within_the_hold_time_stays_one_alert(day, clock):
    rule("exchange_down", channel(), hold_s=30)
    for _ in range(10):
        down("okx")
        look(clock)
        clock.pass_s(10)
        world.healthy("okx")
        look(clock)
        clock.pass_s(10)

    assert Alert.objects.count() == AlertDelivery.objects.count() == 1


def test_what_comes_back_later_is_a_new_alert(day, clock):
    rule("exchange_down", channel(), hold_s=10)
    for _ in range(2):
        down("okx")
        look(clock)
        world.healthy("okx")
        clock.pass_s(15)
        look(clock)

    assert Alert.objects.count() == 2
    assert (told("opened"), told("recovered")) == (2, 2)


def test_all_exchanges_down_is_one_alert_with_one_recovery(day, clock):
    hook = channel()
    rule("exchange_down", hook)
    rule("chain_out", hook)
    down(*all_slugs())
    look(clock)
    clock.pass_s(60)
    look(clock)

    assert Alert.objects.get().subject == "No exchange is left for any signal"
    for slug in all_slugs():
        world.healthy(slug)
    look(clock)
    clock.pass_s(60)
    look(clock)
    look(clock)

    assert (told("opened"), told("recovered")) == (1, 1)


def test_all_exchanges_down_without_a_rule_about_chains_is_one_alert_too(day):
    rule("exchange_down")
    down(*all_slugs())

    look()

    assert Alert.objects.get().subject == "All exchanges are down"


def test_nobody_is_told_that_one_recovered_while_all_are_out(day, clock):
    hook = channel()
    rule("exchange_down", hook, repeat_s=60)
    rule("chain_out", hook)
    down("okx")
    look(clock)
    down(*all_slugs())
    for _ in range(3):
        clock.pass_s(61)
        look(clock)

    assert list(Alert.objects.filter(cleared_at=None).values_list("subject", flat=True).order_by("subject")) == [
        "No exchange is left for any signal",
        "OKX is down",
    ]
    assert (told("opened"), told("repeated"), told("recovered")) == (2, 0, 0)


def test_whoever_is_not_told_of_chains_hears_that_all_are_down(day):
    """A rule about chains that tells nobody must not silence the one that does."""
    rule("exchange_down", channel())
    rule("chain_out")
    down(*all_slugs())

    look()

    assert "All exchanges are down" in AlertDelivery.objects.get().text


def test_whoever_watches_one_exchange_hears_of_it_when_all_are_down(day):
    rule("exchange_down", channel(), scope="okx")
    rule("chain_out")
    down(*all_slugs())

    look()

    assert "OKX is down" in AlertDelivery.objects.get().text


def place(day, exchange, **statuses):
    for status, number in statuses.items():
        for _ in range(number):
            signal = world.make_signal(day.sender, exchange_id=exchange)
            world.make_order(signal, status)


def test_rejections_are_a_share_of_an_exchanges_orders_and_need_a_few_of_them(day):
    rule("rejections", threshold=50)
    place(day, "kraken", rejected=4)
    place(day, "okx", rejected=5, filled=5)
    place(day, "kucoin", rejected=6, filled=5)

    look()

    alert = Alert.objects.get()
    assert (alert.scope_key, alert.evidence) == ("kucoin", "6 of 11 within five minutes, more than 50 %.")


@pytest.mark.parametrize("status", ["pending", "routing"])
def test_a_signal_that_waits_too_long_is_told(day, clock, status):
    rule("queue_age", threshold=30)
    world.make_signal(day.sender, status, received_at=clock.at)
    clock.pass_s(30)
    look(clock)
    assert not Alert.objects.exists()

    clock.pass_s(1)
    look(clock)

    assert Alert.objects.get().subject == "A signal or order waits to be sent"


def test_a_slice_waits_from_when_it_is_due_and_a_signal_in_parts_does_not(day, clock):
    rule("queue_age", threshold=30)
    parent = world.make_signal(day.sender, "pending", received_at=world.ago(hours=1), parts_made=3)
    due = clock.at + timedelta(minutes=10)
    part = {"parent": parent, "part": 3, "allotted": parent.amount, "due_at": due}
    world.make_signal(day.sender, "pending", received_at=world.ago(hours=1), **part)
    clock.pass_s(60)
    look(clock)
    assert not Alert.objects.exists()

    clock.pass_s(571)
    look(clock)

    assert Alert.objects.get().subject == "A signal or order waits to be sent"


def test_a_rule_waits_for_as_long_as_it_says(day, clock):
    rule("exchange_down", channel(), for_s=60)
    down("okx")
    look(clock)
    clock.pass_s(59)
    look(clock)
    assert Alert.objects.get().opened_at is None
    assert told("opened") == 0

    clock.pass_s(2)
    look(clock)

    assert Alert.objects.get().opened_at == clock.at
    assert told("opened") == 1


def test_what_does_not_last_is_never_told(day, clock):
    rule("exchange_down", channel(), for_s=60)
    down("okx")
    look(clock)
    world.healthy("okx")
    clock.pass_s(5)
    look(clock)

    assert not Alert.objects.filter(cleared_at=None).exists()
    assert not AlertDelivery.objects.exists()


def test_it_is_repeated_until_somebody_takes_it(day, clock, risk_manager):
    rule("exchange_down", channel(), repeat_s=300)
    down("okx")
    look(clock)
    for _ in range(2):
        clock.pass_s(301)
        look(clock)
        look(clock)
    assert told("repeated") == 2

    alerts.take(Alert.objects.get().pk, by=risk_manager)
    clock.pass_s(301)
    look(clock)

    assert told("repeated") == 2
    assert Alert.objects.get().taken_by == risk_manager


def test_a_closed_alert_stays_silent_while_its_condition_lasts_and_opens_anew_later(day, clock, risk_manager):
    rule("exchange_down", channel(), hold_s=10, repeat_s=60)
    down("okx")
    look(clock)
    alerts.close(Alert.objects.get().pk, by=risk_manager, reason="their maintenance, announced")
    clock.pass_s(120)
    look(clock)
    assert AlertDelivery.objects.count() == 1
    with pytest.raises(ValidationError, match="closed already"):
        alerts.take(Alert.objects.get().pk, by=risk_manager)

    world.healthy("okx")
    look(clock)
    clock.pass_s(20)
    look(clock)
    assert told("recovered") == 0
    down("okx")
    look(clock)

    assert Alert.objects.count() == 2
    assert told("opened") == 2


def test_a_rule_limited_to_one_exchange_says_nothing_of_others(day):
    rule("exchange_down", scope="kraken")
    down("okx")

    look()

    assert not Alert.objects.exists()


def test_a_rule_that_is_switched_off_closes_its_alerts_without_a_notice(day):
    row = rule("exchange_down", channel())
    down("okx")
    look()
    AlertRule.objects.filter(pk=row.pk).update(enabled=False)

    look()

    assert Alert.objects.get().closed_at is not None
    assert told("recovered") == 0


def test_a_channel_that_is_switched_off_gets_no_notice(day):
    hook = channel()
    AlertChannel.objects.filter(pk=hook.pk).update(enabled=False)
    rule("exchange_down", hook)
    down("okx")

    look()

    assert Alert.objects.exists()
    assert not AlertDelivery.objects.exists()


def test_the_database_keeps_two_open_alerts_of_one_thing_out(day):
    row = rule("exchange_down")
    down("okx")
    look()
    values = {"severity": "info", "subject": "twin", "began_at": timezone.now(), "last_seen_at": timezone.now()}

    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.create(rule=row, scope_key="okx", **values)
    Alert.objects.create(rule=row, scope_key="bybit", **values)


def test_each_condition_sees_its_own_trouble(day, risk_manager):
    thresholds = {
        "failovers": 0, "denials": 3, "orders_unknown": 60, "webhook_refusals": 0, "rejections": 50, "queue_age": 30,
    }  # fmt: skip
    place(day, "kraken", rejected=5)
    world.make_signal(day.sender, "pending", received_at=world.ago(minutes=1))
    world.bad_day_on(day, risk_manager)
    Heartbeat.objects.filter(kind="worker").update(seen_at=world.ago(minutes=3))
    Heartbeat.objects.filter(name="canary:exit").update(seen_at=world.ago(minutes=3))
    world.healthy("bybit", status="degraded", latency=900)
    failed_over = world.make_signal(day.sender)
    world.decide(failed_over, "bybit", decided_at=timezone.now())
    refused(day)
    world.open_breaker("kraken")
    down("kraken")
    world.restored()
    world.arbitrage_trade(day.sender, "held")
    for condition in set(Condition) - {Condition.CHAIN_OUT}:
        rule(condition, threshold=thresholds.get(condition))

    look()

    missing = {
        c for c in set(Condition) - {Condition.CHAIN_OUT} if not Alert.objects.filter(rule__condition=c).exists()
    }
    assert missing == set()


def refused(day):
    WebhookDelivery.objects.create(
        webhook=day.sender.webhooks.get(), at=timezone.now(), outcome="refused", body_hash="0" * 64, took_ms=1
    )


def test_an_evaluation_costs_fifteen_queries_at_the_most_however_many_exchanges_there_are(day, clock, risk_manager):
    AlertRule.objects.update(enabled=True)
    AlertRule.objects.get(name="Exchange down").channels.set([channel()])
    down("okx", "kraken")
    clock.pass_s(20)
    look(clock)
    clock.pass_s(20)
    look(clock)
    world.healthy("kraken")
    world.bad_day_on(day, risk_manager)
    look(clock)
    clock.pass_s(120)
    world.lost_order(day.sender)
    world.many_exchanges(42)
    down(*all_slugs()[::2])
    snapshot.refresh()  # every process has it already

    with CaptureQueriesContext(connection) as queries:
        alerts.evaluate(clock.at)

    assert AlertDelivery.objects.exists()
    assert len(queries) <= 15, "\n".join(query["sql"][:150] for query in queries)


def test_without_beat_every_process_evaluates_by_itself(day):
    rule("beat_silent")
    assert not watch_once()
    Heartbeat.objects.filter(kind="beat").update(seen_at=world.ago(minutes=3))

    assert watch_once()

    assert Alert.objects.get().subject == "The scheduler (beat) is silent"


@pytest.mark.parametrize("gone", [{"kind": "worker"}, {"name": "canary:health"}, {"name": "canary:background"}])
def test_without_workers_or_messages_too(day, gone):
    Heartbeat.objects.filter(**gone).update(seen_at=world.ago(minutes=3))

    assert watch_once()


def test_two_processes_do_not_evaluate_at_the_same_time(transactional_db):
    rule("exchange_down")
    world.all_healthy()
    down("okx")
    answers = []

    def other():
        answers.append(alerts.evaluate())
        connection.close()

    with only_one("alerts") as mine:
        assert mine
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    assert answers == [0]
    assert not Alert.objects.exists()
