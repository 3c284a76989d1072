from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from simple_history.models import HistoricalRecords

from policies.models.choices import ExecutionMethodChoices, ModeChoices
from policies.models.exchange import Exchange

strategy_id_validator = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$", "Use letters, digits and _ . : - (at most 64, no spaces)."
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
        help_text="The primary exchange; its failover chain says what comes next.",
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
        if Exchange.objects.filter(pk=self.exchange_id, enabled=False).exists():
            raise ValidationError(
                {"exchange": f"{self.exchange_id} is not enabled. Enable it first, or choose another."}
            )
