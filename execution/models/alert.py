import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from policies.models import AlertChannel, AlertRule
from policies.models.alert import SEVERITIES


class Alert(models.Model):
    """What a rule found, from when it began until it was over. At most one at a time for a rule and a scope key.

    `opened_at` is empty while the rule's "for how long" has not passed. `closed_at`: by itself or by a person.
    `cleared_at`: the condition is over; until then an alert that a person closed stays silent and is not opened again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="alerts", db_index=False)
    scope_key = models.CharField("scope", max_length=120, blank=True)
    severity = models.CharField(max_length=8, choices=SEVERITIES)
    subject = models.CharField(max_length=200)
    evidence = models.TextField(blank=True)
    link = models.CharField(max_length=300, blank=True, help_text="The page of the admin with the evidence.")
    began_at = models.DateTimeField()
    opened_at = models.DateTimeField("time", null=True)
    times_seen = models.PositiveIntegerField(default=1, help_text="Checks that found it, one every five seconds.")
    last_seen_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, help_text="When the last notice was made.")
    taken_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    closed_reason = models.CharField(max_length=300, blank=True)
    cleared_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-began_at"]
        constraints = [
            models.UniqueConstraint(name="alert_one_open", fields=["rule", "scope_key"], condition=Q(cleared_at=None)),
            models.CheckConstraint(
                name="alert_cleared_is_closed", condition=Q(cleared_at=None) | Q(opened_at=None) | ~Q(closed_at=None)
            ),
        ]
        indexes = [
            models.Index(name="alert_newest", fields=["-began_at"]),
            models.Index(name="alert_unacknowledged", fields=["opened_at"], condition=Q(closed_at=None, taken_by=None)),
            models.Index(name="alert_live", fields=["rule"], condition=Q(cleared_at=None)),
        ]

    def __str__(self) -> str:
        return self.subject


class NoticeKind(models.TextChoices):
    """What a notice says of its alert."""

    OPENED = "opened", "opened"
    REPEATED = "repeated", "repeated"
    RECOVERED = "recovered", "recovered"


class DeliveryState(models.TextChoices):
    """`failed`: given up after a day; a person can have it tried again."""

    PENDING = "pending", "pending"
    SENT = "sent", "sent"
    FAILED = "failed", "failed"


class AlertDelivery(models.Model):
    """One notice to one channel: an outbox row. A notice may arrive twice, when a process dies right after sending."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=NoticeKind.choices)
    text = models.TextField(help_text="What is told, as it was when the notice was made.")
    state = models.CharField(max_length=8, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    next_at = models.DateTimeField()
    give_up_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "alert deliveries"
        constraints = [
            models.UniqueConstraint(
                name="alert_told_once", fields=["alert", "channel", "kind"], condition=~Q(kind="repeated")
            ),
            models.CheckConstraint(name="alert_delivery_sent_at", condition=Q(sent_at=None) | Q(state="sent")),
        ]
        indexes = [
            models.Index(name="alert_delivery_due", fields=["next_at"], condition=Q(state="pending")),
            models.Index(F("created_at").desc(), name="alert_delivery_newest"),
            models.Index(name="alert_delivery_of_alert", fields=["alert", "channel"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} → {self.channel_id}"
