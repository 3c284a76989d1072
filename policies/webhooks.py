"""Webhooks: their addresses and secrets are made here, given out once, rotated and retired."""

import hashlib
import secrets as random_source
import uuid
from datetime import timedelta

import structlog
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from policies import crypto
from policies.domain.webhook_body import BodyRules
from policies.models import Webhook, WebhookSecret
from policies.models.webhook import WebhookKind
from policies.services import TOKEN_BYTES, TOKEN_PREFIX_LENGTH, check_reason, save_with_history, token_digest

logger = structlog.get_logger(__name__)

TOKEN_MARK = "wh_"
SECRET_MARK = "whs_"
ACTIVE_SECRETS = 2
LONGEST_GRACE = timedelta(days=7)


@transaction.atomic
def create_webhook(webhook: Webhook, *, reason: str, by: User | None) -> str:
    """Store a new webhook; returns its token (TradingView) or its first secret (signed), never to be had again."""
    webhook.full_clean()
    plaintext = ""
    if webhook.kind == WebhookKind.TRADINGVIEW:
        plaintext = _new_token(webhook)
    save_with_history(webhook, reason, by)
    if webhook.kind == WebhookKind.SIGNED:
        plaintext = _new_secret(webhook, reason, by)
    logger.info("webhook_created", webhook=webhook.name, kind=webhook.kind, owner=str(webhook.owner))
    return plaintext


@transaction.atomic
def rotate_token(webhook: Webhook, *, grace: timedelta, reason: str, by: User | None) -> str:
    """Give the webhook a new address; returns its token. The one until now works for `grace` longer, older ones end."""
    row = _locked(webhook, WebhookKind.TRADINGVIEW)
    if not timedelta(0) <= grace <= LONGEST_GRACE:
        raise ValidationError(f"The old address can stay valid for at most {LONGEST_GRACE.days} days.")
    now = timezone.now()
    row.old_token_digest, row.old_token_until = (row.token_digest, now + grace) if grace else (None, None)
    row.rotated_at = now
    plaintext = _new_token(row)
    save_with_history(row, check_reason(reason), by)
    logger.warning("webhook_rotated", webhook=row.name, grace_s=grace.total_seconds())
    return plaintext


@transaction.atomic
def add_secret(webhook: Webhook, *, reason: str, by: User | None) -> str:
    """Give a signed webhook a second secret beside the first; returns it. Refused when two are in use."""
    row = _locked(webhook, WebhookKind.SIGNED)
    if row.secrets.filter(retired_at=None).count() >= ACTIVE_SECRETS:
        raise ValidationError("Two secrets are in use. Retire the old one first.")
    return _new_secret(row, check_reason(reason), by)


@transaction.atomic
def retire_secret(webhook: Webhook, *, reason: str, by: User | None) -> WebhookSecret:
    """End the older one of two secrets, within a second."""
    row = _locked(webhook, WebhookKind.SIGNED)
    active = list(row.secrets.filter(retired_at=None).order_by("created_at"))
    if len(active) < ACTIVE_SECRETS:
        raise ValidationError("It is the only secret. Add a new one first, or switch the webhook off.")
    oldest = active[0]
    oldest.retired_at = timezone.now()
    save_with_history(oldest, check_reason(reason), by)
    logger.warning("webhook_secret_retired", webhook=row.name, fingerprint=oldest.fingerprint)
    return oldest


@transaction.atomic
def switch_off(webhook: Webhook, *, reason: str, by: User | None) -> None:
    """Refuse all further requests, within a second."""
    row = Webhook.objects.select_for_update().get(pk=webhook.pk)
    if not row.enabled:
        raise ValidationError("This webhook is switched off already.")
    row.enabled = False
    save_with_history(row, check_reason(reason), by)
    logger.warning("webhook_switched_off", webhook=row.name)


def read_secret(secret: WebhookSecret, owner_id: int) -> str:
    """The secret in clear, to check signatures with. Raises crypto.Unreadable."""
    binding = crypto.WebhookBinding(str(secret.pk), secret.webhook_id, owner_id)
    return crypto.decrypt(bytes(secret.ciphertext), binding)["secret"]


def secret_binding(secret: WebhookSecret) -> crypto.WebhookBinding:
    """What the ciphertext of this row is bound to."""
    return crypto.WebhookBinding(str(secret.pk), secret.webhook_id, secret.webhook.owner_id)


def body_rules(webhook: Webhook) -> BodyRules:
    """How this webhook reads a body."""
    own = {"strategy_id": webhook.strategy_id, "exchange": webhook.exchange_id or "", "symbol": webhook.symbol}
    return BodyRules(
        body_map=webhook.body_map,
        text_template=webhook.text_template,
        defaults={**webhook.defaults, **{name: value for name, value in own.items() if value}},
        alert_id_field=webhook.alert_id_field,
        time_field=webhook.time_field,
        max_age_s=webhook.max_age_s,
    )


def _locked(webhook: Webhook, kind: WebhookKind) -> Webhook:
    row = Webhook.objects.select_for_update(of=("self",)).get(pk=webhook.pk)
    if row.kind != kind:
        what = "a secret address" if kind == WebhookKind.TRADINGVIEW else "signatures"
        raise ValidationError(f"{row.name} does not work with {what}.")
    return row


def _new_token(webhook: Webhook) -> str:
    plaintext = f"{TOKEN_MARK}{random_source.token_urlsafe(TOKEN_BYTES)}"
    webhook.token_prefix, webhook.token_digest = plaintext[:TOKEN_PREFIX_LENGTH], token_digest(plaintext)
    return plaintext


def _new_secret(webhook: Webhook, reason: str, by: User | None) -> str:
    plaintext = f"{SECRET_MARK}{random_source.token_urlsafe(TOKEN_BYTES)}"
    row = WebhookSecret(id=uuid.uuid4(), webhook=webhook)
    row.ciphertext = crypto.encrypt({"secret": plaintext}, secret_binding(row))
    row.fingerprint = hashlib.sha256(plaintext.encode()).hexdigest()[:16]
    save_with_history(row, reason, by)
    logger.info("webhook_secret_added", webhook=webhook.name, fingerprint=row.fingerprint)
    return plaintext
