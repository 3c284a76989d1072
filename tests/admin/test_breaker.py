"""The breaker in the admin: what pages say of it, and what people may do with it."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from execution.domain.breaker import BreakerState
from execution.models import CircuitBreaker, HealthEvent
from execution.selectors.exchange_status import exchange_status
from execution.selectors.facts import refresh_facts
from execution.services import breakers
from policies.snapshot import refresh
from tests.admin import world

REASON = "They migrate tonight."


@pytest.fixture
def healthy_desk(db):
    world.all_healthy()


def trip(slug="binance", **changes):
    values = {
        "state": "open",
        "since": timezone.now(),
        "open_until": timezone.now() + timedelta(seconds=48.5),
        "trips": 1,
        "cause": "5 failures in a row: HTTP 503",
        **changes,
    }
    CircuitBreaker.objects.update_or_create(exchange_id=slug, credential=None, defaults=values)


def status(slug="binance"):
    return exchange_status(refresh(), refresh_facts(), slug, timezone.now())


def press(client, action, slug="binance", **fields):
    data = {"_form_submitted": "True", "reason": REASON, **fields}
    address = reverse(f"admin:policies_exchange_{action}", args=[slug])
    return client.post(address, data, headers={"HX-Request": "true"})


def list_html(client, query=""):
    refresh_facts()
    return client.get(reverse("admin:policies_exchange_changelist") + query).content.decode()


def test_an_open_breaker_says_when_it_is_tried_again_and_why(healthy_desk):
    trip()

    found = status()

    assert (found.word, found.tone) == ("BREAKER OPEN", "act")
    assert found.sentence == "Breaker open, next probe in 48 s: 5 failures in a row: HTTP 503."


def test_an_exchange_that_is_down_stays_down_and_tells_of_the_breaker(healthy_desk):
    world.healthy("binance", status="down", last_error="HTTP 503")
    trip()

    assert status().word == "DOWN"
    assert "HTTP 503. Breaker open, next probe in 48 s" in status().sentence


def test_an_open_time_that_is_over_reads_half_open_without_anybody_storing_it(healthy_desk):
    trip(open_until=timezone.now() - timedelta(seconds=1))

    assert status().word == "PROBING"
    assert status().breaker_text.startswith("Breaker half open, probes go there: 0 answered so far")


@pytest.mark.parametrize("page", ["changelist", "change"])
def test_list_and_page_show_it(boss, healthy_desk, page):
    trip()
    refresh_facts()

    args = [] if page == "changelist" else ["binance"]
    html = boss.get(reverse(f"admin:policies_exchange_{page}", args=args)).content.decode()

    assert "next probe in" in html
    assert "</span> OPEN</span>" in html


@pytest.mark.parametrize(
    ("value", "shown"), [("open", {"binance"}), ("half_open", {"okx"}), ("forced", {"firi"}), ("closed", {"kraken"})]
)
def test_the_list_is_filtered_by_it(boss, healthy_desk, value, shown):
    trip()
    trip("okx", state="half_open", open_until=None)
    breakers.force("firi", BreakerState.CLOSED, until=None, reason=REASON, by=None)

    html = list_html(boss, f"?breaker={value}")

    listed = {slug for slug in ("binance", "okx", "kraken", "firi") if f"/exchange/{slug}/change/" in html}
    assert listed - {"firi" if value == "closed" else ""} == shown


def test_a_person_opens_it_for_a_time_and_the_log_says_who_and_why(boss, healthy_desk, risk_manager):
    response = press(boss, "open_breaker", minutes="60")

    assert response.status_code == 204
    row = CircuitBreaker.objects.get(exchange_id="binance", credential=None)
    assert (row.state, row.forced, row.forced_by) == ("open", True, risk_manager)
    assert timedelta(minutes=59) < row.forced_until - timezone.now() <= timedelta(minutes=60)
    event = HealthEvent.objects.get(kind="breaker")
    assert (event.by, event.detail, event.old_status, event.new_status) == (risk_manager, REASON, "closed", "open")
    assert "held by a person for 59 min" in status().sentence


def test_closing_holds_until_somebody_lets_go(boss, healthy_desk):
    trip()

    assert press(boss, "close_breaker").status_code == 204
    assert status().breaker_text.startswith("Breaker closed, held by a person until they let go")
    assert press(boss, "let_go").status_code == 204
    assert not status().breaker.forced
    assert [event.detail for event in HealthEvent.objects.filter(kind="breaker")] == [REASON, REASON]


@pytest.mark.parametrize("action", ["open_breaker", "close_breaker"])
def test_without_a_reason_nothing_happens(boss, healthy_desk, action):
    response = press(boss, action, reason="no")

    assert "Write why" in response.content.decode()
    assert not CircuitBreaker.objects.exists()


def test_looking_at_a_dialog_changes_nothing(boss, healthy_desk):
    for action in ("open_breaker", "close_breaker"):
        html = boss.get(reverse(f"admin:policies_exchange_{action}", args=["binance"])).content.decode()
        assert "Until somebody lets go" in html

    assert not CircuitBreaker.objects.exists()


def test_there_is_nothing_to_let_go_of_where_nobody_holds_it(boss, healthy_desk):
    trip()
    refresh_facts()

    assert press(boss, "let_go").status_code == 403
    assert status().breaker.state == "open"


@pytest.mark.parametrize(
    ("role", "action", "allowed"),
    [
        ("viewer", "open_breaker", False),
        ("operator", "open_breaker", True),
        ("operator", "close_breaker", False),
        ("operator", "let_go", False),
        ("risk manager", "close_breaker", True),
        ("risk manager", "let_go", True),
    ],
)
def test_who_may_halt_may_open_and_who_may_resume_may_close(client, staff, healthy_desk, role, action, allowed):
    if action == "let_go":
        breakers.force("binance", BreakerState.OPEN, until=None, reason=REASON, by=None)
        refresh_facts()
    before = CircuitBreaker.objects.values_list("state", "forced").first()
    client.force_login(staff(role))

    assert press(client, action).status_code == (204 if allowed else 403)
    assert (CircuitBreaker.objects.values_list("state", "forced").first() != before) == allowed


def test_the_log_tells_kind_person_and_how_long_it_lasted(boss, healthy_desk, risk_manager):
    def note(minutes, kind, old, new, **more):
        HealthEvent.objects.create(
            exchange_id="kraken", at=world.ago(minutes=minutes), kind=kind, old_status=old, new_status=new, **more
        )

    note(50, "status", "ok", "down", detail="HTTP 503")
    note(38, "status", "down", "ok")
    note(45, "breaker", "closed", "open", by=risk_manager, detail=REASON)
    note(30, "ban", "allowed", "banned", detail="Until 14:00.")
    address = reverse("admin:execution_healthevent_changelist")

    html = boss.get(address).content.decode()
    assert "12 min" in html
    assert "45 min, still" in html or "45 min 0 s, still" in html
    assert "BANNED" in html
    assert "risk.two" in html
    only = boss.get(address, {"kind__exact": "breaker"}).content.decode()
    assert REASON in only
    assert "HTTP 503" not in only
    people = boss.get(address, {"by_whom": "person"}).content.decode()
    assert REASON in people
    assert "BANNED" not in people
