"""What a client may see: the one place that scopes querysets to their owner. Staff see everything."""

from typing import Protocol, TypeVar

from django.db.models import Model, Prefetch, QuerySet

from execution.models import Order, Position, Signal

M = TypeVar("M", bound=Model)


class Viewer(Protocol):
    """Whoever asks."""

    pk: int
    sees_all: bool


def signals(viewer: Viewer) -> QuerySet[Signal]:
    """The viewer's signals."""
    return _owned(Signal.objects.select_related("user"), viewer)


def signals_in_full(viewer: Viewer) -> QuerySet[Signal]:
    """The viewer's signals with decisions, orders, fills and events: five queries for any number."""
    orders = Order.objects.prefetch_related("fills", "events").order_by("attempt")
    return signals(viewer).prefetch_related("decisions", Prefetch("orders", queryset=orders))


def orders(viewer: Viewer) -> QuerySet[Order]:
    """The viewer's orders with fills and events."""
    return _owned(Order.objects.prefetch_related("fills", "events"), viewer)


def positions(viewer: Viewer) -> QuerySet[Position]:
    """The viewer's positions."""
    return _owned(Position.objects.select_related("user"), viewer)


def _owned(queryset: QuerySet[M], viewer: Viewer) -> QuerySet[M]:
    return queryset if viewer.sees_all else queryset.filter(user_id=viewer.pk)
