"""The Desk: is everything all right?"""

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse
from redis.exceptions import ConnectionError as RedisDown

from execution.models import Heartbeat
from execution.selectors.attention import attention
from execution.selectors.desk import read_desk, signals_per_minute
from execution.selectors.facts import current_facts, refresh_facts
from policies.domain.policy import Scope, TradingStatus
from policies.models import Exchange, StrategyPolicy
from policies.selectors.changes import latest_changes
from policies.services import set_trading_state
from policies.snapshot import current_policy, refresh
from tests.admin import world
from tests.admin.forms import edit

HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/admin/?x=1"}


@pytest.fixture
def sender(db):
    world.all_healthy()
    return world.trader()


def desk_html(client) -> str:
    return re.sub(r"\s+", " ", client.get(reverse("admin:index")).content.decode())


def items(now):
    refresh()
    refresh_facts()
    return attention(current_policy(), current_facts(), now, 50)


def test_a_calm_desk_says_that_nothing_needs_anybody(boss, sender):
    html = desk_html(boss)

    assert "Nothing needs you" in html
    assert "Nothing was denied in a day." in html
    assert html.count("exchange-ok") == 8


def test_the_tiles_count_what_became_of_the_last_hour(sender):
    for _ in range(3):
        world.make_signal(sender)
    world.make_signal(sender, "denied", reason_code="ORDER_VALUE")
    world.make_signal(sender, "pending", received_at=world.ago(seconds=40))
    world.make_signal(sender, received_at=world.ago(minutes=90))

    desk = read_desk()

    assert (desk.hour.signals, desk.hour.signals_before) == (5, 1)
    assert (desk.hour.filled, desk.hour.finished, desk.hour.denied) == (3, 4, 1)
    assert desk.hour.top_code == "ORDER_VALUE"
    assert desk.waiting == 1
    assert desk.oldest_waiting is not None


def test_nothing_known_is_a_dash_not_a_zero(sender):
    desk = read_desk()

    assert desk.hour.filled_share is None
    assert desk.ack_p95_ms is None


def test_time_to_answer_counts_from_the_receipt_of_the_signal(sender):
    world.make_order(world.make_signal(sender))

    desk = read_desk()

    assert desk.ack_p50_ms == pytest.approx(184, abs=1)


def test_exchange_tiles_show_state_latency_and_orders(boss, sender):
    world.healthy("okx", 610, status="degraded", since=world.ago(minutes=12))
    Exchange.objects.filter(pk="alpaca").update(enabled=False)
    world.make_order(world.make_signal(sender, "executing"), "submitting")
    world.unknown_order(sender)

    tiles = {tile.status.slug: tile for tile in read_desk().tiles}

    assert tiles["okx"].status.word == "DEGRADED"
    assert tiles["alpaca"].status.word == "OFF"
    assert tiles["binance"].live.in_flight == 1
    assert tiles["bybit"].live.in_doubt == 1
    assert read_desk().in_doubt == 1


def test_what_needs_attention_comes_worst_first(sender, risk_manager):
    world.healthy("firi", status="down", since=world.ago(hours=4), last_error="HTTP 503")
    world.healthy("kucoin", checked_at=world.ago(minutes=5))
    world.unknown_order(sender, minutes=1)
    Heartbeat.objects.filter(kind="beat").delete()

    found = items(world.ago())

    words = [item.word for item in found]
    assert words == ["SILENT", "DOWN", "UNKNOWN", "STALE"]
    assert "The scheduler (beat) is silent" in found[0].text
    assert "HTTP 503" in found[1].text
    assert found[2].page == "execution_order"


def test_a_worker_among_several_may_fall_silent_but_not_all(sender):
    Heartbeat.objects.create(name="worker-old", kind="worker", started_at=world.ago(days=1), seen_at=world.ago(hours=9))
    assert items(world.ago()) == []

    Heartbeat.objects.filter(kind="worker").update(seen_at=world.ago(minutes=2))
    assert [item.word for item in items(world.ago())] == ["SILENT"]


def test_an_exchange_that_is_switched_off_or_halted_on_purpose_needs_nobody(sender, risk_manager):
    world.healthy("firi", status="down", last_error="HTTP 503")
    Exchange.objects.filter(pk="firi").update(enabled=False)
    world.three_halts(risk_manager)

    assert items(world.ago()) == []


def test_the_latest_changes_are_named_with_author_and_reason(boss, sender, now_read):
    edit(boss, "exchange", "kraken", taker_fee_bps="26")
    now_read()

    html = desk_html(boss)

    assert "exchange Kraken</a> changed" in html
    assert "fees changed on the first of the month" in html
    assert reverse("admin:policies_exchange_history", args=["kraken"]) in html


def test_a_change_over_several_tables_is_one_line(boss, sender):
    edit(
        boss,
        "failoverchain",
        Exchange.objects.get(pk="binance").chain.pk,
        **{"steps-1-position": "2", "steps-2-position": "1"},
    )

    changes = [change for change in latest_changes(10) if change.model == "failoverchain"]

    assert [(change.name, change.what, change.who) for change in changes] == [("binance", "changed", "risk.two")]


def test_a_halt_and_its_release_are_named_as_such(boss, risk_manager):
    state = {"scope": Scope.EXCHANGE, "target": "firi", "by": risk_manager}
    set_trading_state(**state, status=TradingStatus.HALTED, reason="503s since 09:12")
    set_trading_state(**state, status=TradingStatus.ACTIVE, reason="answers again, reconciled")

    told = [(change.name, change.what, change.reason) for change in latest_changes(5)]

    assert told == [
        ("exchange firi", "resumed", "answers again, reconciled"),
        ("exchange firi", "halted", "503s since 09:12"),
    ]


def test_changes_are_filtered_by_kind_person_and_time(boss, sender):
    edit(boss, "exchange", "kraken", taker_fee_bps="26")
    StrategyPolicy.objects.create(strategy_id="new", exchange_id="kraken")

    assert {change.model for change in latest_changes(10, model="exchange")} == {"exchange"}
    assert {change.name for change in latest_changes(10, who="risk.two")} == {"Kraken"}
    assert latest_changes(10, before=world.ago(hours=1)) == []


def test_people_see_changes_only_of_what_they_may_see(client, staff, sender, now_read):
    world.calm_keys(sender)
    client.force_login(staff("viewer"))
    now_read()

    assert "exchange credential" not in client.get(reverse("admin:changes")).content.decode()
    assert "exchange credential" not in desk_html(client)


def test_the_part_that_refreshes_is_not_kept_by_the_browser(boss, sender):
    response = boss.get(reverse("admin:desk_part"), headers=HTMX)

    assert "no-store" in response["Cache-Control"]
    assert "<html" not in response.content.decode()


def test_the_desk_works_without_redis(boss, sender, monkeypatch):
    def down(*args, **kwargs):
        raise RedisDown("Connection refused")

    monkeypatch.setattr(cache, "get", down)
    monkeypatch.setattr(cache, "set", down)

    assert boss.get(reverse("admin:index")).status_code == 200
    assert boss.get(reverse("admin:desk_part")).status_code == 200
    assert boss.get(reverse("admin:search"), {"s": "binance", "extended": "1"}).status_code == 200


def test_the_chart_has_a_bar_for_every_minute_of_the_hour(boss, sender):
    world.make_signal(sender, received_at=world.ago(minutes=5))
    world.make_signal(sender, "denied", received_at=world.ago(minutes=5), reason_code="ORDER_VALUE")
    world.make_signal(sender, received_at=world.ago(minutes=5), attempt=2)

    minutes = signals_per_minute()
    data = boss.get(reverse("admin:desk_chart")).json()

    assert len(minutes) == 60
    busiest = max(minutes, key=lambda minute: minute.signals)
    assert (busiest.signals, busiest.denied, busiest.failed_over) == (3, 1, 1)
    assert [len(series["data"]) for series in data["datasets"]] == [60, 60, 60]


def test_polling_does_not_extend_the_session(boss, sender):
    session = boss.session
    session.set_expiry(600)
    session.save()
    before = session.get_expiry_date()
    stored = type(session)(session.session_key)

    for _ in range(3):
        boss.get(reverse("admin:desk_part"), headers=HTMX)
        boss.get(reverse("admin:banner"), headers=HTMX)

    row = stored.model.objects.get(session_key=session.session_key)
    assert abs(row.expire_date - before) < timedelta(seconds=5)
    assert "sessionid" not in boss.get(reverse("admin:desk_part"), headers=HTMX).cookies


def test_a_poll_after_the_session_has_ended_loads_the_login_page_in_the_whole_window(client, sender):
    response = client.get(reverse("admin:desk_part"), headers=HTMX)

    assert response.status_code == 204
    assert response["HX-Redirect"] == "/admin/login/?next=%2Fadmin%2F"


def test_login_comes_back_only_to_this_site(client, sender):
    headers = {**HTMX, "HX-Current-URL": "https://evil.example.com//evil.example.com/x"}

    response = client.get(reverse("admin:desk_part"), headers=headers)

    assert "evil.example.com" not in response["HX-Redirect"].partition("?next=")[0]
    after = client.post(response["HX-Redirect"], {"username": "algo1", "password": "wrong"}, follow=False)
    assert after.status_code == 200


def test_logging_in_leads_to_the_desk(client, risk_manager):
    response = client.post(reverse("admin:login"), {"username": "risk.two", "password": "correct horse battery staple"})

    assert response["Location"] == reverse("admin:index")


def test_whoever_may_not_see_signals_sees_no_figures(client, staff, sender):
    client.force_login(staff("credential owner"))

    assert "Signals 1 h" not in desk_html(client)
    assert client.get(reverse("admin:desk_part")).status_code == 403
