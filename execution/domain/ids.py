"""Ids that follow from what they name. Pure.

The same wish of a client gives the same signal id, and the same attempt of a signal the same order id, for ever: also
when the database forgot the row, because a backup was restored. What was placed before is then recognised, not placed
again.
"""

from uuid import UUID, uuid5


def signal_id(installation: UUID, user_id: int, key: str) -> UUID:
    """The id of the signal that a user sends under this idempotency key. `installation` keeps two platforms apart."""
    return uuid5(installation, f"{user_id}:{key}")


def order_id(signal: UUID, attempt: int) -> UUID:
    """The id of a signal's order number `attempt` (from 1). Its 32 hex digits are the client order id."""
    return uuid5(signal, str(attempt))
