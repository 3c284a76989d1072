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
