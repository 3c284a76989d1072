"""Asks exchanges what became of orders: the ones just sent, the resting ones, and those whose fate is unknown."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from execution.domain.orders import FINAL, OrderStatus, TimeInForce
from execution.exchanges.base import Exchange, OrderReport
from execution.exchanges.errors import ExchangeError
from execution.exchanges.registry import traits
from execution.services.claims import WorkingOrder
from execution.services.connections import Connections
from execution.services.ledger import Move
from policies.domain.policy import Policy
from policies.domain.reasons import ReasonCode

logger = structlog.get_logger(__name__)

FOLLOW_POLLS_S = (0.03, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0)
UNRECORDED_POLLS = 2
"""Looks at an acknowledged order before it is recorded as open: most end within them."""

EMULATED_IOC_S = 2.0
"""How long a limit order stands in for an IOC order before the rest is cancelled."""

WINDOW_MARGIN_S = 2.0
"""Added to an order's validity before a look-up may conclude anything: clocks and queues at the exchange."""

HANDED_OVER_S = 2.0
_RESTING_POLLS = ((60.0, 2.0), (600.0, 5.0), (float("inf"), 15.0))
"""Age of a resting order in seconds -> seconds until it is asked for again."""


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """See the environment variables of the same names."""

    look_up_interval_s: float
    look_ups_to_conclude: int
    attention_after_s: float


class Checker:
    """Look-ups, and what may be concluded from them."""

    def __init__(self, connections: Connections, policy: Callable[[], Policy], options: CheckOptions) -> None:
        self._connections = connections
        self._policy = policy
        self._options = options

    def first_look_up_at(self, order: WorkingOrder) -> datetime:
        """When "not found" first means anything: after the exchange must refuse the order."""
        return order.valid_until + timedelta(seconds=WINDOW_MARGIN_S + traits(order.exchange).arrives_late_s)

    async def check(self, order: WorkingOrder, put: Callable[[Move], None]) -> None:
        """One look at an order that is due, whatever state it is in."""
        try:
            adapter = await self._adapter(order)
            if order.status in {OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED}:
                put(await self._check_working(order, adapter))
            else:
                put(await self._check_in_doubt(order, adapter))
        except ExchangeError as e:
            put(self._unanswered(order, e))

    async def follow(
        self, order: WorkingOrder, acknowledged: Move, adapter: Exchange, put: Callable[[Move], None]
    ) -> None:
        """Watch an order that should end at once; what is not over in time is left to `check`.

        `order` knows the exchange's id. A first look or two may already see the end: then one move says it all.
        """
        cancel_at = time.monotonic() + EMULATED_IOC_S if self._is_emulated(order) else float("inf")
        current, known = acknowledged, False
        for number, pause in enumerate(FOLLOW_POLLS_S):
            await asyncio.sleep(pause)
            report = await self._look(order, adapter, cancel=time.monotonic() >= cancel_at)
            if report is not None:
                current = replace(move_from_report(order, report), acknowledged=True, order=current.order)
                if report.status in FINAL:
                    put(current)
                    return
            if number == UNRECORDED_POLLS - 1:
                put(current)
                order, known = after_move(current), True
                current = replace(current, order=order)
        if known and current.status == order.status and current.filled == order.filled_amount:
            return
        put(replace(current, check_at=_after(HANDED_OVER_S)))

    async def _look(self, order: WorkingOrder, adapter: Exchange, *, cancel: bool) -> OrderReport | None:
        try:
            report = await adapter.cancel(order.request()) if cancel else None
            return report or await adapter.look_up(order.request())
        except ExchangeError as e:
            logger.info("follow_unanswered", order=order.id.hex, error=str(e))
            return None

    async def _check_working(self, order: WorkingOrder, adapter: Exchange) -> Move:
        cancel = order.cancel_requested_at is not None or (self._is_emulated(order) and _age_s(order) > EMULATED_IOC_S)
        report = await adapter.cancel(order.request()) if cancel else None
        report = report or await adapter.look_up(order.request())
        if report is None:
            # We know its id and it was there: an answer without it proves nothing.
            return self._same(order, self._options.look_up_interval_s)
        move = move_from_report(order, report)
        if move.status == OrderStatus.CANCELLED and order.cancel_code:
            return replace(move, code=order.cancel_code, detail=order.cancel_reason)
        return replace(move, check_at=_after(1.0)) if cancel else move

    async def _check_in_doubt(self, order: WorkingOrder, adapter: Exchange) -> Move:
        first = self.first_look_up_at(order)
        if datetime.now(UTC) < first:
            return replace(self._doubt(order, "Looked up after its validity has passed."), check_at=first)
        report = await adapter.look_up(order.request())
        if report is not None:
            return replace(move_from_report(order, report, acknowledged=True), detail="Found by look-up.")
        misses = order.clean_misses + 1
        if misses >= self._options.look_ups_to_conclude:
            return Move(
                order=order,
                status=OrderStatus.NOT_PLACED,
                at=datetime.now(UTC),
                code=ReasonCode.NOT_PLACED.value,
                detail=f"{misses} look-ups in a row did not find it, the first after its validity had passed.",
            )
        return replace(self._doubt(order, f"Look-up {misses}: not there."), clean_misses=misses)

    def _unanswered(self, order: WorkingOrder, error: ExchangeError) -> Move:
        """An answer that proves nothing: clean look-ups must be in a row, so they start again."""
        wait = max(self._options.look_up_interval_s, error.retry_after_s or 0)
        if order.status in {OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED}:
            return self._same(order, wait)
        return replace(self._doubt(order, f"Look-up unanswered: {error.detail}"), check_at=_after(wait))

    def _doubt(self, order: WorkingOrder, detail: str) -> Move:
        """Still unknown, or, after too long, for a person; it stays counted against every limit."""
        old = order.status == OrderStatus.NEEDS_ATTENTION or _age_s(order) > self._options.attention_after_s
        from_unknown = order.status != OrderStatus.SUBMITTING
        status = OrderStatus.NEEDS_ATTENTION if old and from_unknown else OrderStatus.UNKNOWN
        code = ReasonCode.NEEDS_ATTENTION if status == OrderStatus.NEEDS_ATTENTION else ReasonCode.OUTCOME_UNKNOWN
        return Move(
            order=order,
            status=status,
            at=datetime.now(UTC),
            code=code.value,
            detail=detail,
            check_at=_after(self._options.look_up_interval_s),
        )

    def _same(self, order: WorkingOrder, wait_s: float) -> Move:
        return Move(order=order, status=order.status, at=datetime.now(UTC), check_at=_after(wait_s))

    async def _adapter(self, order: WorkingOrder) -> Exchange:
        policy = self._policy()
        credential = policy.credentials.get((order.user_id, order.exchange, order.mode))
        return await self._connections.for_order(policy.exchanges[order.exchange], order.mode, credential)

    def _is_emulated(self, order: WorkingOrder) -> bool:
        offered = traits(order.exchange).capabilities.times_in_force
        return order.time_in_force == TimeInForce.IOC and TimeInForce.IOC not in offered


def after_move(move: Move) -> WorkingOrder:
    """The order as it is once this move is recorded."""
    return replace(
        move.order,
        status=move.status,
        exchange_order_id=move.exchange_order_id or move.order.exchange_order_id,
        filled_amount=move.filled,
    )


def move_from_report(order: WorkingOrder, report: OrderReport, *, acknowledged: bool = False) -> Move:
    """The move that an exchange's report means."""
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
        at=datetime.now(UTC),
        code=str(code),
        detail=detail,
        exchange_order_id=report.exchange_order_id,
        filled_amount=report.filled_amount,
        trades=report.trades,
        check_at=None if final else _after(_resting_poll_s(_age_s(order))),
        acknowledged=acknowledged,
    )


def _resting_poll_s(age_s: float) -> float:
    return next(wait for limit, wait in _RESTING_POLLS if age_s < limit)


def _age_s(order: WorkingOrder) -> float:
    return (datetime.now(UTC) - order.submitted_at).total_seconds()


def _after(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
