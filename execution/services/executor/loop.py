"""The executor's thread and event loop: claims work, hands it to the stages, sweeps for what was missed."""

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import structlog
import uvloop
from django.db import Error as DatabaseError

from execution.domain.balance import Load
from execution.domain.orders import FINAL, IN_DOUBT, NEVER_PLACED
from execution.domain.router import Facts
from execution.exchanges.registry import AdapterPool, adapters
from execution.selectors import facts as facts_selector
from execution.services import cancel, claims, health
from execution.services.budgets import Banned, Budgets
from execution.services.claims import ClaimedSignal, WorkingOrder
from execution.services.connections import Connections
from execution.services.executor.checker import Checker
from execution.services.executor.duties import Duties
from execution.services.executor.fill_books import FillBooks
from execution.services.executor.options import ExecutorOptions
from execution.services.executor.pulse import Pulse
from execution.services.executor.reconciler import Reconciler
from execution.services.executor.recorder import Recorder, count
from execution.services.executor.routing_stage import RoutingStage
from execution.services.executor.sender import Sender
from execution.services.executor.slots import Slots
from execution.services.executor.standing import Standing
from execution.services.executor.threads import DatabaseThreads
from execution.services.executor.trades import Trades
from execution.services.ledger import Move
from execution.services.market_data import BookCache, SharedBooks
from policies import snapshot
from policies.domain.policy import Policy
from policies.domain.reasons import ReasonCode

logger = structlog.get_logger(__name__)

SWEEP_INTERVAL_S = 1.0
RECONCILE_INTERVAL_S = 0.5
PULSE_INTERVAL_S = 0.5
FIGURES_INTERVAL_S = 5.0
CLOCK_INTERVAL_S = 0.5
POLICY_INTERVAL_S = 0.25
HEARTBEAT_INTERVAL_S = 5.0
BUSY_PAUSE_S = 0.005
"""Pause between claims while orders are in flight: answers and new signals gather, and batches stay large."""

CHECK_BATCH = 100
STOP_TIMEOUT_S = 25.0


class Executor:
    """Start it once per process; `wake` it when there is work; `stop` lets what is in flight finish."""

    def __init__(self, options: ExecutorOptions) -> None:
        self._options = options
        self._thread = threading.Thread(target=self._run, name="executor", daemon=True)
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False

    def start(self) -> None:
        """Start the thread; returns when it runs."""
        self._thread.start()
        self._started.wait()

    def wake(self) -> None:
        """There may be work. From any thread, never blocks."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wakeup.set)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Claim nothing more, let orders in flight finish, write down everything, close connections."""
        self._stopping = True
        self.wake()
        self._thread.join(timeout_s)

    def submit(self, coroutine: Coroutine[Any, Any, Any]) -> "Future[Any]":
        """Run a coroutine on the executor's loop (health checks, market refreshes)."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    @property
    def in_flight(self) -> int:
        """Orders this process has not heard of yet."""
        return self._slots.in_flight

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._main())
        except OSError as e:
            # uvloop cannot close its loop while a name look-up of some dead connection still runs in its threads.
            if not self._stopping:
                raise
            logger.warning("loop_not_closed", error=str(e))

    async def _main(self) -> None:
        self._build()
        self._started.set()
        background = [
            asyncio.create_task(self._recorder.run()),
            asyncio.create_task(self._every(POLICY_INTERVAL_S, self._refresh_policy)),
            asyncio.create_task(self._every(HEARTBEAT_INTERVAL_S, self._standing.beat)),
            asyncio.create_task(self._every(RECONCILE_INTERVAL_S, self._reconcile)),
            asyncio.create_task(self._every(PULSE_INTERVAL_S, self._pulse.share)),
            asyncio.create_task(self._every(FIGURES_INTERVAL_S, self._pulse.flush)),
            asyncio.create_task(self._every(CLOCK_INTERVAL_S, self._watch_clock)),
        ]
        try:
            await self._begin()
            while not self._stopping:
                await self._turn()
            await self._drain()
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await self.connections.close()
            await self._budgets.close()
            await self._shared_books.close()
            await self._fill_books.close()
            self._standing.close()
            self._database.close()

    def _build(self) -> None:
        options = self._options
        self._loop = asyncio.get_running_loop()
        self._wakeup = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._swept_at = 0.0
        # Exchanges that may have queued orders, and whether signals wait for slots: a free slot is worth a look then.
        self._queued: set[str] = set()
        self._signals_waiting = False
        self._database = DatabaseThreads()
        self._slots = Slots(options.max_in_flight)
        self._standing = Standing(self._database, options.redis_url, lambda: self._slots.in_flight)

        def banned(ban: Banned) -> None:
            self._spawn(self._database.run(health.store_ban, ban))

        self._budgets = Budgets(options.redis_url, share=options.rate_limit_share, on_ban=banned)
        pool = AdapterPool(
            base_urls=options.base_urls,
            timeout_s=options.timeout_s,
            meters=self._budgets.meter,
            public_secrets=options.public_secrets,
            firi=options.firi,
        )
        self._shared_books = SharedBooks(options.redis_url)
        self._fill_books = FillBooks(options.redis_url, lambda: self._policy().exchanges, self._spawn)
        self._pulse = Pulse(self._database, self._policy, facts_selector.known_facts, self._exchange_opened)
        self.connections = Connections(pool, self._database.run, self._pulse)
        self._recorder = Recorder(self._database, self._recorded)
        books = BookCache(self.connections.public, self._shared_books)
        self._checker = Checker(self.connections, self._policy, options.checks, self._standing.clock, books)
        self._sender = Sender(
            self._database,
            self.connections,
            self._checker,
            self._policy,
            options.checks,
            self._pulse,
            timeout_s=options.timeout_s + 1,
        )
        self.duties = Duties(self._database, self.connections, self._policy, self._refresh_policy, self._spawn)
        self._reconciler = Reconciler(self._database, self.connections, self._policy, self._reconciled)
        self._trades = Trades(self._database, self._wakeup.set)
        self._routing = RoutingStage(
            self._database,
            books,
            self._slots,
            lambda: (self._policy(), self._facts_with_load()),
            self.duties.refresh_health,
            self._left_queued,
            self._fill_books.compared,
            lambda: self._spawn(self._trades.turn()),
            validity_s=options.validity_s,
            check_after_s=options.check_after_s,
        )

    # --- one turn

    async def _turn(self) -> None:
        self._wakeup.clear()
        try:
            worked = await self._claim()
        except DatabaseError as e:
            logger.warning("claim_failed", error=str(e))
            worked = False
        if worked:
            await asyncio.sleep(BUSY_PAUSE_S)
        else:
            await self._wait(SWEEP_INTERVAL_S)

    async def _claim(self) -> bool:
        """Take what there is and start it. True if there may be more."""
        if not self._standing.may_claim:
            return False
        await self._refresh_policy()
        if time.monotonic() - self._swept_at >= SWEEP_INTERVAL_S:
            self._swept_at = time.monotonic()
            await self._sweep()
        worked = await self._claim_orders()
        return await self._claim_signals() or worked

    async def _claim_orders(self) -> bool:
        free = {slug: count for slug, count in self._gathered().items() if slug in self._queued}
        if not free:
            return False
        self._queued.difference_update(free)
        orders = await self._database.run(
            claims.claim_orders,
            free,
            validity_s=self._options.validity_s,
            check_after_s=self._options.check_after_s,
            unreconciled=self._facts().unreconciled,
        )
        taken = Counter(order.exchange for order in orders)
        self._queued.update(slug for slug, count in free.items() if taken[slug] == count)
        for order in orders:
            self._slots.hold(order.exchange, _credential(order))
            self._send(order)
        return bool(orders)

    async def _claim_signals(self) -> bool:
        # No more than could be sent at once: what is routed too early only waits as an order instead of as a signal.
        exchanges = self._policy().exchanges
        room = max((count for slug, count in self._gathered().items() if exchanges[slug].enabled), default=0)
        limit = min(self._options.batch, room)
        self._signals_waiting = not limit
        if not limit:
            return False
        signals = await self._database.run(claims.claim_signals, limit, self._facts().held_before)
        self._signals_waiting = bool(signals)
        return await self._route(signals)

    async def _route(self, signals: Sequence[ClaimedSignal]) -> bool:
        if signals:
            await self._refresh_facts()
            self._spawn(self._routing.run(signals, self._send))
        return bool(signals)

    def _gathered(self) -> dict[str, int]:
        """Slots worth a claim, those that undecided signals will want not counted."""
        return self._slots.gathered(self._policy(), promised=self._routing.undecided)

    async def _sweep(self) -> None:
        """What no message tells: due look-ups, orders of dead workers, claims of dead workers, rows others stored."""
        self._queued.update(self._policy().exchanges)
        await self._refresh_facts()  # what another worker reconciled is no longer held up
        for order in await self._database.run(claims.claim_checks, CHECK_BATCH):
            self._spawn(self._checker.check(order, self._recorder.put))
        await self._database.run(claims.return_stale_claims)
        await self._database.run(cancel.cancel_left)
        if self._facts().trades:
            self._spawn(self._trades.turn())
        await self._route(await self._database.run(claims.claim_slices, CHECK_BATCH, self._facts().held_before))

    def _send(self, order: WorkingOrder) -> None:
        self._spawn(self._send_and_release(order))

    async def _send_and_release(self, order: WorkingOrder) -> None:
        try:
            await self._sender.send(order, self._recorder.put)
        finally:
            self._slots.release(order.exchange, _credential(order))
            waited_for = self._signals_waiting or order.exchange in self._queued
            if waited_for and self._slots.has_gathered(self._policy().exchanges[order.exchange]):
                self._wakeup.set()

    def _left_queued(self, exchanges: Iterable[str]) -> None:
        self._queued.update(exchanges)
        self._wakeup.set()

    def _recorded(self, moves: Sequence[Move]) -> None:
        self._fill_books.recorded(moves)
        if any(move.order.of_trade and move.status in FINAL for move in moves):
            self._spawn(self._trades.turn())
        for move in moves:
            count(move)
            if move.code == ReasonCode.AUTHENTICATION_FAILED:
                self.duties.keys_refused(move.order)
            if move.status in NEVER_PLACED or (move.order.of_part and move.status in FINAL):
                self._wakeup.set()  # the signal, or its parent, may be pending again
            if move.order.exclusive and move.status not in IN_DOUBT:
                self._left_queued([move.order.exchange])  # the next one of these keys and pair may leave

    # --- policy, health, housekeeping

    def _policy(self) -> Policy:
        policy = snapshot.known_policy()
        assert policy is not None
        return policy

    def _facts(self) -> Facts:
        facts = facts_selector.known_facts()
        if not self._pulse.ahead:
            return facts
        return replace(facts, breakers={**facts.breakers, **self._pulse.ahead})

    def _facts_with_load(self) -> Facts:
        """With what this worker has under way, and how fast its own orders were answered."""
        load = {
            slug: Load(self._slots.of(slug) + self._routing.on_the_way[slug], self._pulse.latency_ms(slug))
            for slug in self._policy().exchanges
        }
        return replace(self._facts(), load=load)

    def _exchange_opened(self) -> None:
        """A breaker opened on this worker's own calls: the others are told now, not at the next round."""
        self._spawn(self._pulse.share())

    async def _refresh_policy(self) -> None:
        if snapshot.checked_age_s() >= POLICY_INTERVAL_S:
            await self._database.run(snapshot.current_policy)

    async def _refresh_facts(self) -> None:
        if facts_selector.age_s() >= facts_selector.MAX_AGE_S:
            await self._database.run(facts_selector.current_facts)

    async def _watch_clock(self) -> None:
        """A clock that was set makes what we know of the exchanges' clocks wrong: every health check reads them."""
        if self._standing.clock.watch():
            await self._standing.clock.store()
            await self.duties.poll(adapters())

    async def _reconcile(self) -> None:
        if self._standing.may_claim:
            await self._reconciler.turn()

    async def _reconciled(self) -> None:
        """An account was compared: what waited for it may go on."""
        await self._database.run(facts_selector.refresh_facts)
        self._queued.update(self._policy().exchanges)
        self._wakeup.set()

    async def _every(self, seconds: float, work: Any) -> None:
        while True:
            try:
                await work()
            except DatabaseError as e:
                logger.warning("housekeeping_failed", work=work.__name__, error=str(e))
            except Exception as e:
                # A worker whose heartbeat or reconciliation has ended for ever would look alive and be deaf.
                logger.exception("housekeeping_failed", work=work.__name__, error=str(e))
            await asyncio.sleep(seconds)

    async def _begin(self) -> None:
        """A database that is not there yet, or not migrated for this code, is waited for."""
        while not self._stopping and not self._standing.begun:
            try:
                await self._standing.begin()
            except DatabaseError as e:
                logger.warning("waiting_for_database", error=str(e))
            if not self._standing.begun:
                await asyncio.sleep(SWEEP_INTERVAL_S)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wakeup.wait(), seconds)
        except TimeoutError:
            return

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # What it worked on keeps its state in the database; the sweep looks after it.
            logger.error("executor_task_failed", error=str(error), exc_info=error)

    async def _drain(self) -> None:
        """Let what is in flight end; what does not in time is in the database and somebody else's then."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_TIMEOUT_S - 5)
        try:
            await asyncio.wait_for(self._recorder.flushed(), 5)
        except TimeoutError:
            logger.warning("executor_stopped_with_unrecorded_moves")
        with contextlib.suppress(DatabaseError, TimeoutError):
            await asyncio.wait_for(self._pulse.flush(), 2)


def _credential(order: WorkingOrder) -> str | None:
    return str(order.credential_id) if order.credential_id else None
