import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from execution.domain.orders import SIGNAL_FINAL, Method, OrderType, Side, SignalStatus, SignalType, TimeInForce
from execution.models.fields import amount_field, choices_of
from policies.models import ApiToken, Exchange
from policies.models.choices import ModeChoices

SIDES = choices_of(Side)
SIGNAL_STATUSES = choices_of(SignalStatus)


class Signal(models.Model):
    """What a client wants. Stored once per (user, idempotency key); everything after it is a consequence.

    A signal that is traded in parts is a parent; its parts are signals too, each with at most one live order. A parent
    has no orders of its own: its filled amounts are the sums over its parts (`execution.services.parts`).
    """

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
    routing_strategy = models.CharField(max_length=20, blank=True, default="", db_default="")
    preferred_exchanges = ArrayField(models.CharField(max_length=20), default=list, blank=True, db_default=[])
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

    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="parts", db_index=False)
    part = models.PositiveSmallIntegerField(null=True, help_text="Which of its parent's parts, from 0.")
    leg = models.BooleanField(default=False, help_text="Goes to the exchange it names or nowhere.")
    allotted = amount_field(null=True, help_text="What it takes of its parent's whole, in the parent's unit.")
    due_at = models.DateTimeField(null=True, help_text="A slice is not sent before this.")
    parts_made = models.PositiveSmallIntegerField(default=0, help_text="Parts made of it so far.")
    allocated_amount = amount_field(
        default=0, help_text="Allotted to its parts, less what they gave back, in the unit of its size."
    )
    execution_method = models.CharField(max_length=10, blank=True, choices=choices_of(Method))
    schedule = models.JSONField(null=True, help_text="How its slices follow each other, once that was decided.")
    paced_until = models.DateTimeField(null=True, help_text="Its next slice is not sent before this.")

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
                name="signal_never_over_filled", condition=Q(amount=None) | Q(filled_amount__lte=F("amount"))
            ),
            models.CheckConstraint(
                name="signal_parts_within_whole",
                condition=Q(amount__isnull=False, amount__gte=F("allocated_amount"))
                | Q(notional__isnull=False, notional__gte=F("allocated_amount")),
            ),
            models.CheckConstraint(
                name="signal_part_of_parent",
                condition=Q(parent=None, part=None, allotted=None, due_at=None)
                | Q(parent__isnull=False, part__isnull=False, allotted__isnull=False, allotted__gt=0),
            ),
            models.UniqueConstraint(
                name="signal_part_once", fields=["parent", "part"], condition=Q(parent__isnull=False)
            ),
        ]
        indexes = [
            models.Index(
                name="signal_to_claim",
                fields=["user", "priority", "received_at"],
                condition=Q(status="pending", due_at=None),
            ),
            models.Index(name="signal_due", fields=["due_at"], condition=Q(status="pending", due_at__isnull=False)),
            models.Index(
                name="signal_cancelling",
                fields=["cancel_requested_at"],
                condition=Q(cancel_requested_at__isnull=False, final_at=None),
            ),
            models.Index(name="signal_routing", fields=["claimed_until"], condition=Q(status="routing")),
            models.Index(name="signal_newest", fields=["-received_at"]),
            models.Index(name="signal_of_user", fields=["user", "-received_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.symbol} {str(self.id)[:8]}"
