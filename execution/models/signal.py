import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from execution.domain.orders import SIGNAL_FINAL, OrderType, Side, SignalStatus, SignalType, TimeInForce
from execution.models.fields import amount_field, choices_of
from policies.models import ApiToken, Exchange
from policies.models.choices import ModeChoices

SIDES = choices_of(Side)
SIGNAL_STATUSES = choices_of(SignalStatus)


class Signal(models.Model):
    """What a client wants. Stored once per (user, idempotency key); everything after it is a consequence."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="signals", db_index=False)
    api_token = models.ForeignKey(ApiToken, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    idempotency_key = models.CharField(max_length=100)
    body_hash = models.CharField(max_length=64)
    received_at = models.DateTimeField()

    symbol = models.CharField(max_length=41)
    side = models.CharField(max_length=4, choices=SIDES)
    amount = amount_field(null=True, help_text="Base units.")
    notional = amount_field(null=True, help_text="Quote units.")
    order_type = models.CharField(max_length=10, blank=True, choices=choices_of(OrderType))
    limit_price = amount_field(null=True)
    time_in_force = models.CharField(max_length=3, blank=True, choices=choices_of(TimeInForce))
    signal_type = models.CharField(max_length=12, choices=choices_of(SignalType), default=SignalType.ENTRY)
    strategy_id = models.CharField(max_length=64, blank=True)
    requested_exchange = models.CharField(max_length=32, blank=True)
    requested_mode = models.CharField(max_length=10, blank=True, choices=ModeChoices.choices)
    max_slippage_bps = models.DecimalField(max_digits=7, decimal_places=2, null=True)
    priority = models.PositiveSmallIntegerField(default=3)
    expires_at = models.DateTimeField()
    extra = models.JSONField(default=dict, help_text="What the client sent for its own records: score, details, …")

    status = models.CharField(max_length=12, choices=SIGNAL_STATUSES, default=SignalStatus.PENDING)
    reason_code = models.CharField(max_length=40, blank=True)
    reason_detail = models.TextField(blank=True)
    exchange = models.ForeignKey(Exchange, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    attempt = models.PositiveSmallIntegerField(default=0, help_text="Orders made for it so far.")
    tried = ArrayField(models.CharField(max_length=20), default=list, help_text="Exchanges proved not to hold it.")
    claimed_until = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    filled_amount = amount_field(default=0)
    filled_notional = amount_field(default=0)
    final_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="signal_key_once", fields=["user", "idempotency_key"]),
            models.CheckConstraint(
                name="signal_one_size",
                condition=Q(amount__gt=0, notional=None) | Q(amount=None, notional__gt=0),
            ),
            models.CheckConstraint(
                name="signal_final_at_iff_final",
                condition=Q(status__in=sorted(SIGNAL_FINAL), final_at__isnull=False)
                | (~Q(status__in=sorted(SIGNAL_FINAL)) & Q(final_at=None)),
            ),
            models.CheckConstraint(
                name="signal_never_over_filled", condition=Q(amount=None) | Q(filled_amount__lte=models.F("amount"))
            ),
        ]
        indexes = [
            models.Index(
                name="signal_pending", fields=["user", "priority", "received_at"], condition=Q(status="pending")
            ),
            models.Index(name="signal_routing", fields=["claimed_until"], condition=Q(status="routing")),
            models.Index(name="signal_newest", fields=["-received_at"]),
            models.Index(name="signal_of_user", fields=["user", "-received_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.symbol} {str(self.id)[:8]}"
