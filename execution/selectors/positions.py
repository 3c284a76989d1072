"""Reads of positions."""

from collections.abc import Iterable
from decimal import Decimal

from django.db.models import Q

from execution.models import Position


def held_amounts(keys: Iterable[tuple[int, str, str, str]]) -> dict[tuple[int, str, str, str], Decimal]:
    """Base units held by (user id, exchange, mode, symbol)."""
    wanted = Q(pk=None)
    for user_id, exchange, mode, symbol in keys:
        wanted |= Q(user_id=user_id, exchange_id=exchange, mode=mode, symbol=symbol)
    return {(row.user_id, row.exchange_id, row.mode, row.symbol): row.amount for row in Position.objects.filter(wanted)}
