from django.conf import settings
from django.db import models

from execution.domain.breaker import BreakerState
from execution.models.fields import choices_of
from policies.models import Exchange, ExchangeCredential


class CircuitBreaker(models.Model):
    """The breaker of an exchange, or of one set of keys there, as all workers share it: execution.domain.breaker."""

    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="breakers")
    credential = models.ForeignKey(
        ExchangeCredential,
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Empty: of the exchange itself.",
    )
    state = models.CharField(max_length=10, choices=choices_of(BreakerState), default=BreakerState.CLOSED)
    since = models.DateTimeField()
    failures_in_row = models.PositiveIntegerField(default=0)
    successes = models.PositiveIntegerField(default=0)
    trips = models.PositiveIntegerField(default=0)
    open_until = models.DateTimeField(null=True)
    window_at = models.DateTimeField(null=True)
    calls = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    slow = models.PositiveIntegerField(default=0)
    calls_before = models.PositiveIntegerField(default=0)
    failures_before = models.PositiveIntegerField(default=0)
    slow_before = models.PositiveIntegerField(default=0)
    cause = models.CharField(max_length=300, blank=True)
    forced = models.BooleanField(default=False)
    forced_until = models.DateTimeField(null=True)
    forced_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="breaker_once", fields=["exchange", "credential"], nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.state}"
