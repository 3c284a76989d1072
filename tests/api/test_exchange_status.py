"""What the API tells of the exchanges beside their health."""

import time
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from redis import Redis

from execution.domain import feeds
from execution.domain.breaker import BreakerState
from execution.domain.feeds import FeedState
from execution.domain.rollups import Counted
from execution.models import CircuitBreaker, ExchangeHealth
from execution.selectors import facts
from execution.services import breakers, rollups
from policies import snapshot


def status(api):
    facts.refresh_facts()
    cache.clear()
    return {row["exchange"]: row for row in api.get("/api/exchanges/status").json()}


def test_an_open_breaker_makes_it_unusable_and_says_when_it_is_tried_again(api):
    until = timezone.now() + timedelta(seconds=48)
    CircuitBreaker.objects.create(
        exchange_id="binance", since=timezone.now(), state="open", open_until=until, cause="5 failures in a row"
    )

    row = status(api)["binance"]

    assert (row["usable"], row["code"]) == (False, "CIRCUIT_OPEN")
    assert (row["breaker"]["state"], row["breaker"]["held"]) == ("open", False)
    assert row["breaker"]["next_probe_at"] is not None
    assert "5 failures in a row" in row["breaker"]["detail"]
    assert status(api)["kraken"]["breaker"]["state"] == "closed"


def test_figures_are_given_and_what_is_not_known_is_null(api):
    good, bad = Counted(), Counted()
    for _ in range(20):
        good.add(40)
    bad.add(None)
    rollups.add(
        {("binance", "data", 120.0): good, ("binance", "place", 120.0): good, ("binance", "cancel", 120.0): bad}
    )
    ExchangeHealth.objects.filter(pk="binance").update(book_at=timezone.now() - timedelta(seconds=5))

    rows = status(api)
    found, silent = rows["binance"], rows["kraken"]

    assert 30 < found["latency"]["p50"] <= 50
    assert found["latency"]["band"] == "≤ 50 ms"
    assert {name: (row["status"], row["success_rate"]) for name, row in found["channels"].items()} == {
        "data": ("ok", 1.0), "trade": ("ok", 1.0), "cancel": ("down", 0.0),
    }  # fmt: skip
    assert found["uptime"] == {"hour": 1.0, "day": 1.0, "month": 1.0}
    assert found["book_age_s"] == pytest.approx(5, abs=3)
    assert silent["latency"] == {"p50": None, "p95": None, "p99": None, "band": ""}
    assert silent["uptime"] == {"hour": None, "day": None, "month": None}
    assert silent["channels"]["cancel"] == {"status": "unknown", "success_rate": None}
    assert silent["book_age_s"] is None
    assert silent["books"] is None
    assert 0 <= silent["budget_left"] <= 1


def test_it_tells_how_order_books_are_followed(api):
    state = FeedState(streams=True, followed=3, streamed=2, missing=0, oldest_s=1.0, youngest_s=0.5)
    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.set(feeds.KEY, feeds.encode({"kraken": state}, time.time()), ex=5)
        try:
            rows = status(api)
        finally:
            redis.delete(feeds.KEY)

    told = rows["kraken"]["books"]
    assert 1.0 <= told.pop("oldest_s") < 10
    assert 0.5 <= told.pop("youngest_s") < 10
    assert told == {"streams": True, "followed": 3, "streamed": 2, "missing": 0}
    assert rows["okx"]["books"] is None


def test_the_metrics_tell_every_breakers_state(client, api):
    breakers.force("binance", BreakerState.OPEN, until=None, reason="They migrate tonight.", by=None)
    CircuitBreaker.objects.create(
        exchange_id="kraken", since=timezone.now(), state="open", open_until=timezone.now() - timedelta(seconds=1)
    )
    snapshot.refresh()

    text = client.get("/metrics").content.decode()

    assert 'circuit_state{exchange="binance"} 2.0' in text
    assert 'circuit_state{exchange="kraken"} 1.0' in text
    assert 'circuit_state{exchange="okx"} 0.0' in text
