import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from policies.domain.alerts import MEANINGS, ChannelKind, Severity

KINDS = [
    (ChannelKind.EMAIL.value, "E-mail"),
    (ChannelKind.TELEGRAM.value, "Telegram"),
    (ChannelKind.SLACK.value, "Slack"),
    (ChannelKind.DISCORD.value, "Discord"),
    (ChannelKind.WEBHOOK.value, "Signed webhook"),
]
CONDITIONS = [(condition.value, meaning.label) for condition, meaning in MEANINGS.items()]
SEVERITIES = [(severity.value, severity.value) for severity in Severity]
DAY_S = 86_400


class AlertChannel(models.Model):
    """Where notices go. Written only by `policies.alerts.store_channel`; secrets are never shown again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=10, choices=KINDS)
    enabled = models.BooleanField(default=True, help_text="Off: nothing more is sent there.")
    settings = models.JSONField(default=dict, editable=False)
    secret_shown = models.CharField("secret", max_length=12, blank=True, editable=False)
    ciphertext = models.BinaryField(editable=False)
    last_at = models.DateTimeField("last tried", null=True, editable=False)
    last_ok = models.BooleanField(null=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)

    history = HistoricalRecords(excluded_fields=["ciphertext", "last_at", "last_ok", "last_error"])

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class AlertRule(models.Model):
    """When somebody is told, of what, and where. Evaluated every five seconds: `execution.services.alerts`."""

    name = models.CharField(max_length=80, unique=True)
    condition = models.CharField(max_length=24, choices=CONDITIONS)
    scope = models.CharField(
        "only",
        max_length=64,
        blank=True,
        help_text="Only this exchange (or queue). Empty: any, each with its own alert.",
    )
    threshold = models.PositiveIntegerField(
        null=True, blank=True, help_text="More than this, in the unit of the condition."
    )
    for_s = models.PositiveIntegerField(
        "for how long, seconds",
        default=0,
        validators=[MaxValueValidator(DAY_S)],
        help_text="It must last this long before the alert opens. 0: at once.",
    )
    hold_s = models.PositiveIntegerField(
        "over after, seconds",
        default=30,
        validators=[MaxValueValidator(DAY_S)],
        help_text="It must be over for this long before the alert closes, so that a flapping exchange is one alert.",
    )
    severity = models.CharField(max_length=8, choices=SEVERITIES, default=Severity.WARNING.value)
    channels = models.ManyToManyField(
        AlertChannel, blank=True, related_name="rules", help_text="None: the alert is listed here, and nobody is told."
    )
    repeat_s = models.PositiveIntegerField(
        "repeat every, seconds",
        null=True,
        blank=True,
        validators=[MinValueValidator(60), MaxValueValidator(7 * DAY_S)],
        help_text="Until somebody takes it or it is over. Empty: told once.",
    )
    recovery_notice = models.BooleanField(default=True, help_text="Tell once that it is over.")
    enabled = models.BooleanField(default=True, help_text="Off: not evaluated; its open alerts are closed.")

    history = HistoricalRecords(m2m_fields=[channels])

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
