"""People do not wait for the next turn: look through an account's orders as soon as a worker can."""

from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from execution.models import Reconciliation
from execution.services.wake import waker

logger = structlog.get_logger(__name__)


@transaction.atomic
def compare_orders_now(credential_id: UUID, *, by: User) -> None:
    """Raises ValidationError: keys that are frozen are not used, not even for asking."""
    row = Reconciliation.objects.select_for_update(of=("self",)).select_related("credential").get(pk=credential_id)
    if row.credential.frozen:
        raise ValidationError("These keys are frozen, so the exchange is not asked with them.", code="frozen")
    row.next_at = timezone.now()
    row.save(update_fields=["next_at"])
    logger.info("comparison_asked", exchange=row.exchange_id, by=str(by))
    transaction.on_commit(lambda: waker.wake(urgent=True))
