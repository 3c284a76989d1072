"""What happens to stored keys after they are stored: checked, frozen when they are dangerous, re-encrypted."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Model, Q, QuerySet
from django.utils import timezone

from policies import crypto
from policies.alerts import channel_binding
from policies.models import AlertChannel, ExchangeCredential, WebhookSecret
from policies.models.choices import KeyCheckChoices
from policies.services import binding_of, check_reason, save_with_history, set_frozen
from policies.webhooks import secret_binding

logger = structlog.get_logger(__name__)

CHECK_EVERY = timedelta(hours=24)
RETRY_EVERY = timedelta(minutes=10)
MAY_WITHDRAW = "These keys may withdraw money. Make keys at the exchange that may only read and trade."
REFUSED_TWICE = "The exchange does not accept these keys. They may be revoked, expired or limited to other addresses."


def due_for_check() -> QuerySet[ExchangeCredential]:
    """Keys in use that were never checked, not for a day, or were not answered for some minutes."""
    now = timezone.now()
    old = Q(checked_at=None) | Q(checked_at__lt=now - CHECK_EVERY)
    unanswered = Q(check_result=KeyCheckChoices.UNANSWERED, checked_at__lt=now - RETRY_EVERY)
    return ExchangeCredential.objects.filter(old | unanswered, frozen=False).order_by(
        F("checked_at").asc(nulls_first=True)
    )


@transaction.atomic
def record_check(
    credential_id: str, version: int, result: KeyCheckChoices, *, detail: str = "", ip_restricted: bool | None = None
) -> None:
    """Keep what the exchange said; keys that may withdraw or are refused are frozen within a second.

    Nothing is kept when the keys were replaced meanwhile.
    """
    row = ExchangeCredential.objects.select_for_update().filter(pk=credential_id, version=version).first()
    if row is None:
        return
    changed = (row.check_result, row.ip_restricted) != (result, ip_restricted)
    row.checked_at, row.check_result, row.check_detail = timezone.now(), result, detail[:300]
    row.ip_restricted = ip_restricted
    if changed:
        save_with_history(row, f"Checked: {result.label}", None)
    else:
        # The same answer every day is no history.
        ExchangeCredential.objects.filter(pk=row.pk).update(checked_at=row.checked_at, check_detail=row.check_detail)
    if result == KeyCheckChoices.DANGEROUS:
        set_frozen(row, frozen=True, reason=MAY_WITHDRAW, by=None)
    elif result == KeyCheckChoices.REFUSED:
        set_frozen(row, frozen=True, reason=REFUSED_TWICE, by=None)


@transaction.atomic
def freeze_all(*, reason: str, by: User | None, exchange: str = "", username: str = "") -> list[ExchangeCredential]:
    """Freeze all keys in use (of an exchange, of a user); returns them. In force within a second."""
    reason = check_reason(reason)
    rows = ExchangeCredential.objects.filter(frozen=False)
    if exchange:
        rows = rows.filter(exchange_id=exchange)
    if username:
        rows = rows.filter(user__username=username)
    found = list(rows.select_for_update(of=("self",)).select_related("user"))
    for row in found:
        row.frozen, row.frozen_reason = True, reason
        save_with_history(row, reason, by)
    logger.warning("credentials_frozen", count=len(found), reason=reason)
    return found


def rotate_keys(unreadable: list[str], *, batch: int = 200) -> Iterator[tuple[int, int]]:
    """Re-encrypt all credentials, webhook secrets and alert channels that are not under the newest key-encryption key.

    Yields (done, left) after each batch; what cannot be read stays as it is and is named in `unreadable`. Stopping and
    starting again goes on where it was; the keys themselves do not change, so nothing that uses them notices.
    """
    wanted = [(model, pk) for model in _ENCRYPTED for pk in _under_older_keys(model)]
    for start in range(0, len(wanted), batch):
        now = wanted[start : start + batch]
        for model, binding in _ENCRYPTED.items():
            rows = model._default_manager.filter(pk__in=[pk for wanted_model, pk in now if wanted_model is model])
            for row in rows.select_related("webhook") if model is WebhookSecret else rows:
                try:
                    _rewrap(row, binding(row))
                except crypto.Unreadable as e:
                    unreadable.append(f"{row}: {e}")
        yield start + len(now), len(wanted) - start - len(now)


_ENCRYPTED: dict[type[Model], Callable[[Any], crypto.AnyBinding]] = {
    ExchangeCredential: binding_of,
    WebhookSecret: secret_binding,
    AlertChannel: channel_binding,
}


def _under_older_keys(model: type[Model]) -> list[Any]:
    stored = model._default_manager.values_list("pk", "ciphertext").iterator()
    return [pk for pk, ciphertext in stored if crypto.key_id_of(bytes(ciphertext)) != crypto.newest_key_id()]


def _rewrap(row: Any, binding: crypto.AnyBinding) -> None:
    old = bytes(row.ciphertext)
    new = crypto.rewrap(old, binding)
    # Only if nobody replaced the keys meanwhile.
    type(row)._default_manager.filter(pk=row.pk, ciphertext=old).update(ciphertext=new)


def fingerprint_lines(rows: list[ExchangeCredential]) -> list[str]:
    """One line per credential, to revoke them at the exchanges by."""
    return [f"{row.exchange_id}\t{row.user}\t••••{row.last_four}\t{row.fingerprint}" for row in rows]
