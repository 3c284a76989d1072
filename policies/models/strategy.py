from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from simple_history.models import HistoricalRecords

from policies.domain.policy import RouteBy
from policies.models.choices import ExecutionMethodChoices, ModeChoices, RouteByChoices
from policies.models.exchange import Exchange

strategy_id_validator = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$", "Use letters, digits and _ . : - (at most 64, no spaces)."
)

LARGEST_WEIGHT = 100


def check_balance(route_by: str, over: Any) -> None:
    """The rules of what is balanced over, for the admin and the policy file alike. Raises ValidationError."""
    if not isinstance(over, Mapping):
        raise ValidationError("Write exchanges with their weights, e.g. binance 3.", code="form")
    if route_by == RouteBy.ONE_EXCHANGE:
        if over:
            raise ValidationError("Choose how to balance over these, or empty the list.", code="method")
        return
    if not over and RouteBy(route_by).is_smart:
        return
    if len(over) < 2:
        raise ValidationError("Balancing needs at least two exchanges.", code="few")
    enabled = set(Exchange.objects.filter(enabled=True).values_list("slug", flat=True))
    for slug, weight in over.items():
        if slug not in enabled:
            raise ValidationError(
                f"{slug} is not an enabled exchange. Enable it first, or leave it out.", code="unknown"
            )
        if isinstance(weight, bool) or not isinstance(weight, int) or not 1 <= weight <= LARGEST_WEIGHT:
            raise ValidationError(
                f"The weight of {slug} must be a whole number from 1 to {LARGEST_WEIGHT}.", code="weight"
            )


class StrategyPolicy(models.Model):
    """Where the signals of one strategy go."""

    strategy_id = models.CharField(
        "strategy",
        max_length=64,
        unique=True,
        validators=[strategy_id_validator],
        help_text="Exactly as clients send it. Upper and lower case matter.",
    )
    exchange = models.ForeignKey(
        Exchange,
        on_delete=models.PROTECT,
        related_name="strategies",
        help_text="The primary exchange; its failover chain says what comes next. With balancing: where signals go "
        "that none of the list can take.",
    )
    route_by = models.CharField(
        "route by",
        max_length=20,
        choices=RouteByChoices.choices,
        default=RouteByChoices.ONE_EXCHANGE,
        help_text="One exchange for all its signals, how they are spread over several, or how the best is found. A "
        "signal that names an exchange goes there.",
    )
    balanced_over = models.JSONField(
        "balanced over",
        default=dict,
        blank=True,
        help_text="One exchange per line, with its weight if it is not 1: binance 3. Only “by weight” reads weights. "
        "Smart: the exchanges to choose from; empty means all.",
    )
    mode = models.CharField(
        max_length=10,
        choices=ModeChoices.choices,
        default=ModeChoices.PAPER,
        help_text="The most an order of it may be. The most cautious of exchange, strategy and signal decides.",
    )
    execution_method = models.CharField(
        max_length=10,
        choices=ExecutionMethodChoices.choices,
        default=ExecutionMethodChoices.AUTOMATIC,
        blank=True,
        help_text="How orders without a limit price of their own are sent.",
    )
    enabled = models.BooleanField(default=True, help_text="Off: every signal of this strategy is denied.")
    notes = models.TextField(blank=True, help_text="What it does and who runs it.")

    history = HistoricalRecords()

    class Meta:
        ordering = ["strategy_id"]
        verbose_name = "strategy"
        verbose_name_plural = "strategies"

    def __str__(self) -> str:
        return self.strategy_id

    def clean(self) -> None:
        twin = StrategyPolicy.objects.filter(strategy_id__iexact=self.strategy_id).exclude(pk=self.pk).first()
        if twin is not None and twin.strategy_id != self.strategy_id:
            raise ValidationError(
                {
                    "strategy_id": f"{self.strategy_id} differs from the existing {twin.strategy_id} only in case. "
                    "Use another name, or change that one."
                }
            )
        try:
            check_balance(self.route_by, self.balanced_over)
        except ValidationError as e:
            raise ValidationError({"balanced_over": e.messages}) from e
        if Exchange.objects.filter(pk=self.exchange_id, enabled=False).exists():
            raise ValidationError(
                {"exchange": f"{self.exchange_id} is not enabled. Enable it first, or choose another."}
            )
