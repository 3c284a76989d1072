"""Reading signals, previewing routes, cancelling, health."""

import re
import threading
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from execution.domain.queues import CANARY_SILENT_AFTER_S, QUEUES, canary_name
from execution.models import ExchangeHealth, Heartbeat, Signal
from execution.selectors import facts
from execution.services import intake
from execution.services import preview as previews
from policies import snapshot
from policies.domain.policy import Mode, Scope, TradingStatus
from policies.models import Exchange, OrderSizeLimit, RoutingSettings, TradingPermission
from policies.services import set_trading_state, store_credential
from routing_platform import probes
from tests.admin import world


def test_a_signal_reads_back_with_everything_known_of_it(api):
    created = api.signal("k1", notional="100", amount=...).json()

    body = api.get(f"/api/signals/{created['id']}").json()

    assert (body["status"], body["symbol"], body["notional"], body["amount"]) == (
        "pending", "BTC/USDT", "100.000000000000000000", None,
    )  # fmt: skip
    assert (body["decisions"], body["orders"]) == ([], [])


def test_signals_are_listed_newest_first_filtered_and_in_pages(api):
    for number in range(5):
        api.signal(f"k{number}", strategy_id="a" if number % 2 else "b")

    page = api.get("/api/signals?limit=2").json()
    rest = api.get(page["next"].replace("http://testserver", "")).json()

    keys = [signal["idempotency_key"] for signal in page["results"] + rest["results"]]
    assert keys == ["k4", "k3", "k2", "k1"]
    assert len(api.get("/api/signals?strategy_id=a").json()["results"]) == 2
    assert api.get("/api/signals?status=filled").json()["results"] == []
    assert api.get("/api/signals?status=nonsense").status_code == 400
    assert api.get("/api/signals?since=yesterday").status_code == 400


def test_a_wait_ends_with_its_time_when_nothing_happens(api):
    created = api.signal("k1").json()

    assert api.get(f"/api/signals/{created['id']}?wait=0.05").json()["status"] == "pending"


@pytest.mark.django_db(transaction=True)
def test_a_wait_ends_when_the_signal_does(transactional_db, api):
    created = api.signal("k1").json()

    def end() -> None:
        Signal.objects.update(status="filled", final_at=timezone.now())
        connection.close()

    threading.Timer(0.3, end).start()
    began = time.monotonic()
    body = api.get(f"/api/signals/{created['id']}?wait=10").json()

    assert (body["status"], time.monotonic() - began < 5) == ("filled", True)


@pytest.mark.parametrize("wait", ["-1", "31", "abc", "nan"])
def test_a_wait_that_is_no_time_is_refused(api, wait):
    created = api.signal("k1").json()

    assert api.get(f"/api/signals/{created['id']}?wait={wait}").status_code == 400


def test_a_pending_signal_is_cancelled_at_once_and_only_once(api):
    created = api.signal("k1").json()

    first = api.post(f"/api/signals/{created['id']}/cancel")
    second = api.post(f"/api/signals/{created['id']}/cancel")

    assert (first.status_code, first.json()["status"]) == (200, "cancelled")
    assert (second.status_code, second.json()["code"]) == (409, "SIGNAL_FINAL")


@pytest.fixture
def priced(api, monkeypatch):
    """The client may trade so much, and the exchanges have books."""
    permission = TradingPermission.objects.get(user=api.user)
    OrderSizeLimit.objects.create(permission=permission, currency="USDT", max_notional=1_000_000)
    monkeypatch.setattr(previews, "books_now", lambda symbol, slugs, oldest: world.split_books())
    return api


def preview(api, **changes):
    response = api.post("/api/route", {"symbol": "BTC/USDT", "side": "buy", "amount": "0.1", **changes})
    assert response.status_code == 200
    return response.json()


def test_a_preview_says_where_and_why_not_there_and_stores_nothing(priced):
    found = preview(priced)

    assert (found["exchange"], found["source"], found["primary"], found["mode"]) == (
        "binance", "default", "binance", "paper",
    )  # fmt: skip
    assert {c["exchange"]: c["code"] for c in found["candidates"]}["firi"] == "PAIR_NOT_LISTED"
    assert (found["method"], found["notes"]) == ("limit", [])
    assert found["expected"]["amount"] == "0.1"
    assert 10 < found["expected"]["cost_bps"] < 11, "the fee of 10 bps and half the spread"
    assert Signal.objects.count() == 0


def test_a_preview_without_books_says_what_would_happen(priced, monkeypatch):
    monkeypatch.setattr(previews, "books_now", lambda symbol, slugs, oldest: {})

    found = preview(priced)

    assert (found["exchange"], found["code"]) == ("", "NO_HEALTHY_EXCHANGE")
    assert found["notes"] == [
        "No fresh order book from binance, kraken. A worker waits a moment for one, then denies the signal."
    ]


def test_a_preview_tells_sizes_that_nothing_would_take(priced):
    OrderSizeLimit.objects.update(max_notional=100)
    snapshot.refresh()

    found = preview(priced)

    assert (found["code"], found["expected"]) == ("ORDER_VALUE", None)


def test_a_preview_of_a_denied_signal_says_why(priced, user):
    set_trading_state(scope=Scope.GLOBAL, target="", status=TradingStatus.HALTED, reason="drill", by=user)
    snapshot.refresh()

    found = preview(priced)

    assert (found["exchange"], found["code"]) == ("", "TRADING_HALTED")


def test_a_preview_follows_health(priced):
    ExchangeHealth.objects.filter(exchange_id="binance").update(status="down", last_error="HTTP 503")
    facts.refresh_facts()

    assert preview(priced)["exchange"] == "kraken"


def test_an_unknown_exchange_name_is_told_apart_by_policy(priced):
    assert preview(priced, exchange="binnace")["warning"].startswith("Exchange 'binnace' is unknown")
    RoutingSettings.objects.update(on_unknown_exchange="deny")
    snapshot.refresh()

    assert preview(priced, exchange="binnace")["code"] == "UNKNOWN_EXCHANGE"


def test_a_live_route_without_keys_is_denied_and_says_for_which_mode(priced, user):
    Exchange.objects.update(mode="live")
    snapshot.refresh()

    found = preview(priced)
    assert (found["code"], found["candidates"][0]["detail"]) == (
        "NO_ELIGIBLE_EXCHANGE", "This user has no live keys for binance.",
    )  # fmt: skip
    store_credential(user=user, exchange="binance", mode=Mode.LIVE, secrets={"api_key": "k", "secret": "s"}, by=None)
    snapshot.refresh()
    assert preview(priced)["exchange"] == "binance"


def test_the_status_of_every_exchange_as_the_router_sees_it(api, user):
    ExchangeHealth.objects.filter(exchange_id="kraken").update(status="degraded", latency_ewma_ms=1234)
    facts.refresh_facts()
    set_trading_state(scope=Scope.EXCHANGE, target="firi", status=TradingStatus.HALTED, reason="drill", by=user)
    snapshot.refresh()

    rows = {row["exchange"]: row for row in api.get("/api/exchanges/status").json()}

    assert len(rows) == 8
    assert (rows["binance"]["status"], rows["binance"]["usable"], rows["binance"]["markets"]) == ("ok", True, 2)
    assert (rows["kraken"]["usable"], rows["kraken"]["code"]) == (False, "UNHEALTHY")
    assert (rows["firi"]["usable"], rows["firi"]["code"]) == (False, "TRADING_HALTED")
    assert (rows["okx"]["status"], rows["okx"]["code"]) == ("down", "EXCHANGE_DOWN")


def test_markets_are_read_by_exchange_and_in_any_spelling_of_the_pair(api):
    everything = api.get("/api/markets").json()["results"]
    glued = api.get("/api/markets?symbol=btcusdt").json()["results"]
    on_kraken = api.get("/api/markets?exchange=kraken").json()["results"]

    assert [(row["symbol"], row["exchange"]) for row in everything] == sorted(
        (row["symbol"], row["exchange"]) for row in everything
    )
    assert {row["symbol"] for row in glued} == {"BTC/USDT"}
    assert {row["exchange"] for row in on_kraken} == {"kraken"}
    assert Decimal(glued[0]["tick"]) > 0


@pytest.mark.parametrize(("query", "code"), [("exchange=mtgox", "UNKNOWN_EXCHANGE"), ("symbol=BTC/USDT:USDT", "")])
def test_markets_of_what_is_not_known_are_refused(api, query, code):
    response = api.get(f"/api/markets?{query}")

    assert response.status_code == 400
    assert code in response.json()["code"]


def test_an_execute_that_is_not_over_in_time_says_so(api):
    body = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.1", "id": "e1"}

    response = api.post("/api/execute?timeout=0.05", body)
    again = api.post("/api/execute?timeout=0.05", body)

    assert (response.status_code, response.json()["status"]) == (202, "pending")
    assert (again["Idempotency-Replayed"], again.json()["id"]) == ("true", response.json()["id"])


def test_with_the_database_gone_the_answer_is_503_with_a_code(api, monkeypatch):
    api.get("/api/signals")

    def gone(*_args, **_kwargs):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(intake, "fetch", gone)

    response = api.signal("k1")

    assert (response.status_code, response.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert response["Retry-After"] == "2"


def test_health_asks_nothing_and_ready_tells_all(client, db):
    assert client.get("/health").json()["status"] == "ok"

    answer = client.get("/ready")
    assert answer.status_code == 200
    assert answer.json()["checks"]["database"] == "ok"
    assert answer.json()["checks"]["worker"].startswith("no sign of life")
    now = timezone.now()
    for kind in ("worker", "beat"):
        Heartbeat.objects.create(name=kind, kind=kind, started_at=now, seen_at=now)
    assert client.get("/ready/").json()["checks"]["worker"] == "ok"


def test_queues_that_do_not_deliver_are_named_and_count_as_degraded(client, db):
    now = timezone.now()
    processes = [("worker", "worker"), ("beat", "beat"), *((canary_name(queue), "canary") for queue in QUEUES)]
    for name, kind in processes:
        Heartbeat.objects.create(name=name, kind=kind, started_at=now, seen_at=now)
    assert client.get("/ready").json()["status"] == "ok"

    late = now - timedelta(seconds=CANARY_SILENT_AFTER_S + 1)
    Heartbeat.objects.filter(name=canary_name("exit")).update(seen_at=late)
    Heartbeat.objects.filter(name=canary_name("health")).delete()
    answer = client.get("/ready")
    metrics = client.get("/metrics").content.decode()

    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"]["queues"] == "nothing arrives through exit, health"
    (age,) = re.findall(r'queue_canary_age_seconds\{queue="exit"\} (\S+)', metrics)
    assert float(age) > CANARY_SILENT_AFTER_S
    assert 'queue_canary_age_seconds{queue="health"} +Inf' in metrics


def test_metrics_count_what_reconciliation_found(client, user):
    account = world.keys(user, "bybit")
    world.uncompared(account)
    world.orphan(account)
    world.difference(account, "BTC", "1", "0.9")
    world.difference(account, "SOL", "1", "0.9", confirmed=False)

    text = client.get("/metrics").content.decode()

    for name in ("orphan_orders", "balance_breaks", "accounts_not_reconciled"):
        assert f"\n{name} 1.0\n" in text


def test_ready_is_503_without_a_database(client, monkeypatch):
    monkeypatch.setattr(probes, "_database", lambda: "unreachable: OperationalError")

    assert client.get("/ready").status_code == 503


def test_metrics_carry_the_requirements_names(client, markets):
    text = client.get("/metrics").content.decode()

    for name in (
        "exchange_routing_total", "exchange_validation_failures_total", "exchange_failover_events_total",
        "exchange_failover_failures_total", "exchange_health_checks_total", "exchange_health_check_duration_seconds",
        "trades_routed_total", "routing_latency_seconds", "executions_total", "executions_success_total",
        "execution_latency_seconds", "executor_queue_depth", "orders_unknown", "denials_total",
        "signal_to_ack_seconds",
    ):  # fmt: skip
        assert f"# TYPE {name}" in text or f"# TYPE {name.removesuffix('_total')}" in text
    assert 'exchange_up{exchange="binance"} 1.0' in text


def test_the_schema_describes_every_endpoint(client, db):
    schema = client.get("/api/schema", HTTP_ACCEPT="application/json").content.decode()

    for path in ("/api/signals", "/api/signals/batch", "/api/route", "/api/execute", "/api/exchanges/status"):
        assert path in schema
    assert client.get("/api/docs").status_code == 200
