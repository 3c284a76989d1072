"""Writes moves to the ledger in small batches, in order, and never drops one while the process lives."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from uuid import UUID

import structlog
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

from execution import metrics
from execution.domain.orders import FINAL, IllegalTransition, OrderStatus
from execution.services.executor.threads import DatabaseThreads
from execution.services.ledger import FillsDisagree, Move, record

logger = structlog.get_logger(__name__)

FLUSH_AFTER_S = 0.004
MAX_BATCH = 200
RETRY_AFTER_S = 0.5


class Recorder:
    """A queue in front of `execution.services.ledger.record`."""

    def __init__(self, database: DatabaseThreads, on_recorded: Callable[[Sequence[Move]], None]) -> None:
        self._database = database
        self._on_recorded = on_recorded
        self._moves: deque[Move] = deque()
        self._something = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, move: Move) -> None:
        """Record this soon."""
        self._moves.append(move)
        self._idle.clear()
        self._something.set()

    async def flushed(self) -> None:
        """Wait until everything put so far is recorded."""
        await self._idle.wait()

    async def run(self) -> None:
        """Flush for ever; cancel to stop (after `flushed`)."""
        while True:
            await self._something.wait()
            if len(self._moves) < MAX_BATCH:
                await asyncio.sleep(FLUSH_AFTER_S)  # let answers that come together be written together
            await self._flush(self._take())
            if not self._moves:
                self._something.clear()
                self._idle.set()

    def _take(self) -> list[Move]:
        """The next batch: at most one move per order, later ones stay in order for the next batch."""
        batch: list[Move] = []
        later: list[Move] = []
        seen: set[UUID] = set()
        while self._moves and len(batch) < MAX_BATCH:
            move = self._moves.popleft()
            (later if move.order.id in seen else batch).append(move)
            seen.add(move.order.id)
        self._moves.extendleft(reversed(later))
        return batch

    async def _flush(self, batch: list[Move]) -> None:
        while True:
            try:
                await self._database.run(record, batch)
            except (OperationalError, InterfaceError) as e:
                # PostgreSQL is gone, or two batches met (deadlock): the answers stay here until they are written.
                logger.warning("record_retry", moves=len(batch), error=str(e))
                await asyncio.sleep(RETRY_AFTER_S)
            except (IllegalTransition, FillsDisagree, DatabaseError) as e:
                if len(batch) == 1:
                    # The order keeps its state and its next check: it will be looked up and settled from there.
                    logger.exception("record_refused", order=batch[0].order.id.hex, error=str(e))
                    return
                for move in batch:
                    await self._flush([move])
                return
            else:
                self._on_recorded(batch)
                return


def count(move: Move) -> None:
    """A recorded move, for the metrics."""
    if move.acknowledged:
        metrics.signal_to_ack_seconds.observe((move.at - move.order.received_at).total_seconds())
    if move.status in FINAL or move.status == OrderStatus.UNKNOWN:
        metrics.executions_total.labels(move.order.exchange, move.status.value).inc()
        if move.filled > 0:
            metrics.executions_success_total.labels(move.order.exchange).inc()
