from django.db import models

from execution.domain.webhooks import DeliveryOutcome
from execution.models.fields import choices_of
from execution.models.signal import Signal
from policies.models import Webhook

OUTCOMES = choices_of(DeliveryOutcome)


class WebhookDelivery(models.Model):
    """One request to a webhook and what became of it. Never holds the address's token, a header or a secret.

    Kept for 30 days. Of requests that give no signal only so many a minute are written down (see
    `execution.services.webhooks`).
    """

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    at = models.DateTimeField()
    remote_ip = models.GenericIPAddressField("from", null=True)
    outcome = models.CharField(max_length=10, choices=OUTCOMES)
    reason_code = models.CharField(max_length=40, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    signal = models.ForeignKey(Signal, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    body_hash = models.CharField(max_length=64, help_text="SHA-256 of the raw body.")
    body = models.TextField(blank=True, help_text="The beginning of the body; only of senders that proved themselves.")
    took_ms = models.FloatField()

    class Meta:
        ordering = ["-at"]
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(name="webhook_delivery_of_hook", fields=["webhook", "-at"]),
            models.Index(name="webhook_delivery_newest", fields=["-at"]),
            models.Index(
                name="webhook_delivery_accepted",
                fields=["webhook", "body_hash", "-at"],
                condition=models.Q(outcome="accepted"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.webhook_id} {self.outcome}"


class WebhookNonce(models.Model):
    """A signed request that was seen. Kept for as long as its signature could be used again."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="+", db_index=False)
    nonce = models.CharField(max_length=65)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="webhook_nonce_once", fields=["webhook", "nonce"])]
        indexes = [models.Index(name="webhook_nonce_at", fields=["at"])]

    def __str__(self) -> str:
        return self.nonce[:9]
