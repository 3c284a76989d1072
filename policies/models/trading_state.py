from django.conf import settings
from django.db import models
from django.utils import timezone
from simple_history.models import HistoricalRecords

from policies.models.choices import ScopeChoices, TradingStatusChoices


class TradingState(models.Model):
    """Whether a scope trades; one without a row is active. Written only by `policies.services.set_trading_state`."""

    scope = models.CharField(max_length=10, choices=ScopeChoices.choices)
    target = models.CharField(
        max_length=64, blank=True, help_text="Exchange slug, user id, strategy or pair; empty for everything."
    )
    status = models.CharField(max_length=10, choices=TradingStatusChoices.choices, default=TradingStatusChoices.ACTIVE)
    reason = models.CharField(max_length=300)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    since = models.DateTimeField(default=timezone.now)

    history = HistoricalRecords()

    class Meta:
        ordering = ["scope", "target"]
        # Halting makes things safer and resuming looser, so they are two rights.
        permissions = [("halt", "Can halt trading"), ("resume", "Can resume trading")]
        constraints = [
            models.UniqueConstraint(name="trading_state_scope_once", fields=["scope", "target"]),
            models.CheckConstraint(
                name="trading_state_target_given", condition=models.Q(scope="global", target="") | ~models.Q(target="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_scope_display()} {self.target}".strip()
