"""The decisions in the life of an order: what an answer proves, when to ask again, what it means for the signal.

Pure: the time comes in, nothing is read, nothing is random. Services ask the exchange, call this, and record the
`Move` it returns; the simulation (tests/simulation) runs the same functions under thousands of bad days.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from execution.domain.move import Move as Move
from execution.domain.move import OrderFacts, OrderT
from execution.domain.orders import (
    FINAL,
    IN_DOUBT,
    NEVER_PLACED,
    OrderStatus,
    OrderType,
    SignalStatus,
    TimeInForce,
    may_try_next,
    signal_outcome,
)
from execution.domain.reports import OrderReport, Verdict
from policies.domain.reasons import Denial, ReasonCode

SEND_MARGIN_S = 0.5
"""An order is not sent any more when less than this is left of its validity."""

ORPHANED_AFTER_S = 3.0
CANCEL_CONFIRMED_AFTER_S = 1.0
MAX_ATTEMPTS = 8
"""Orders one signal may cause in all: a chain's length and a few more, so that nothing loops."""

_RESTING_POLLS = ((60.0, 2.0), (600.0, 5.0), (float("inf"), 15.0))
"""Age of a resting order in seconds -> seconds until it is asked for again."""


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How look-ups are made, and when "not there" is believed. See the environment variables of the same names.

    window_margin_s: added to an order's validity before "not there" means anything: clocks and queues at the exchange.
    emulated_ioc_s: how long a limit order stands in for an IOC order before the rest is cancelled.
    """

    look_up_interval_s: float
    look_ups_to_conclude: int
    attention_after_s: float
    window_margin_s: float = 2.0
    emulated_ioc_s: float = 2.0

    def __post_init__(self) -> None:
        if self.look_ups_to_conclude < 2 or self.look_up_interval_s <= 0:
            raise ValueError("One look-up proves nothing: at least 2, with time between them, are needed.")

    @property
    def spread_s(self) -> float:
        """Seconds between the first and the last of the look-ups that conclude, at the least."""
        return self.look_up_interval_s * (self.look_ups_to_conclude - 1)


class FillsDisagree(Exception):
    """The executions do not add up to the filled amount: recorded is nothing, the order is looked up again."""


def check_fills(move: Move[OrderT], new: Decimal) -> None:
    """Raises FillsDisagree unless what was recorded before and the `new` executions make what the move says."""
    known = move.order.filled_amount + new
    if known != move.filled:
        raise FillsDisagree(f"executions add up to {known}, reported are {move.filled}")


# --- sending


def too_late_to_send(order: OrderFacts, now: datetime) -> bool:
    """Whether too little of the order's validity is left to send it."""
    return now > order.valid_until - timedelta(seconds=SEND_MARGIN_S)


def orphaned_after_s(*, timeout_s: float, validity_s: float) -> float:
    """When somebody else may look after an order whose sender has not reported: its sender has given up by then."""
    return max(timeout_s, validity_s) + ORPHANED_AFTER_S


def ends_at_once(order: OrderFacts) -> bool:
    """Whether the order is over as soon as the exchange has matched it."""
    return order.order_type == OrderType.MARKET or order.time_in_force in {TimeInForce.IOC, TimeInForce.FOK}


def emulates_ioc(order: OrderFacts, offered: Collection[TimeInForce]) -> bool:
    """Whether an IOC order rests there as a limit order, because the exchange offers only these."""
    return order.time_in_force == TimeInForce.IOC and TimeInForce.IOC not in offered


def after_refusal(order: OrderT, denial: Denial, now: datetime) -> Move[OrderT]:
    """Our own last check said no; nothing has left."""
    expired = denial.code == ReasonCode.SIGNAL_EXPIRED
    return Move(
        order=order,
        status=OrderStatus.EXPIRED if expired else OrderStatus.NOT_PLACED,
        at=now,
        code=denial.code.value,
        detail=f"{denial.detail} Nothing was sent.",
        signal_status=SignalStatus.EXPIRED if expired else SignalStatus.DENIED,
    )


def after_placement(
    order: OrderT,
    verdict: Verdict,
    code: ReasonCode,
    detail: str,
    now: datetime,
    options: CheckOptions,
    *,
    late_s: float,
) -> Move[OrderT]:
    """A placement that did not give us the order. What is not proved is unknown, and is looked up."""
    check_at, same = None, False
    if verdict == Verdict.REJECTED:
        status = OrderStatus.REJECTED
    elif verdict == Verdict.NOT_SENT:
        status = OrderStatus.NOT_PLACED
        # Its own time ran out in a queue here: the same exchange may take it with a fresh attempt.
        same = code == ReasonCode.NOT_SENT
    else:
        status = OrderStatus.UNKNOWN
        check_at = now if verdict == Verdict.ALREADY_PLACED else first_look_up_at(order, options, late_s=late_s)
    return Move(
        order=order,
        status=status,
        at=now,
        code=code.value,
        detail=detail,
        check_at=check_at,
        acknowledged=verdict == Verdict.REJECTED,
        retry_same_exchange=same,
    )


def after_report(order: OrderT, report: OrderReport, now: datetime, *, acknowledged: bool = False) -> Move[OrderT]:
    """The exchange told what it knows of the order."""
    code = detail = ""
    if report.status in {OrderStatus.CANCELLED, OrderStatus.EXPIRED}:
        code = ReasonCode.PARTLY_FILLED if report.filled_amount else ReasonCode.NO_FILL
        detail = report.detail or "Ended by the exchange; the rest was not filled at the limit."
    elif report.status == OrderStatus.REJECTED:
        code, detail = ReasonCode.EXCHANGE_REJECTED, report.detail
    final = report.status in FINAL
    return Move(
        order=order,
        status=report.status,
        at=now,
        code=str(code),
        detail=detail,
        exchange_order_id=report.exchange_order_id,
        filled_amount=report.filled_amount,
        trades=report.trades,
        check_at=None if final else _after(now, _resting_poll_s(_age_s(order, now))),
        acknowledged=acknowledged,
    )


def after_move(move: Move[OrderT]) -> OrderT:
    """The order as it is once this move is recorded."""
    return replace(
        move.order,
        status=move.status,
        exchange_order_id=move.exchange_order_id or move.order.exchange_order_id,
        filled_amount=move.filled,
        clean_misses=move.clean_misses,
    )


# --- looking up


def first_look_up_at(order: OrderFacts, options: CheckOptions, *, late_s: float) -> datetime:
    """When "not there" first means anything: the exchange must have refused the order by then.

    late_s: how long after its validity this exchange may still accept an order.
    """
    return _after(order.valid_until, options.window_margin_s + late_s)


def before_look_up(order: OrderT, now: datetime, options: CheckOptions, *, late_s: float) -> Move[OrderT] | None:
    """The move to record instead of asking, where it is too early to ask; else None."""
    if order.status not in IN_DOUBT or now >= (first := first_look_up_at(order, options, late_s=late_s)):
        return None
    return _doubt(order, "Looked up after its validity has passed.", now, options, check_at=first)


def after_look_up(
    order: OrderT,
    report: OrderReport | None,
    now: datetime,
    options: CheckOptions,
    *,
    late_s: float,
    cancelled: bool = False,
) -> Move[OrderT]:
    """A look-up was answered: with the order, or with a clear "there is no such order" (None).

    cancelled: a cancel was sent before it.
    """
    if order.status in IN_DOUBT:
        return _in_doubt_after(order, report, now, options, late_s=late_s)
    if report is None:
        # We know its id and it was there: an answer without it proves nothing.
        return _same(order, now, options.look_up_interval_s)
    move = after_report(order, report, now)
    if move.status == OrderStatus.CANCELLED and order.cancel_code:
        return replace(move, code=order.cancel_code, detail=order.cancel_reason)
    return replace(move, check_at=_after(now, CANCEL_CONFIRMED_AFTER_S)) if cancelled else move


def after_no_answer(
    order: OrderT, detail: str, retry_after_s: float | None, now: datetime, options: CheckOptions
) -> Move[OrderT]:
    """A look-up that proves nothing: clean look-ups must be in a row, so they start again."""
    wait_s = max(options.look_up_interval_s, retry_after_s or 0)
    if order.status not in IN_DOUBT:
        return _same(order, now, wait_s)
    return _doubt(order, f"Look-up unanswered: {detail}", now, options, check_at=_after(now, wait_s))


def may_conclude(order: OrderFacts, misses: int, now: datetime, options: CheckOptions, *, late_s: float) -> bool:
    """Whether so many clean "not there" in a row prove that the order was never placed.

    Enough of them, and not before the first possible look-up and the whole spread have passed. That the last ones are
    spread out too follows from each miss setting the next look-up an interval later.
    """
    proved_at = _after(first_look_up_at(order, options, late_s=late_s), options.spread_s)
    return misses >= options.look_ups_to_conclude and now >= proved_at


def clock_doubt_s(order: OrderFacts, options: CheckOptions, *, late_s: float) -> float:
    """For so many seconds after the clock was set, or was first watched, a "not there" counts for nothing.

    By then even an order that was sent at the instant of the step has outlived its validity at the exchange.
    """
    validity_s = (order.valid_until - order.submitted_at).total_seconds()
    return validity_s + options.window_margin_s + late_s


def after_doubtful_miss(order: OrderT, now: datetime, options: CheckOptions) -> Move[OrderT]:
    """A clear "not there" that is not counted: by how the clock ran, its validity may not have passed yet."""
    return _doubt(order, "Not there; not counted yet.", now, options, clean_misses=order.clean_misses)


def needs_person(order: OrderFacts, now: datetime, options: CheckOptions) -> bool:
    """Whether an order in doubt has been so for too long. It is looked up all the same."""
    if order.status == OrderStatus.SUBMITTING:
        return False
    return order.status == OrderStatus.NEEDS_ATTENTION or _age_s(order, now) > options.attention_after_s


def wants_cancel(order: OrderFacts, now: datetime, options: CheckOptions, *, emulated: bool) -> bool:
    """Whether a working order is to be cancelled now: somebody asked, or it stands in for an IOC order."""
    return order.cancel_requested_at is not None or (emulated and _age_s(order, now) > options.emulated_ioc_s)


def _in_doubt_after(
    order: OrderT, report: OrderReport | None, now: datetime, options: CheckOptions, *, late_s: float
) -> Move[OrderT]:
    if report is not None:
        return replace(after_report(order, report, now, acknowledged=True), detail="Found by look-up.")
    misses = order.clean_misses + 1
    if not may_conclude(order, misses, now, options, late_s=late_s):
        return _doubt(order, f"Look-up {misses}: not there.", now, options, clean_misses=misses)
    return Move(
        order=order,
        status=OrderStatus.NOT_PLACED,
        at=now,
        code=ReasonCode.NOT_PLACED.value,
        detail=f"{misses} look-ups in a row did not find it, the first after its validity had passed.",
    )


def _doubt(
    order: OrderT,
    detail: str,
    now: datetime,
    options: CheckOptions,
    *,
    check_at: datetime | None = None,
    clean_misses: int = 0,
) -> Move[OrderT]:
    """Still unknown, or, after too long, for a person; it stays counted against every limit."""
    person = needs_person(order, now, options)
    code = ReasonCode.NEEDS_ATTENTION if person else ReasonCode.OUTCOME_UNKNOWN
    return Move(
        order=order,
        status=OrderStatus.NEEDS_ATTENTION if person else OrderStatus.UNKNOWN,
        at=now,
        code=code.value,
        detail=detail,
        check_at=check_at or _after(now, options.look_up_interval_s),
        clean_misses=clean_misses,
    )


def _same(order: OrderT, now: datetime, wait_s: float) -> Move[OrderT]:
    return Move(order=order, status=order.status, at=now, check_at=_after(now, wait_s))


# --- the signal


@dataclass(frozen=True, slots=True)
class SignalState:
    """What decides whether a signal may have another order.

    cancelled: somebody asked to cancel the signal, or its order: who cancels an order does not want it elsewhere.
    attempt: orders made for it so far. leg: a part that its plan meant for one exchange: no other may take it.
    """

    expires_at: datetime
    cancelled: bool
    attempt: int
    leg: bool = False
    parent_id: UUID | None = None


def signal_after(move: Move[OrderT], state: SignalState) -> tuple[SignalStatus, str]:
    """The signal's status after this move, and the exchange that is now proved not to hold it."""
    wanted = not state.cancelled and move.at < state.expires_at and state.attempt < MAX_ATTEMPTS
    if wanted and move.retry_same_exchange:
        return SignalStatus.PENDING, ""
    if wanted and not state.leg and may_try_next(move.status, move.code):
        return SignalStatus.PENDING, move.order.exchange
    if move.signal_status is not None:
        return move.signal_status, ""
    refused_there = state.leg and move.status in NEVER_PLACED
    return signal_outcome(move.status, has_fills=move.filled > 0), move.order.exchange if refused_there else ""


def _resting_poll_s(age_s: float) -> float:
    return next(wait for limit, wait in _RESTING_POLLS if age_s < limit)


def _age_s(order: OrderFacts, now: datetime) -> float:
    return (now - order.submitted_at).total_seconds()


def _after(at: datetime, seconds: float) -> datetime:
    return at + timedelta(seconds=seconds)
