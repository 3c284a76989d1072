"""Sends one order, once, and turns whatever happens into a move of the ledger."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime

import structlog
from django.db import Error as DatabaseError

from execution import metrics
from execution.domain import life
from execution.domain.orders import Side
from execution.exchanges.base import Exchange, OrderReport, OrderRequest
from execution.exchanges.errors import ExchangeError, NotSent, OutcomeUnknown
from execution.exchanges.metering import checked_last
from execution.exchanges.registry import traits
from execution.services.claims import WorkingOrder
from execution.services.connections import Connections
from execution.services.executor.checker import Checker, CheckOptions
from execution.services.executor.pulse import Pulse
from execution.services.executor.threads import DatabaseThreads
from execution.services.ledger import Move, save_baseline
from policies.domain.gate import Leaving, check_leaving
from policies.domain.policy import Policy
from policies.domain.reasons import Denial, ReasonCode
from policies.snapshot import checked_age_s

logger = structlog.get_logger(__name__)

MAX_POLICY_AGE_S = 1.0
"""Nothing is sent on policy that was not confirmed within this time: a halt must be in force within a second."""


class Sender:
    """Places claimed orders and follows those that end at once."""

    def __init__(
        self,
        database: DatabaseThreads,
        connections: Connections,
        checker: Checker,
        policy: Callable[[], Policy],
        checks: CheckOptions,
        pulse: Pulse,
        *,
        timeout_s: float,
    ) -> None:
        self._database = database
        self._connections = connections
        self._checker = checker
        self._policy = policy
        self._checks = checks
        self._pulse = pulse
        self._timeout_s = timeout_s

    async def send(self, order: WorkingOrder, put: Callable[[Move], None]) -> None:
        """Place an order whose intent is committed, and put what became of it."""
        began = time.perf_counter()
        leaving = _leaving(order)
        try:
            with self._admitted(order):
                adapter, request = await self._prepare(order, leaving)
                # The adapter may wait for its turn and budget; a halt that comes meanwhile must still stop the order.
                with checked_last(lambda: self._check(self._policy(), leaving)):
                    async with asyncio.timeout(self._timeout_s):
                        report = await adapter.place(request)
        except _Refused as e:
            put(life.after_refusal(order, e.denial, _now()))
        except ExchangeError as e:
            put(self._without_report(order, e))
        except TimeoutError:
            unanswered = f"No answer within {self._timeout_s:.0f} s."
            put(self._without_report(order, OutcomeUnknown(ReasonCode.OUTCOME_UNKNOWN, unanswered)))
        else:
            metrics.execution_latency_seconds.labels(order.exchange).observe(time.perf_counter() - began)
            await self._follow(order, report, adapter, put)

    def _admitted(self, order: WorkingOrder) -> AbstractContextManager[None]:
        credential = str(order.credential_id) if order.credential_id else None
        return self._pulse.admitted(order.exchange, credential)

    def _without_report(self, order: WorkingOrder, error: ExchangeError) -> Move:
        late_s = traits(order.exchange).arrives_late_s
        move = life.after_placement(order, error.verdict, error.code, error.detail, _now(), self._checks, late_s=late_s)
        logger.info(
            "order_not_placed", order=order.id.hex, exchange=order.exchange, status=move.status.value, error=str(error)
        )
        return move

    async def _prepare(self, order: WorkingOrder, leaving: Leaving) -> tuple[Exchange, OrderRequest]:
        """Every check that may still stop the order; those of policy are made once more right before it leaves."""
        policy = self._policy()
        self._check(policy, leaving)
        credential = policy.credentials.get((order.user_id, order.exchange, order.mode))
        adapter = await self._connections.for_order(policy.exchanges[order.exchange], order.mode, credential)
        request = order.request()
        if order.exclusive:
            request = await self._with_baseline(order, request, adapter)
        if life.too_late_to_send(order, _now()):
            raise NotSent(ReasonCode.NOT_SENT, "It waited here until too little of its validity was left.")
        return adapter, request

    def _check(self, policy: Policy, leaving: Leaving) -> None:
        if checked_age_s() > MAX_POLICY_AGE_S:
            raise NotSent(ReasonCode.NOT_SENT, "The policy could not be confirmed within a second.")
        denial = check_leaving(policy, leaving, _now())
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
        move = life.after_report(order, report, _now(), acknowledged=True)
        if move.check_at is None or not life.ends_at_once(order):
            put(move)
            return
        await self._checker.follow(replace(order, exchange_order_id=report.exchange_order_id), move, adapter, put)


class _Refused(NotSent):
    """Our own last check said no; nothing has left."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.code, denial.detail)
        self.denial = denial


def _leaving(order: WorkingOrder) -> Leaving:
    return Leaving(
        user_id=order.user_id,
        strategy_id=order.strategy_id,
        exchange=order.exchange,
        symbol=order.symbol,
        mode=order.mode,
        is_buy=order.side == Side.BUY,
        notional=order.amount * (order.price if order.price is not None else order.reference_price),
        received_at=order.received_at,
        expires_at=order.expires_at,
    )


def _now() -> datetime:
    return datetime.now(UTC)
