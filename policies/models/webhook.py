import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from simple_history.models import HistoricalRecords

from policies.models.exchange import Exchange

MAX_NAME_LENGTH = 30  # with the 64 digits of a hash a signal's key stays within its 100 characters
MAX_WINDOW_S = 86_400
TRADINGVIEW_ADDRESSES = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")
"""Where TradingView sends its alerts from."""

_slug = RegexValidator(r"^[a-z0-9]+(-[a-z0-9]+)*\Z", "Use small letters, digits and single dashes, e.g. btc-breakout.")


class WebhookKind(models.TextChoices):
    TRADINGVIEW = "tradingview", "TradingView: a secret address, and a list of senders"
    SIGNED = "signed", "Signed: every request carries an HMAC signature"


class Webhook(models.Model):
    """A door for alerts that become signals of its owner. Its address or secrets are made by `policies.webhooks`.

    Name, owner and kind never change: the keys of its signals and its address are made of them.
    """

    name = models.CharField(
        max_length=MAX_NAME_LENGTH,
        unique=True,
        validators=[_slug],
        help_text="Small letters, digits and dashes. It never changes: alerts are told apart by it.",
        error_messages={"unique": "There is a webhook of this name already."},
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="webhooks",
        help_text="Its signals are this user's, with this user's permissions and keys.",
    )
    kind = models.CharField(max_length=12, choices=WebhookKind.choices, default=WebhookKind.TRADINGVIEW)
    enabled = models.BooleanField(default=True, help_text="Off: every request is refused, within a second.")
    allowed_ips = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    allowed_symbols = ArrayField(models.CharField(max_length=41), default=list, blank=True)
    per_minute = models.PositiveIntegerField(
        "signals per minute",
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text="More within any 60 seconds are refused. Repetitions of an alert do not count.",
    )

    strategy_id = models.CharField(
        "strategy", max_length=64, blank=True, help_text="Used when the alert names no strategy."
    )
    exchange = models.ForeignKey(
        Exchange,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Used when the alert names no exchange. Empty: the strategy's mapping decides.",
    )
    symbol = models.CharField(
        "pair", max_length=41, blank=True, help_text="Used when the alert names no pair, e.g. BTC/USDT."
    )
    defaults = models.JSONField("other defaults", default=dict, blank=True)
    body_map = models.JSONField("body map", default=dict, blank=True)
    text_template = models.CharField(
        max_length=500,
        blank=True,
        help_text="For alerts that are plain text: “{side} {symbol} {amount} id={alert_id}”. “{_}” skips a part.",
    )

    alert_id_field = models.CharField(
        "alert's id",
        max_length=100,
        default="alert_id",
        help_text="Where the body has what is new for every alert. The same id never gives a second signal.",
    )
    window_s = models.PositiveIntegerField(
        "without an id, seconds",
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_WINDOW_S)],
        help_text="An alert without an id counts as a repetition when the same body came within this time.",
    )
    time_field = models.CharField(
        "alert's time", max_length=100, blank=True, help_text="Where the body says when the alert was made."
    )
    max_age_s = models.PositiveIntegerField(
        "oldest alert, seconds",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_WINDOW_S)],
        help_text="Older alerts are refused. Empty: the age is not looked at.",
    )
    notes = models.TextField(blank=True)

    token_prefix = models.CharField(max_length=12, blank=True, editable=False)
    token_digest = models.CharField(max_length=64, null=True, unique=True, editable=False)
    old_token_digest = models.CharField(max_length=64, null=True, unique=True, editable=False)
    old_token_until = models.DateTimeField(
        "old address valid until", null=True, editable=False, help_text="The address before the last rotation."
    )
    rotated_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField("last used", null=True, blank=True, editable=False)

    history = HistoricalRecords(excluded_fields=["token_digest", "old_token_digest", "last_used_at"])

    class Meta:
        ordering = ["name"]
        permissions = [("all_webhooks", "Can see and change the webhooks of every user")]
        constraints = [
            models.CheckConstraint(
                name="webhook_time_and_age_together",
                condition=models.Q(max_age_s=None) | ~models.Q(time_field=""),
                violation_error_message="Name the field that holds the alert's time, or leave the oldest age empty.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class WebhookSecret(models.Model):
    """A secret that requests of a signed webhook may be signed with. At most two are active, for rotation."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="secrets")
    fingerprint = models.CharField(max_length=16, editable=False)
    ciphertext = models.BinaryField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, editable=False)

    history = HistoricalRecords(excluded_fields=["ciphertext"])

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return self.fingerprint
