"""Alerts in the admin: taken and closed, rules and channels edited, a channel tried, a notice sent again."""

import html

import pytest
from django.core.management import call_command
from django.urls import reverse

from execution.models import Alert, AlertDelivery
from execution.services import alerts
from policies import policy_file
from policies.alerts import read_target
from policies.models import AlertChannel, AlertRule
from policies.policy_file import PolicyFileError
from tests.admin import world
from tests.admin.forms import REASON, edit

CANARY = "whs_CANARY-9f27-never-shown"
PATH = "CANARY-in-the-path"


def press(client, model, name, row, reason="we know of it", **answers):
    address = reverse(f"admin:{model}_{name}", args=[row.pk])
    return client.post(
        address, {"reason": reason, "_form_submitted": "True", **answers}, headers={"HX-Request": "true"}
    )


def add_channel(client, **changes):
    body = {
        "name": "pager", "kind": "webhook", "enabled": "on", "reason": REASON,
        "address": f"https://hooks.example.com/{PATH}", "signing_secret": CANARY, **changes,
    }  # fmt: skip
    return client.post(reverse("admin:policies_alertchannel_add"), body)


def add_rule(client, **changes):
    body = {
        "name": "Too many denials", "condition": "denials", "scope": "", "threshold": "100", "severity": "warning",
        "enabled": "on", "for_s": "0", "hold_s": "30", "repeat_s": "", "recovery_notice": "on", "reason": REASON,
        **changes,
    }  # fmt: skip
    return client.post(reverse("admin:policies_alertrule_add"), body)


def shown(response):
    return html.unescape(response.content.decode())


def test_a_channel_is_stored_encrypted_and_shows_four_characters(boss):
    response = add_channel(boss)
    channel = AlertChannel.objects.get()

    assert response.status_code == 302
    assert read_target(channel)["signing_secret"] == CANARY
    assert CANARY.encode() not in bytes(channel.ciphertext)
    pages = [reverse("admin:policies_alertchannel_changelist"), reverse("admin:changes")]
    pages += [reverse(f"admin:policies_alertchannel_{view}", args=[channel.pk]) for view in ("change", "history")]
    text = "".join(shown(boss.get(page)) for page in pages)
    assert "••••hown" in text
    assert CANARY not in text
    assert PATH not in text
    assert "CANARY" not in str(channel.history.values())


def test_a_channel_keeps_its_secrets_when_they_are_left_blank(boss):
    add_channel(boss)
    channel = AlertChannel.objects.get()
    before = bytes(channel.ciphertext)

    response = edit(boss, "alertchannel", channel.pk, name="night pager")

    channel.refresh_from_db()
    assert response.status_code == 302, shown(response)
    assert channel.name == "night pager"
    assert bytes(channel.ciphertext) == before
    edit(boss, "alertchannel", channel.pk, signing_secret="another-secret-0001")
    channel.refresh_from_db()
    assert read_target(channel)["signing_secret"] == "another-secret-0001"
    assert PATH in read_target(channel)["address"]


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("address", "http://hooks.example.com/", "must begin with https://"),
        ("address", "", "This is needed."),
        ("signing_secret", "short", "At least 16 characters"),
        ("reason", "no", "in at least 8"),
    ],
)
def test_a_wrong_channel_is_refused_with_a_sentence_and_shows_no_secret(boss, field, text, sentence):
    response = add_channel(boss, **{field: text})

    assert sentence in shown(response)
    assert CANARY not in shown(response)
    assert not AlertChannel.objects.exists()


def test_a_mail_channel_is_made_with_its_encryption_chosen(boss):
    body = {
        "name": "desk", "kind": "email", "enabled": "on", "reason": REASON, "recipients": "desk@example.com",
        "sender": "platform@example.com", "smtp_host": "smtp.example.com", "smtp_port": "587",
    }  # fmt: skip
    assert "This is needed." in shown(boss.post(reverse("admin:policies_alertchannel_add"), body))
    boss.post(reverse("admin:policies_alertchannel_add"), {**body, "smtp_security": "starttls"})

    channel = AlertChannel.objects.get()
    edit(boss, "alertchannel", channel.pk, recipients="desk@example.com, night@example.com")

    channel.refresh_from_db()
    assert (channel.settings["smtp_security"], channel.settings["smtp_host"]) == ("starttls", "smtp.example.com")
    assert channel.settings["recipients"] == "desk@example.com, night@example.com"


def test_a_test_goes_out_by_post_only_and_its_result_is_shown(boss):
    add_channel(boss, address="https://127.0.0.1:9/x")
    channel = AlertChannel.objects.get()
    boss.get(reverse("admin:policies_alertchannel_send_test_notice", args=[channel.pk]))
    channel.refresh_from_db()
    assert channel.last_at is None

    response = press(boss, "policies_alertchannel", "send_test_notice", channel)

    channel.refresh_from_db()
    assert "Not sent: 127.0.0.1 leads to an address that is not public." in shown(response)
    assert channel.last_ok is False
    assert channel.last_error in shown(boss.get(reverse("admin:policies_alertchannel_changelist")))


def test_a_rule_is_made_with_a_reason_and_its_channels(boss):
    add_channel(boss)
    channel = AlertChannel.objects.get()

    response = add_rule(boss, channels=[str(channel.pk)])
    rule = AlertRule.objects.get(condition="denials")

    assert response.status_code == 302, shown(response)
    assert list(rule.channels.all()) == [channel]
    assert rule.history.first().history_change_reason == REASON
    assert "Too many denials" in shown(boss.get(reverse("admin:policies_alertrule_history", args=[rule.pk])))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"threshold": ""}, "Say how many: more than this many denials within the last hour open an alert."),
        ({"scope": "okx"}, "“Many denials” cannot be limited. Leave it empty."),
        ({"condition": "exchange_down"}, "“Exchange down” has no threshold. Leave it empty."),
        ({"condition": "exchange_down", "threshold": "", "scope": "okxx"}, "There is no exchange 'okxx'."),
        ({"repeat_s": "5"}, "greater than or equal to 60"),
        ({"reason": ""}, "Write why"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_a_sentence(boss, changes, sentence):
    response = add_rule(boss, **changes)

    assert sentence in shown(response)
    assert not AlertRule.objects.filter(name="Too many denials").exists()


def test_the_form_explains_every_condition(boss):
    text = shown(boss.get(reverse("admin:policies_alertrule_add")))

    assert "A failover chain has no usable exchange" in text
    assert "Threshold: failovers within the last minute." in text


@pytest.fixture
def found(risk_manager):
    """An alert that nobody has taken, with a notice that failed."""
    world.calm_day(minutes=1)
    return world.alert("okx")


def test_an_alert_is_listed_counted_taken_and_closed_with_a_reason(boss, found, risk_manager, now_read):
    def badge():
        now_read()
        request = boss.get(reverse("admin:index")).wsgi_request
        groups = __import__("execution.admin.navigation", fromlist=["sidebar"]).sidebar(request)
        return next(item["badge"] for group in groups for item in group["items"] if item["title"] == "Alerts")

    listed = shown(boss.get(reverse("admin:execution_alert_changelist")))
    assert "OKX is down" in listed
    assert "CRITICAL" in listed
    assert badge() == 1

    press(boss, "execution_alert", "take_alert", found)
    found.refresh_from_db()
    assert found.taken_by == risk_manager
    assert badge() == 0
    assert "Write why" in shown(press(boss, "execution_alert", "close_alert", found, reason="no"))
    press(boss, "execution_alert", "close_alert", found)
    found.refresh_from_db()

    assert (found.closed_by, found.closed_reason) == (risk_manager, "we know of it")
    assert "closed already" in shown(press(boss, "execution_alert", "close_alert", found))


def test_an_alert_that_was_not_told_yet_is_not_listed(boss, found):
    Alert.objects.update(opened_at=None)

    assert "OKX is down" not in shown(boss.get(reverse("admin:execution_alert_changelist")))


def test_a_notice_shows_its_error_and_is_tried_again(boss, found):
    row = AlertDelivery.objects.get()
    assert "pager answered 500." in shown(boss.get(reverse("admin:execution_alertdelivery_changelist")))

    press(boss, "execution_alertdelivery", "retry_notice", row)

    row.refresh_from_db()
    assert row.state == "pending"


@pytest.mark.parametrize(
    ("role", "may"), [("viewer", False), ("operator", True), ("risk manager", True), ("webhook owner", False)]
)
def test_who_may_take_and_close(client, staff, found, role, may):
    client.force_login(staff(role))

    press(client, "execution_alert", "take_alert", found)
    found.refresh_from_db()

    assert (found.taken_by is not None) == may


def test_an_operator_may_not_change_channels_or_try_them(client, staff, found):
    client.force_login(staff("operator"))
    channel = AlertChannel.objects.get()

    assert press(client, "policies_alertchannel", "send_test_notice", channel).status_code == 403
    assert add_channel(client, name="mine").status_code == 403


def test_rules_are_part_of_the_policy_file_and_secrets_are_not(boss, found):
    AlertRule.objects.get(name="Exchange down").channels.set(AlertChannel.objects.all())
    text = policy_file.dump()

    assert policy_file.plan(text) == []
    assert "channels:\n    - pager" in text
    assert "CANARY" not in text
    assert "slack" not in text


def test_a_policy_file_makes_and_changes_rules(boss, found):
    text = """
alert_rules:
  Many failovers: {condition: failovers, threshold: 20, severity: warning, channels: [pager]}
  Exchange down: {for_s: 45, repeat_s: 3600}
"""
    changes = [str(change) for change in policy_file.apply(text, reason="reviewed in meeting", by=None)]

    rule = AlertRule.objects.get(name="Many failovers")
    assert (rule.threshold, [channel.name for channel in rule.channels.all()]) == (20, ["pager"])
    assert "alert_rules.Exchange down.for_s: 10 -> 45" in changes
    assert policy_file.plan(text) == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ("{condition: failovers}", "Say how many"),
        ("{condition: nonsense}", "nonsense"),
        ("{condition: exchange_down, channels: [nobody]}", "There is no channel nobody"),
    ],
)
def test_a_policy_file_with_a_wrong_rule_is_refused(db, fields, sentence):
    with pytest.raises(PolicyFileError, match=sentence):
        policy_file.apply(f"alert_rules:\n  Mine: {fields}\n", reason="reviewed in meeting", by=None)


def test_channels_are_re_encrypted_with_a_new_key(boss, settings):
    from io import StringIO

    from policies.crypto import new_key

    add_channel(boss)
    settings.ENV = {**settings.ENV, "CREDENTIAL_KEYS": [f"new:{new_key()}", *settings.ENV["CREDENTIAL_KEYS"]]}
    call_command("rotate_credential_keys", stdout=StringIO())
    settings.ENV = {**settings.ENV, "CREDENTIAL_KEYS": settings.ENV["CREDENTIAL_KEYS"][:1]}

    assert read_target(AlertChannel.objects.get())["signing_secret"] == CANARY


def test_a_closed_notice_cannot_be_retried(boss, found):
    AlertDelivery.objects.update(state="sent")

    assert "sent already" in shown(press(boss, "execution_alertdelivery", "retry_notice", AlertDelivery.objects.get()))
    assert alerts.send_due() == 0
