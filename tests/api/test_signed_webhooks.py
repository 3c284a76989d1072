"""Signed webhooks over HTTP: only what is signed, now and once, gets in."""

import time
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from execution.domain.webhook_signature import sign
from execution.models import Signal, WebhookDelivery, WebhookNonce
from execution.services import housekeeping
from policies import credential_care, crypto, snapshot
from policies.models import Webhook, WebhookSecret
from policies.webhooks import add_secret, read_secret, retire_secret, secret_binding
from tests.api import hooks
from tests.api.test_webhooks import code_of

BODY = b'{"symbol": "BTC/USDT", "side": "buy", "amount": "0.1", "alert_id": "s1"}'


def header(secret, t=None, body=BODY):
    when = str(int(time.time()) if t is None else t)
    return f"t={when},v1={sign(secret, when, body)}"


def test_a_signed_alert_becomes_a_signal(signing, api):
    response = signing.signed()

    signal = Signal.objects.get()
    assert (response.status_code, response.json()["id"], signal.user) == (202, str(signal.pk), api.user)
    assert signal.idempotency_key == "hook:signing:a1"


def test_the_same_alert_signed_anew_is_a_repetition(signing):
    now = int(time.time())
    first, again = signing.signed(t=now), signing.signed(t=now + 1)

    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["id"] == first.json()["id"]


def test_an_unknown_webhook_and_a_bad_signature_answer_alike(signing, api):
    unknown = hooks.Sender(Webhook(name="nothing"), "whs_x").signed(BODY)
    other_kind = hooks.Sender(hooks.make(api.user).hook, signing.secret).signed(BODY)
    answers = [
        signing.signed(BODY, header=header("whs_wrong")),
        signing.signed(BODY, header=""),
        signing.signed(BODY, header="nonsense"),
        signing.signed(BODY + b" ", header=header(signing.secret)),
        other_kind,
    ]
    hooks.change(signing.hook, enabled=False)
    answers.append(signing.signed(BODY))

    assert code_of(unknown) == (401, "WEBHOOK_SIGNATURE")
    assert {(response.status_code, response.content) for response in answers} == {(401, unknown.content)}
    assert Signal.objects.count() == 0
    kept = WebhookDelivery.objects.filter(webhook=signing.hook)
    assert set(kept.values_list("reason_code", "body")) == {("WEBHOOK_SIGNATURE", "")}


@pytest.mark.parametrize("age", [-302, 302, 3600, 86_400, -86_400])
def test_an_old_or_early_signature_is_refused(signing, age):
    response = signing.signed(t=int(time.time()) - age)

    assert code_of(response) == (401, "WEBHOOK_REPLAYED")
    assert Signal.objects.count() == 0


@pytest.mark.parametrize("age", [-298, 298])
def test_a_clock_may_be_five_minutes_off(signing, age):
    assert signing.signed(t=int(time.time()) - age).status_code == 202


def test_a_replayed_request_is_refused(signing):
    first = header(signing.secret)

    assert signing.signed(BODY, header=first).status_code == 202
    assert code_of(signing.signed(BODY, header=first)) == (401, "WEBHOOK_REPLAYED")
    # Whatever is not signed may be changed by whoever copies the request: it helps nobody.
    assert code_of(signing.signed(BODY, header=f"{first},n=new")) == (401, "WEBHOOK_REPLAYED")
    assert code_of(signing.signed(BODY, header=first, HTTP_X_NONCE="newer")) == (401, "WEBHOOK_REPLAYED")
    assert code_of(signing.signed(BODY, header=f"v0=x,{first}")) == (401, "WEBHOOK_REPLAYED")
    assert Signal.objects.count() == 1


def test_a_copy_that_leaves_one_of_two_signatures_out_is_still_a_copy(signing):
    second = add_secret(signing.hook, reason="the yearly rotation", by=None)
    snapshot.refresh()
    one, two = header(signing.secret), header(second)
    both = f"{one},{two.partition(',')[2]}"

    assert signing.signed(BODY, header=both).status_code == 202
    assert code_of(signing.signed(BODY, header=one)) == (401, "WEBHOOK_REPLAYED")
    assert code_of(signing.signed(BODY, header=two)) == (401, "WEBHOOK_REPLAYED")


@pytest.mark.parametrize("where", ["part", "header"])
def test_a_senders_own_nonce_is_good_once(signing, where):
    statuses = []
    for n in range(2):
        body = BODY.replace(b"s1", b"s%d" % n)
        signed = header(signing.secret, body=body)
        extra = {"HTTP_X_NONCE": "n1"} if where == "header" else {}
        statuses.append(signing.signed(body, header=signed + (",n=n1" if where == "part" else ""), **extra).status_code)

    assert statuses == [202, 401]
    assert Signal.objects.count() == 1


def test_a_refused_body_uses_the_request_up_too(signing):
    signed = header(signing.secret, body=b"{}")

    assert signing.signed(b"{}", header=signed).status_code == 400
    assert signing.signed(b"{}", header=signed).status_code == 401


def test_nonces_are_kept_longer_than_a_signature_is_good_for_and_not_for_ever(signing):
    signing.signed()
    WebhookNonce.objects.update(at=timezone.now() - timedelta(seconds=601))
    housekeeping.prune()
    assert WebhookNonce.objects.count() == 1

    WebhookNonce.objects.update(at=timezone.now() - timedelta(hours=2))
    housekeeping.prune()

    assert WebhookNonce.objects.count() == 0


def test_either_of_two_secrets_signs_until_one_is_retired(signing):
    first = signing.secret
    second = add_secret(signing.hook, reason="the yearly rotation", by=None)
    snapshot.refresh()
    bodies = [BODY.replace(b"s1", b"r%d" % n) for n in range(4)]

    assert signing.signed(bodies[0], header=header(first, body=bodies[0])).status_code == 202
    assert signing.signed(bodies[1], header=header(second, body=bodies[1])).status_code == 202
    retire_secret(signing.hook, reason="the sender has the new one", by=None)
    snapshot.refresh()

    assert signing.signed(bodies[2], header=header(first, body=bodies[2])).status_code == 401
    assert signing.signed(bodies[3], header=header(second, body=bodies[3])).status_code == 202


def test_a_listed_address_is_needed_after_the_signature(signing):
    hooks.change(signing.hook, allowed_ips=["203.0.113.0/24"])

    assert code_of(signing.signed()) == (403, "WEBHOOK_ADDRESS")
    signing.ip = "203.0.113.7"
    assert signing.signed().status_code == 202


def test_a_secret_is_bound_to_its_row_webhook_and_owner(signing, api, django_user_model):
    other = hooks.make(api.user, "other", kind="signed")
    mine, others = (WebhookSecret.objects.get(webhook=sender.hook) for sender in (signing, other))

    assert read_secret(mine, api.user.pk) == signing.secret
    assert signing.secret.encode() not in bytes(mine.ciphertext)
    WebhookSecret.objects.filter(pk=others.pk).update(ciphertext=mine.ciphertext)
    snapshot.refresh()
    assert other.signed().status_code == 401  # it cannot be read, so nothing passes
    assert hooks.Sender(other.hook, signing.secret).signed().status_code == 401
    with pytest.raises(crypto.Unreadable):
        read_secret(mine, django_user_model.objects.create(username="thief").pk)


def test_secrets_move_to_a_new_key_encryption_key(signing, settings):
    newest = f"new:{crypto.new_key()}"
    settings.ENV = {**django_settings.ENV, "CREDENTIAL_KEYS": [newest, *django_settings.ENV["CREDENTIAL_KEYS"]]}

    unreadable: list[str] = []
    assert list(credential_care.rotate_keys(unreadable)) == [(1, 0)]

    settings.ENV = {**django_settings.ENV, "CREDENTIAL_KEYS": [newest]}
    secret = WebhookSecret.objects.select_related("webhook").get()
    assert unreadable == []
    assert crypto.decrypt(bytes(secret.ciphertext), secret_binding(secret)) == {"secret": signing.secret}
