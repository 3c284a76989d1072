"""Webhooks over HTTP: who gets in, what becomes a signal, and that no alert trades twice."""

import json
import random
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from execution.models import Signal, WebhookDelivery
from execution.services import housekeeping, intake, webhooks
from policies import snapshot
from policies.models import StrategyPolicy, Webhook
from policies.webhooks import rotate_token
from tests.api import hooks

OUTSIDER = "198.51.100.9"


def code_of(response):
    return response.status_code, response.json().get("code")


def age_everything(by):
    """As if all this had been so long ago."""
    for signal in Signal.objects.all():
        Signal.objects.filter(pk=signal.pk).update(received_at=signal.received_at - by)
    for delivery in WebhookDelivery.objects.all():
        WebhookDelivery.objects.filter(pk=delivery.pk).update(at=delivery.at - by)


def test_an_alert_becomes_a_signal_of_the_owner(tradingview, api):
    response = tradingview.post()

    signal = Signal.objects.get()
    assert response.status_code == 202
    assert response.json() == {"id": str(signal.pk), "status": "pending"}
    assert response["Location"] == f"/api/signals/{signal.pk}"
    assert (signal.user, signal.symbol, signal.side, str(signal.amount)[:3]) == (api.user, "BTC/USDT", "buy", "0.1")
    assert signal.idempotency_key == "hook:breakout:a1"
    assert api.get(f"/api/signals/{signal.pk}").status_code == 200
    delivery = WebhookDelivery.objects.get()
    assert (delivery.outcome, delivery.signal_id, delivery.remote_ip) == ("accepted", signal.pk, hooks.TRADINGVIEW)
    assert json.loads(delivery.body) == hooks.ALERT
    assert 0 < delivery.took_ms < 10_000
    assert Webhook.objects.get().last_used_at is not None


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "text/plain; charset=utf-8", "text/plain", "", "nonsense",
     "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)  # fmt: skip
def test_the_content_type_does_not_matter(tradingview, content_type):
    assert tradingview.post(content_type=content_type, HTTP_ACCEPT="text/html").status_code == 202


def test_a_plain_text_is_read_by_the_template(api):
    sender = hooks.make(api.user, text_template="{side} {symbol} {amount} id={alert_id}", strategy_id="scalper")

    assert sender.post(b"sell BTCUSDT 0.2 id=t1", content_type="text/plain").status_code == 202

    signal = Signal.objects.get()
    assert (signal.symbol, signal.side, signal.strategy_id) == ("BTC/USDT", "sell", "scalper")
    assert code_of(sender.post(b"hello", content_type="text/plain")) == (400, "WEBHOOK_BODY")


def test_a_mapped_body_and_defaults(api):
    StrategyPolicy.objects.create(strategy_id="s1", exchange_id="kraken")
    body_map = {"symbol": "ticker", "side": "strategy.order.action", "details": "strategy"}
    sender = hooks.make(
        api.user, body_map=body_map, defaults={"notional": "250"}, strategy_id="s1", exchange_id="binance"
    )

    response = sender.post({"ticker": "BINANCE:BTCUSDT", "strategy": {"order": {"action": "buy"}}, "alert_id": 5})

    assert response.status_code == 202
    signal = Signal.objects.get()
    assert (signal.symbol, signal.requested_exchange, signal.strategy_id) == ("BTC/USDT", "binance", "s1")
    assert str(signal.notional)[:4] == "250."
    assert signal.extra["details"] == {"order": {"action": "buy"}}


def test_a_wrong_field_is_named_as_in_post_signals(tradingview):
    response = tradingview.alert(amount="-1", typo=1)

    assert code_of(response) == (400, "INVALID_REQUEST")
    assert "typo" in response.json()["fields"]
    assert code_of(tradingview.alert(symbol="NOPE/X")) == (400, "UNKNOWN_SYMBOL")
    assert Signal.objects.count() == 0
    refused = WebhookDelivery.objects.order_by("-at").first()
    assert (refused.outcome, refused.reason_code, refused.signal_id) == ("refused", "UNKNOWN_SYMBOL", None)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[]", b'{"symbol": "BTC/USDT", "side": "buy", "amount": NaN}', b"[" * 60_000,
     b'{"symbol":"BTC/USDT","side":"buy","amount":1,"details":' + b"[" * 900 + b"]" * 900 + b"}",

     b'{"symbol":"BTC/USDT","side":"buy","amount":1,"details":"\\u0000"}', b'{"strategy_id": "\\udfff"}', b"a\x00"],
)  # fmt: skip
def test_what_a_sender_does_wrong_is_never_answered_5xx(tradingview, body):
    response = tradingview.post(body)

    assert code_of(response) == (400, "WEBHOOK_BODY")
    assert set(response.json()) == {"code", "detail"}
    assert Signal.objects.count() == 0


def test_random_bodies_are_never_answered_5xx(api):
    sender = hooks.make(api.user, text_template="{side} {symbol} {amount}", per_minute=10_000)
    rng = random.Random(4)
    whole = json.dumps({**hooks.ALERT, "details": {"a": [1, "é"]}, "limit_price": 1.5}).encode()

    statuses = set()
    for _ in range(100):
        body = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        statuses.add(sender.post(bytes(body)).status_code)

    assert statuses <= {200, 202, 400, 422}


def test_a_large_body_is_refused_unread(tradingview):
    response = tradingview.post(b"x" * 70_000)

    assert code_of(response) == (413, "BODY_TOO_LARGE")
    assert response["Connection"] == "close"


# --- The address ---


def same_as_unknown(response):
    unknown = Client().post("/api/webhooks/tradingview/wh_nothing", b"{}", content_type="application/json")
    return (response.status_code, response.content) == (404, unknown.content) and unknown.json()["code"] == "NOT_FOUND"


def test_an_unknown_a_disabled_and_an_orphaned_address_answer_alike(tradingview, api):
    assert tradingview.post().status_code == 202
    hooks.change(tradingview.hook, enabled=False)
    assert same_as_unknown(tradingview.post())
    hooks.change(tradingview.hook, enabled=True)
    assert tradingview.post().status_code == 200

    api.user.is_active = False
    api.user.save()
    snapshot.refresh()

    assert same_as_unknown(tradingview.post())


def test_a_rotated_address_ends_at_once_or_after_its_grace(tradingview):
    old, hook = tradingview.secret, tradingview.hook

    tradingview.secret = rotate_token(hook, grace=timedelta(hours=1), reason="it was in a screenshot", by=None)
    snapshot.refresh()
    assert tradingview.post().status_code == 202
    assert hooks.Sender(hook, old).post().status_code == 200

    hooks.change(hook, old_token_until=timezone.now() - timedelta(seconds=1))
    assert same_as_unknown(hooks.Sender(hook, old).post())

    older, tradingview.secret = tradingview.secret, rotate_token(hook, grace=timedelta(0), reason="and again", by=None)
    snapshot.refresh()
    assert same_as_unknown(hooks.Sender(hook, older).post())
    assert tradingview.post().status_code == 200


def test_a_signed_webhook_has_no_secret_address(signing):
    assert same_as_unknown(signing.post())


def test_unknown_addresses_cost_no_query(tradingview):
    tradingview.post()
    with CaptureQueriesContext(connection) as queries:
        for n in range(20):
            Client().post(f"/api/webhooks/tradingview/wh_{n}", b"{}", content_type="application/json")

    assert not [q["sql"] for q in queries if "webhook" in q["sql"]]


def test_an_alert_is_one_transaction_of_few_statements(tradingview, django_assert_max_num_queries):
    tradingview.post()

    with django_assert_max_num_queries(9):  # savepoint of the test included
        assert tradingview.alert(alert_id="a2").status_code == 202


# --- Where it comes from ---


def test_only_listed_addresses_get_in(tradingview):
    response = tradingview.post(ip=OUTSIDER)

    assert code_of(response) == (403, "WEBHOOK_ADDRESS")
    assert Signal.objects.count() == 0
    refused = WebhookDelivery.objects.get()
    assert (refused.reason_code, refused.remote_ip, refused.body) == ("WEBHOOK_ADDRESS", OUTSIDER, "")
    assert Webhook.objects.get().last_used_at is None
    assert tradingview.post(ip=f"::ffff:{hooks.TRADINGVIEW}").status_code == 202


TV = hooks.TRADINGVIEW
# What an attacker may put into the headers of a request that comes from elsewhere.
SHAPES = [
    {"HTTP_X_FORWARDED_FOR": value}
    for value in (
        TV, f"{TV}, {TV}", f"{TV},{TV},{TV}", f" {TV} ", f"{TV},", f",{TV}", f",,{TV},,", f"{TV};{TV}", f"{TV} {TV}",
        f'"{TV}"', f"[{TV}]", f"{TV}:443", f"::ffff:{TV}", f"[::ffff:{TV}]:443", f"for={TV}", f"{TV}/32", "0.0.0.0/0",
        "0.0.0.0/1", "*", "localhost", "127.0.0.1", f"127.0.0.1, {TV}", "::1", "unknown", "", " ", ",", f"{TV}%00",
        f"{TV}\t", f"\t{TV}", f"{TV}, unknown", f"unknown, {TV}", "876539630", "0x3459d6ee", "52.89.54510",
        "052.089.0214.0238",
        f"{TV}" + f", {TV}" * 200, f"{TV},{OUTSIDER}", f"{OUTSIDER},{TV}", "52.89.214.238.",
    )
] + [
    {name: TV}
    for name in (
        "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_CLIENT_IP", "HTTP_X_CLIENT_IP", "HTTP_TRUE_CLIENT_IP",
        "HTTP_CF_CONNECTING_IP", "HTTP_X_CLUSTER_CLIENT_IP", "HTTP_X_ORIGINATING_IP", "HTTP_FASTLY_CLIENT_IP",
        "HTTP_X_FORWARDED", "HTTP_FORWARDED_FOR", "HTTP_X_REMOTE_ADDR", "HTTP_VIA", "HTTP_X_ORIGINAL_FORWARDED_FOR",
    )
]  # fmt: skip


def test_there_are_fifty_shapes_of_spoofed_headers():
    assert len(SHAPES) >= 50


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_spoofed_header_never_passes(tradingview, settings, shape):
    # Nothing in front: headers count for nothing.
    assert tradingview.post(ip=OUTSIDER, **shape).status_code == 403

    for proxies in (1, 2):
        settings.ENV = {**settings.ENV, "TRUSTED_PROXY_COUNT": proxies}
        # Every proxy adds whom it was called by: first the attacker's own address, then the proxies' inside.
        added = ", ".join([OUTSIDER, "10.0.0.2"][:proxies])
        sent = shape.get("HTTP_X_FORWARDED_FOR", "")
        headers = {**shape, "HTTP_X_FORWARDED_FOR": f"{sent}, {added}" if sent else added}
        assert tradingview.post(ip="10.0.0.9", **headers).status_code == 403

    assert Signal.objects.count() == 0


def test_behind_a_proxy_the_address_it_saw_counts(tradingview, settings):
    settings.ENV = {**settings.ENV, "TRUSTED_PROXY_COUNT": 1}

    assert tradingview.post(ip="10.0.0.9", HTTP_X_FORWARDED_FOR=f"{OUTSIDER}, {TV}").status_code == 202
    # A request that went round the proxy, or a proxy that adds nothing, is not believed.
    assert tradingview.post(ip="10.0.0.9").status_code == 403


def test_without_a_list_every_address_gets_in_but_is_still_noted(api):
    sender = hooks.make(api.user, "open")

    assert sender.post(ip="").status_code == 202
    assert WebhookDelivery.objects.get().remote_ip is None


# --- Repetitions, age, rate, pairs ---


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=10), timedelta(hours=24), timedelta(days=400)])
def test_a_repeated_alert_never_gives_a_second_signal(tradingview, later):
    first = tradingview.post()
    age_everything(later)

    again = [tradingview.post() for _ in range(3)]

    assert {response.status_code for response in again} == {200}
    assert {response.json()["id"] for response in again} == {first.json()["id"]}
    assert Signal.objects.count() == 1
    assert list(WebhookDelivery.objects.order_by("at").values_list("outcome", flat=True)) == [
        "accepted", "duplicate", "duplicate", "duplicate",
    ]  # fmt: skip


def test_a_repetition_stays_one_after_the_webhook_was_changed(tradingview):
    tradingview.post()
    hooks.change(tradingview.hook, strategy_id="other", defaults={"priority": "1"}, max_age_s=1, time_field="made")

    assert tradingview.post().status_code == 200


def test_an_id_with_another_body_is_refused(tradingview):
    tradingview.post()

    assert code_of(tradingview.alert(amount="0.2")) == (422, "IDEMPOTENCY_KEY_REUSE")
    assert Signal.objects.count() == 1


def test_ids_of_two_webhooks_are_not_the_same(tradingview, api):
    other = hooks.make(api.user, "other")

    assert [tradingview.post().status_code, other.post().status_code] == [202, 202]


def test_a_long_id_counts_in_full(tradingview):
    ids = ["x" * 500 + end for end in "ab"]

    assert [tradingview.alert(alert_id=i).status_code for i in (*ids, *ids)] == [202, 202, 200, 200]


@pytest.mark.parametrize(("later", "status"), [(2, 200), (59, 200), (60, 202), (3600, 202)])
def test_without_an_id_the_body_counts_for_the_window(tradingview, later, status):
    first = tradingview.alert(alert_id=...)
    age_everything(timedelta(seconds=later) - timedelta(milliseconds=0 if status == 202 else 900))

    again = tradingview.alert(alert_id=...)

    assert (first.status_code, again.status_code) == (202, status)
    assert (again.json()["id"] == first.json()["id"]) == (status == 200)


def test_the_window_has_no_edge_that_copies_could_straddle(tradingview):
    """Copies every 2 s for three minutes, whatever the clock says: accepted ones are a window apart."""
    rng = random.Random(60)
    body = json.dumps({**hooks.ALERT, "alert_id": ""}).encode()
    hook = webhooks_hook(tradingview)
    for _ in range(3):
        start = timezone.now() + timedelta(seconds=rng.uniform(0, 10_000))
        for n in range(90):
            request = webhooks.Request(body, TV, start + timedelta(seconds=2 * n))
            webhooks.deliver(hook, request, build())
        times = list(
            WebhookDelivery.objects.filter(outcome="accepted", at__gte=start)
            .order_by("at")
            .values_list("at", flat=True)
        )
        assert len(times) == 3
        assert min(b - a for a, b in zip(times, times[1:], strict=False)) >= timedelta(seconds=60)
        WebhookDelivery.objects.all().delete()


def webhooks_hook(sender):
    from execution.selectors.hooks import find_by_token

    return find_by_token(sender.secret, timezone.now())


def build():
    from execution.api.webhook_views import build_signal

    return build_signal


def test_another_body_without_an_id_is_another_alert(tradingview):
    assert [tradingview.alert(alert_id=..., amount=a).status_code for a in ("1", "2", "1")] == [202, 202, 200]


def test_an_old_alert_is_refused_and_a_fresh_one_is_not(api):
    sender = hooks.make(api.user, time_field="made", max_age_s=30)
    now = timezone.now()

    assert code_of(sender.alert(made=(now - timedelta(seconds=40)).isoformat())) == (400, "WEBHOOK_STALE")
    assert code_of(sender.alert()) == (400, "WEBHOOK_STALE")
    assert sender.alert(made=now.isoformat()).status_code == 202


def test_signals_per_minute_are_counted_exactly_and_repetitions_are_not(api):
    sender = hooks.make(api.user, per_minute=5)

    answers = [sender.alert(alert_id=f"a{n}") for n in range(7)]

    assert [response.status_code for response in answers] == [202] * 5 + [429] * 2
    assert code_of(answers[-1]) == (429, "WEBHOOK_RATE")
    assert answers[-1]["Retry-After"] == "60"
    assert sender.alert(alert_id="a0").status_code == 200
    age_everything(timedelta(seconds=61))
    assert sender.alert(alert_id="a6").status_code == 202


def test_only_allowed_pairs_are_traded(api):
    sender = hooks.make(api.user, allowed_symbols=["*/USDT"])

    assert code_of(sender.alert(symbol="BTC/USD")) == (403, "WEBHOOK_SYMBOL")
    assert sender.alert(symbol="ETHUSDT").status_code == 202


def test_what_is_written_down_is_bounded(tradingview, monkeypatch):
    monkeypatch.setattr(webhooks, "WRITTEN_UNPROVED", 3)
    for _ in range(6):
        assert tradingview.post(ip=OUTSIDER).status_code == 403

    assert WebhookDelivery.objects.count() == 3
    assert tradingview.post().status_code == 202
    assert WebhookDelivery.objects.count() == 4


def test_the_wake_up_comes_after_the_commit(tradingview, monkeypatch, django_capture_on_commit_callbacks):
    woken = []
    monkeypatch.setattr(intake.waker, "wake", lambda **kwargs: woken.append(kwargs))

    with django_capture_on_commit_callbacks(execute=True):
        tradingview.post()
        assert woken == []

    assert woken == [{"urgent": False}]


def test_old_deliveries_are_pruned(tradingview):
    tradingview.post()
    age_everything(timedelta(days=29))
    housekeeping.prune()
    assert WebhookDelivery.objects.count() == 1

    age_everything(timedelta(days=2))
    housekeeping.prune()

    assert WebhookDelivery.objects.count() == 0
    assert tradingview.post().status_code == 200  # the signal remembers its alert


@pytest.mark.parametrize("path", ["tradingview/x", "signed/x"])
def test_only_post_is_taken(markets, path):
    assert code_of(Client().get(f"/api/webhooks/{path}")) == (405, "METHOD_NOT_ALLOWED")


def test_every_answer_is_in_the_schema(client, db):
    schema = client.get("/api/schema", headers={"accept": "application/vnd.oai.openapi+json"}).json()

    for path, extra in (("tradingview/{token}", "404"), ("signed/{name}", "401")):
        operation = schema["paths"][f"/api/webhooks/{path}"]["post"]
        wanted = {"200", "202", "400", "403", "409", "413", "422", "429", "503", extra}
        assert set(operation["responses"]) == wanted
        assert set(operation["requestBody"]["content"]) == {"application/json", "text/plain"}
        assert operation.get("security", []) in ([], [{}])
