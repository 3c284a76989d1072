"""Does what a schedule says to a running arena, and mends everything at the end."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence

from chaos.arena import Arena
from chaos.proxy import Mode
from chaos.schedule import KILLS, Fault, Kind


class Breaker:
    """Call `tick` often, from the thread that made the processes."""

    def __init__(self, arena: Arena, faults: Sequence[Fault]) -> None:
        self._arena = arena
        self._waiting = sorted(faults, key=lambda fault: fault.at)
        self._ends: list[tuple[float, Callable[[], None]]] = []
        self._began = time.monotonic()
        self._number = 0
        self.done: Counter[Kind] = Counter()

    def start(self) -> None:
        """Time counts from here."""
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since `start`."""
        return time.monotonic() - self._began

    @property
    def kills(self) -> int:
        """Processes and servers ended by force so far."""
        return sum(count for kind, count in self.done.items() if kind in KILLS)

    @property
    def over(self) -> bool:
        """Whether all has happened and is mended."""
        return not self._waiting and not self._ends

    def tick(self) -> list[Fault]:
        """Do what is due; returns what has just been broken."""
        now = self.elapsed
        for end in [end for end in self._ends if end[0] <= now]:
            self._ends.remove(end)
            end[1]()
        begun = []
        while self._waiting and self._waiting[0].at <= now:
            fault = self._waiting.pop(0)
            mend = self._break(fault)
            self.done[fault.kind] += 1
            begun.append(fault)
            if mend is not None:
                self._ends.append((now + fault.seconds, mend))
        return begun

    def mend(self) -> None:
        """End what still lasts, now."""
        for _, mend in self._ends:
            mend()
        self._ends.clear()
        self._waiting.clear()
        self._arena.proxy.mend()

    def _break(self, fault: Fault) -> Callable[[], None] | None:
        arena, platform = self._arena, self._arena.platform
        match fault.kind:
            case Kind.KILL_WORKER | Kind.KILL_WEB:
                platform.kill(fault.target)
            case Kind.KILL_WEB_PROCESS:
                self._number += 1
                platform.kill_child("web", self._number)
            case Kind.TERMINATE_WORKER:
                platform.terminate(fault.target)
            case Kind.FREEZE_WORKER | Kind.FREEZE_WEB:
                group = platform.freeze(fault.target)
                return (lambda: platform.thaw(group)) if group is not None else None
            case Kind.KILL_REDIS:
                arena.redis.kill()
                return lambda: arena.redis.start(wait=False)
            case Kind.FREEZE_REDIS:
                arena.redis.freeze()
                return arena.redis.thaw
            case Kind.STOP_POSTGRES:
                arena.postgres.kill(signal.SIGQUIT)
                return lambda: arena.postgres.start(wait=False)
            case Kind.LINK:
                assert fault.mode is not None
                arena.proxy.switch(fault.target, fault.mode, fault.delay_s)
                return lambda: arena.proxy.switch(fault.target, Mode.PASS)
            case Kind.EXCHANGE_DOWN | Kind.EXCHANGE_MAINTENANCE:
                name = "down" if fault.kind == Kind.EXCHANGE_DOWN else "maintenance"
                arena.control.configure(fault.target, **{name: True})
                return lambda: arena.mend_exchange(fault.target, name)
        return None
