"""The life of a signal and of an order: states, legal moves, and what an order's end means for its signal. Pure."""

from collections.abc import Mapping
from enum import StrEnum

from policies.domain.reasons import ReasonCode


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"


class TimeInForce(StrEnum):
    """GTC rests until cancelled; IOC fills what it can at once; FOK all or nothing; PO only rests (maker)."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    PO = "PO"


class Method(StrEnum):
    """How a client wants its signal traded: evenly over time, a little at a time, or resting first, then taking."""

    TWAP = "twap"
    ICEBERG = "iceberg"
    PASSIVE = "passive"


class SignalType(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"
    PROFIT_TAKE = "profit_take"
    STOP_LOSS = "stop_loss"


PRIORITY: Mapping[SignalType, int] = {
    SignalType.STOP_LOSS: 1,
    SignalType.EXIT: 2,
    SignalType.ENTRY: 3,
    SignalType.PROFIT_TAKE: 4,
}
"""1 is served first; 5 is background."""


class OrderStatus(StrEnum):
    """rejected: the exchange proved it said no. not_placed: proved never placed. unknown: it may be live there."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    NEEDS_ATTENTION = "needs_attention"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    NOT_PLACED = "not_placed"
    EXPIRED = "expired"


S = OrderStatus
_OUTCOMES = frozenset({S.OPEN, S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.REJECTED, S.NOT_PLACED, S.EXPIRED})
TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    # A queued order may still be withdrawn: it never left.
    S.QUEUED: frozenset({S.SUBMITTING, S.CANCELLED, S.EXPIRED, S.NOT_PLACED}),
    S.SUBMITTING: _OUTCOMES | {S.UNKNOWN},
    S.UNKNOWN: _OUTCOMES | {S.NEEDS_ATTENTION},
    S.NEEDS_ATTENTION: _OUTCOMES,
    S.OPEN: frozenset({S.PARTIALLY_FILLED, S.FILLED, S.CANCELLED, S.REJECTED, S.EXPIRED}),
    S.PARTIALLY_FILLED: frozenset({S.FILLED, S.CANCELLED, S.EXPIRED}),
    # Real world: a fill can race a cancel and be reported after it.
    S.CANCELLED: frozenset({S.FILLED}),
    S.EXPIRED: frozenset({S.FILLED}),
    S.FILLED: frozenset(),
    S.REJECTED: frozenset(),
    S.NOT_PLACED: frozenset(),
}
"""Every legal move. A move to the same status is no move: it only updates filled amounts."""

FINAL = frozenset({S.FILLED, S.CANCELLED, S.REJECTED, S.NOT_PLACED, S.EXPIRED})
IN_DOUBT = frozenset({S.SUBMITTING, S.UNKNOWN, S.NEEDS_ATTENTION})
WORKING = frozenset({S.OPEN, S.PARTIALLY_FILLED})
NEVER_PLACED = frozenset({S.REJECTED, S.NOT_PLACED})
"""Proved not to exist at the exchange: only from here may another exchange be tried."""


class IllegalTransition(Exception):
    """A move that the table does not allow."""


def check_move(old: OrderStatus, new: OrderStatus) -> None:
    """Raises IllegalTransition unless `old` -> `new` is legal (or no move at all)."""
    if new != old and new not in TRANSITIONS[old]:
        raise IllegalTransition(f"{old} -> {new}")


class SignalStatus(StrEnum):
    """The words of requirement 4, plus denied (we refused, nothing left) and expired."""

    PENDING = "pending"
    ROUTING = "routing"
    QUEUED = "queued"
    EXECUTING = "executing"
    FILLED = "filled"
    PARTIAL_FILL = "partial_fill"
    REJECTED = "rejected"
    DENIED = "denied"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


SIGNAL_FINAL = frozenset(
    {
        SignalStatus.FILLED,
        SignalStatus.PARTIAL_FILL,
        SignalStatus.REJECTED,
        SignalStatus.DENIED,
        SignalStatus.FAILED,
        SignalStatus.CANCELLED,
        SignalStatus.EXPIRED,
    }
)

RETRYABLE = frozenset(
    {
        ReasonCode.RATE_LIMITED,
        ReasonCode.EXCHANGE_UNAVAILABLE,
        ReasonCode.NOT_PLACED,
        ReasonCode.AUTHENTICATION_FAILED,
        ReasonCode.CREDENTIAL_UNREADABLE,
        ReasonCode.MARKETS_NOT_LOADED,
        ReasonCode.PAIR_NOT_LISTED,
        ReasonCode.EXCHANGE_MAINTENANCE,
        ReasonCode.CIRCUIT_OPEN,
        ReasonCode.KEYS_CIRCUIT_OPEN,
    }
)
"""Why an order that was proved not placed may be tried on the next exchange: the fault lies there, not in the order."""


def may_try_next(status: OrderStatus, code: str) -> bool:
    """Whether another exchange may be tried: only from proved-not-placed, and only when the order itself is fine."""
    return status in NEVER_PLACED and code in RETRYABLE


def signal_outcome(status: OrderStatus, *, has_fills: bool) -> SignalStatus:
    """The status of a signal whose only live order moved to `status`."""
    if status in {S.CANCELLED, S.EXPIRED} and has_fills:
        return SignalStatus.PARTIAL_FILL
    return _SIGNAL_AFTER[status]


_SIGNAL_AFTER: Mapping[OrderStatus, SignalStatus] = {
    S.QUEUED: SignalStatus.QUEUED,
    S.SUBMITTING: SignalStatus.EXECUTING,
    S.UNKNOWN: SignalStatus.EXECUTING,
    S.NEEDS_ATTENTION: SignalStatus.EXECUTING,
    S.OPEN: SignalStatus.EXECUTING,
    S.PARTIALLY_FILLED: SignalStatus.EXECUTING,
    S.FILLED: SignalStatus.FILLED,
    S.CANCELLED: SignalStatus.CANCELLED,
    # The exchange ended it without a fill (an IOC that met no price); our own expiry is told by the caller.
    S.EXPIRED: SignalStatus.CANCELLED,
    S.REJECTED: SignalStatus.REJECTED,
    S.NOT_PLACED: SignalStatus.FAILED,
}
