"""States of orders in templates."""

from datetime import datetime

from django import template
from django.utils.safestring import SafeString

from execution.display.unknown import why_unknown
from execution.display.words import (
    books_sentence,
    books_word,
    breaker_word,
    event_word,
    health_word,
    order_word,
    signal_word,
)
from execution.models import Order, Signal
from policies.display.formats import money

register = template.Library()
register.filter("health_word", health_word)
register.filter("event_word", event_word)
register.filter("breaker_word", breaker_word)
register.filter("books_word", books_word)
register.filter("books_sentence", books_sentence)
register.filter("why_unknown", why_unknown)


@register.filter
def order_state(order: Order, now: datetime) -> SafeString:
    """Shape, word and colour."""
    return order_word(order, now)


@register.filter
def signal_state(status: str) -> SafeString:
    """Shape, word and colour."""
    return signal_word(status)


@register.filter
def average_price(signal: Signal) -> str:
    """Quote units; of a signal of which something was traded."""
    return money(signal.filled_notional / signal.filled_amount)
