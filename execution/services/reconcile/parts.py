"""Parts whose orders were found at an exchange: they hold of their whole what was really placed."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.utils import timezone

from execution.domain.ids import order_id, part_id, part_orders
from execution.domain.life import MAX_ATTEMPTS
from execution.domain.orders import SignalStatus
from execution.exchanges.base import SeenOrder
from execution.models import Signal
from execution.services.parts import part_key, settle
from policies.domain.reasons import ReasonCode

LOOKED_AHEAD = 24
"""Parts that are looked for: when one is found the signal waits for it, and is asked about the next ones after that."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that was seen at an exchange and has no row here: of which attempt, and of which part if any."""

    attempt: int
    part: int | None = None


def already_placed(signal_id: UUID, attempt: int, parts_made: int, orphans: Collection[str]) -> Placed | None:
    """An order that a coming attempt or part of this signal would be, and that an exchange has already."""
    for number in range(attempt + 1, MAX_ATTEMPTS + 1):
        if order_id(signal_id, number).hex in orphans:
            return Placed(number)
    for found, part, number in part_orders(signal_id, range(parts_made, parts_made + LOOKED_AHEAD), MAX_ATTEMPTS):
        if found.hex in orphans:
            return Placed(number, part)
    return None


def the_part(parent_id: UUID, part: int, seen: SeenOrder, exchange: str) -> UUID:
    """The id of this part of a signal; its row is made if the database never heard of it."""
    parent = Signal.objects.get(pk=parent_id)
    found = part_id(parent_id, part)
    Signal.objects.get_or_create(
        pk=found,
        defaults={
            "parent": parent,
            "part": part,
            "leg": True,
            "allotted": _held(parent, seen),
            "user_id": parent.user_id,
            "api_token_id": parent.api_token_id,
            "idempotency_key": part_key(found),
            "body_hash": parent.body_hash,
            "received_at": parent.received_at,
            "symbol": parent.symbol,
            "side": parent.side,
            "amount": seen.amount,
            "requested_exchange": exchange,
            "requested_mode": parent.requested_mode,
            "signal_type": parent.signal_type,
            "strategy_id": parent.strategy_id,
            "priority": parent.priority,
            "expires_at": parent.expires_at,
        },
    )
    return found


def take_as_placed(signal: Signal, seen: SeenOrder) -> None:
    """A part whose order exists takes that order's amount of its whole, and its parent waits for it.

    Raises IntegrityError when the whole has no room for it.
    """
    if signal.parent_id is None:
        return
    parent = Signal.objects.get(pk=signal.parent_id)
    placed = _held(parent, seen)
    if signal.amount is not None and placed != signal.allotted:
        signal.amount, signal.allotted = seen.amount, placed
        signal.save(update_fields=["amount", "allotted"])
    for above in _upwards(parent):
        row = Signal.objects.select_for_update().get(pk=above)
        row.status, row.final_at, row.claimed_until = SignalStatus.EXECUTING, None, None
        row.reason_code, row.reason_detail = ReasonCode.ADOPTED.value, "An order of one of its parts was found."
        row.parts_made = max(row.parts_made, (signal.part or 0) + 1) if above == parent.pk else row.parts_made
        row.attempt = max(row.attempt, 1)
        row.save(update_fields=["status", "final_at", "claimed_until", "reason_code", "reason_detail", "parts_made",
                                "attempt"])  # fmt: skip
    settle([parent.pk], now=timezone.now())


def _upwards(parent: Signal) -> list[UUID]:
    return [parent.pk] if parent.parent_id is None else [parent.pk, parent.parent_id]


def _held(parent: Signal, seen: SeenOrder) -> Decimal:
    if parent.amount is not None:
        return seen.amount
    return seen.amount * seen.price if seen.price else (parent.notional or Decimal(0)) - parent.allocated_amount
