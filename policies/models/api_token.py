from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from simple_history.models import HistoricalRecords


class TokenScope(models.TextChoices):
    READ = "read", "Read signals, orders, positions, health"
    TRADE = "trade", "Submit signals"
    CANCEL = "cancel", "Cancel signals and orders"


class ApiToken(models.Model):
    """A client's key to the HTTP API. Only a hash is kept; made by `policies.services.create_token`."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=60, help_text="Which client uses it.")
    prefix = models.CharField(max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=10, choices=TokenScope.choices), default=list)
    allowed_ips = ArrayField(
        models.CharField(max_length=43),
        default=list,
        blank=True,
        help_text="One address or network per line, e.g. 203.0.113.7 or 203.0.113.0/24. Empty means any.",
    )
    expires_at = models.DateTimeField(null=True, blank=True, help_text="UTC. Empty means it does not expire.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    history = HistoricalRecords(excluded_fields=["digest", "last_used_at"])

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def is_live(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
