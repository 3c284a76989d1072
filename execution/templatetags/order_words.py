"""States of orders in templates."""

from datetime import datetime

from django import template
from django.utils.safestring import SafeString

from execution.display.words import breaker_word, event_word, health_word, order_word
from execution.models import Order

register = template.Library()
register.filter("health_word", health_word)
register.filter("event_word", event_word)
register.filter("breaker_word", breaker_word)


@register.filter
def order_state(order: Order, now: datetime) -> SafeString:
    """Shape, word and colour."""
    return order_word(order, now)
