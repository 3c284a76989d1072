"""The clock of this worker's machine: whether it was set a moment ago, known to all processes of the machine."""

import time
from contextlib import suppress
from pathlib import Path

import structlog

from execution.domain.clock import ClockGuard
from execution.services.executor.threads import DatabaseThreads
from execution.services.sql import execute, fetch

logger = structlog.get_logger(__name__)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_READ = "SELECT offset_s, set_at_s FROM execution_machineclock WHERE boot_id = %(boot_id)s"
_STORE = """
INSERT INTO execution_machineclock (boot_id, offset_s, set_at_s, seen_at)
VALUES (%(boot_id)s, %(offset_s)s, %(set_at_s)s, clock_timestamp())
ON CONFLICT (boot_id) DO UPDATE
SET offset_s = EXCLUDED.offset_s, set_at_s = greatest(EXCLUDED.set_at_s, execution_machineclock.set_at_s),
    seen_at = EXCLUDED.seen_at
"""


class Clock:
    """A `ClockGuard` that outlives its process: `time.monotonic` counts from the machine's start for all of them."""

    def __init__(self, database: DatabaseThreads) -> None:
        self._database = database
        self._guard = ClockGuard(time.time(), time.monotonic())
        self._boot_id = ""
        with suppress(OSError):  # not Linux: every process begins with doubt
            self._boot_id = _BOOT_ID.read_text().strip()

    async def begin(self) -> None:
        """Take over what the processes before this one saw. Raises django.db.Error."""
        for offset_s, set_at_s in await self._database.run(fetch, _READ, {"boot_id": self._boot_id}):
            self._guard.resume(offset_s, set_at_s)
        await self.store()

    async def store(self) -> None:
        """Tell the processes to come. Raises django.db.Error."""
        if self._boot_id:
            seen = {"boot_id": self._boot_id, "offset_s": self._guard.offset_s, "set_at_s": self._guard.set_at_s}
            await self._database.run(execute, _STORE, seen)

    def watch(self) -> bool:
        """Notice that the clock was set. Asked every half second, and before a conclusion is drawn."""
        moved_s = self._guard.look(time.time(), time.monotonic())
        if moved_s:
            logger.warning("clock_set", moved_s=round(moved_s, 1))
        return bool(moved_s)

    def set_within(self, seconds: float) -> bool:
        """Whether the clock was set in the last `seconds`, or nobody can tell."""
        self.watch()
        return self._guard.set_within(seconds, time.monotonic())
