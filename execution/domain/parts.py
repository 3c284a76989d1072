"""A signal in parts: what its parts take of it, and what comes next once all of them have ended. Pure.

Amounts are in the unit of the whole's size: base units, or quote units when the client gave a notional.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from execution.domain.life import MAX_ATTEMPTS
from execution.domain.orders import SignalStatus
from policies.domain.numbers import plain
from policies.domain.reasons import ReasonCode

MAX_PARTS = 200
"""Parts one signal may have in all, so that nothing loops."""

WITHDRAWN = (ReasonCode.CANCELLED_BY_CLIENT, ReasonCode.CANCELLED_BY_OPERATOR, ReasonCode.RESOLVED_BY_PERSON)
"""Whoever ends a part does not want it traded elsewhere: it keeps what it was allotted, and gives nothing back."""

_DUST = Decimal("0.0001")
_DUST_OF_NOTIONAL = Decimal("0.01")
"""Share of the whole that counts as filled: lots and marks on amounts; of a notional, better prices than feared."""


@dataclass(frozen=True, slots=True)
class ParentState:
    """A parent after some of its parts moved. `filled` is in the unit of `whole`.

    allocated: what the parts that are under way were allotted, and what the ended ones used. rounds: how often it was
    planned. code, detail: why its last part ended as it did.
    """

    whole: Decimal
    in_quote: bool
    allocated: Decimal
    filled: Decimal
    parts_under_way: int
    parts_made: int
    rounds: int
    cancelled: bool
    expires_at: datetime
    code: str = ""
    detail: str = ""
    max_rounds: int = MAX_ATTEMPTS


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a parent."""

    status: SignalStatus
    code: str = ""
    detail: str = ""


def used(allotted: Decimal, filled: Decimal, *, ended: bool, code: str) -> Decimal:
    """How much of its allotment a part holds: all of it until it has ended, then what it traded."""
    if not ended or code in WITHDRAWN:
        return allotted
    return min(allotted, filled)


def is_dust(amount: Decimal, whole: Decimal, *, in_quote: bool) -> bool:
    """Whether so little of the whole is left that it counts as filled."""
    return amount <= whole * (_DUST_OF_NOTIONAL if in_quote else _DUST)


def parent_after(state: ParentState, now: datetime) -> Next | None:
    """What comes next once no part is under way: another plan for what is left, or the end. None: wait."""
    if state.parts_under_way:
        return None
    if is_dust(state.whole - state.filled, state.whole, in_quote=state.in_quote):
        return Next(SignalStatus.FILLED)
    left = state.whole - state.allocated
    withdrawn = is_dust(left, state.whole, in_quote=state.in_quote)
    expired = now >= state.expires_at
    if state.cancelled:
        code, detail = ReasonCode.CANCELLED_BY_CLIENT.value, "Cancelled; its parts have ended."
    elif withdrawn:
        code, detail = state.code, state.detail
    elif expired:
        code, detail = ReasonCode.SIGNAL_EXPIRED.value, "It expired before all of it was traded."
    elif state.rounds >= state.max_rounds or state.parts_made >= MAX_PARTS:
        code, detail = state.code or ReasonCode.NO_FILL.value, f"Planned {state.rounds} times; {state.detail}"
    else:
        return Next(SignalStatus.PENDING, state.code, state.detail)
    unit = " of its notional" if state.in_quote else ""
    told = f"{plain(state.filled)} of {plain(state.whole)}{unit} was traded. {detail}".strip()
    return Next(end_status(state.filled, code), code, told)


def end_status(filled: Decimal, code: str) -> SignalStatus:
    """How a parent ends that was not filled."""
    if filled:
        return SignalStatus.PARTIAL_FILL
    if code in {ReasonCode.CANCELLED_BY_CLIENT, ReasonCode.CANCELLED_BY_OPERATOR}:
        return SignalStatus.CANCELLED
    return SignalStatus.EXPIRED if code == ReasonCode.SIGNAL_EXPIRED else SignalStatus.FAILED
