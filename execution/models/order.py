import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from execution.domain.orders import FINAL, IN_DOUBT, OrderStatus, OrderType, TimeInForce
from execution.models.fields import amount_field, choices_of
from execution.models.signal import SIDES, Signal
from policies.models import Exchange, ExchangeCredential
from policies.models.choices import ModeChoices

ORDER_STATUSES = choices_of(OrderStatus)


class Order(models.Model):
    """One instruction to one exchange: one attempt of a signal. Moved only by `execution.services.ledger`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    signal = models.ForeignKey(Signal, on_delete=models.PROTECT, related_name="orders", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    exchange = models.ForeignKey(Exchange, on_delete=models.PROTECT, related_name="orders", db_index=False)
    credential = models.ForeignKey(
        ExchangeCredential, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    attempt = models.PositiveSmallIntegerField()
    mode = models.CharField(max_length=10, choices=ModeChoices.choices)
    symbol = models.CharField(max_length=41)
    side = models.CharField(max_length=4, choices=SIDES)
    order_type = models.CharField(max_length=10, choices=choices_of(OrderType))
    time_in_force = models.CharField(max_length=3, choices=choices_of(TimeInForce))
    amount = amount_field(help_text="Base units.")
    price = amount_field(null=True, help_text="Limit; empty for a market order.")
    reference_price = amount_field(help_text="Best price when it was decided.")
    arrival_mid = amount_field(null=True, help_text="Middle of bid and ask when it was decided.")
    maker_rate = models.DecimalField(
        max_digits=12, decimal_places=8, null=True, help_text="Fee expected then, as a fraction; empty: unknown."
    )
    taker_rate = models.DecimalField(max_digits=12, decimal_places=8, null=True, help_text="The same when it takes.")
    priority = models.PositiveSmallIntegerField()
    expires_at = models.DateTimeField()
    exclusive = models.BooleanField(
        default=False, help_text="No other order of these keys in this pair may be in doubt at the same time."
    )

    status = models.CharField(max_length=16, choices=ORDER_STATUSES, default=OrderStatus.QUEUED)
    reason_code = models.CharField(max_length=40, blank=True)
    reason_detail = models.TextField(blank=True)
    exchange_order_id = models.CharField(max_length=64, blank=True)
    filled_amount = amount_field(default=0)
    filled_notional = amount_field(default=0)
    baseline = models.JSONField(null=True, help_text="What the exchange showed before sending, to recognise the order.")

    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True, help_text="Committed before the first byte left.")
    valid_until = models.DateTimeField(null=True, help_text="The exchange must refuse it after this.")
    acked_at = models.DateTimeField(null=True, help_text="The exchange's first clear answer.")
    next_check_at = models.DateTimeField(null=True, help_text="When to ask the exchange about it again.")
    clean_misses = models.PositiveSmallIntegerField(default=0, help_text="Look-ups in a row that did not find it.")
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_code = models.CharField(max_length=40, blank=True)
    cancel_reason = models.CharField(max_length=300, blank=True)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        help_text="Who looks into it, when its fate is in doubt.",
    )
    final_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="order_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(name="order_never_over_filled", condition=Q(filled_amount__lte=F("amount"))),
            models.CheckConstraint(
                name="order_submitted_before_sent",
                condition=Q(status="queued")
                | Q(submitted_at__isnull=False)
                | Q(status__in=["cancelled", "expired", "not_placed"]),
            ),
            # Never two orders of one signal that may exist at an exchange.
            models.UniqueConstraint(
                name="order_one_live_per_signal",
                fields=["signal"],
                condition=~Q(status__in=["not_placed", "rejected"]),
            ),
            models.UniqueConstraint(name="order_attempt_once", fields=["signal", "attempt"]),
            # Where the exchange keeps no client order id, an order in doubt must be the only new one of its pair.
            models.UniqueConstraint(
                name="order_exclusive_in_doubt",
                fields=["credential", "symbol"],
                condition=Q(exclusive=True, status__in=sorted(IN_DOUBT)),
            ),
        ]
        indexes = [
            models.Index(
                name="order_queued", fields=["exchange", "priority", "created_at"], condition=Q(status="queued")
            ),
            models.Index(name="order_to_check", fields=["next_check_at"], condition=Q(next_check_at__isnull=False)),
            models.Index(name="order_newest", fields=["-created_at"]),
            models.Index(name="order_of_user", fields=["user", "-created_at"]),
            models.Index(name="order_live", fields=["exchange", "status"], condition=~Q(status__in=sorted(FINAL))),
            # Costs are computed of orders that ended with fills, oldest first.
            models.Index(
                name="order_ended_filled", fields=["final_at"], condition=Q(filled_amount__gt=0, final_at__isnull=False)
            ),
            models.Index(name="order_attention", fields=["created_at"], condition=Q(status="needs_attention")),
        ]

    def __str__(self) -> str:
        return self.client_order_id

    @property
    def client_order_id(self) -> str:
        """Ours, 32 lower-case hex digits: derived from the row, so it is committed with it and never lost."""
        return self.id.hex


class OrderEvent(models.Model):
    """One move of an order, append-only (a database trigger refuses changes)."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField()
    old_status = models.CharField(max_length=16, blank=True)
    new_status = models.CharField(max_length=16)
    reason_code = models.CharField(max_length=40, blank=True)
    detail = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "id"]
        indexes = [
            # "When was the last one?" must not read all events ever.
            models.Index(
                name="order_event_unknown",
                fields=["-at"],
                condition=Q(new_status="unknown") & ~Q(old_status="unknown"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.old_status or 'new'} → {self.new_status}"


class Fill(models.Model):
    """One execution of an order. Unique per order: an exchange's trade ids may repeat over pairs and accounts."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fills", db_index=False)
    trade_id = models.CharField(max_length=64)
    at = models.DateTimeField()
    amount = amount_field(help_text="Base units.")
    price = amount_field()
    fee = amount_field(default=0)
    fee_asset = models.CharField(max_length=20, blank=True)
    maker = models.BooleanField(null=True)

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(name="fill_once", fields=["order", "trade_id"]),
            models.CheckConstraint(name="fill_positive", condition=Q(amount__gt=0, price__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.amount} @ {self.price}"
