"""What happens to stored keys: checks, freezing, re-encryption."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from policies import credential_care, crypto, snapshot
from policies.credential_care import due_for_check, record_check
from policies.domain.policy import Mode, Scope
from policies.models import ExchangeCredential, TradingState
from policies.models.choices import KeyCheckChoices
from policies.services import read_secrets, set_frozen, store_credential

SECRETS = {"api_key": "k-1234567890a91F", "secret": "c2VjcmV0c2VjcmV0"}
REASON = "a laptop was stolen"


@pytest.fixture
def stored(user):
    return store_credential(user=user, exchange="kraken", mode=Mode.LIVE, secrets=SECRETS, by=None)


def check(row, result, **told):
    record_check(str(row.pk), row.version, result, **told)
    row.refresh_from_db()


def run(command, *arguments):
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def test_new_keys_are_due_at_once_and_accepted_ones_a_day_later(stored):
    assert list(due_for_check()) == [stored]

    check(stored, KeyCheckChoices.ACCEPTED, ip_restricted=True)
    assert list(due_for_check()) == []

    ExchangeCredential.objects.update(checked_at=timezone.now() - timedelta(hours=25))
    assert list(due_for_check()) == [stored]


def test_keys_that_were_not_answered_for_are_asked_again_soon(stored):
    check(stored, KeyCheckChoices.UNANSWERED, detail="503")
    ExchangeCredential.objects.update(checked_at=timezone.now() - timedelta(minutes=11))

    assert list(due_for_check()) == [stored]
    assert not stored.frozen


@pytest.mark.parametrize(
    ("result", "words"),
    [(KeyCheckChoices.DANGEROUS, "may withdraw money"), (KeyCheckChoices.REFUSED, "does not accept these keys")],
)
def test_keys_that_may_withdraw_or_are_refused_are_frozen_with_what_to_do(stored, result, words):
    check(stored, result)

    assert stored.frozen
    assert words in stored.frozen_reason
    assert snapshot.refresh().credentials[stored.user_id, "kraken", Mode.LIVE].frozen
    assert list(due_for_check()) == []


def test_new_keys_come_before_those_that_were_checked_long_ago(stored, user):
    check(stored, KeyCheckChoices.ACCEPTED)
    ExchangeCredential.objects.update(checked_at=timezone.now() - timedelta(days=30))
    new = store_credential(
        user=user, exchange="binance", mode=Mode.LIVE, secrets={**SECRETS, "api_key": "k-b"}, by=None
    )

    assert list(due_for_check()) == [new, stored]


def test_released_keys_are_asked_about_again_at_once(stored):
    check(stored, KeyCheckChoices.DANGEROUS)
    assert stored.frozen

    set_frozen(stored, frozen=False, reason="the exchange says it is fine", by=None)
    assert list(due_for_check()) == [stored]

    check(stored, KeyCheckChoices.DANGEROUS)
    assert stored.frozen


def test_an_answer_about_keys_that_were_replaced_meanwhile_is_forgotten(stored, user):
    store_credential(user=user, exchange="kraken", mode=Mode.LIVE, secrets={**SECRETS, "api_key": "k-new"}, by=None)

    record_check(str(stored.pk), stored.version, KeyCheckChoices.DANGEROUS)

    stored.refresh_from_db()
    assert (stored.frozen, stored.check_result) == (False, "unchecked")


def test_one_command_halts_everything_freezes_all_keys_and_lists_them(stored, user):
    store_credential(user=user, exchange="binance", mode=Mode.LIVE, secrets={**SECRETS, "api_key": "k-b"}, by=None)

    told = run("freeze_credentials", "--reason", REASON)

    assert "2 frozen. All trading is halted." in told
    assert stored.fingerprint in told
    assert SECRETS["secret"] not in told
    assert not ExchangeCredential.objects.filter(frozen=False).exists()
    assert TradingState.objects.get(scope=Scope.GLOBAL).status == "halted"
    assert {row.frozen_reason for row in ExchangeCredential.objects.all()} == {REASON}
    assert ExchangeCredential.history.filter(history_change_reason=REASON).count() == 2


def test_freezing_one_exchange_leaves_the_others_and_trading_alone(stored, user):
    store_credential(user=user, exchange="binance", mode=Mode.LIVE, secrets={**SECRETS, "api_key": "k-b"}, by=None)

    assert "1 frozen." in run("freeze_credentials", "--reason", REASON, "--exchange", "binance")

    assert ExchangeCredential.objects.get(frozen=False).exchange_id == "kraken"
    assert not TradingState.objects.exists()


def test_freezing_wants_a_reason(stored):
    with pytest.raises(CommandError, match="Write why"):
        run("freeze_credentials", "--reason", "x", "--user", "algo1")


def test_a_thousand_credentials_are_frozen_within_seconds(db, django_user_model):
    users = django_user_model.objects.bulk_create(django_user_model(username=f"u{n}") for n in range(1000))
    ExchangeCredential.objects.bulk_create(
        ExchangeCredential(user=user, exchange_id="kraken", ciphertext=b"x", last_four="abcd", fingerprint="f")
        for user in users
    )

    began = timezone.now()
    run("freeze_credentials", "--reason", REASON)

    assert (timezone.now() - began).total_seconds() < 60
    assert not ExchangeCredential.objects.filter(frozen=False).exists()


def rotate(settings, *keys):
    settings.ENV = {**settings.ENV, "CREDENTIAL_KEYS": list(keys)}


def test_after_a_rotation_the_old_key_may_go_and_the_secrets_are_the_same(stored, settings):
    old, new = settings.ENV["CREDENTIAL_KEYS"][0], f"k2:{crypto.new_key()}"
    rotate(settings, new, old)

    told = run("rotate_credential_keys")

    rotate(settings, new)
    stored.refresh_from_db()
    assert read_secrets(stored) == SECRETS
    assert stored.version == 1
    assert "All stored keys are under k2" in told
    assert "0 were re-encrypted" in run("rotate_credential_keys")


def test_a_rotation_that_was_stopped_goes_on_where_it_was(db, django_user_model, settings):
    for number in range(5):
        user = django_user_model.objects.create_user(f"u{number}")
        store_credential(user=user, exchange="kraken", mode=Mode.LIVE, secrets=SECRETS, by=None)
    old, new = settings.ENV["CREDENTIAL_KEYS"][0], f"k2:{crypto.new_key()}"
    rotate(settings, new, old)

    assert next(credential_care.rotate_keys([], batch=2)) == (2, 3)
    assert list(credential_care.rotate_keys([], batch=2)) == [(2, 1), (3, 0)]

    rotate(settings, new)
    assert all(read_secrets(row) == SECRETS for row in ExchangeCredential.objects.all())


def test_keys_that_cannot_be_read_are_named_and_the_others_are_done(stored, user, settings):
    broken = store_credential(
        user=user, exchange="binance", mode=Mode.LIVE, secrets={**SECRETS, "api_key": "k-b"}, by=None
    )
    ExchangeCredential.objects.filter(pk=broken.pk).update(ciphertext=b"{}")
    old, new = settings.ENV["CREDENTIAL_KEYS"][0], f"k2:{crypto.new_key()}"
    rotate(settings, new, old)

    with pytest.raises(CommandError, match="1 could not be read"):
        run("rotate_credential_keys")

    rotate(settings, new)
    stored.refresh_from_db()
    assert read_secrets(stored) == SECRETS
