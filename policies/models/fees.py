from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from policies.models.exchange import Exchange

_BOUNDS = [MinValueValidator(Decimal(-10)), MaxValueValidator(Decimal(1000))]


class FeeTier(models.Model):
    """What an exchange charges who traded so much in 30 days. Below the first tier its ordinary fees hold."""

    exchange = models.ForeignKey(Exchange, on_delete=models.CASCADE, related_name="fee_tiers")
    from_volume = models.DecimalField(
        "from volume",
        max_digits=14,
        decimal_places=0,
        validators=[MinValueValidator(1, "The ordinary fees hold from 0 on; the first tier begins above it.")],
        help_text="USD traded in 30 days. From here on this tier holds.",
    )
    maker_bps = models.DecimalField(
        "maker fee",
        max_digits=8,
        decimal_places=3,
        validators=_BOUNDS,
        help_text="Basis points: 10 = 0.10 %. Negative is a rebate.",
    )
    taker_bps = models.DecimalField(
        "taker fee", max_digits=8, decimal_places=3, validators=_BOUNDS, help_text="Basis points: 10 = 0.10 %."
    )

    history = HistoricalRecords()

    class Meta:
        ordering = ["from_volume"]
        verbose_name = "fee tier"
        constraints = [
            models.UniqueConstraint(
                name="fee_tier_once",
                fields=["exchange", "from_volume"],
                violation_error_message="There is a tier from this volume on already.",
            ),
            models.CheckConstraint(name="fee_tier_above_zero", condition=models.Q(from_volume__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} from {self.from_volume:,}"
