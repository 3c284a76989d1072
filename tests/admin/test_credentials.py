"""Exchange keys: they go in, and never come out."""

import logging

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.urls import reverse

from policies import services
from policies.admin import credentials as credential_admin
from policies.domain.policy import Mode
from policies.forms.credentials import one_line_pem
from policies.models import Exchange, ExchangeCredential
from policies.services import read_secrets, store_credential
from tests.admin import world
from tests.admin.forms import REASON, edit

KEY = "k-1234567890a91F"
SECRET = world.SECRET
ADD = "admin:policies_exchangecredential_add"
LIST = "admin:policies_exchangecredential_changelist"


@pytest.fixture
def stored(user):
    return store_credential(
        user=user, exchange="kraken", mode=Mode.LIVE, secrets={"api_key": KEY, "secret": "c2VjcmV0c2VjcmV0"}, by=None
    )


def new(client, user, **changes):
    body = {"user": user.pk, "exchange": "binance", "mode": "live", "label": "main", "reason": REASON}
    return client.post(reverse(ADD), {**body, "api_key": KEY, "secret": SECRET, **changes})


def press(client, row, action, reason="the exchange refused it twice"):
    address = reverse(f"admin:policies_exchangecredential_{action}", args=[row.pk])
    return client.post(address, {"reason": reason, "_form_submitted": "True"}, headers={"HX-Request": "true"})


def everything_in_the_database() -> str:
    """All text of all tables that the admin writes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
        text = ""
        for table in tables:
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
            text += cursor.fetchone()[0] or ""
    return text


def test_keys_are_stored_encrypted_and_shown_by_their_last_four(boss, user, caplog):
    with caplog.at_level(logging.DEBUG):
        response = new(boss, user)

    assert response.status_code == 302
    row = ExchangeCredential.objects.get()
    assert read_secrets(row) == {"api_key": KEY, "secret": SECRET}
    assert ExchangeCredential.history.latest().history_change_reason == REASON
    page = boss.get(reverse("admin:policies_exchangecredential_change", args=[row.pk])).content.decode()
    listed = boss.get(reverse(LIST)).content.decode()
    history = boss.get(reverse("admin:policies_exchangecredential_history", args=[row.pk])).content.decode()
    assert "••••a91F" in page
    assert row.fingerprint in page
    assert "Leave blank to keep the stored keys." in page
    for text in (page, listed, history, caplog.text, everything_in_the_database(), str(LogEntry.objects.get())):
        assert SECRET not in text
        assert KEY not in text


def test_the_inputs_are_empty_and_the_browser_is_told_not_to_fill_them(boss, stored):
    page = boss.get(reverse("admin:policies_exchangecredential_change", args=[stored.pk])).content.decode()

    inputs = [part for part in page.split("<input") if 'type="password"' in part.split(">")[0]]
    assert len(inputs) == 2
    assert all('autocomplete="new-password"' in text and "value=" not in text.split(">")[0] for text in inputs)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"secret": ""}, "binance needs a secret."),
        ({"reason": ""}, "at least 8"),
        ({"exchange": "okx"}, "okx needs a passphrase."),
        ({"exchange": "kraken"}, "A Kraken private key is base64"),
        ({"exchange": "coinbase"}, "A Coinbase secret is a PEM text"),
        ({"passphrase": SECRET}, "binance has no passphrase."),
        ({"mode": "paper"}, "paper"),
    ],
)
def test_an_error_never_gives_the_secret_back(boss, user, changes, sentence):
    html = new(boss, user, **changes).content.decode()

    assert sentence in html
    assert SECRET not in html
    assert KEY not in html
    assert not ExchangeCredential.objects.exists()


def test_the_same_keys_twice_are_refused_with_what_to_do(boss, user, stored):
    response = new(boss, user, exchange="kraken", secret="c2VjcmV0c2VjcmV0")

    assert "Replace those." in response.content.decode()
    assert ExchangeCredential.objects.count() == 1


def test_left_blank_the_stored_keys_stay(boss, stored):
    edit(boss, "exchangecredential", stored.pk, label="second account")

    row = ExchangeCredential.objects.get()
    assert (row.label, row.version, row.last_four) == ("second account", 1, "a91F")


def test_keys_are_replaced_together_or_not_at_all(boss, stored):
    half = edit(boss, "exchangecredential", stored.pk, api_key="another-key-77aa")
    assert "Keys are replaced together." in half.content.decode()
    assert "another-key-77aa" not in half.content.decode()

    edit(boss, "exchangecredential", stored.pk, api_key="another-key-77aa", secret="bmV3IHNlY3JldA==")

    row = ExchangeCredential.objects.get()
    assert (row.last_four, row.version, row.pk) == ("77aa", 2, stored.pk)
    assert ExchangeCredential.history.latest().history_user.username == "risk.two"


def test_an_error_page_shows_no_secret_even_in_development(risk_manager, user, settings, monkeypatch):
    settings.DEBUG = True
    browser = Client(raise_request_exception=False)
    browser.force_login(risk_manager)

    def broken(**kwargs):
        secrets = kwargs["secrets"]
        raise RuntimeError(f"a bug, with {len(secrets)} secrets at hand")

    monkeypatch.setattr(credential_admin, "store_credential", broken)
    response = new(browser, user)

    page = response.content.decode()
    assert response.status_code == 500
    assert "a bug, with 2 secrets at hand" in page
    assert SECRET not in page
    assert KEY not in page


def test_freezing_works_at_once_and_releasing_takes_a_reason_too(boss, stored):
    assert press(boss, stored, "freeze", "no").status_code == 200
    assert not ExchangeCredential.objects.get().frozen

    assert press(boss, stored, "freeze").status_code == 204
    assert ExchangeCredential.objects.get().frozen_reason == "the exchange refused it twice"
    assert "FROZEN" in boss.get(reverse(LIST)).content.decode()
    assert "frozen already" in press(boss, stored, "freeze").content.decode()

    assert press(boss, stored, "release").status_code == 204
    assert not ExchangeCredential.objects.get().frozen
    assert "not frozen" in press(boss, stored, "release").content.decode()


def test_asking_for_the_dialog_freezes_nothing(boss, stored):
    html = boss.get(reverse("admin:policies_exchangecredential_freeze", args=[stored.pk])).content.decode()

    assert "Freeze these keys" in html
    assert not ExchangeCredential.objects.get().frozen


def test_an_operator_may_freeze_but_not_release_or_replace(client, staff, stored):
    client.force_login(staff("operator"))

    assert press(client, stored, "freeze").status_code == 204
    assert press(client, stored, "release").status_code == 403
    assert edit_status(client, stored) == 403


def edit_status(client, row):
    address = reverse("admin:policies_exchangecredential_change", args=[row.pk])
    return client.post(address, {"api_key": KEY, "secret": "bmV3", "reason": REASON}).status_code


def test_a_credential_owner_sees_and_changes_only_the_own_keys(client, staff, stored):
    owner = staff("credential owner")
    client.force_login(owner)

    assert "••••a91F" not in client.get(reverse(LIST)).content.decode()
    assert edit_status(client, stored) == 302  # Django's "there is no such row", back to the index
    assert press(client, stored, "freeze").status_code == 404

    new(client, owner)
    assert ExchangeCredential.objects.get(user=owner).exchange_id == "binance"
    new(client, stored.user, exchange="bybit")
    assert not ExchangeCredential.objects.filter(user=stored.user, exchange="bybit").exists()
    assert ExchangeCredential.objects.get(pk=stored.pk).version == 1


def test_a_pem_that_lost_its_line_breaks_gets_them_back(boss, user):
    body = "MHcCAQEEIB" * 9
    pasted = f"-----BEGIN EC PRIVATE KEY----- {body} -----END EC PRIVATE KEY-----"

    new(boss, user, exchange="coinbase", secret=pasted)

    kept = read_secrets(ExchangeCredential.objects.get())["secret"].splitlines()
    assert kept == ["-----BEGIN EC PRIVATE KEY-----", body[:64], body[64:], "-----END EC PRIVATE KEY-----"]
    from_json = rf"-----BEGIN EC PRIVATE KEY-----\n{body}\n-----END EC PRIVATE KEY-----"
    assert one_line_pem(from_json) == one_line_pem(pasted)
    assert one_line_pem("no pem") == "no pem"


def test_only_the_service_writes_keys(monkeypatch, boss, user):
    calls = []
    real = services.store_credential
    monkeypatch.setattr(credential_admin, "store_credential", lambda **kwargs: calls.append(kwargs) or real(**kwargs))

    new(boss, user)

    assert len(calls) == 1
    assert calls[0]["reason"] == REASON


def test_every_exchange_offers_its_own_fields(boss, user):
    row = store_credential(
        user=user, exchange="okx", mode=Mode.LIVE, secrets={"api_key": "a1", "secret": "b", "passphrase": "c"}, by=None
    )

    page = boss.get(reverse("admin:policies_exchangecredential_change", args=[row.pk])).content.decode()

    assert 'name="passphrase"' in page
    assert 'name="client_id"' not in page
    assert Exchange.objects.get(pk="okx").credentials.count() == 1
