"""What a client may see: the one place that scopes querysets to their owner. Staff see everything."""

from typing import Protocol, TypeVar

from django.db.models import Model, Prefetch, QuerySet

from execution.models import ArbitrageTrade, Order, OrderCost, Position, Signal
from policies.models import ExchangeCredential

M = TypeVar("M", bound=Model)


class Viewer(Protocol):
    """Whoever asks."""

    pk: int
    sees_all: bool


def signals(viewer: Viewer) -> QuerySet[Signal]:
    """The viewer's signals. Parts are shown with their signal only, and cancelled with it."""
    return _owned(Signal.objects.select_related("user").filter(parent=None), viewer)


def signals_in_full(viewer: Viewer) -> QuerySet[Signal]:
    """The viewer's signals with parts, decisions, orders, fills and events: some queries for any number."""
    orders = Prefetch("orders", queryset=Order.objects.prefetch_related("fills", "events").order_by("attempt"))
    legs = Prefetch("parts", queryset=Signal.objects.prefetch_related(orders).order_by("part"))
    parts = Prefetch("parts", queryset=Signal.objects.prefetch_related(orders, legs).order_by("part"))
    return signals(viewer).prefetch_related("decisions", orders, parts)


def orders(viewer: Viewer) -> QuerySet[Order]:
    """The viewer's orders with fills and events."""
    return _owned(Order.objects.prefetch_related("fills", "events"), viewer)


def positions(viewer: Viewer) -> QuerySet[Position]:
    """The viewer's positions."""
    return _owned(Position.objects.select_related("user"), viewer)


def costs(viewer: Viewer) -> QuerySet[OrderCost]:
    """What the viewer's orders cost."""
    return _owned(OrderCost.objects.select_related("user", "order__signal"), viewer)


def trades(viewer: Viewer) -> QuerySet[ArbitrageTrade]:
    """The viewer's arbitrage trades with their orders."""
    return _owned(ArbitrageTrade.objects.prefetch_related("steps__signal"), viewer)


def credentials(viewer: Viewer) -> QuerySet[ExchangeCredential]:
    """The viewer's keys, without the keys."""
    return _owned(ExchangeCredential.objects.defer("ciphertext"), viewer)


def _owned(queryset: QuerySet[M], viewer: Viewer) -> QuerySet[M]:
    return queryset if viewer.sees_all else queryset.filter(user_id=viewer.pk)
