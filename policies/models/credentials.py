import uuid

from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords

from policies.models.choices import KeyCheckChoices, ModeChoices
from policies.models.exchange import Exchange


class ExchangeCredential(models.Model):
    """A user's keys for one exchange. Written only by `policies.services.store_credential`; never shown again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="exchange_credentials")
    exchange = models.ForeignKey(Exchange, on_delete=models.PROTECT, related_name="credentials")
    mode = models.CharField(
        max_length=10,
        choices=[choice for choice in ModeChoices.choices if choice[0] != ModeChoices.PAPER],
        default=ModeChoices.LIVE,
        help_text="Which of the exchange's systems these keys belong to. Paper orders need no keys.",
    )
    label = models.CharField(max_length=60, blank=True, help_text="For people: which account this is.")
    last_four = models.CharField("key", max_length=8, editable=False)
    fingerprint = models.CharField(max_length=16, editable=False)
    ciphertext = models.BinaryField(editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    frozen = models.BooleanField(default=False, help_text="Frozen keys are never used. Freezing works within a second.")
    frozen_reason = models.CharField(max_length=300, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    check_result = models.CharField(
        max_length=10, choices=KeyCheckChoices.choices, default=KeyCheckChoices.UNCHECKED, editable=False
    )
    check_detail = models.CharField(max_length=300, blank=True, editable=False)
    ip_restricted = models.BooleanField(
        null=True, editable=False, help_text="Whether the exchange takes them from listed addresses only."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    replaced_at = models.DateTimeField(null=True, blank=True, editable=False)

    history = HistoricalRecords(excluded_fields=["ciphertext"])

    class Meta:
        ordering = ["user", "exchange"]
        permissions = [("all_credentials", "Can see and change the keys of every user")]
        constraints = [
            models.UniqueConstraint(
                name="credential_once",
                fields=["user", "exchange", "mode"],
                violation_error_message="This user already has keys for this exchange and mode. Replace those.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.exchange_id} · ••••{self.last_four}"
