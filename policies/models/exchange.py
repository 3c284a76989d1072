from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from policies.models.choices import ModeChoices

_LARGEST_FEE = MaxValueValidator(
    Decimal(1000), "%(show_value)s bps? 100 bps are 1 %%, and 1,000 is the most. Did you mean a hundredth of it?"
)


class Exchange(models.Model):
    """One exchange: whether and how it may be used."""

    slug = models.SlugField(primary_key=True, max_length=20, help_text="The name clients use. It never changes.")
    name = models.CharField(max_length=40, help_text="The name people see.")
    region = models.CharField(
        max_length=20,
        default="global",
        help_text="Where the exchange is at home: global, eu, us, … Chains may prefer a region.",
    )
    enabled = models.BooleanField(
        default=True,
        help_text="Only enabled exchanges can be chosen. Turning this off stops new orders at once; open orders stay "
        "and can still be cancelled.",
    )
    mode = models.CharField(
        max_length=10,
        choices=ModeChoices.choices,
        default=ModeChoices.PAPER,
        help_text="The most an order here may be. The most cautious of exchange, strategy and signal decides.",
    )
    maker_fee_bps = models.DecimalField(
        "maker fee",
        max_digits=8,
        decimal_places=3,
        validators=[MinValueValidator(Decimal(-10)), _LARGEST_FEE],
        help_text="In basis points: 10 = 0.10 %. Paid when an order rests in the book. Negative is a rebate.",
    )
    taker_fee_bps = models.DecimalField(
        "taker fee",
        max_digits=8,
        decimal_places=3,
        validators=[MinValueValidator(Decimal(-10)), _LARGEST_FEE],
        help_text="In basis points: 10 = 0.10 %. A wrong fee misprices paper fills and, later, routes.",
    )
    max_in_flight = models.PositiveIntegerField(
        default=300,
        validators=[MinValueValidator(1)],
        help_text="Unanswered orders of one worker at one time. Further ones wait, so a slow exchange delays no other.",
    )
    degraded_above_ms = models.PositiveIntegerField(
        "degraded above",
        default=1000,
        validators=[MinValueValidator(10)],
        help_text="Milliseconds. An average answer slower than this counts as degraded: new orders go elsewhere.",
    )
    stale_after_s = models.PositiveIntegerField(
        "stale after",
        default=90,
        validators=[MinValueValidator(5)],
        help_text="Seconds. A health check older than this is repeated before the exchange is used.",
    )
    health_interval_s = models.PositiveIntegerField(
        "health check every",
        default=30,
        validators=[MinValueValidator(2)],
        help_text="Seconds between two health checks.",
    )
    breaker_failures = models.PositiveSmallIntegerField(
        "failures to open",
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="So many failed calls in a row open the breaker: new orders go elsewhere. Only the exchange's own "
        "faults count, never a user's keys, money or mistakes.",
    )
    breaker_failure_percent = models.PositiveSmallIntegerField(
        "failure share to open",
        default=50,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Percent of the calls of the last 30 s, from 20 calls on.",
    )
    breaker_slow_percent = models.PositiveSmallIntegerField(
        "slow share to open",
        default=80,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Percent of those calls that took longer than 'degraded above'.",
    )
    breaker_first_open_s = models.PositiveIntegerField(
        "first open time",
        default=60,
        validators=[MinValueValidator(1)],
        help_text="Seconds it stays open the first time. Each further time it is twice as long.",
    )
    breaker_longest_open_s = models.PositiveIntegerField(
        "longest open time",
        default=300,
        validators=[MinValueValidator(1)],
        help_text="Seconds; the doubling ends here.",
    )
    breaker_probes = models.PositiveSmallIntegerField(
        "probes",
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(50)],
        help_text="Orders one worker lets through at one time after the open time, to see whether it works again.",
    )
    breaker_successes = models.PositiveSmallIntegerField(
        "successes to close",
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Probes that must succeed before everything passes again.",
    )
    maintenance_from = models.DateTimeField(
        null=True, blank=True, help_text="UTC. From here to the end below new orders skip the exchange."
    )
    maintenance_to = models.DateTimeField(
        null=True, blank=True, help_text="UTC. Leave empty for maintenance without a known end."
    )
    maintenance_note = models.CharField(max_length=200, blank=True, help_text="What is done, for whoever looks.")

    history = HistoricalRecords(cascade_delete_history=False)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(
                name="exchange_maintenance_ordered",
                condition=Q(maintenance_to=None) | Q(maintenance_to__gt=F("maintenance_from")),
                violation_error_message="The maintenance must end after it begins.",
            ),
            models.CheckConstraint(
                name="exchange_stale_after_interval",
                condition=Q(stale_after_s__gte=F("health_interval_s")),
                violation_error_message="'Stale after' must be at least the health check interval.",
            ),
            models.CheckConstraint(
                name="exchange_breaker_times_ordered",
                condition=Q(breaker_longest_open_s__gte=F("breaker_first_open_s")),
                violation_error_message="The longest open time must be at least the first one.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        # The reverse accessor of RoutingSettings.default_exchange: that row points here.
        if not self.enabled and self.default_of.exists():
            raise ValidationError(
                {"enabled": f"{self.slug} is the default exchange. Choose another default first (Routing settings)."}
            )
        if self.mode == ModeChoices.SANDBOX and self.slug not in SANDBOX_EXCHANGES:
            raise ValidationError({"mode": f"{self.name} has no test system we can use. Choose paper or live."})

    def in_maintenance(self, now: datetime) -> bool:
        """Whether `now` lies in the entered window."""
        if self.maintenance_from is None or now < self.maintenance_from:
            return False
        return self.maintenance_to is None or now < self.maintenance_to


SANDBOX_EXCHANGES = frozenset({"binance", "bybit", "okx", "alpaca"})
"""Exchanges whose test system ccxt 4.5.90 reaches (`set_sandbox_mode` raises for the others)."""
