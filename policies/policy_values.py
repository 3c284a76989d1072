"""What the values of the policy file may be: each is read from a row, checked, and written to a row, in one place.

A converter takes what the file says; it raises ValueError with a sentence.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from policies.domain.numbers import plain
from policies.domain.permissions import parse_order_size, parse_pair_pattern

Values = dict[str, Any]
Converter = Callable[[Any], Any]


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false.")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number.")
    return value


def whole_or_none(value: Any) -> int | None:
    return None if value is None else _whole(value)


def _decimal(value: Any) -> str:
    number = Decimal(str(value))
    if isinstance(value, bool) or not number.is_finite():
        raise ValueError(f"{value!r} is not a number.")
    return plain(number)


def text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text; put it in quotes.")
    return value


def _instant(value: Any) -> datetime | None:
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def slugs(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("must be a list of exchanges.")
    return [text(item) for item in value]


def names(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("must be a list of names.")
    return sorted(text(item) for item in value)


def slugs_or_all(value: Any) -> list[str] | str:
    return "all" if value == "all" else sorted(slugs(value))


def weights(value: Any) -> dict[str, int]:
    """`{binance: 3, kraken: 1}`, or a list where all weigh the same."""
    if isinstance(value, list):
        return dict.fromkeys(sorted(slugs(value)), 1)
    if not isinstance(value, dict):
        raise ValueError("must be exchanges with their weights, e.g. {binance: 3, kraken: 1}, or a list of exchanges.")
    return {text(slug): _whole(weight) for slug, weight in sorted(value.items())}


def pairs(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("must be a list of pairs.")
    return [parse_pair_pattern(text(item)) for item in value]


def order_sizes(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError("must map currencies to the largest order, e.g. {USDT: 5000}.")
    sizes = dict(parse_order_size(f"{currency} {size}") for currency, size in value.items())
    return {currency: plain(size) for currency, size in sorted(sizes.items())}


def fee_tiers(value: Any) -> dict[int, list[str]]:
    if not isinstance(value, dict):
        raise ValueError("must map volumes in USD to [maker, taker] in bps, e.g. {10000: [20, 35]}.")
    tiers = {}
    for volume, rates in sorted(value.items()):
        if not isinstance(rates, list) or len(rates) != 2:
            raise ValueError(f"the tier from {volume} must be [maker, taker] in bps.")
        tiers[_whole(volume)] = [_decimal(rate) for rate in rates]
    return tiers


_CONVERTERS: dict[str, Converter] = {
    "BooleanField": boolean,
    "PositiveIntegerField": _whole,
    "PositiveSmallIntegerField": _whole,
    "DecimalField": _decimal,
    "DateTimeField": _instant,
}


def of_model(model: Any, names: Iterable[str]) -> dict[str, Converter]:
    return {name: _of_field(model._meta.get_field(name)) for name in names}


def _of_field(field: Any) -> Converter:
    convert = _CONVERTERS.get(field.get_internal_type(), text)
    if convert is _decimal and field.null:
        return lambda value: None if value is None else _decimal(value)
    return convert


def read_fields(row: Any, fields: Mapping[str, Converter]) -> Values:
    values = {}
    for name in fields:
        field = row._meta.get_field(name)
        value = getattr(row, field.attname)
        values[name] = plain(value) if isinstance(value, Decimal) else value
    return values


def write_fields(row: Any, values: Values, reason: str, by: User | None) -> None:
    for name, value in values.items():
        setattr(row, row._meta.get_field(name).attname, value)
    row.full_clean()
    _save(row, reason, by)


def _save(row: Any, reason: str, by: User | None) -> None:
    row._change_reason, row._history_user = reason, by
    row.save()
