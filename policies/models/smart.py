from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from policies.domain.smart import WEIGHTS, StrategyTerms
from policies.models.choices import RiskToleranceChoices, SmartRouteChoices
from policies.models.exchange import Exchange

_LARGEST_WEIGHT = MaxValueValidator(100)
_NOT_NEGATIVE = MinValueValidator(Decimal(0))


def _weight(what: str) -> Any:
    return models.PositiveSmallIntegerField(default=0, validators=[_LARGEST_WEIGHT], help_text=what)


def _number(name: str, default: str, largest: int, what: str) -> Any:
    return models.DecimalField(
        name,
        max_digits=8,
        decimal_places=3,
        default=Decimal(default),
        validators=[_NOT_NEGATIVE, MaxValueValidator(Decimal(largest))],
        help_text=what,
    )


class RoutingStrategy(models.Model):
    """The weights and bounds of one way to compare exchanges."""

    name = models.CharField(
        primary_key=True, max_length=20, choices=SmartRouteChoices.choices, help_text="The name signals use."
    )
    price = _weight("Points for the average price of the whole order, without fees: 100 the best, 0 the dearest.")
    liquidity = _weight("Points for how many times the order lies in the book within the slippage limit.")
    latency = _weight("Points for the average answer: 100 at 0 ms, 90 at 50, 75 at 100, 50 at 200, 25 at 500.")
    reliability = _weight("Points for the share of the latest orders that the exchange took.")
    fees = _weight("Points for the taker fee: one less for every basis point.")
    load = _weight("Points for how much of the exchange's room for unanswered orders is free.")
    pair = _weight("Points for the share of the latest orders in this pair that the exchange took.")
    cost = _weight("Points for the average price with the fee: 100 the cheapest, 0 the dearest.")
    max_latency_ms = models.PositiveIntegerField(
        "slowest answer",
        default=1000,
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Milliseconds on average. Slower exchanges are left out. Empty: no limit.",
    )
    fast_below_ms = models.PositiveIntegerField(
        "fast below",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Milliseconds. Exchanges faster than this come before all others. Empty: points alone decide.",
    )
    min_liquidity = _number(
        "least liquidity",
        "0",
        1000,
        "So many times the order the book must hold within the slippage limit. 2 leaves out orders that could be "
        "filled; 0 asks for no more than the order.",
    )
    volatility_percent = _number(
        "volatility", "55", 1000, "Percent a year. What the price moves while an order travels; 0 counts no movement."
    )
    late_factor = _number(
        "cost of lateness", "0.4", 10, "So many standard deviations of the price over the latency; 0 switches it off."
    )
    stale_factor = _number(
        "cost of an old book", "0.4", 10, "So many standard deviations over the age of the book; 0 switches it off."
    )
    reject_bps = _number(
        "cost of a reject", "2", 1000, "Basis points, times the share of orders it rejects; 0 switches it off."
    )
    leg_bps = _number(
        "cost of one more part", "0.02", 100, "Basis points of the order that another exchange must save; 0: none."
    )
    max_legs = models.PositiveSmallIntegerField(
        "most parts",
        null=True,
        blank=True,
        default=8,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text="Exchanges that one order may be split over. Empty: all.",
    )
    notes = models.TextField(blank=True, help_text="Why these numbers.")

    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        verbose_name = "routing strategy"
        verbose_name_plural = "routing strategies"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if not any(getattr(self, name) for name in WEIGHTS):
            raise ValidationError("At least one weight must be above 0, or all exchanges are equal.")

    def terms(self) -> StrategyTerms:
        """As the router sees it."""
        return StrategyTerms(**{name: getattr(self, name) for name in StrategyTerms.__dataclass_fields__})


class TradingPreference(models.Model):
    """What one user prefers. Nothing here permits anything."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="trading_preference")
    preferred_exchanges = ArrayField(
        models.CharField(max_length=20),
        default=list,
        blank=True,
        help_text="One per line, the most preferred first. Smart routing uses others only where these cannot take the "
        "whole order. A signal may name its own.",
    )
    routing_strategy = models.CharField(
        max_length=20,
        choices=SmartRouteChoices.choices,
        blank=True,
        help_text="For signals that name neither an exchange nor a routing strategy and whose strategy is not mapped. "
        "Empty: they go to the default exchange.",
    )
    risk_tolerance = models.CharField(
        max_length=10,
        choices=RiskToleranceChoices.choices,
        default=RiskToleranceChoices.MEDIUM,
        help_text="How much late orders, old books and rejects count in the optimal split: low twice, high half.",
    )

    history = HistoricalRecords()

    class Meta:
        ordering = ["user__username"]

    def __str__(self) -> str:
        return f"Preferences of {self.user}"

    def clean(self) -> None:
        names = [name.strip().lower() for name in self.preferred_exchanges if name.strip()]
        known = set(Exchange.objects.values_list("slug", flat=True))
        for name in names:
            if name not in known:
                raise ValidationError({"preferred_exchanges": f"There is no exchange {name!r}."})
            if names.count(name) > 1:
                raise ValidationError({"preferred_exchanges": f"{name} is in the list twice."})
        self.preferred_exchanges = names
