"""The page of all exchanges: the worst first, honest about what is not known, and cheap with any number of them."""

import re
import time

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from redis import Redis

from execution.admin import navigation
from execution.domain import feeds
from execution.domain.breaker import BreakerState
from execution.domain.feeds import FeedState
from execution.models import ExchangeHealth
from execution.selectors import facts
from execution.selectors.facts import current_facts, refresh_facts
from execution.selectors.failovers import newest_failovers
from execution.selectors.status_page import status_page
from execution.services import breakers
from execution.services.budgets import budgets_left
from policies import snapshot
from policies.snapshot import current_policy, refresh
from tests.admin import world

HTMX = {"HX-Request": "true"}
QUERIES, LARGEST = 15, 400_000


def text_of(client, name="exchange_status"):
    html = client.get(reverse(f"admin:{name}"), headers=HTMX if name != "exchange_status" else {}).content.decode()
    return re.sub(r"\s+", " ", html)


def shown(budgets=None):
    refresh()
    refresh_facts()
    cache.clear()
    return status_page(current_policy(), current_facts(), budgets or {})


@pytest.fixture
def night(risk_manager):
    return world.night(risk_manager)


def test_the_worst_comes_first_and_says_why(boss, night):
    found = shown()

    assert [row.status.slug for row in found.rows[:3]] == ["binance", "okx", "kraken"]
    assert [row.status.word for row in found.rows[:3]] == ["DOWN", "BREAKER OPEN", "DEGRADED"]
    assert found.tones == {"act": 2, "watch": 1, "ok": 5}
    html = text_of(boss)
    assert html.index('id="status-binance"') < html.index('id="status-okx"') < html.index('id="status-bybit"')
    assert "Breaker open, next probe in 4" in html
    assert "HTTP 503: service unavailable" in html
    assert "2 need you now" in html


def test_each_channel_and_each_window_is_told_apart(night):
    binance, bybit = (next(r for r in shown().rows if r.status.slug == slug) for slug in ("binance", "bybit"))

    assert {name: health.status.value for name, health in binance.channels} == {
        "data": "down", "trade": "down", "cancel": "down",
    }  # fmt: skip
    assert {health.status.value for _, health in bybit.channels} == {"ok"}
    assert binance.figures.data.hour.uptime == pytest.approx(0.75, abs=0.02)
    assert binance.figures.data.day.uptime == pytest.approx(1 - 3 / 288, abs=0.005)
    assert bybit.figures.data.hour.uptime == 1
    assert bybit.band_number >= 1


def test_what_is_not_known_is_a_dash(boss, db):
    world.all_healthy()
    row = next(row for row in shown().rows if row.status.slug == "kraken")

    assert (row.budget, row.book_age_s, row.figures.data.hour.uptime) == (None, None, None)
    assert [health.status.value for _, health in row.channels] == ["unknown"] * 3
    assert "Nothing was asked in a day" in text_of(boss)


def test_the_age_of_the_newest_book(db):
    world.all_healthy()
    ExchangeHealth.objects.filter(pk="kraken").update(book_at=world.ago(seconds=70))
    ExchangeHealth.objects.filter(pk="okx").update(book_at=world.ago(seconds=-70))
    ages = {row.status.slug: row.book_age_s for row in shown().rows}

    assert ages["kraken"] == pytest.approx(70, abs=3)
    assert ages["okx"] == 0, "a clock that was set back makes no negative age"


def test_how_order_books_come_is_said_and_how_old_the_oldest_is(boss, db):
    world.all_healthy()
    states = {
        "okx": FeedState(streams=True, followed=3, streamed=2, missing=0, oldest_s=12.0, youngest_s=0.1),
        "firi": FeedState(streams=False, followed=1, streamed=0, missing=0, oldest_s=4.0, youngest_s=4.0),
    }
    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.set(feeds.KEY, feeds.encode(states, time.time()), ex=30)
        try:
            cache.clear()
            html = text_of(boss)
        finally:
            redis.delete(feeds.KEY)
            cache.clear()

    assert re.search(r"stream 2/3 1\d s", html)
    assert re.search(r"asked \d s", html)
    assert "3 order books, 2 over its stream; the others are asked for in turn until it is back." in html
    assert "Nobody follows its order books just now" in html, "the other six"


def test_failovers_are_listed_newest_first_with_code_and_link(boss, night):
    for n in range(60):
        world.failover(night.sender, minutes=30 + n)

    found = newest_failovers()

    assert len(found) == 50
    assert found == sorted(found, key=lambda each: each.at, reverse=True)
    assert {(each.primary, each.code) for each in found} == {("binance", "CIRCUIT_OPEN")}
    html = text_of(boss, "exchange_status_part")
    assert reverse("admin:reason", args=["CIRCUIT_OPEN"]) in html
    assert reverse("admin:execution_signal_change", args=[found[0].signal]) in html


def test_the_failover_log_is_read_by_its_index(night):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
        with CaptureQueriesContext(connection) as queries:
            newest_failovers()
        cursor.execute("EXPLAIN " + queries[0]["sql"])
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "decision_failover" in plan


def test_fifty_exchanges_cost_as_many_queries_as_eight(boss, risk_manager, monkeypatch):
    for module, name in ((snapshot, "CHECK_INTERVAL_S"), (facts, "MAX_AGE_S"), (navigation, "BADGES_S")):
        monkeypatch.setattr(module, name, 60)
    cost = {}
    for count in (8, 50):
        if count == 8:
            world.all_healthy()
        else:
            world.many_exchanges(50)
            sender = world.trader()
            for n in range(50):
                world.failover(sender, minutes=n)
        refresh()
        refresh_facts()
        boss.get(reverse("admin:exchange_status"))
        cache.clear()
        navigation.badges()
        with CaptureQueriesContext(connection) as queries:
            response = boss.get(reverse("admin:exchange_status"))
        cost[count] = len(queries)
        html = response.content.decode()
        assert html.count('class="status-row') >= count
        assert len(response.content) <= LARGEST

    assert cost[8] == cost[50] <= QUERIES


def test_the_parts_that_refresh_are_not_kept(boss, night):
    for name in ("exchange_status_part", "exchange_status_history"):
        response = boss.get(reverse(f"admin:{name}"), headers=HTMX)
        assert "no-store" in response["Cache-Control"]
        assert "<html" not in response.content.decode()


def test_a_name_cannot_break_out_of_a_chart(boss, night):
    from policies.models import Exchange

    Exchange.objects.filter(pk="binance").update(name='"><script>alert(1)</script>')
    refresh()

    assert "<script>alert(1)" not in text_of(boss, "exchange_status_history")


def test_budgets_are_what_redis_says_or_unknown(db):
    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.delete("budget:{kraken}:public", "budget:{kraken}:ban", "budget:{binance}:ban")
        full = budgets_left(settings.REDIS_URL, ["kraken", "nowhere"], share=1.0)
        seconds, micros = redis.time()
        # Kraken's public limit is 15 in 15 s, of which 5 at once: a bucket that is empty in 2.5 s.
        burst_us = 5 * 15_000_000 / 10
        redis.set("budget:{kraken}:public", int(seconds * 1e6 + micros + burst_us / 2), px=60_000)
        half = budgets_left(settings.REDIS_URL, ["kraken"], share=1.0)
        redis.set("budget:{kraken}:ban", 1, px=60_000)
        banned = budgets_left(settings.REDIS_URL, ["kraken"], share=1.0)
        redis.delete("budget:{kraken}:public", "budget:{kraken}:ban")

    assert full == {"kraken": 1.0}
    assert half["kraken"] == pytest.approx(0.5, abs=0.1)
    assert banned == {"kraken": 0.0}
    assert budgets_left("redis://127.0.0.1:1/0", ["kraken"], share=1.0) == {}


def test_a_breaker_that_a_person_holds_says_so(boss, db, risk_manager):
    world.all_healthy()
    breakers.force("firi", BreakerState.OPEN, until=None, reason="They migrate tonight.", by=risk_manager)
    refresh_facts()

    assert "OPEN, held" in text_of(boss)
