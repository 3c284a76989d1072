"""Ids that follow from what they name. Pure.

The same wish of a client gives the same signal id, and the same attempt of a signal the same order id, for ever: also
when the database forgot the row, because a backup was restored. What was placed before is then recognised, not placed
again.
"""

from collections.abc import Iterable, Iterator
from uuid import UUID, uuid5


def signal_id(installation: UUID, user_id: int, key: str) -> UUID:
    """The id of the signal that a user sends under this idempotency key. `installation` keeps two platforms apart."""
    return uuid5(installation, f"{user_id}:{key}")


def trade_id(installation: UUID, user_id: int, key: str) -> UUID:
    """The id of the arbitrage that a user begins under this idempotency key."""
    return uuid5(installation, f"{user_id}:arbitrage:{key}")


def part_id(parent: UUID, part: int) -> UUID:
    """The id of part number `part` (from 0) of a signal that is traded in parts."""
    return uuid5(parent, f"part {part}")


def part_orders(parent: UUID, parts: Iterable[int], attempts: int) -> Iterator[tuple[UUID, int, int]]:
    """The ids of the orders that these parts of a signal may have, each with its part and attempt."""
    for part in parts:
        child = part_id(parent, part)
        for attempt in range(1, attempts + 1):
            yield order_id(child, attempt), part, attempt


def order_id(signal: UUID, attempt: int) -> UUID:
    """The id of a signal's order number `attempt` (from 1). Its 32 hex digits are the client order id."""
    return uuid5(signal, str(attempt))
