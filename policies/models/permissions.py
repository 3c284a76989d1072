from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from simple_history.models import HistoricalRecords

from policies.domain.numbers import DECIMAL_PLACES, MAX_DIGITS
from policies.domain.permissions import parse_pair_pattern
from policies.models.exchange import Exchange


class TradingPermission(models.Model):
    """What one user may trade. Users without a row may not trade."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="trading_permission")
    enabled = models.BooleanField(default=True, help_text="Off: every signal of this user is denied.")
    arbitrage = models.BooleanField(
        "may trade arbitrage", default=False, help_text="Where the routing settings have it switched on."
    )
    all_exchanges = models.BooleanField(default=True, help_text="Off: only the exchanges chosen below.")
    exchanges = models.ManyToManyField(
        Exchange, blank=True, related_name="+", help_text="Only read when the above is off."
    )
    pairs = ArrayField(
        models.CharField(max_length=41),
        default=list,
        blank=True,
        help_text="One per line: BTC/USDT, or */NOK for every pair in NOK. Empty means every pair.",
    )

    history = HistoricalRecords(m2m_fields=[exchanges])

    class Meta:
        ordering = ["user__username"]

    def __str__(self) -> str:
        return f"Trading permission of {self.user}"

    def clean(self) -> None:
        try:
            self.pairs = [parse_pair_pattern(pair) for pair in self.pairs if pair.strip()]
        except ValueError as e:
            raise ValidationError({"pairs": str(e)}) from e


class OrderSizeLimit(models.Model):
    """The largest single order of a user in one quote currency. A currency without a row may not be traded."""

    permission = models.ForeignKey(TradingPermission, on_delete=models.CASCADE, related_name="order_sizes")
    currency = models.CharField(
        max_length=20,
        validators=[RegexValidator(r"^[A-Z0-9]{2,20}$", "Write the currency as in the pair, e.g. USDT.")],
        help_text="The quote currency of the pair: USDT, USD, NOK, …",
    )
    max_notional = models.DecimalField(
        "largest order",
        max_digits=MAX_DIGITS,
        decimal_places=DECIMAL_PLACES,
        validators=[
            MinValueValidator(Decimal(1).scaleb(-DECIMAL_PLACES), "0 would deny every order. Use Halt for that.")
        ],
        help_text="Largest value of one order in that currency, at the worst price it may get.",
    )

    history = HistoricalRecords()

    class Meta:
        ordering = ["currency"]
        verbose_name = "largest order"
        constraints = [
            models.UniqueConstraint(name="order_size_currency_once", fields=["permission", "currency"]),
            models.CheckConstraint(name="order_size_positive", condition=models.Q(max_notional__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.max_notional.normalize():f}"
