"""What people do about an alert."""

from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from execution.models import Alert
from policies.services import check_reason

logger = structlog.get_logger(__name__)


@transaction.atomic
def take(alert_id: UUID, *, by: User) -> None:
    """I look into it: it is not repeated any more. Raises ValidationError."""
    alert = _open(alert_id)
    alert.taken_by = by
    alert.save(update_fields=["taken_by"])
    logger.warning("alert_taken", alert=str(alert_id), by=str(by))


@transaction.atomic
def close(alert_id: UUID, *, by: User, reason: str) -> None:
    """Done with it. While its condition lasts it stays silent; the next time it opens anew. Raises ValidationError."""
    reason = check_reason(reason)
    alert = _open(alert_id)
    alert.closed_at, alert.closed_by, alert.closed_reason = timezone.now(), by, reason
    alert.save(update_fields=["closed_at", "closed_by", "closed_reason"])
    logger.warning("alert_closed", alert=str(alert_id), by=str(by), reason=reason)


def _open(alert_id: UUID) -> Alert:
    alert = Alert.objects.select_for_update().get(pk=alert_id)
    if alert.closed_at is not None:
        raise ValidationError("This alert is closed already.", code="closed")
    return alert
