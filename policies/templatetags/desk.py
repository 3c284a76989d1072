"""The admin's formats as template filters: `{{ order.filled_amount|amount }}`."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString

from policies.display import formats, words

register = template.Library()


def present(write: Callable[[Any], str]) -> Callable[[Any], str]:
    """Django hands a filter an empty text where a variable does not exist; to a format that is "not known"."""

    def written(value: Any) -> str:
        return write(None if value == "" else value)

    return written


_FORMATS: dict[str, Callable[[Any], str]] = {
    "money": formats.money,
    "signed_money": formats.signed_money,
    "amount": formats.amount,
    "compact": formats.compact,
    "bps": formats.bps,
    "fee": formats.fee,
    "percent": formats.percent,
    "latency": formats.latency,
    "age": formats.age,
    "instant": formats.instant,
    "time_tag": words.time_tag,
    "since_tag": words.since_tag,
}
for _name, _write in _FORMATS.items():
    register.filter(_name, present(_write))
register.filter("mode_label", words.mode_label)
register.filter("side_label", words.side_label)
register.filter("short_id", words.short_id)
register.filter("trading_word", words.trading_word)


@register.simple_tag(name="word")
def word_tag(text: str, tone: str, title: str = "") -> SafeString:
    """`{% word "OK" "ok" %}`."""
    return words.word(text, words.Tone(tone), title)


@register.simple_tag(name="copy_button")
def copy_button_tag(text: str, label: str) -> SafeString:
    """A button that copies `text`."""
    return words.copy_button(text, label)


@register.filter
def offset(at: datetime, start: datetime) -> str:
    """`{{ event.at|offset:signal.received_at }}`."""
    return formats.offset(at, start)


@register.filter
def ago(at: datetime | None) -> str:
    """How long ago, as text."""
    return formats.age_since(at or None, timezone.now())


@register.filter
def product(left: Decimal, right: Decimal) -> Decimal:
    """Exact product: `{{ fill.amount|product:fill.price|money }}`."""
    return left * right


@register.filter
def listed(item: Any) -> list[Any]:
    """One item as a list, for a part of a page that shows lists."""
    return [item]
