from django.db import models
from django.utils import timezone

from execution.models.fields import amount_field
from policies.models import Exchange


class Market(models.Model):
    """A pair an exchange lists, refreshed from it. Used to check orders without asking the exchange."""

    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="markets")
    symbol = models.CharField(max_length=41)
    active = models.BooleanField(default=True)
    tick = amount_field()
    lot = amount_field()
    min_amount = amount_field(null=True)
    max_amount = amount_field(null=True)
    min_notional = amount_field(null=True)
    refreshed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["exchange", "symbol"]
        constraints = [models.UniqueConstraint(name="market_once", fields=["exchange", "symbol"])]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.symbol}"


class MarketBar(models.Model):
    """All trades of a pair at an exchange in one minute, whoever made them. Kept for a day.

    It is whole when there is no gap and everything was seen to its end.
    """

    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="+", db_index=False)
    symbol = models.CharField(max_length=41)
    minute = models.DateTimeField(help_text="When it began, by the exchange's clock.")
    volume = amount_field(help_text="Base units.")
    notional = amount_field(help_text="Quote units.")
    trades = models.PositiveIntegerField()
    gap = models.BooleanField(help_text="Trades may have been missed, or could not be what they said.")
    seen_to = models.DateTimeField(help_text="All trades until then are counted.")
    last_trade_id = models.CharField(max_length=80, blank=True, help_text="The newest trade seen, of any minute.")
    last_trade_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "minute of market trades"
        verbose_name_plural = "minutes of market trades"
        constraints = [models.UniqueConstraint(name="market_bar_once", fields=["symbol", "minute", "exchange"])]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.symbol} {self.minute:%Y-%m-%d %H:%M}"
