"""Virtual time, and tasks that may be stopped for ever between any two of their effects."""

import heapq
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

EPOCH = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
TIMEOUT = object()
"""What a task gets from a reply that did not come in time."""

Steps = Generator["float | Reply", Any, Any]
"""A task: it yields seconds to sleep, or a reply to wait for. Effects happen between two yields, at one instant."""


def moment(seconds: float) -> datetime:
    """Virtual seconds as a time."""
    return EPOCH + timedelta(seconds=seconds)


def seconds_of(at: datetime) -> float:
    """The reverse of `moment`."""
    return (at - EPOCH).total_seconds()


class Loop:
    """The event queue. Events of the same instant happen in the order they were asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.shift = 0.0
        """Seconds that the clock of the machines is ahead of true time. Exchanges have the true time."""
        self.events = 0
        self.stopped = False
        self._heap: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._number = 0

    def after(self, seconds: float, call: Callable[[Any], None], value: Any = None) -> None:
        """Call `call(value)` then."""
        self._number += 1
        heapq.heappush(self._heap, (self.now + seconds, self._number, call, value))

    def clock(self) -> datetime:
        """What the machines' clock says."""
        return moment(self.now + self.shift)

    def run(self, until: float) -> None:
        """Run events until a time, or until `stop`."""
        heap = self._heap
        self.stopped = False
        while heap and heap[0][0] <= until:
            self.now, _, call, value = heapq.heappop(heap)
            self.events += 1
            call(value)
            if self.stopped:
                return
        self.now = until

    def stop(self) -> None:
        """End `run` after this event."""
        self.stopped = True


class Reply:
    """An answer that may never come. The first one counts."""

    __slots__ = ("_resume", "done")

    def __init__(self) -> None:
        self.done = False
        self._resume: Callable[[Any], None] | None = None

    def wait(self, resume: Callable[[Any], None]) -> None:
        self._resume = resume

    def set(self, value: Any) -> None:
        if not self.done:
            self.done = True
            if self._resume is not None:
                self._resume(value)


class Process:
    """A worker's operating-system process: it may die, be started again, or stand still."""

    def __init__(self, loop: Loop, rng: Random, name: str) -> None:
        self.loop = loop
        self.rng = rng
        self.name = name
        self.life = 0
        self.alive = False
        self.frozen_until = 0.0
        self.crash_p = 0.0
        """Chance to die at each step of each task."""

    def spawn(self, steps: Steps) -> None:
        """Run a task until it ends or the process dies."""
        life = self.life

        def resume(value: Any) -> None:
            if self.life != life:
                return
            if self.frozen_until > self.loop.now:
                self.loop.after(self.frozen_until - self.loop.now, resume, value)
                return
            if self.crash_p and self.rng.random() < self.crash_p:
                self.die()
                return
            try:
                wanted = steps.send(value)
            except StopIteration:
                return
            if isinstance(wanted, Reply):
                wanted.wait(resume)
            else:
                self.loop.after(wanted, resume)

        self.loop.after(0.0, resume)

    def start(self) -> None:
        self.alive = True

    def die(self) -> None:
        """Everything in memory is gone."""
        self.life += 1
        self.alive = False

    def freeze(self, seconds: float) -> None:
        """Stand still, as under SIGSTOP or a stalled disk: time passes, answers arrive, nothing is done."""
        self.frozen_until = max(self.frozen_until, self.loop.now + seconds)
