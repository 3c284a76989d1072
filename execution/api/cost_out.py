"""What the API answers about fees and costs."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from execution.api.serializers import RowOut
from execution.models import OrderCost
from policies.models.choices import ModeChoices


def _rate(help_text: str) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=12, decimal_places=8, help_text=help_text)


def _dollars(help_text: str) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=38, decimal_places=2, allow_null=True, help_text=help_text)


class RateOut(serializers.Serializer[Any]):
    """Fractions of the value: 0.001 is 0.10 %. Negative is a rebate."""

    maker = _rate("Of an order that rests.")
    taker = _rate("Of an order that takes.")
    source = serializers.CharField(  # type: ignore[assignment]
        help_text="told: by the exchange; tier: its table at the account's volume; basic: its basic fee."
    )


class TierOut(serializers.Serializer[Any]):
    """The next tier of the exchange's table."""

    volume = _dollars("From here on it holds, USD of 30 days.")
    maker = _rate("As above.")
    taker = _rate("As above.")


class ProgressOut(serializers.Serializer[Any]):
    """The way to the next tier."""

    volume = _dollars("USD of 30 days.")
    next = TierOut(allow_null=True)
    share = serializers.FloatField(help_text="Of the way from this tier to the next, 0 to 1.")
    missing = _dollars("USD to the next tier.")
    pace = _dollars("USD a day, over the last 7 days.")
    days = serializers.IntegerField(allow_null=True, help_text="Until it is reached at this pace; null: never, or top.")


class AccountFeesOut(serializers.Serializer[Any]):
    """What one account pays at one exchange."""

    user = serializers.CharField()
    exchange = serializers.CharField()
    mode = serializers.ChoiceField(choices=ModeChoices.choices)
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    rate = RateOut(allow_null=True)
    tier = serializers.CharField(allow_blank=True, help_text="The exchange's name for the account's level.")
    told_at = serializers.DateTimeField(allow_null=True, help_text="When the exchange told its rate.")
    told_volume = _dollars("USD of 30 days, as the exchange counts.")
    counted = _dollars("USD of 30 days, of orders sent here.")
    uncounted = serializers.DictField(
        child=serializers.CharField(), help_text="Of orders sent here in other currencies, by currency."
    )
    progress = ProgressOut(allow_null=True)


class OrderCostOut(RowOut[OrderCost]):
    """What one order cost. Positive is a cost; money in the pair's quote asset; null: not known."""

    user = serializers.CharField(source="user.username")
    exchange = serializers.CharField(source="exchange_id")
    signal = serializers.SerializerMethodField(help_text="Its signal; of a part, the signal it is a part of.")
    spread_bps = serializers.DecimalField(
        max_digits=14, decimal_places=4, allow_null=True, help_text="The effective spread: twice `arrival_bps`."
    )

    class Meta:
        model = OrderCost
        fields = [
            "order", "signal", "user", "exchange", "mode", "strategy_id", "symbol", "quote", "side", "at", "amount",
            "filled_amount", "filled_notional", "average_price", "fill_rate", "fill_ms", "arrival_mid", "end_mid",
            "mid_after", "interval_vwap", "vwap_exchanges", "vwap_why", "arrival_bps", "spread_bps", "vwap_bps",
            "reversion_bps", "fees", "fees_bps", "expected_fees",
            "fee_off", "execution_cost", "opportunity_cost", "shortfall", "shortfall_bps", "regret_bps",
            "fill_regret_bps", "fill_regret_why",
        ]  # fmt: skip

    def get_signal(self, row: OrderCost) -> UUID:
        """What the client knows."""
        signal = row.order.signal
        return signal.parent_id or signal.pk


def _bps(help_text: str) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=14, decimal_places=4, allow_null=True, help_text=help_text)


class CostGroupOut(serializers.Serializer[Any]):
    """The orders of one exchange or strategy in one mode and quote asset. Means are weighted by value."""

    name = serializers.CharField(allow_blank=True)
    mode = serializers.ChoiceField(choices=ModeChoices.choices)
    quote = serializers.CharField()
    orders = serializers.IntegerField()
    measured = serializers.IntegerField(help_text="Orders whose mid at the decision is known.")
    traded = serializers.DecimalField(max_digits=38, decimal_places=18, help_text="Quote units.")
    slippage_bps = _bps("Mean, against the mid at the decision.")
    slippage_p50_bps = _bps("Median.")
    slippage_p95_bps = _bps("One in twenty was worse.")
    spread_bps = _bps("Mean effective spread.")
    fees_bps = _bps("Mean.")
    cost_bps = _bps("Mean implementation shortfall.")
    reversion_bps = _bps("Mean, a minute after the last fill.")
    fill_rate = serializers.DecimalField(max_digits=9, decimal_places=8)
    fill_p50_ms = serializers.FloatField(allow_null=True)
    fees_off = serializers.IntegerField(help_text="Orders that were charged something else than expected.")
    vwap_bps = _bps("Mean, against the market's average price in the same minutes.")
    vwap_measured = serializers.IntegerField(help_text="Orders of which that is known.")
    regret_bps = _bps("Mean, against the best plan on the books at the decision; of smart orders.")
    regret_measured = serializers.IntegerField(help_text="Orders of which that is known.")
    fill_regret_bps = _bps("Mean, against the best plan on the books at the last fill; of smart orders.")
    fill_regret_measured = serializers.IntegerField(help_text="Orders of which that is known.")
