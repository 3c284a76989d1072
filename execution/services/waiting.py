"""Long polls: many callers wait for signals to end, one thread asks for all of them."""

import threading
import time
from collections import defaultdict
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from execution.models import Signal

logger = structlog.get_logger(__name__)

POLL_S = 0.02
SLOW_POLL_S = 0.1
"""Once the youngest wait is older than SLOW_AFTER_S, asking less often is enough."""

SLOW_AFTER_S = 2.0
MAX_WAIT_S = 30.0


class FinalWaiter:
    """Waits for signals to become final. At most half of a process's threads may wait at one time."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: dict[UUID, list[threading.Event]] = defaultdict(list)
        self._newest_at = 0.0
        self._thread: threading.Thread | None = None

    def wait(self, signal_id: UUID, timeout_s: float) -> bool:
        """True once the signal is final; False after the time, or at once when too many wait already."""
        event = threading.Event()
        with self._condition:
            waiting = sum(map(len, self._waiting.values()))
            if waiting >= max(1, settings.ENV["WEB_THREADS"] // 2):
                return False
            self._waiting[signal_id].append(event)
            self._newest_at = time.monotonic()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="final-waiter", daemon=True)
                self._thread.start()
            self._condition.notify()
        if not connection.in_atomic_block:
            connection.close()  # a waiting thread must not hold a connection of the pool
        try:
            return event.wait(min(timeout_s, MAX_WAIT_S))
        finally:
            self._leave(signal_id, event)

    def _leave(self, signal_id: UUID, event: threading.Event) -> None:
        with self._condition:
            self._waiting[signal_id].remove(event)
            if not self._waiting[signal_id]:
                del self._waiting[signal_id]

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._waiting:
                    connection.close()
                    self._condition.wait()
                ids = list(self._waiting)
                pause = POLL_S if time.monotonic() - self._newest_at < SLOW_AFTER_S else SLOW_POLL_S
            for signal_id in self._final(ids):
                with self._condition:
                    for event in self._waiting.get(signal_id, []):
                        event.set()
            time.sleep(pause)

    def _final(self, ids: list[UUID]) -> list[UUID]:
        try:
            return list(Signal.objects.filter(pk__in=ids, final_at__isnull=False).values_list("pk", flat=True))
        except DatabaseError as e:
            logger.warning("wait_poll_failed", error=str(e))
            connection.close()
            time.sleep(0.5)
            return []


final_waiter = FinalWaiter()
