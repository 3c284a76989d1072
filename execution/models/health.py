from django.conf import settings
from django.db import models

from execution.domain.health import HealthStatus
from execution.models.fields import choices_of
from policies.models import Exchange, ExchangeCredential


class ExchangeHealth(models.Model):
    """The current health of an exchange, as the router reads it."""

    exchange = models.OneToOneField(Exchange, primary_key=True, on_delete=models.CASCADE, related_name="health")
    status = models.CharField(max_length=12, choices=choices_of(HealthStatus), default=HealthStatus.UNKNOWN)
    since = models.DateTimeField()
    checked_at = models.DateTimeField(null=True)
    latency_ms = models.FloatField(null=True, help_text="Of the last check that was answered.")
    latency_ewma_ms = models.FloatField(null=True)
    latency_p50_ms = models.FloatField(null=True, help_text="Typical answer to questions about prices, last hour.")
    book_at = models.DateTimeField(null=True, help_text="When a worker last received an order book.")
    settled_ms = models.FloatField(null=True, help_text="The average without its small movements; orders follow it.")
    consecutive_failures = models.PositiveIntegerField(default=0)
    consecutive_successes = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)
    banned_until = models.DateTimeField(null=True, help_text="It asked us to send nothing before this.")
    markets_version = models.PositiveIntegerField(default=0, help_text="Grows when the list of pairs changes.")
    markets_refreshed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "exchange health"

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.status}"


class HealthSample(models.Model):
    """One health check. Kept for a week."""

    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    ok = models.BooleanField()
    latency_ms = models.FloatField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [
            models.Index(name="health_sample_by_exchange", fields=["exchange", "-at"]),
            models.Index(name="health_sample_at", fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} {'ok' if self.ok else 'failed'}"


class HealthEventKind(models.TextChoices):
    """What changed: the health, the circuit breaker, or whether the exchange lets us in at all."""

    STATUS = "status", "health"
    BREAKER = "breaker", "breaker"
    BAN = "ban", "ban"


class HealthEvent(models.Model):
    """One change at an exchange, with its cause."""

    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="health_events")
    kind = models.CharField(max_length=8, choices=HealthEventKind.choices, default=HealthEventKind.STATUS)
    credential = models.ForeignKey(
        ExchangeCredential, null=True, on_delete=models.CASCADE, related_name="+", help_text="Of these keys only."
    )
    at = models.DateTimeField()
    old_status = models.CharField(max_length=12)
    new_status = models.CharField(max_length=12)
    detail = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who did it; empty: the platform.",
    )

    class Meta:
        ordering = ["-at"]
        indexes = [
            models.Index(name="health_event_newest", fields=["-at"]),
            # How long a state lasted is a question for the next event of the same thing.
            models.Index(name="health_event_next", fields=["exchange", "kind", "credential", "at"]),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.old_status} → {self.new_status}"
