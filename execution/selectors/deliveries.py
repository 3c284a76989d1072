"""What came in through webhooks, for the pages about them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q
from django.utils import timezone

from execution.domain.webhooks import DeliveryOutcome
from execution.models import WebhookDelivery

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Day:
    """How many requests a webhook had within 24 hours."""

    deliveries: int = 0
    refused: int = 0


def deliveries_today(webhooks: Iterable[int]) -> dict[int, Day]:
    """By webhook; those without any are left out. One query."""
    since = timezone.now() - timedelta(hours=24)
    rows = (
        WebhookDelivery.objects.filter(webhook__in=list(webhooks), at__gt=since)
        .order_by()
        .values_list("webhook_id")
        .annotate(all=Count("pk"), refused=Count("pk", filter=Q(outcome=DeliveryOutcome.REFUSED)))
    )
    return {pk: Day(total, refused) for pk, total, refused in rows}


def latest_deliveries(webhook: int) -> list[WebhookDelivery]:
    """The newest few of one webhook."""
    return list(WebhookDelivery.objects.filter(webhook=webhook).defer("body").order_by("-at")[:SHOWN])
