"""Secrets: bound to their row, never readable elsewhere, never written down."""

import io
import logging

import pytest
import structlog
from django.core.exceptions import ImproperlyConfigured, ValidationError

from policies import crypto, snapshot
from policies.domain.policy import Mode
from policies.models import ExchangeCredential
from policies.services import binding_of, read_secrets, set_frozen, store_credential
from routing_platform.logs import redact

SECRETS = {"api_key": "AKIA-planted-key-0001", "secret": "planted-secret-value-0001"}


def store(user, exchange="binance", **secrets):
    return store_credential(user=user, exchange=exchange, mode=Mode.LIVE, secrets={**SECRETS, **secrets}, by=None)


def test_what_is_stored_decrypts_only_in_its_own_row(user, django_user_model):
    other = django_user_model.objects.create_user("algo2")
    mine, theirs = store(user), store(other, secret="another")

    mine.ciphertext, theirs.ciphertext = theirs.ciphertext, mine.ciphertext

    for row in (mine, theirs):
        with pytest.raises(crypto.Unreadable, match="do not belong to this row"):
            read_secrets(row)


@pytest.mark.parametrize("field", ["exchange_id", "mode", "user_id"])
def test_a_row_that_was_changed_no_longer_decrypts(user, django_user_model, field):
    row = store(user)
    setattr(row, field, {"exchange_id": "okx", "mode": "sandbox", "user_id": user.pk + 1}[field])

    with pytest.raises(crypto.Unreadable):
        read_secrets(row)


def test_every_flipped_byte_is_noticed(user):
    row = store(user)
    original = bytes(row.ciphertext)
    for position in range(0, len(original), 7):
        damaged = bytearray(original)
        damaged[position] ^= 1
        with pytest.raises(crypto.Unreadable):
            crypto.decrypt(bytes(damaged), binding_of(row))


def test_a_missing_key_encryption_key_is_named_and_old_ones_still_read(user, settings):
    row = store(user)
    old = settings.ENV["CREDENTIAL_KEYS"]
    settings.ENV = {**settings.ENV, "CREDENTIAL_KEYS": [f"new:{crypto.new_key()}"]}
    with pytest.raises(crypto.Unreadable, match="CREDENTIAL_KEYS has no key"):
        read_secrets(row)

    settings.ENV = {**settings.ENV, "CREDENTIAL_KEYS": [f"new:{crypto.new_key()}", *old]}

    assert read_secrets(row) == SECRETS
    assert b'"kek": "new"' in bytes(store(user, "okx", passphrase="p").ciphertext)


@pytest.mark.parametrize("keys", [[], ["x"], ["k:short"], ["k:" + "A" * 44 + "!"]])
def test_key_encryption_keys_of_the_wrong_form_are_refused(user, settings, keys):
    settings.ENV = {**settings.ENV, "CREDENTIAL_KEYS": keys}

    with pytest.raises(ImproperlyConfigured, match="CREDENTIAL_KEYS"):
        store(user)


def test_replacing_keys_changes_the_version_and_releases_a_freeze(user):
    row = store(user)
    set_frozen(row, frozen=True, reason="leaked in a screenshot", by=None)
    assert snapshot.refresh().credentials[user.pk, "binance", Mode.LIVE].frozen

    replaced = store(user, secret="fresh")

    ref = snapshot.refresh().credentials[user.pk, "binance", Mode.LIVE]
    assert (ref.frozen, ref.version, replaced.pk) == (False, 2, row.pk)


def test_neither_rows_nor_history_hold_a_secret(user):
    row = store(user)

    kept = str(ExchangeCredential.objects.values()) + str(ExchangeCredential.history.values()) + repr(row)
    assert not any(secret in kept for secret in SECRETS.values())
    assert "0001" in str(row)


def test_freezing_needs_a_reason(user):
    with pytest.raises(ValidationError):
        set_frozen(store(user), frozen=True, reason="x", by=None)


@pytest.mark.parametrize(
    "text",
    [
        "https://api.binance.com/api/v3/order?symbol=X&signature=planted-secret-value-0001",
        "{'X-MBX-APIKEY': 'planted-secret-value-0001'}",
        '{"secret": "planted-secret-value-0001", "ok": 1}',
        "Authorization: Token planted-secret-value-0001",
        "API-Sign=planted-secret-value-0001",
        "password=planted-secret-value-0001",
    ],
)
def test_the_last_net_under_the_logs_redacts_what_looks_like_a_secret(text):
    assert "planted-secret" not in redact(text)


def test_a_secret_logged_by_mistake_does_not_reach_the_log():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.getLogger().handlers[0].formatter)
    logger = logging.getLogger("planted")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)

    logger.info("request failed: api_key=%s", SECRETS["api_key"])
    structlog.get_logger("planted").info("call", secret=SECRETS["secret"], url=f"/x?signature={SECRETS['secret']}")

    logger.removeHandler(handler)
    assert "request failed" in stream.getvalue()
    assert not any(secret in stream.getvalue() for secret in SECRETS.values())


def test_a_traceback_in_the_log_shows_no_local_variables():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.getLogger().handlers[0].formatter)
    logger = logging.getLogger("planted")
    logger.addHandler(handler)

    def broken(value):
        raise RuntimeError(f"a bug with {len(value)} letters at hand")

    try:
        broken(SECRETS["secret"])
    except RuntimeError:
        logger.exception("it failed")

    logger.removeHandler(handler)
    assert "a bug with" in stream.getvalue()
    assert SECRETS["secret"] not in stream.getvalue()
