"""Asks the exchanges for whole accounts: their orders and their money, and has them compared with ours."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import structlog

from execution.exchanges.base import Exchange
from execution.exchanges.errors import ExchangeError
from execution.services.connections import Connections
from execution.services.executor.threads import DatabaseThreads
from execution.services.reconcile import balances, orders, told
from policies.domain.policy import Policy

logger = structlog.get_logger(__name__)

AT_ONCE = 32
INTRODUCE_EVERY_S = 30.0
ACCOUNT_TIMEOUT_S = 300.0
"""A busy account at an exchange with small limits takes minutes to list."""


class Reconciler:
    """Looks through the accounts that are due. `on_change` is called when what is held up may go on."""

    def __init__(
        self,
        database: DatabaseThreads,
        connections: Connections,
        policy: Callable[[], Policy],
        on_change: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._connections = connections
        self._policy = policy
        self._on_change = on_change
        self._introduced_at = float("-inf")
        self._running: set[asyncio.Task[None]] = set()

    async def turn(self) -> None:
        """Start on accounts that are due. One that is slow holds up no other."""
        if time.monotonic() - self._introduced_at > INTRODUCE_EVERY_S:
            self._introduced_at = time.monotonic()
            await self._database.run(orders.introduce)
            await self._database.run(balances.introduce)
        for task in await self._database.run(orders.claim_due, AT_ONCE - len(self._running)):
            self._start(self._orders_of(task))
        if len(self._running) < AT_ONCE:
            for account in await self._database.run(balances.claim_due, AT_ONCE - len(self._running)):
                self._start(self._balances_of(account))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The lease ends, and then the account is looked at again.
            logger.error("reconciliation_failed", error=str(error), exc_info=error)

    async def _orders_of(self, task: orders.Task) -> None:
        asked_at = datetime.now(UTC)
        try:
            async with asyncio.timeout(ACCOUNT_TIMEOUT_S):
                adapter = await self._adapter(task)
                seen = await adapter.orders_since(task.symbols, orders.reachable(task, asked_at).timestamp())
        except (ExchangeError, TimeoutError) as e:
            text = str(e) or f"No full answer within {ACCOUNT_TIMEOUT_S:.0f} s."
            logger.warning("reconciliation_unanswered", exchange=task.exchange, error=text)
            await self._database.run(orders.failed, task, text)
            return
        found = await self._database.run(orders.settle, task, seen, asked_at)
        if found.adopted or (task.required and found.clean):
            await self._on_change()

    async def _balances_of(self, task: balances.Task) -> None:
        before = await self._database.run(balances.booked, task)
        try:
            async with asyncio.timeout(ACCOUNT_TIMEOUT_S):
                adapter = await self._adapter(task)
                held = await adapter.balances()
        except (ExchangeError, TimeoutError) as e:
            await self._database.run(balances.failed, task, str(e) or "No answer.")
            return
        after = await self._database.run(balances.booked, task)
        totals = {asset: balance.total for asset, balance in held.items()}
        await self._database.run(balances.compare, task, totals, before, after)
        await self._database.run(told.keep, task, held, after)

    async def _adapter(self, task: "orders.Task | balances.Task") -> Exchange:
        policy = self._policy()
        keys = policy.credentials.get((task.user_id, task.exchange, task.mode))
        return await self._connections.for_order(policy.exchanges[task.exchange], task.mode, keys)
