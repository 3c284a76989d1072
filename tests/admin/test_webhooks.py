"""Webhooks in the admin: the form's sentences, what is shown once, dialogs, owners, the test page."""

import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from execution.models import Signal, WebhookDelivery
from execution.services import preview
from policies.models import OrderSizeLimit, StrategyPolicy, Webhook, WebhookSecret
from policies.services import token_digest
from policies.webhooks import create_webhook
from tests.admin import world
from tests.admin.forms import REASON, edit, fields_of

ADD, LIST = "admin:policies_webhook_add", "admin:policies_webhook_changelist"
DIALOGS = ("rotate", "add_secret", "retire_secret", "switch_off")


def new(client, owner, **changes):
    body = {
        "name": "breakout", "owner": owner.pk, "kind": "tradingview", "enabled": "on", "allowed_ips": "tradingview",
        "per_minute": "60", "alert_id_field": "alert_id", "window_s": "60", "reason": REASON, **changes,
    }  # fmt: skip
    return client.post(reverse(ADD), {name: value for name, value in body.items() if value is not None})


def press(client, name, hook, reason="the laptop was lost", **answers):
    address = reverse(f"admin:policies_webhook_{name}", args=[hook.pk])
    body = {"reason": reason, "_form_submitted": "True", **answers}
    return client.post(address, body, headers={"HX-Request": "true"})


def make(owner, name="breakout", **kwargs):
    hook = Webhook(name=name, owner=owner, **kwargs)
    return hook, create_webhook(hook, reason="for the tests", by=None)


def pages(client, hook):
    """Everything that could show a webhook, later."""
    addresses = [
        reverse(LIST),
        reverse("admin:index"),
        reverse("admin:changes"),
        reverse("admin:execution_webhookdelivery_changelist"),
        *(reverse(f"admin:policies_webhook_{view}", args=[hook.pk]) for view in ("change", "history", "send_test")),
        *(reverse(f"admin:policies_webhook_{name}", args=[hook.pk]) for name in DIALOGS),
    ]
    return html.unescape("".join(client.get(address).content.decode() for address in addresses))


def test_an_address_is_shown_once_and_only_its_hash_is_kept(boss, user):
    page = new(boss, user)

    hook, text = Webhook.objects.get(), html.unescape(page.content.decode())
    token = re.search(r"<code>http://testserver/api/webhooks/tradingview/(wh_[\w-]{43})</code>", text).group(1)
    assert "Copy it now." in text
    assert f'curl -X POST "http://testserver/api/webhooks/tradingview/{token}"' in text
    assert "no-store" in page["Cache-Control"]
    assert hook.token_digest == token_digest(token)
    assert set(hook.allowed_ips) == {"52.89.214.238/32", "34.212.75.30/32", "54.218.53.128/32", "52.32.178.7/32"}
    assert Webhook.history.get().history_change_reason == REASON
    later = pages(boss, hook)
    assert token not in later
    assert hook.token_digest not in later
    assert "/api/webhooks/tradingview/$TOKEN" in later


def test_a_secret_is_shown_once_and_kept_encrypted(boss, user):
    page = new(boss, user, kind="signed", allowed_ips="")

    hook, text = Webhook.objects.get(), page.content.decode()
    secret = re.search(r"<code>(whs_[\w-]{43})</code>", text).group(1)
    assert secret not in pages(boss, hook)
    assert secret.encode() not in bytes(WebhookSecret.objects.get().ciphertext)
    assert hook.token_digest is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "Break Out"}, "Use small letters, digits and single dashes"),
        ({"name": "x" * 31}, "at most 30"),
        ({"allowed_ips": "somewhere"}, "Write 203.0.113.7 or 203.0.113.0/24."),
        ({"kind": "signed"}, "TradingView cannot sign."),
        ({"symbol": "BTCUSDT"}, "BTCUSDT is not a pair. Write BTC/USDT."),
        ({"allowed_symbols": "BTCUSDT"}, "BTCUSDT is not a pair."),
        ({"body_map": "side strategy"}, "is no line such as"),
        ({"body_map": "id = x"}, "id is no field of a signal."),
        ({"body_map": "side = x\nside = y"}, "side is there twice."),
        ({"body_map": "side = x"}, "Say where the body has symbol, or give it a default."),
        ({"body_map": "side = x\nsymbol = y"}, "Say where the body has amount or notional"),
        ({"defaults": "amount = -1"}, "amount must be a number above 0"),
        ({"defaults": "amount = 1\nnotional = 1"}, "not both"),
        ({"defaults": "side = hold"}, "side must be one of"),
        ({"defaults": "symbol = BTC/USDT"}, "has a field of its own above"),
        ({"text_template": "{side"}, "A brace is open"),
        ({"text_template": "{side} {colour}"}, "{colour} is neither a field of a signal"),
        ({"max_age_s": "30"}, "Name the field that holds the alert's time"),
        ({"window_s": "0"}, "greater than or equal to 1"),
        ({"per_minute": "0"}, "greater than or equal to 1"),
        ({"reason": "short"}, "at least 8"),
    ],
)
def test_form_sentences(boss, user, changes, sentence):
    response = new(boss, user, **changes)

    assert sentence in html.unescape(response.content.decode())
    assert not Webhook.objects.exists()


def test_a_name_is_taken_once(boss, user):
    new(boss, user)

    assert "There is a webhook of this name already." in new(boss, user).content.decode()


def test_it_is_edited_but_never_renamed_or_given_away(boss, user, risk_manager):
    hook, token = make(user, body_map={"symbol": "ticker", "side": "action", "amount": "size"})

    address = reverse("admin:policies_webhook_change", args=[hook.pk])
    page = boss.get(address).content.decode()
    assert "symbol = ticker\nside = action" in page
    given_away = {"name": "other", "owner": risk_manager.pk, "kind": "signed"}
    changed = {"per_minute": "5", "defaults": "order_type = market", "reason": REASON}
    response = boss.post(address, {**fields_of(page), **given_away, **changed})

    assert response.status_code == 302
    hook.refresh_from_db()
    assert (hook.name, hook.owner, hook.kind) == ("breakout", user, "tradingview")
    assert (hook.per_minute, hook.defaults, hook.token_digest) == (5, {"order_type": "market"}, token_digest(token))
    history = boss.get(reverse("admin:policies_webhook_history", args=[hook.pk])).content.decode()
    assert REASON in history
    assert "order_type = market" in history


def test_a_stale_form_is_refused(boss, user):
    hook, _ = make(user)
    assert edit(boss, "webhook", hook.pk, per_minute="5").status_code == 302

    response = edit(boss, "webhook", hook.pk, seen="1", per_minute="7")

    assert "while you were editing" in response.content.decode()
    assert Webhook.objects.get().per_minute == 5


@pytest.mark.parametrize("name", DIALOGS)
def test_dialogs_change_nothing_on_get_or_without_a_reason(boss, user, name):
    hook, _ = make(user, kind="signed" if "secret" in name else "tradingview")
    before = [*Webhook.objects.values(), *WebhookSecret.objects.values()]

    boss.get(reverse(f"admin:policies_webhook_{name}", args=[hook.pk]))
    answer = press(boss, name, hook, "no", grace="0")

    assert "at least 8" in answer.content.decode()
    assert [*Webhook.objects.values(), *WebhookSecret.objects.values()] == before


def test_rotating_shows_the_new_address_once(boss, user):
    hook, old = make(user)

    answer = press(boss, "rotate", hook, grace="3600")

    token = re.search(r"tradingview/(wh_[\w-]{43})</code>", answer.content.decode()).group(1)
    assert (answer.status_code, answer["HX-Retarget"], "no-store" in answer["Cache-Control"]) == (200, "#dialog", True)
    hook.refresh_from_db()
    assert (hook.token_digest, hook.old_token_digest) == (token_digest(token), token_digest(old))
    assert timedelta(minutes=59) < hook.old_token_until - timezone.now() <= timedelta(hours=1)
    assert Webhook.history.latest().history_change_reason == "the laptop was lost"
    later = pages(boss, hook)
    assert token not in later
    assert "OLD ADDRESS WORKS" in later

    press(boss, "rotate", hook, grace="0")
    hook.refresh_from_db()
    assert (hook.old_token_digest, hook.old_token_until) == (None, None)
    assert "Select a valid choice" in press(boss, "rotate", hook, grace="99999999").content.decode()


def test_secrets_are_added_and_retired_two_at_most_one_at_least(boss, user):
    hook, first = make(user, kind="signed")
    assert "It is the only secret." in press(boss, "retire_secret", hook).content.decode()

    answer = press(boss, "add_secret", hook)

    second = re.search(r"<code>(whs_[\w-]{43})</code>", answer.content.decode()).group(1)
    assert "Two secrets are in use." in press(boss, "add_secret", hook).content.decode()
    assert press(boss, "retire_secret", hook).status_code == 204
    assert WebhookSecret.objects.get(retired_at=None).pk == WebhookSecret.objects.latest("created_at").pk
    later = pages(boss, hook)
    assert first not in later
    assert second not in later
    assert WebhookSecret.objects.get(retired_at=None).fingerprint in later
    assert "does not work with a secret address" in press(boss, "rotate", hook, grace="0").content.decode()


def test_who_may_halt_may_switch_off_but_not_rotate(user, staff):
    hook, _ = make(user)
    operator = Client()
    operator.force_login(staff("operator"))

    assert press(operator, "rotate", hook, grace="0").status_code == 403
    assert new(operator, user, name="another").status_code == 403
    assert press(operator, "switch_off", hook).status_code == 204

    assert not Webhook.objects.get().enabled
    assert "switched off already" in press(operator, "switch_off", hook).content.decode()


def test_a_webhook_owner_has_the_own_ones_only(staff, user):
    foreign, _ = make(user)
    world.webhook(user, "foreign-two")
    owner = staff("webhook owner")
    client = Client()
    client.force_login(owner)

    assert new(client, user, name="given").status_code == 200  # refused: not among the choices
    assert "shown this once" in new(client, owner, name="mine").content.decode()
    mine = Webhook.objects.get(name="mine")

    listed = client.get(reverse(LIST))
    assert [row.name for row in listed.context["cl"].result_list] == ["mine"]
    for view in ("change", "history", "send_test", "deliveries", *DIALOGS):
        answer = client.get(reverse(f"admin:policies_webhook_{view}", args=[foreign.pk]))
        assert answer.status_code in {302, 404} or foreign.name not in answer.content.decode(), view
    for name in DIALOGS:
        assert press(client, name, foreign, grace="0").status_code == 404
    assert press(client, "rotate", mine, grace="0").status_code == 200
    came_in = client.get(reverse("admin:execution_webhookdelivery_changelist"))
    assert list(came_in.context["cl"].result_list) == []
    assert "foreign-two" not in came_in.content.decode()
    delivery = WebhookDelivery.objects.first()
    address = reverse("admin:execution_webhookdelivery_change", args=[delivery.pk])
    assert client.get(address).status_code in {302, 404}
    assert Webhook.objects.get(pk=foreign.pk).token_digest == foreign.token_digest
    assert not Webhook.objects.filter(name="given").exists()


def test_the_list_and_the_page_tell_what_came_in(boss, user):
    hook = world.webhook(user, "told", last_used_at=world.ago(minutes=3))

    listed = boss.get(reverse(LIST)).content.decode()
    page = boss.get(reverse("admin:policies_webhook_change", args=[hook.pk])).content.decode()
    leads_to = boss.get(reverse("admin:policies_webhook_deliveries", args=[hook.pk]))["Location"]
    deliveries = boss.get(leads_to)

    assert re.search(r"told.*3 min", listed, re.DOTALL)
    assert "3 deliveries in 24 h, 1 refused" in page
    assert len(deliveries.context["cl"].result_list) == 3
    text = deliveries.content.decode()
    assert reverse("admin:execution_signal_change", args=[Signal.objects.get().pk]) in text
    assert "WEBHOOK_ADDRESS" in text
    for query, count in (
        ("outcome=refused", 1),
        ("reason_code=WEBHOOK_ADDRESS", 1),
        ("q=told", 3),
        ("q=52.89.214.238", 3),
    ):
        assert len(boss.get(f"{leads_to}&{query}").context["cl"].result_list) == count, query
    one = boss.get(reverse("admin:execution_webhookdelivery_change", args=[WebhookDelivery.objects.first().pk]))
    assert one.status_code == 200


def try_it(client, hook, body):
    answer = client.post(reverse("admin:policies_webhook_send_test", args=[hook.pk]), {"body": body})
    return html.unescape(answer.content.decode())


def test_a_test_says_what_would_happen_and_stores_nothing(boss, user):
    world.all_healthy()
    hook, _ = make(user, body_map={"symbol": "t", "side": "a", "amount": "n"}, allowed_symbols=["BTC/USDT"])
    good = '{"t": "BTC/USDT", "a": "buy", "n": "0.1"}'

    assert "NO_PERMISSION" in try_it(boss, hook, good)
    world.trader("algo3")
    other, _ = make(world.User.objects.get(username="algo3"), "other", **{
        name: getattr(hook, name) for name in ("body_map", "allowed_symbols")
    })  # fmt: skip
    page = try_it(boss, other, good)
    assert "NO ID" in page
    assert "<td>BTC/USDT</td>" in page
    assert "WEBHOOK_BODY" in try_it(boss, other, "{")
    assert "INVALID_REQUEST" in try_it(boss, other, '{"t": "BTC/USDT", "a": "hold", "n": "0.1"}')
    assert "WEBHOOK_SYMBOL" in try_it(boss, other, good.replace("BTC", "ETH"))
    assert (Signal.objects.count(), WebhookDelivery.objects.count()) == (0, 0)


def test_a_test_of_an_alert_that_is_routed_smartly_tells_the_split(boss, monkeypatch):
    world.all_healthy()
    world.list_pairs("BTC/USDT")
    monkeypatch.setattr(preview, "books_now", lambda symbol, slugs, oldest: world.split_books())
    sender = world.trader()
    OrderSizeLimit.objects.update(max_notional=1_000_000)
    StrategyPolicy.objects.create(strategy_id="clever", exchange_id="kraken", route_by="optimal_split")
    hook, _ = make(sender, strategy_id="clever")

    page = try_it(boss, hook, '{"symbol": "BTC/USDT", "side": "buy", "amount": "4.5", "alert_id": "a7"}')

    assert "WOULD BE SENT" in page
    assert "smart → binance" in page
    assert re.search(r"4\.5 BTC on [234] exchanges at", page)
    assert '<svg class="book-chart"' in page
    assert re.search(r"kucoin.*?PRICE_UNKNOWN", page, re.DOTALL)
    assert "No fresh order book from" in page
    monkeypatch.setattr(preview, "books_now", lambda symbol, slugs, oldest: {})
    page = try_it(boss, hook, '{"symbol": "BTC/USDT", "side": "buy", "amount": "4.5", "alert_id": "a7"}')
    assert "WOULD BE DENIED" in page
    assert "then denies the signal" in page
    assert Signal.objects.count() == 0


def test_a_test_says_when_the_alert_was_seen_before(boss):
    world.all_healthy()
    hook = world.webhook(world.trader(), "seen")

    assert "SEEN BEFORE" in try_it(boss, hook, '{"symbol": "BTC/USDT", "side": "buy", "amount": "1", "alert_id": "a1"}')


def test_the_sample_of_a_command_line_can_be_read_by_its_webhook(boss, user):
    from execution.admin.webhook_words import sample_body
    from policies.domain.webhook_body import BodyRules, read_body

    for rules in (
        BodyRules(),
        BodyRules(defaults={"notional": "5", "symbol": "BTC/USDT"}),
        BodyRules(body_map={"symbol": "a.b", "side": "a.c", "amount": "n"}, alert_id_field="meta.id"),
    ):
        reading = read_body(str(sample_body(rules)).replace("'", '"').encode(), rules)
        assert reading.alert_id == "test-1"
        assert {"symbol", "side"} <= set(reading.fields)
        assert {"amount", "notional"} & set(reading.fields)


def test_the_menu_has_it_beside_the_tokens(boss, user):
    page = boss.get(reverse("admin:index")).content.decode()

    assert page.index(reverse("admin:policies_apitoken_changelist")) < page.index(reverse(LIST))
