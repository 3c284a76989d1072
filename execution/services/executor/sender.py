"""Sends one order, once, and turns whatever happens into a move of the ledger."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import structlog
from django.db import Error as DatabaseError

from execution import metrics
from execution.domain.orders import OrderStatus, OrderType, Side, SignalStatus, TimeInForce
from execution.exchanges.base import Exchange, OrderReport, OrderRequest
from execution.exchanges.errors import AlreadyPlaced, ExchangeError, NotSent, OrderRejected, OutcomeUnknown
from execution.services.claims import WorkingOrder
from execution.services.connections import Connections
from execution.services.executor.checker import Checker, move_from_report
from execution.services.executor.threads import DatabaseThreads
from execution.services.ledger import Move, save_baseline
from policies.domain.gate import Leaving, check_leaving
from policies.domain.policy import Policy
from policies.domain.reasons import Denial, ReasonCode
from policies.snapshot import checked_age_s

logger = structlog.get_logger(__name__)

MAX_POLICY_AGE_S = 1.0
"""Nothing is sent on policy that was not confirmed within this time: a halt must be in force within a second."""

SEND_MARGIN_S = 0.5
"""An order is not sent any more when less than this is left of its validity."""


class Sender:
    """Places claimed orders and follows those that end at once."""

    def __init__(
        self,
        database: DatabaseThreads,
        connections: Connections,
        checker: Checker,
        policy: Callable[[], Policy],
        *,
        timeout_s: float,
    ) -> None:
        self._database = database
        self._connections = connections
        self._checker = checker
        self._policy = policy
        self._timeout_s = timeout_s

    async def send(self, order: WorkingOrder, put: Callable[[Move], None]) -> None:
        """Place an order whose intent is committed, and put what became of it."""
        began = time.perf_counter()
        try:
            adapter, request = await self._prepare(order)
            async with asyncio.timeout(self._timeout_s):
                report = await adapter.place(request)
        except _Refused as e:
            put(_refusal(order, e.denial))
        except OrderRejected as e:
            put(_now(order, OrderStatus.REJECTED, e, acknowledged=True))
        except NotSent as e:
            # Its own time ran out in a queue here: the same exchange may take it with a fresh attempt.
            put(replace(_now(order, OrderStatus.NOT_PLACED, e), retry_same_exchange=e.code == ReasonCode.NOT_SENT))
        except AlreadyPlaced as e:
            put(replace(_now(order, OrderStatus.UNKNOWN, e), check_at=datetime.now(UTC)))
        except OutcomeUnknown as e:
            put(replace(_now(order, OrderStatus.UNKNOWN, e), check_at=self._checker.first_look_up_at(order)))
        except TimeoutError:
            unanswered = OutcomeUnknown(ReasonCode.OUTCOME_UNKNOWN, f"No answer within {self._timeout_s:.0f} s.")
            put(replace(_now(order, OrderStatus.UNKNOWN, unanswered), check_at=self._checker.first_look_up_at(order)))
        else:
            metrics.execution_latency_seconds.labels(order.exchange).observe(time.perf_counter() - began)
            await self._follow(order, report, adapter, put)

    async def _prepare(self, order: WorkingOrder) -> tuple[Exchange, OrderRequest]:
        """Every check that may still stop the order, the last one right before the send."""
        policy = self._policy()
        self._check(policy, order)
        credential = policy.credentials.get((order.user_id, order.exchange, order.mode))
        adapter = await self._connections.for_order(policy.exchanges[order.exchange], order.mode, credential)
        request = order.request()
        if order.exclusive:
            request = await self._with_baseline(order, request, adapter)
        if time.time() > request.valid_until - SEND_MARGIN_S:
            raise NotSent(ReasonCode.NOT_SENT, "It waited here until too little of its validity was left.")
        return adapter, request

    def _check(self, policy: Policy, order: WorkingOrder) -> None:
        if checked_age_s() > MAX_POLICY_AGE_S:
            raise NotSent(ReasonCode.NOT_SENT, "The policy could not be confirmed within a second.")
        leaving = Leaving(
            user_id=order.user_id,
            strategy_id=order.strategy_id,
            exchange=order.exchange,
            symbol=order.symbol,
            mode=order.mode,
            is_buy=order.side == Side.BUY,
            notional=order.amount * (order.price if order.price is not None else order.reference_price),
            expires_at=order.expires_at,
        )
        denial = check_leaving(policy, leaving, datetime.now(UTC))
        if denial is not None:
            raise _Refused(denial)

    async def _with_baseline(self, order: WorkingOrder, request: OrderRequest, adapter: Exchange) -> OrderRequest:
        """Ask for the baseline and commit it before anything is sent."""
        try:
            baseline = await adapter.baseline(request)
            saved = await self._database.run(save_baseline, order.id, json.dumps(baseline))
        except ExchangeError as e:
            raise NotSent(e.code, f"Before sending: {e.detail}") from None
        except DatabaseError as e:
            raise NotSent(ReasonCode.NOT_SENT, f"The baseline could not be stored: {e}") from None
        if not saved:
            raise NotSent(ReasonCode.NOT_SENT, "The order was moved by another process before it was sent.")
        return replace(request, baseline=baseline)

    async def _follow(
        self, order: WorkingOrder, report: OrderReport, adapter: Exchange, put: Callable[[Move], None]
    ) -> None:
        move = move_from_report(order, report, acknowledged=True)
        if move.check_at is None or not ends_at_once(order):
            put(move)
            return
        await self._checker.follow(replace(order, exchange_order_id=report.exchange_order_id), move, adapter, put)


def ends_at_once(order: WorkingOrder) -> bool:
    """Whether the order is over as soon as the exchange has matched it."""
    return order.order_type == OrderType.MARKET or order.time_in_force in {TimeInForce.IOC, TimeInForce.FOK}


class _Refused(Exception):
    """Our own last check said no; nothing has left."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.detail)
        self.denial = denial


def _refusal(order: WorkingOrder, denial: Denial) -> Move:
    expired = denial.code == ReasonCode.SIGNAL_EXPIRED
    return Move(
        order=order,
        status=OrderStatus.EXPIRED if expired else OrderStatus.NOT_PLACED,
        at=datetime.now(UTC),
        code=denial.code.value,
        detail=f"{denial.detail} Nothing was sent.",
        signal_status=SignalStatus.EXPIRED if expired else SignalStatus.DENIED,
    )


def _now(order: WorkingOrder, status: OrderStatus, error: ExchangeError, *, acknowledged: bool = False) -> Move:
    logger.info("order_not_placed", order=order.id.hex, exchange=order.exchange, status=status.value, error=str(error))
    return Move(
        order=order,
        status=status,
        at=datetime.now(UTC),
        code=error.code.value,
        detail=error.detail,
        acknowledged=acknowledged,
    )
