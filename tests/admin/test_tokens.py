"""API tokens: shown once, revoked for good."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from policies.models import ApiToken
from policies.services import create_token, token_digest
from tests.admin.forms import REASON

ADD = "admin:policies_apitoken_add"
LIST = "admin:policies_apitoken_changelist"


def new(client, user, **changes):
    later = timezone.now() + timedelta(days=90)
    body = {
        "name": "engine",
        "user": user.pk,
        "scopes": ["read", "trade"],
        "allowed_ips": "203.0.113.7\n198.51.100.0/24",
        "expires_at_0": f"{later:%Y-%m-%d}",
        "expires_at_1": "12:00:00",
        "reason": REASON,
    }
    return client.post(reverse(ADD), {**body, **changes})


def test_a_token_is_shown_once_and_only_its_hash_is_kept(boss, user):
    page = new(boss, user)

    token = ApiToken.objects.get()
    plaintext = re.search(r"<code>(rp_[\w-]+)</code>", page.content.decode()).group(1)
    assert "Copy it now. We keep only a fingerprint." in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert token.digest == token_digest(plaintext)
    assert token.scopes == ["read", "trade"]
    assert token.allowed_ips == ["203.0.113.7/32", "198.51.100.0/24"]
    assert ApiToken.history.get().history_change_reason == REASON
    for address in (reverse(LIST), reverse("admin:policies_apitoken_change", args=[token.pk]), reverse("admin:index")):
        assert plaintext not in boss.get(address).content.decode()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"scopes": []}, "Choose at least one"),
        ({"allowed_ips": "not-an-address"}, "Write 203.0.113.7 or 203.0.113.0/24."),
        ({"expires_at_0": "2020-01-01"}, "This is in the past."),
        ({"reason": "short"}, "at least 8"),
    ],
)
def test_token_sentences(boss, user, changes, sentence):
    response = new(boss, user, **changes)

    assert sentence in response.content.decode()
    assert not ApiToken.objects.exists()


def test_it_expires_in_90_days_unless_somebody_decides_otherwise(boss, user):
    page = boss.get(reverse(ADD)).content.decode()

    assert f'value="{timezone.now() + timedelta(days=90):%Y-%m-%d}"' in page
    new(boss, user, expires_at_0="", expires_at_1="")
    assert ApiToken.objects.get().expires_at is None


def press(client, token, reason="the laptop was lost"):
    address = reverse("admin:policies_apitoken_revoke", args=[token.pk])
    return client.post(address, {"reason": reason, "_form_submitted": "True"}, headers={"HX-Request": "true"})


def test_revoking_asks_why_and_is_final(boss, user):
    token, _ = create_token(user=user, name="engine", scopes=["read"], by=None)
    boss.get(reverse("admin:policies_apitoken_revoke", args=[token.pk]))
    assert ApiToken.objects.get().revoked_at is None
    assert "at least 8" in press(boss, token, "no").content.decode()

    assert press(boss, token).status_code == 204

    assert ApiToken.objects.get().revoked_at is not None
    assert ApiToken.history.latest().history_change_reason == "the laptop was lost"
    assert "revoked already" in press(boss, token).content.decode()
    assert "REVOKED" in boss.get(reverse(LIST)).content.decode()


def test_a_token_cannot_be_edited(boss, user):
    token, _ = create_token(user=user, name="engine", scopes=["read"], by=None)
    address = reverse("admin:policies_apitoken_change", args=[token.pk])

    assert boss.post(address, {"name": "other", "reason": REASON}).status_code == 403
    assert ApiToken.objects.get().name == "engine"


@pytest.mark.parametrize(
    ("state", "names"), [("live", {"a"}), ("expired", {"b"}), ("revoked", {"c"}), ("unused", {"a"})]
)
def test_tokens_are_found_by_state(boss, user, state, names):
    create_token(user=user, name="a", scopes=["read"], by=None)
    create_token(user=user, name="b", scopes=["read"], by=None, expires_at=timezone.now() - timedelta(days=1))
    revoked, _ = create_token(user=user, name="c", scopes=["read"], by=None)
    press(boss, revoked)

    page = boss.get(reverse(LIST), {"state": state})

    assert {row.name for row in page.context["cl"].result_list} == set(names)
