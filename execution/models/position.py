from decimal import Decimal

from django.conf import settings
from django.db import models

from execution.models.fields import amount_field
from policies.models import Exchange
from policies.models.choices import ModeChoices


class Position(models.Model):
    """What a user's fills in one pair at one exchange add up to. Only sums, so batches may land in any order."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="positions")
    exchange = models.ForeignKey(Exchange, on_delete=models.PROTECT, related_name="+")
    mode = models.CharField(max_length=10, choices=ModeChoices.choices)
    symbol = models.CharField(max_length=41)
    bought_amount = amount_field(default=0)
    bought_notional = amount_field(default=0)
    sold_amount = amount_field(default=0)
    sold_notional = amount_field(default=0)
    base_fees = amount_field(default=0, help_text="Fees charged in the base asset.")
    quote_fees = amount_field(default=0, help_text="Fees charged in the quote asset.")
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["user", "exchange", "symbol"]
        constraints = [
            models.UniqueConstraint(name="position_once", fields=["user", "exchange", "mode", "symbol"]),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.exchange_id} {self.symbol}"

    @property
    def amount(self) -> Decimal:
        """Base units held through this platform's fills, after fees in the base asset."""
        held: Decimal = self.bought_amount - self.sold_amount - self.base_fees
        return held

    @property
    def average_buy_price(self) -> Decimal | None:
        """Quote per base over all buys, or None before the first."""
        return self.bought_notional / self.bought_amount if self.bought_amount else None

    @property
    def realised_pnl(self) -> Decimal | None:
        """Quote units: what was sold, minus what it cost at the average buy price, minus fees in quote.

        None where something was sold that was not bought here: its cost is not known.
        """
        if self.sold_amount > self.bought_amount:
            return None
        cost = (self.average_buy_price or Decimal(0)) * self.sold_amount
        result: Decimal = self.sold_notional - cost - self.quote_fees
        return result


class FeeTotal(models.Model):
    """Fees a user paid at one exchange, per asset they were charged in."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    exchange = models.ForeignKey(Exchange, on_delete=models.PROTECT, related_name="+")
    mode = models.CharField(max_length=10, choices=ModeChoices.choices)
    asset = models.CharField(max_length=20)
    amount = amount_field(default=0)

    class Meta:
        ordering = ["user", "exchange", "asset"]
        constraints = [models.UniqueConstraint(name="fee_total_once", fields=["user", "exchange", "mode", "asset"])]

    def __str__(self) -> str:
        return f"{self.user} {self.exchange_id} {self.amount} {self.asset}"
