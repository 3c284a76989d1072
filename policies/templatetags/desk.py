"""The admin's formats as template filters: `{{ order.filled_amount|amount }}`."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
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
    "signed_amount": formats.signed_amount,
    "compact": formats.compact,
    "bps": formats.bps,
    "fee": formats.fee,
    "percent": formats.percent,
    "share": formats.share,
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


@register.filter
def counted(number: int, words: str) -> str:
    """`{{ 2|counted:"signal waits,signals wait" }}`: `2 signals wait`."""
    one, _, many = words.partition(",")
    return f"{number} {one if number == 1 else many}"


@register.filter
def spaced(word: str) -> str:
    """`needs_attention` as people write it."""
    return word.replace("_", " ")


@register.filter
def quote_of(symbol: str) -> str:
    """What a pair is priced in."""
    return symbol.partition("/")[2]


@register.filter
def base_of(symbol: str) -> str:
    """What a pair trades."""
    return symbol.partition("/")[0]


@register.filter
def at(mapping: Mapping[Any, Any], key: object) -> Any:
    """What is there under a key that a variable holds; None if nothing is."""
    return mapping.get(key)


@register.filter
def after(text: str, mark: str) -> str:
    """What follows the first `mark`."""
    return text.partition(mark)[2] or text


# Both stop a poll that is about to replace the button; an id lets the focus survive one.
_SYNC = "closest [data-sync]:replace"


@register.simple_tag
def ask(view: str, pk: object, text: str, style: str = "") -> SafeString:
    """A button that opens the dialog of an action."""
    address = reverse(view, args=[pk])
    return format_html(
        '<a id="{}" class="button button-small {}" role="button" href="{}" hx-get="{}" hx-target="#modal-content" '
        'hx-select="#dialog" hx-sync="{}" x-on:htmx:after-on-load="openModal = true">{}</a>',
        *(_button_id(view, pk), style, address, address, _SYNC, text),
    )


@register.simple_tag
def press(view: str, pk: object, text: str) -> SafeString:
    """A button that carries out an action which asks nothing; what goes wrong is shown in its dialog."""
    return format_html(
        '<button type="button" id="{}" class="button button-small" hx-post="{}" '
        'hx-vals=\'{{"_form_submitted": "True"}}\' hx-target="#modal-content" hx-select="#dialog" hx-sync="{}" '
        'x-on:htmx:after-on-load="if ($event.detail.xhr.status === 200) openModal = true">{}</button>',
        *(_button_id(view, pk), reverse(view, args=[pk]), _SYNC, text),
    )


def _button_id(view: str, pk: object) -> str:
    return f"{view.partition(':')[2]}-{pk}"
