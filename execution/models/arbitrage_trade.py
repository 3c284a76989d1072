import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from execution.domain.arbitrage_trade import OVER, UNDER_WAY, StepKind, TradeState
from execution.models.arbitrage import ArbitrageOpportunity
from execution.models.fields import amount_field, choices_of
from execution.models.signal import SIDES, Signal
from policies.models.choices import ModeChoices, OneLeggedChoices

_OVER = sorted(state.value for state in OVER)
_UNDER_WAY = sorted(state.value for state in UNDER_WAY)


class ArbitrageTrade(models.Model):
    """An opportunity between two exchanges that is traded: an order at one, then what it got at the other.

    Its orders are ordinary signals, one a step. What it took from the opportunity, and the policy of that moment, never
    change; `doing` and `loss_bps` are what is in force now. Stored once per user and key.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    idempotency_key = models.CharField(max_length=100)
    body_hash = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    started_by = models.CharField(max_length=150)
    reason = models.CharField(max_length=300, blank=True)

    opportunity = models.ForeignKey(ArbitrageOpportunity, null=True, on_delete=models.SET_NULL, related_name="+")
    symbol = models.CharField(max_length=41)
    buy_exchange = models.CharField(max_length=20)
    sell_exchange = models.CharField(max_length=20)
    mode = models.CharField(max_length=10, choices=ModeChoices.choices)
    amount = amount_field(help_text="Base units.")
    buy_limit = amount_field(help_text="The worst price that still earns.")
    sell_limit = amount_field(help_text="The worst price that still earns.")
    planned_cost = amount_field(help_text="Quote units, after fees.")
    planned_profit = amount_field(help_text="Quote units, after fees, had both orders filled at the books of then.")
    planned_bps = models.DecimalField(max_digits=12, decimal_places=4, help_text="Of the cost.")
    book_age_s = models.DecimalField(max_digits=8, decimal_places=3, help_text="Of the older of the two books.")
    policy = models.CharField(max_length=10, choices=OneLeggedChoices.choices)
    max_loss_bps = models.DecimalField(max_digits=7, decimal_places=2)
    first = models.CharField(max_length=4, choices=SIDES, help_text="The side of the first order.")
    first_why = models.TextField()
    terms = models.JSONField(help_text="Of each exchange: fee, tick, lot and minimums.")

    state = models.CharField(max_length=8, choices=choices_of(TradeState), default=TradeState.FIRST.value)
    doing = models.CharField(max_length=10, choices=OneLeggedChoices.choices)
    loss_bps = models.DecimalField(max_digits=7, decimal_places=2)
    since_step = models.PositiveSmallIntegerField(
        default=0, help_text="How many steps there were when a person decided."
    )
    reason_code = models.CharField(max_length=40, blank=True)
    reason_detail = models.TextField(blank=True)
    open_amount = amount_field(default=0, help_text="Base units that the first order got and nothing traded back.")
    profit = amount_field(null=True, help_text="Quote units, from the fills, after fees; empty: not known.")
    held_at = models.DateTimeField(null=True)
    final_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="arbitrage_trade_key_once", fields=["user", "idempotency_key"]),
            models.UniqueConstraint(
                name="arbitrage_trade_one_a_pair",
                fields=["user", "symbol"],
                condition=~Q(state__in=_OVER),
            ),
            models.CheckConstraint(
                name="arbitrage_trade_final_at_iff_over",
                condition=Q(state__in=_OVER, final_at__isnull=False) | (~Q(state__in=_OVER) & Q(final_at=None)),
            ),
            models.CheckConstraint(name="arbitrage_trade_amounts", condition=Q(amount__gt=0, open_amount__gte=0)),
        ]
        indexes = [
            models.Index(
                name="arbitrage_trade_under_way",
                fields=["started_at"],
                condition=Q(state__in=_UNDER_WAY),
            ),
            models.Index(name="arbitrage_trade_held", fields=["held_at"], condition=Q(state="held")),
            models.Index(name="arbitrage_trade_newest", fields=["-started_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.buy_exchange} → {self.sell_exchange} {str(self.id)[:8]}"


class ArbitrageStep(models.Model):
    """One order of a trade: an ordinary signal that goes to this exchange or nowhere."""

    trade = models.ForeignKey(ArbitrageTrade, on_delete=models.PROTECT, related_name="steps", db_index=False)
    number = models.PositiveSmallIntegerField(help_text="From 0.")
    kind = models.CharField(max_length=8, choices=choices_of(StepKind))
    signal = models.OneToOneField(Signal, on_delete=models.PROTECT, related_name="arbitrage_step")

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(name="arbitrage_step_once", fields=["trade", "number"])]

    def __str__(self) -> str:
        return f"{self.kind} of {self.trade_id}"


class ArbitrageEvent(models.Model):
    """One move of a trade, or what a person decided about it. Append-only (a database trigger refuses changes)."""

    trade = models.ForeignKey(ArbitrageTrade, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField()
    state = models.CharField(max_length=8)
    reason_code = models.CharField(max_length=40, blank=True)
    detail = models.TextField(blank=True)
    by = models.CharField(max_length=150, blank=True, help_text="Empty: the platform.")

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return self.state
