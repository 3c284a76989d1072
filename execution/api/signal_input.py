"""What clients may send as a signal, and what it becomes."""

import math
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from rest_framework import serializers

from execution.api.method_input import asked_schedule, check_method
from execution.domain.orders import Method, OrderType, Side, SignalType, TimeInForce
from execution.models.fields import choices_of
from execution.selectors.facts import glued_symbols, is_listed_somewhere
from execution.services.intake import NewSignal, body_hash
from policies.domain.numbers import DECIMAL_PLACES, MAX_DIGITS
from policies.domain.policy import Mode, RouteBy
from policies.domain.reasons import ReasonCode
from policies.domain.strict_json import texts
from policies.domain.symbols import normalise
from policies.models.choices import ModeChoices, SmartRouteChoices
from policies.snapshot import current_policy

MAX_BATCH = 1000
_MAX_FUTURE = timedelta(seconds=2)
_SIDES = {"buy": Side.BUY, "long": Side.BUY, "sell": Side.SELL, "short": Side.SELL}
SIDE_WORDS = tuple(_SIDES)
_ALIASES = {
    "size": "amount",
    "size_usd": "notional",
    "pair": "symbol",
    "strategy": "strategy_id",
    "metadata": "details",
}
"""Names of older clients."""

_KEPT = ("score", "confidence", "details")


def _positive(value: Decimal) -> None:
    if value <= 0:
        raise serializers.ValidationError("Must be greater than 0.")


class AmountField(serializers.DecimalField):
    """A positive exact number; a JSON string or number."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, validators=[_positive], **kwargs)


class FiniteField(serializers.FloatField):
    """A number that JSON can write again."""

    def to_internal_value(self, data: Any) -> float:
        """Raises ValidationError for NaN, infinity and what is too large."""
        try:
            value = super().to_internal_value(data)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise serializers.ValidationError("Must be a finite number.")
        return value


class DetailsField(serializers.JSONField):
    """Any JSON that PostgreSQL can keep."""

    def to_internal_value(self, data: Any) -> Any:
        """Raises ValidationError for text with NUL in it."""
        value = super().to_internal_value(data)
        if any("\0" in text for text in texts(value)):
            raise serializers.ValidationError("Null characters are not allowed.")
        return value


class SignalIn(serializers.Serializer[Any]):
    """One signal. Exactly one of `amount` and `notional`."""

    symbol = serializers.CharField(max_length=41, help_text="`BTC/USDT`; `BTCUSDT` and `BTC-USDT` are understood.")
    side = serializers.ChoiceField(choices=SIDE_WORDS, help_text="`long` is buy, `short` is sell.")
    amount = AmountField(required=False, help_text="Base units. Alias: `size`.")
    notional = AmountField(required=False, help_text="Quote units, rounded down to the lot. Alias: `size_usd`.")
    id = serializers.CharField(
        required=False, max_length=100, help_text="Idempotency key, if the header is not sent. Required in a batch."
    )
    timestamp = serializers.DateTimeField(required=False, help_text="When it was made; its age counts from here.")
    expires_at = serializers.DateTimeField(required=False, help_text="Not sent after this.")
    strategy_id = serializers.CharField(required=False, allow_blank=True, max_length=64)
    exchange = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, max_length=32, help_text="Overrides the strategy's exchange."
    )
    signal_type = serializers.ChoiceField(choices=choices_of(SignalType), default=SignalType.ENTRY.value)
    order_type = serializers.ChoiceField(
        required=False,
        choices=choices_of(OrderType),
        help_text="Without it policy decides: market for exits and stops, else a limit at a protective price.",
    )
    limit_price = AmountField(required=False, help_text="Needs order_type limit.")
    time_in_force = serializers.ChoiceField(required=False, choices=choices_of(TimeInForce))
    max_slippage_bps = serializers.DecimalField(
        required=False, max_digits=7, decimal_places=2, min_value=Decimal(0), max_value=Decimal(2000)
    )
    priority = serializers.IntegerField(required=False, min_value=1, max_value=5, help_text="1 is served first.")
    mode = serializers.ChoiceField(
        required=False, choices=ModeChoices.choices, help_text="Can only make the order more cautious."
    )
    routing_strategy = serializers.ChoiceField(
        required=False,
        choices=[(RouteBy.SMART.value, "As the routing settings say"), *SmartRouteChoices.choices],
        help_text="Compares the books of all exchanges that could take it. Not read when `exchange` is given.",
    )
    preferred_exchanges = serializers.ListField(
        child=serializers.CharField(max_length=20),
        required=False,
        max_length=20,
        help_text="The most preferred first. Others are used only where these cannot take the whole order.",
    )
    execution_method = serializers.ChoiceField(
        required=False,
        choices=choices_of(Method),
        help_text="twap: in slices over time. iceberg: a little at a time. passive: rest at the best price, then take.",
    )
    slices = serializers.IntegerField(required=False, min_value=2, max_value=100, help_text="For twap.")
    horizon_s = serializers.IntegerField(
        required=False, min_value=2, max_value=86_400, help_text="Seconds that twap, iceberg or passive may take."
    )
    display_amount = AmountField(
        required=False, help_text="For iceberg: about how much is shown at a time, base units."
    )
    score = FiniteField(required=False)
    confidence = FiniteField(required=False)
    details = DetailsField(
        required=False, encoder=DjangoJSONEncoder, help_text="Kept with the signal, for your own records."
    )

    def to_internal_value(self, data: Any) -> Any:
        """Resolves older names and refuses unknown fields: a typo in a field must not change what is traded."""
        if not isinstance(data, Mapping):
            raise serializers.ValidationError("A signal is a JSON object.")
        sent = [(_ALIASES.get(str(name), str(name)), value) for name, value in data.items() if value is not None]
        renamed = dict(sent)
        if len(renamed) != len(sent):
            names = [name for name, _ in sent]
            raise serializers.ValidationError(
                {name: ["Given twice, by its name and by an older one."] for name in names if names.count(name) > 1}
            )
        unknown = renamed.keys() - self.fields.keys()
        if unknown:
            raise serializers.ValidationError(
                {name: ["Unknown field. Put your own data into `details`."] for name in sorted(unknown)}
            )
        return self._checked(renamed)

    def _checked(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """What rest_framework does for all fields, done for those that were sent: most signals have five of twenty."""
        valid: dict[str, Any] = {"signal_type": SignalType.ENTRY.value}
        problems: dict[str, Any] = {
            name: ["This field is required."] for name in ("symbol", "side") if name not in data
        }
        for name, value in data.items():
            try:
                valid[name] = self.fields[name].run_validation(value)
                check = getattr(self, f"validate_{name}", None)
                if check is not None:
                    valid[name] = check(valid[name])
            except serializers.ValidationError as e:
                problems[name] = e.detail
        if problems:
            raise serializers.ValidationError(problems)
        return valid

    def validate_symbol(self, value: str) -> str:
        """Our spelling of the pair; refused when no exchange lists it."""
        symbol = normalise(value, glued_symbols())
        if symbol is None or is_listed_somewhere(symbol) is False:
            raise serializers.ValidationError(
                f"No enabled exchange lists {value!r}. Write BASE/QUOTE of a spot pair, e.g. BTC/USDT.",
                code=ReasonCode.UNKNOWN_SYMBOL.value,
            )
        return symbol

    def validate_timestamp(self, value: Any) -> Any:
        """A clock that is ahead makes signals live too long."""
        if value > timezone.now() + _MAX_FUTURE:
            raise serializers.ValidationError("Lies in the future. Check the sender's clock.")
        return value

    def validate_preferred_exchanges(self, value: list[str]) -> list[str]:
        """Slugs, each once: a typo must not send an order elsewhere."""
        names = list(dict.fromkeys(name.strip().lower() for name in value if name.strip()))
        known = current_policy().exchanges
        for name in names:
            if name not in known:
                raise serializers.ValidationError(f"There is no exchange {name!r}. Use: {', '.join(sorted(known))}.")
        return names

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Rules over several fields."""
        if ("amount" in attrs) == ("notional" in attrs):
            raise serializers.ValidationError("Send exactly one of amount (base units) and notional (quote units).")
        is_limit = attrs.get("order_type") == OrderType.LIMIT.value
        if is_limit and "limit_price" not in attrs:
            raise serializers.ValidationError({"limit_price": ["order_type limit needs a limit_price."]})
        if "limit_price" in attrs and not is_limit:
            raise serializers.ValidationError({"order_type": ["limit_price needs order_type limit."]})
        if "time_in_force" in attrs and not is_limit:
            raise serializers.ValidationError({"time_in_force": ["Only for order_type limit."]})
        check_method(attrs)
        return attrs


class BatchIn(serializers.Serializer[Any]):
    """Signals of a batch, for the documentation: each is checked by itself. A bare list is understood too."""

    signals = serializers.ListField(child=SignalIn(), min_length=1, max_length=MAX_BATCH)


_signal_in = SignalIn()
"""One instance for all requests: building the fields costs more than checking them, and they keep no state."""


def parse_signal(data: Any, *, key: str = "") -> NewSignal:
    """A validated signal. `key`: the Idempotency-Key header. Raises rest_framework's ValidationError."""
    valid = _signal_in.run_validation(data)
    return NewSignal(
        idempotency_key=key or valid.get("id", ""),
        body_hash=body_hash(data),
        symbol=valid["symbol"],
        side=_SIDES[valid["side"]],
        amount=valid.get("amount"),
        notional=valid.get("notional"),
        order_type=OrderType(valid["order_type"]) if "order_type" in valid else None,
        limit_price=valid.get("limit_price"),
        time_in_force=TimeInForce(valid["time_in_force"]) if "time_in_force" in valid else None,
        signal_type=SignalType(valid["signal_type"]),
        strategy_id=valid.get("strategy_id", ""),
        requested_exchange=valid.get("exchange") or "",
        requested_mode=Mode(valid["mode"]) if "mode" in valid else None,
        max_slippage_bps=valid.get("max_slippage_bps"),
        priority=valid.get("priority"),
        sent_at=valid.get("timestamp"),
        expires_at=valid.get("expires_at"),
        routing_strategy=RouteBy(valid["routing_strategy"]) if "routing_strategy" in valid else None,
        preferred_exchanges=tuple(valid.get("preferred_exchanges", ())),
        extra={name: valid[name] for name in _KEPT if name in valid},
        method=Method(valid["execution_method"]) if "execution_method" in valid else None,
        schedule=asked_schedule(valid),
    )
