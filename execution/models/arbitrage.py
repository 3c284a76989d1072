from django.db import models
from django.db.models import Q

from execution.models.fields import amount_field


class ArbitrageOpportunity(models.Model):
    """Something that would have earned money at the books of its time. One row for as long as it lasts.

    Written by the market data process; nothing trades on it. Bounded: the oldest are deleted.
    """

    CROSS, TRIANGLE = "cross", "triangle"

    key = models.CharField(max_length=200, help_text="What it is, so that it is found again by the next scan.")
    kind = models.CharField(max_length=8, choices=[(CROSS, "Two exchanges"), (TRIANGLE, "Triangle")])
    symbol = models.CharField(max_length=41, blank=True, help_text="Of two exchanges.")
    cycle = models.CharField(max_length=120, blank=True, help_text="Of a triangle: USDT > BTC > ETH > USDT.")
    buy_exchange = models.CharField(max_length=20)
    sell_exchange = models.CharField(max_length=20, help_text="The same for a triangle.")
    currency = models.CharField(max_length=20, help_text="Of cost and profit.")
    amount = amount_field(help_text="Base units; of a triangle what it starts with.")
    cost = amount_field(help_text="After fees.")
    profit = amount_field(help_text="After all fees, if every order fills at these books.")
    profit_bps = models.DecimalField(max_digits=12, decimal_places=4, help_text="Of the cost.")
    best_profit = amount_field(help_text="The most since it was first seen.")
    seen = models.PositiveIntegerField(default=1, help_text="By so many scans.")
    legs = models.JSONField(help_text="The orders it takes: exchange, symbol, side, amount, limit, age of the book.")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "arbitrage opportunities"
        constraints = [
            models.UniqueConstraint(name="arbitrage_one_open", fields=["key"], condition=Q(ended_at=None)),
            models.CheckConstraint(name="arbitrage_earns", condition=Q(profit__gt=0, amount__gt=0, cost__gt=0)),
        ]
        indexes = [models.Index(name="arbitrage_newest", fields=["-last_seen_at"])]

    def __str__(self) -> str:
        return self.key
