from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from execution.domain.tca import Unknown
from execution.models.fields import amount_field, choices_of
from execution.models.order import Order
from execution.models.signal import SIDES
from policies.models import Exchange, ExchangeCredential
from policies.models.choices import ModeChoices

REASONS_UNKNOWN = choices_of(Unknown)


def rate_field(help_text: str) -> "models.DecimalField[Decimal | None, Decimal | None]":
    """A fee as a fraction of the value: 0.001 is 0.10 %."""
    return models.DecimalField(max_digits=12, decimal_places=8, null=True, help_text=help_text)


def bps_field(help_text: str) -> "models.DecimalField[Decimal | None, Decimal | None]":
    """Basis points; empty where it is not known."""
    return models.DecimalField(max_digits=14, decimal_places=4, null=True, help_text=help_text)


class AccountFee(models.Model):
    """What is known of the fees of one account, that is of one set of keys: the exchange's answer, and our volume."""

    credential = models.OneToOneField(
        ExchangeCredential, primary_key=True, on_delete=models.CASCADE, related_name="account_fee"
    )
    keys_version = models.PositiveIntegerField(default=0, help_text="Of the keys that were told the following.")
    maker = rate_field("As the exchange told.")
    taker = rate_field("As the exchange told.")
    tier = models.CharField(max_length=40, blank=True, help_text="The exchange's name for the account's level.")
    told_volume = amount_field(null=True, help_text="USD of 30 days, as the exchange told.")
    told_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True, help_text="Why the last question had no answer.")
    daily = ArrayField(
        amount_field(), default=list, help_text="USD filled by us on each of the last 30 days, oldest first."
    )
    uncounted = models.JSONField(default=dict, help_text="Filled against other currencies in 30 days.")
    counted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["credential"]

    def __str__(self) -> str:
        return f"Fees of {self.credential_id}"


class OrderCost(models.Model):
    """What the execution of one order cost. Computed from its fills when it is over; prices are mids of the exchange.

    A positive figure is a cost, always. Money is in the pair's quote asset.
    """

    order = models.OneToOneField(Order, primary_key=True, on_delete=models.CASCADE, related_name="cost")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    exchange = models.ForeignKey(Exchange, on_delete=models.PROTECT, related_name="+", db_index=False)
    mode = models.CharField(max_length=10, choices=ModeChoices.choices)
    strategy_id = models.CharField(max_length=64, blank=True)
    symbol = models.CharField(max_length=41)
    quote = models.CharField(max_length=20)
    side = models.CharField(max_length=4, choices=SIDES)
    at = models.DateTimeField(help_text="When the order was over.")
    filled_at = models.DateTimeField(help_text="Its last fill.")
    amount = amount_field()
    filled_amount = amount_field()
    filled_notional = amount_field()

    arrival_mid = amount_field(null=True, help_text="When it was decided.")
    end_mid = amount_field(null=True, help_text="When it was over.")
    mid_after = amount_field(null=True, help_text="A minute after the last fill.")

    interval_vwap = amount_field(
        null=True, help_text="The market's average price in the minutes from its sending to its last fill."
    )
    vwap_exchanges = models.PositiveSmallIntegerField(null=True, help_text="Over the trades of so many exchanges.")
    vwap_why = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",
        choices=REASONS_UNKNOWN,
        help_text="Why that is not known.",
    )
    fill_books = models.JSONField(null=True, help_text="What the exchanges showed at its last fill.")
    fill_regret_why = models.CharField(max_length=16, blank=True, default="", db_default="", choices=REASONS_UNKNOWN)

    asset_prices = models.JSONField(
        default=dict, help_text="In quote units, of other assets that fees were charged in, when it was over."
    )

    average_price = amount_field()
    fill_rate = models.DecimalField(max_digits=9, decimal_places=8, help_text="Share of the amount that was filled.")
    fill_ms = models.PositiveBigIntegerField(null=True, help_text="From sending it to its last fill.")
    arrival_bps = bps_field("Average price against the mid at the decision.")
    vwap_bps = bps_field("Average price against the market's in the same minutes.")
    reversion_bps = bps_field("Mid a minute later against the average price; negative is impact that went away.")
    fees = amount_field(null=True, help_text="Empty where a fee was charged in an asset whose price is not known.")
    fees_bps = bps_field("Fees of what was filled.")
    expected_fees = amount_field(null=True, help_text="At the rates known when it was decided.")
    fee_off = models.BooleanField(null=True, help_text="A fill's fee differs from what was expected.")
    execution_cost = amount_field(null=True)
    opportunity_cost = amount_field(null=True)
    shortfall = amount_field(null=True, help_text="Execution, fees and opportunity together.")
    shortfall_bps = bps_field("Of the whole order's value at the decision.")
    regret_bps = bps_field("Against the best plan on the books it was decided on.")
    fill_regret_bps = bps_field("Against the best plan on the books at its last fill.")
    computed_at = models.DateTimeField()

    class Meta:
        verbose_name = "cost of an order"
        verbose_name_plural = "costs of orders"
        ordering = ["-at"]
        indexes = [
            models.Index(name="order_cost_newest", fields=["-at"]),
            models.Index(name="order_cost_of_user", fields=["user", "-at"]),
            models.Index(name="order_cost_fee_off", fields=["-at"], condition=Q(fee_off=True)),
        ]

    def __str__(self) -> str:
        return f"Cost of {self.order_id}"

    @property
    def spread_bps(self) -> Decimal | None:
        """The effective spread: twice the distance of the average price from the mid at the decision."""
        return None if self.arrival_bps is None else 2 * self.arrival_bps
