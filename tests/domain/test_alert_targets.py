"""The typed fields of alert channels."""

import pytest

from policies.domain.alert_targets import FIELDS, check_target, https_address, shown
from policies.domain.alerts import MEANINGS, ChannelKind, Condition

GOOD = {
    ChannelKind.EMAIL: {
        "recipients": "a@example.com;b@example.com", "sender": "p@example.com", "smtp_host": "SMTP.example.com.",
        "smtp_port": "587", "smtp_security": "starttls", "smtp_user": "p", "smtp_password": "longenough",
    },
    ChannelKind.TELEGRAM: {"telegram_chat": "@trading_desk", "telegram_token": "123456789:" + "A" * 35},
    ChannelKind.SLACK: {"slack_hook": "https://hooks.slack.com/services/T00000000/B00000000/" + "x" * 24},
    ChannelKind.DISCORD: {"discord_hook": "https://discord.com/api/webhooks/" + "1" * 18 + "/" + "y" * 68},
    ChannelKind.WEBHOOK: {"address": "https://hooks.example.com/a?b=c", "signing_secret": "s" * 20},
}  # fmt: skip


@pytest.mark.parametrize("kind", ChannelKind)
def test_a_complete_target_is_taken(kind):
    good, problems = check_target(kind, GOOD[kind])

    assert problems == {}
    assert set(good) == {field.name for field in FIELDS[kind]}


@pytest.mark.parametrize("kind", ChannelKind)
def test_what_is_missing_is_named(kind):
    assert set(check_target(kind, {})[1]) == {field.name for field in FIELDS[kind] if field.required}


@pytest.mark.parametrize(
    ("kind", "field", "text"),
    [
        ("email", "recipients", "nobody"),
        ("email", "recipients", "a@b.com\nBcc: c@d.com x"),
        ("email", "smtp_host", "smtp.example.com/?x"),
        ("email", "smtp_host", "file:///etc"),
        ("email", "smtp_port", "0"),
        ("email", "smtp_port", "70000"),
        ("email", "smtp_security", "ssl?"),
        ("telegram", "telegram_token", "123456789:short"),
        ("telegram", "telegram_chat", "1234/../5"),
        ("slack", "slack_hook", "https://hooks.slack.com.example.com/services/T00000000/B00000000/" + "x" * 24),
        ("slack", "slack_hook", "json://127.0.0.1/"),
        ("discord", "discord_hook", "https://example.com/api/webhooks/" + "1" * 18 + "/" + "y" * 68),
        ("webhook", "address", "http://hooks.example.com/"),
        ("webhook", "address", "https://user@hooks.example.com/"),
        ("webhook", "address", "https://hooks.example.com:99999/"),
        ("webhook", "signing_secret", "short"),
    ],
)
def test_a_wrong_field_is_refused_without_quoting_it(kind, field, text):
    problems = check_target(ChannelKind(kind), {**GOOD[ChannelKind(kind)], field: text})[1]

    assert set(problems) == {field}
    assert text not in problems[field]


def test_only_the_last_four_characters_of_a_secret_are_shown():
    assert shown(ChannelKind.WEBHOOK, {"signing_secret": "0123456789abcdef"}) == "••••cdef"
    assert shown(ChannelKind.EMAIL, {"smtp_password": "short"}) == "••••"
    assert shown(ChannelKind.EMAIL, {}) == ""


def test_an_address_with_a_literal_ip_is_left_to_the_check_of_where_it_leads():
    assert https_address("https://[2606:4700::1]/x") == "https://[2606:4700::1]/x"


def test_every_condition_is_explained():
    assert set(MEANINGS) == set(Condition)
    assert all(meaning.meaning.endswith(".") for meaning in MEANINGS.values())
