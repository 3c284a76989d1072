from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from policies.models.choices import (
    BeyondChainChoices,
    OnAllUnhealthyChoices,
    OneLeggedChoices,
    OnExtraPrecisionChoices,
    OnMissingCredentialChoices,
    OnUnknownExchangeChoices,
    SmartRouteChoices,
)
from policies.models.exchange import Exchange


class RoutingSettings(models.Model):
    """The one row of settings that concern every signal."""

    default_exchange = models.ForeignKey(
        Exchange,
        on_delete=models.PROTECT,
        related_name="default_of",
        help_text="Where signals go that name no exchange and whose strategy is not mapped.",
    )
    on_unknown_exchange = models.CharField(
        "unknown exchange name",
        max_length=20,
        choices=OnUnknownExchangeChoices.choices,
        default=OnUnknownExchangeChoices.USE_DEFAULT,
        help_text="A signal names an exchange we do not know. “Use the default” keeps old clients working; “Deny” is "
        "safer: a typo never trades.",
    )
    on_all_unhealthy = models.CharField(
        "no healthy exchange",
        max_length=20,
        choices=OnAllUnhealthyChoices.choices,
        default=OnAllUnhealthyChoices.USE_DEFAULT,
        help_text="Every exchange of the chain is degraded, down or unchecked. In both cases nothing is sent to an "
        "exchange that is down.",
    )
    beyond_chain = models.CharField(
        "beyond the chain",
        max_length=20,
        choices=BeyondChainChoices.choices,
        default=BeyondChainChoices.SMART,
        help_text="Nothing in the chain can take a signal. Exchanges outside it count only with the user's permission "
        "and keys, the same mode, and the pair. A chain that is switched off is never left.",
    )
    on_missing_credential = models.CharField(
        "no keys for an exchange",
        max_length=20,
        choices=OnMissingCredentialChoices.choices,
        default=OnMissingCredentialChoices.NEXT_EXCHANGE,
        help_text="The user has no usable keys for an exchange of the chain.",
    )
    smart_route = models.CharField(
        "smart routing",
        max_length=20,
        choices=SmartRouteChoices.choices,
        default=SmartRouteChoices.OPTIMAL_SPLIT,
        help_text="How exchanges are compared where a signal, a strategy or a user only says “smart”.",
    )
    smart_needs_balance = models.BooleanField(
        "smart routing needs balances",
        default=True,
        help_text="On: an account whose free balance is not known gets no part of an order. Paper orders never need "
        "one. Off: such an account may be sent more than it can pay, and refuse it.",
    )
    on_extra_precision = models.CharField(
        "amount finer than the lot",
        max_length=20,
        choices=OnExtraPrecisionChoices.choices,
        default=OnExtraPrecisionChoices.DENY,
        help_text="A signal's amount has more decimals than the exchange trades. A notional is always rounded down.",
    )
    max_slippage_bps = models.DecimalField(
        "largest slippage",
        max_digits=7,
        decimal_places=2,
        default=Decimal(100),
        validators=[MinValueValidator(Decimal(1)), MaxValueValidator(Decimal(2000))],
        help_text="In basis points: how far beyond the best price an order without a limit may go. Also the protective "
        "limit price sent to the exchange.",
    )
    price_collar_bps = models.DecimalField(
        "price collar",
        max_digits=7,
        decimal_places=2,
        default=Decimal(500),
        validators=[MinValueValidator(Decimal(10)), MaxValueValidator(Decimal(5000))],
        help_text="In basis points: a limit price farther than this on the costly side of the market is denied.",
    )
    book_max_age_s = models.DecimalField(
        "oldest usable book",
        max_digits=5,
        decimal_places=2,
        default=Decimal(2),
        validators=[MinValueValidator(Decimal("0.1")), MaxValueValidator(Decimal(60))],
        help_text="Seconds. An order book older than this is fetched again before it prices an order.",
    )
    signal_max_age_s = models.PositiveIntegerField(
        "oldest signal",
        default=300,
        validators=[MinValueValidator(1)],
        help_text="Seconds after receipt until a signal that was not sent expires. Its own expires_at may be earlier.",
    )

    twap_above = models.DecimalField(
        "spread over time above",
        max_digits=38,
        decimal_places=18,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text="Quote units. A larger signal is traded in slices over time (TWAP), unless it is an exit or a stop "
        "or says itself how it wants to be traded. Empty: only where the signal or its strategy asks for it.",
    )
    twap_slices = models.PositiveSmallIntegerField(
        "slices",
        default=20,
        validators=[MinValueValidator(2), MaxValueValidator(100)],
        help_text="How many, unless the signal says so. Slices below an exchange's minimum are put together.",
    )
    twap_horizon_s = models.PositiveIntegerField(
        "horizon",
        default=600,
        validators=[MinValueValidator(10), MaxValueValidator(86_400)],
        help_text="Seconds from the first slice until after the last one, unless the signal says so.",
    )
    schedule_jitter = models.DecimalField(
        "irregularity",
        max_digits=3,
        decimal_places=2,
        default=Decimal("0.20"),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal("0.45"))],
        help_text="Share by which the times and sizes of slices vary, so that others do not see the pattern. 0: none.",
    )
    passive_horizon_s = models.PositiveIntegerField(
        "patience",
        default=30,
        validators=[MinValueValidator(2), MaxValueValidator(86_400)],
        help_text="Seconds that a passive order rests at the best price before the rest of it takes what there is.",
    )
    arbitrage_min_profit_bps = models.DecimalField(
        "least arbitrage profit",
        max_digits=7,
        decimal_places=2,
        default=Decimal(5),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(2000))],
        help_text="In basis points of the cost, after all fees. What earns less is not shown.",
    )
    arbitrage_max_notional = models.DecimalField(
        "largest arbitrage",
        max_digits=18,
        decimal_places=2,
        default=Decimal(1000),
        validators=[MinValueValidator(Decimal(1))],
        help_text="In the currency that is paid with: opportunities are sized for at most this cost.",
    )
    arbitrage_enabled = models.BooleanField(
        "trade arbitrage",
        default=False,
        help_text="On: users whose permission says so may trade what is found between two exchanges. What is under way "
        "when it is switched off is finished.",
    )
    arbitrage_one_legged = models.CharField(
        "when the second order fails",
        max_length=10,
        choices=OneLeggedChoices.choices,
        default=OneLeggedChoices.HOLD,
        help_text="The two orders are not one: the first may fill and the second may not.",
    )
    arbitrage_max_loss_bps = models.DecimalField(
        "largest arbitrage loss",
        max_digits=7,
        decimal_places=2,
        default=Decimal(20),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(500))],
        help_text="In basis points of what is open, after fees: how much completing it or trading it back may lose.",
    )
    arbitrage_book_max_age_s = models.DecimalField(
        "oldest book of an arbitrage",
        max_digits=5,
        decimal_places=2,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal("0.1")), MaxValueValidator(Decimal(10))],
        help_text="Seconds. No trade begins on a book that is older.",
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name = "routing settings"
        verbose_name_plural = "routing settings"
        constraints = [models.CheckConstraint(name="routing_settings_one_row", condition=models.Q(pk=1))]

    def __str__(self) -> str:
        return "Routing settings"

    def clean(self) -> None:
        if Exchange.objects.filter(pk=self.default_exchange_id, enabled=False).exists():
            raise ValidationError(
                {"default_exchange": f"{self.default_exchange_id} is not enabled. Enable it first, or choose another."}
            )
