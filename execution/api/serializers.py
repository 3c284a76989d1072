"""What the API answers."""

from typing import Any, TypeVar

from django.db.models import Model
from rest_framework import serializers

from execution.models import Decision, Fill, Market, Order, OrderEvent, Position, Signal
from policies.domain.numbers import plain, rounded

M = TypeVar("M", bound=Model)


def exact(help_text: str, **options: Any) -> "ExactField":
    """An exact number as text; null where it is not known."""
    return ExactField(allow_null=True, help_text=help_text, default=None, **options)


class ExactField(serializers.DecimalField):
    """All digits of a number, without trailing zeros."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=None, decimal_places=None, **options)

    def to_representation(self, value: Any) -> Any:
        """As text."""
        return None if value is None else plain(value)


class RowOut(serializers.ModelSerializer[M]):
    """A row as an answer: every field is always there, whatever a form of the model would ask for."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """For the documentation."""
        fields = super().get_fields()
        for field in fields.values():
            field.required = True
        return fields


class ReceiptOut(serializers.Serializer[Any]):
    """The answer to a stored signal; a replay gets the same bytes."""

    id = serializers.UUIDField()
    status = serializers.CharField()
    idempotency_key = serializers.CharField()
    received_at = serializers.DateTimeField()


class AlertOut(serializers.Serializer[Any]):
    """The answer to an alert: its signal."""

    id = serializers.UUIDField()
    status = serializers.CharField()


class ErrorOut(serializers.Serializer[Any]):
    """Every error."""

    code = serializers.CharField(help_text="Stable; see docs/reason-codes.md.")
    detail = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.CharField(), required=False, help_text="Field -> what is wrong with it."
    )


class BatchResultOut(serializers.Serializer[Any]):
    """One signal of a batch."""

    index = serializers.IntegerField()
    id = serializers.UUIDField(required=False)
    status = serializers.CharField(help_text="pending, or refused.")
    idempotency_key = serializers.CharField(required=False)
    replayed = serializers.BooleanField(required=False)
    error = ErrorOut(required=False)


class BatchOut(serializers.Serializer[Any]):
    """The answer to a batch: a result for each signal, in order."""

    accepted = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = BatchResultOut(many=True)


class CandidateOut(serializers.Serializer[Any]):
    """One exchange of the chain. `code` is empty for the chosen one."""

    exchange = serializers.CharField()
    code = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)
    inputs = serializers.DictField(
        required=False, help_text="The figures that put it in its place: load, latency, weight. Only where figures did."
    )


class PartOfPlanOut(serializers.Serializer[Any]):
    """What one exchange would get. Numbers as exact text."""

    exchange = serializers.CharField()
    amount = serializers.CharField(help_text="Base units.")
    price = serializers.CharField(help_text="Expected on average, before fees.")
    notional = serializers.CharField(help_text="Expected quote units, before fees.")
    fee = serializers.CharField(help_text="Expected, in quote units.")
    limit_price = serializers.CharField(help_text="The worst that would be paid.")


class ExpectedOut(serializers.Serializer[Any]):
    """What an order should get and cost on the books of now."""

    amount = serializers.CharField(help_text="Base units.")
    price = serializers.CharField(allow_null=True, help_text="Average, before fees.")
    fees = serializers.CharField(help_text="Quote units.")
    cost_bps = serializers.FloatField(
        allow_null=True, help_text="Beyond the middle, with fees: of all books compared, or of the one exchange's book."
    )


class RouteOut(serializers.Serializer[Any]):
    """Where a signal would go now. Nothing was stored, nothing is sent."""

    exchange = serializers.CharField(allow_blank=True, help_text="Empty when it would be denied.")
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    primary = serializers.CharField(allow_blank=True)
    ordering = serializers.CharField(
        allow_blank=True, help_text="How the candidates were put in order: the chain's way, or the balancer's."
    )
    method = serializers.CharField(allow_blank=True, help_text="market, limit, twap, iceberg or passive.")
    mode = serializers.CharField(allow_blank=True)
    code = serializers.CharField(allow_blank=True, help_text="Why it would be denied.")
    detail = serializers.CharField(allow_blank=True)
    warning = serializers.CharField(allow_blank=True)
    candidates = CandidateOut(many=True)
    policy_version = serializers.IntegerField()
    expected = ExpectedOut(
        allow_null=True, help_text="Of what is taken at once; of an order traded over time, its first slice."
    )
    notes = serializers.ListField(
        child=serializers.CharField(), help_text="What else would happen: missing books, old health, slices."
    )
    parts = PartOfPlanOut(many=True, help_text="Of a smart route: what each exchange would get.")
    explanation = serializers.JSONField(
        allow_null=True, help_text="Of a smart route: books, bounds, costs and points by exchange; see docs/routing.md."
    )


class RoutingStatsOut(serializers.Serializer[Any]):
    """How routing did in a window. Shares and times are null where nothing was counted."""

    window_s = serializers.IntegerField()
    decisions = serializers.IntegerField(help_text="At most the latest 50,000 are counted.")
    denied = serializers.IntegerField()
    failovers = serializers.IntegerField(help_text="Decisions that left their primary.")
    attempts_after_the_first = serializers.IntegerField()
    smart = serializers.IntegerField()
    cache_hits = serializers.IntegerField(help_text="Smart choices that were made a moment before from the same books.")
    split = serializers.IntegerField(help_text="Orders sent in parts.")
    split_saved_bps = serializers.FloatField(
        allow_null=True, help_text="What the best single exchange would have cost more, on average."
    )
    took_p50_ms = serializers.FloatField(allow_null=True, help_text="Claim of the signals to the decision.")
    took_p99_ms = serializers.FloatField(allow_null=True)
    success_rate = serializers.FloatField(allow_null=True, help_text="Ended signals, not denied, with a fill.")
    by_exchange = serializers.DictField(child=serializers.IntegerField())
    by_ordering = serializers.DictField(child=serializers.IntegerField())


class FillOut(RowOut[Fill]):
    class Meta:
        model = Fill
        fields = ["trade_id", "at", "amount", "price", "fee", "fee_asset", "maker"]


class OrderEventOut(RowOut[OrderEvent]):
    class Meta:
        model = OrderEvent
        fields = ["at", "old_status", "new_status", "reason_code", "detail"]


class OrderOut(RowOut[Order]):
    """An order with its fills and events."""

    client_order_id = serializers.CharField()
    exchange = serializers.CharField(source="exchange_id")
    signal = serializers.UUIDField(source="signal_id")
    fills = FillOut(many=True)
    events = OrderEventOut(many=True)

    class Meta:
        model = Order
        fields = [
            "id", "signal", "client_order_id", "exchange", "exchange_order_id", "mode", "attempt", "status", "symbol",
            "side", "order_type", "time_in_force", "amount", "price", "reference_price", "filled_amount",
            "filled_notional", "reason_code", "reason_detail", "created_at", "submitted_at", "acked_at", "final_at",
            "fills", "events",
        ]  # fmt: skip


class DecisionOut(RowOut[Decision]):
    candidates = CandidateOut(many=True)

    class Meta:
        model = Decision
        fields = [
            "attempt", "decided_at", "policy_version", "source", "primary", "exchange", "ordering", "method",
            "mode", "reason_code", "detail", "warning", "candidates", "router", "explanation",
        ]  # fmt: skip


class SignalOut(RowOut[Signal]):
    """A signal's state."""

    exchange = serializers.CharField(source="exchange_id", allow_null=True)
    user = serializers.CharField(source="user.username")

    class Meta:
        model = Signal
        fields = [
            "id", "user", "idempotency_key", "received_at", "status", "reason_code", "reason_detail", "symbol", "side",
            "amount", "notional", "order_type", "limit_price", "time_in_force", "signal_type", "strategy_id",
            "requested_exchange", "exchange", "priority", "expires_at", "filled_amount", "filled_notional", "attempt",
            "final_at",
        ]  # fmt: skip


class LegOut(RowOut[Signal]):
    """A part of a signal: what it is for, where it went, what it brought."""

    exchange = serializers.SerializerMethodField()
    average_price = serializers.SerializerMethodField(help_text="null: nothing was filled.")
    orders = OrderOut(many=True)

    class Meta:
        model = Signal
        fields = [
            "id", "part", "status", "reason_code", "reason_detail", "exchange", "amount", "notional", "limit_price",
            "due_at", "filled_amount", "filled_notional", "average_price", "final_at", "orders",
        ]  # fmt: skip

    def get_exchange(self, row: Signal) -> str | None:
        """Where it went; before that, the only one it may go to."""
        return row.exchange_id or row.requested_exchange or None

    def get_average_price(self, row: Signal) -> str | None:
        """Quote units."""
        return plain(rounded(row.filled_notional / row.filled_amount, 8)) if row.filled_amount else None


class PartOut(LegOut):
    """A part; one that is sent later may itself be split over exchanges."""

    parts = LegOut(many=True)

    class Meta(LegOut.Meta):
        fields = [*LegOut.Meta.fields, "parts"]


class SignalDetailOut(SignalOut):
    """A signal with its decisions and orders; one that is traded in parts has no orders itself."""

    decisions = DecisionOut(many=True)
    orders = OrderOut(many=True)
    parts = PartOut(many=True)

    class Meta(SignalOut.Meta):
        fields = [*SignalOut.Meta.fields, "decisions", "orders", "parts"]


class PositionOut(RowOut[Position]):
    """What fills in one pair at one exchange add up to."""

    user = serializers.CharField(source="user.username")
    exchange = serializers.CharField(source="exchange_id")
    amount = serializers.DecimalField(max_digits=38, decimal_places=18)
    average_buy_price = serializers.DecimalField(max_digits=38, decimal_places=18, allow_null=True)
    realised_pnl = serializers.DecimalField(max_digits=38, decimal_places=18, allow_null=True)

    class Meta:
        model = Position
        fields = [
            "user", "exchange", "mode", "symbol", "amount", "bought_amount", "bought_notional", "sold_amount",
            "sold_notional", "base_fees", "quote_fees", "average_buy_price", "realised_pnl", "updated_at",
        ]  # fmt: skip


def _share(text: str) -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, help_text=f"{text} 0 to 1; null: not known.")


class BreakerOut(serializers.Serializer[Any]):
    """The exchange's circuit breaker."""

    state = serializers.CharField(help_text="closed, half_open or open.")
    since = serializers.DateTimeField(allow_null=True, help_text="null: it never counted anything.")
    next_probe_at = serializers.DateTimeField(allow_null=True)
    failures_in_row = serializers.IntegerField()
    held = serializers.BooleanField(help_text="A person opened or closed it.")
    detail = serializers.CharField()


class LatencyOut(serializers.Serializer[Any]):
    """Answers to questions about market data, last hour, in milliseconds. band: the smallest bound the median keeps."""

    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)
    band = serializers.CharField(allow_blank=True, help_text="≤ 50, 100, 200 or 500 ms, or > 500 ms.")


class ChannelOut(serializers.Serializer[Any]):
    """One thing we ask of the exchange. Shown, and not used for routing."""

    status = serializers.CharField(help_text="ok, degraded, down; unknown: not asked in half an hour.")
    success_rate = _share("Calls of the last hour that the exchange did not fail.")


class ChannelsOut(serializers.Serializer[Any]):
    data = ChannelOut()  # type: ignore[assignment]
    trade = ChannelOut()
    cancel = ChannelOut()


class UptimeOut(serializers.Serializer[Any]):
    """Minutes in which it answered, of those in which it was asked."""

    hour = _share("Last hour.")
    day = _share("Last 24 hours.")
    month = _share("Last 30 days.")


class FeedOut(serializers.Serializer[Any]):
    """Its order books as they are followed just now."""

    streams = serializers.BooleanField(help_text="Whether they come over a websocket here; false: it is asked.")
    followed = serializers.IntegerField()
    streamed = serializers.IntegerField(help_text="Those whose stream is alive; the others are asked for.")
    missing = serializers.IntegerField(help_text="Those that have not come yet.")
    oldest_s = serializers.FloatField(allow_null=True)
    youngest_s = serializers.FloatField(allow_null=True)


class ExchangeStatusOut(serializers.Serializer[Any]):
    """One exchange as the router sees it now."""

    exchange = serializers.CharField()
    name = serializers.CharField()
    enabled = serializers.BooleanField()
    mode = serializers.CharField()
    status = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    checked_at = serializers.DateTimeField(allow_null=True)
    latency_ms = serializers.FloatField(allow_null=True)
    latency_ewma_ms = serializers.FloatField(allow_null=True)
    consecutive_failures = serializers.IntegerField()
    last_error = serializers.CharField(allow_blank=True)
    banned_until = serializers.DateTimeField(allow_null=True, help_text="It asked us to send nothing before this.")
    usable = serializers.BooleanField(help_text="Whether new orders may go there, keys and permissions aside.")
    code = serializers.CharField(allow_blank=True, help_text="Why not.")
    detail = serializers.CharField(allow_blank=True)
    markets = serializers.IntegerField(help_text="Pairs it lists.")
    orders_in_flight = serializers.IntegerField()
    breaker = BreakerOut()
    latency = LatencyOut()
    channels = ChannelsOut()
    uptime = UptimeOut()
    book_age_s = serializers.FloatField(allow_null=True, help_text="Since a worker last received an order book.")
    books = FeedOut(allow_null=True, help_text="How its order books are followed; null: nobody follows them just now.")
    budget_left = _share("Of its request limits for our address, usable at once.")
    maintenance_until = serializers.DateTimeField(allow_null=True, help_text="Entered by an operator.")


class MarketOut(RowOut[Market]):
    """One pair at one exchange. Prices in quote units, amounts in base units."""

    exchange = serializers.CharField(source="exchange_id")

    class Meta:
        model = Market
        fields = [
            "exchange",
            "symbol",
            "tick",
            "lot",
            "min_amount",
            "max_amount",
            "min_notional",
            "refreshed_at",
        ]  # fmt: skip
