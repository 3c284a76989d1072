"""What clients notice while Valkey is gone, Valkey hangs, and PostgreSQL is gone: measured at 20 signals a second."""

import asyncio
import math
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
from rich.console import Console
from rich.table import Table

from chaos import report
from chaos.arena import Arena, arena

RATE_PER_S = 20.0
CLIENT_TIMEOUT_S = 10.0
P99_MS = 500.0
DRAINED_WITHIN_S = 30.0
REFUSED_WITHIN_S = 2.0
RECOVERED_WITHIN_S = 30.0

Note = Callable[[str], None]


@dataclass(slots=True)
class Posts:
    """Single posts, each sent once. statuses: 0 is no answer."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    @property
    def p99_ms(self) -> float:
        """The slowest but one percent."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, math.ceil(0.99 * len(ordered)) - 1)] if ordered else 0.0

    def share(self, status: int) -> float:
        """Of all posts, between 0 and 1."""
        return self.statuses[status] / max(1, sum(self.statuses.values()))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    outage: str
    measured: str
    value: str
    bound: str
    holds: bool


class Poster:
    """Posts at a steady rate until it is stopped, whatever the answers."""

    def __init__(self, everything: Arena, label: str) -> None:
        self._url = everything.platform.url + "/api/signals"
        self._tokens = everything.world.tokens
        self._label = label
        self._stopping = threading.Event()
        self.posts = Posts()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="poster", daemon=True)
        self._thread.start()

    def stop(self) -> Posts:
        """End, after the last answer."""
        self._stopping.set()
        self._thread.join()
        return self.posts

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=CLIENT_TIMEOUT_S)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
            began, sent = time.monotonic(), set()
            number = 0
            while not self._stopping.is_set():
                sent.add(asyncio.create_task(self._post(session, number)))
                number += 1
                await asyncio.sleep(max(0.0, began + number / RATE_PER_S - time.monotonic()))
            await asyncio.gather(*sent)

    async def _post(self, session: aiohttp.ClientSession, number: int) -> None:
        token = self._tokens[number % len(self._tokens)]
        headers = {"Authorization": f"Token {token}", "Idempotency-Key": f"{self._label}-{number}"}
        body = {"symbol": "BTC/USDT", "side": ("buy", "sell")[number % 2], "amount": "0.002"}
        began = time.monotonic()
        try:
            async with session.post(self._url, json=body, headers=headers) as answer:
                await answer.read()
                self.posts.statuses[answer.status] += 1
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.posts.statuses[0] += 1
        self.posts.seconds.append(time.monotonic() - began)


def run_outages(console: Console, seconds: float, note: Note) -> int:
    """Measure all three; 1 if a bound does not hold."""
    lines: list[Line] = []
    with arena(seed=1, environment={}, simulator={}, users=4, note=note) as everything:
        note("starting web, workers and beat")
        everything.platform.start()
        everything.wait_until_usable()
        for name, begin, end in (
            ("Valkey killed", everything.redis.kill, lambda: everything.redis.start(wait=False)),
            ("Valkey hangs", everything.redis.freeze, everything.redis.thaw),
        ):
            note(f"{name} for {seconds:.0f} s, {RATE_PER_S:.0f} signals a second")
            lines += _without_redis(everything, name, begin, end, seconds)
        note(f"PostgreSQL stopped for {seconds:.0f} s, {RATE_PER_S:.0f} signals a second")
        lines += _without_postgres(everything, seconds)
        everything.platform.end()
    console.print(_table(lines, seconds))
    report.write("outages", {"seconds": seconds, "lines": [[x.outage, x.measured, x.value, x.holds] for x in lines]})
    return 0 if all(line.holds for line in lines) else 1


def _hold(everything: Arena, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        everything.platform.tick()
        time.sleep(0.05)


def _without_redis(
    everything: Arena, name: str, begin: Callable[[], None], end: Callable[[], None], seconds: float
) -> list[Line]:
    poster = Poster(everything, name.replace(" ", "-"))
    _hold(everything, 1.0)
    begin()
    _hold(everything, seconds)
    posts = poster.stop()
    left = everything.unfinished()
    end()
    drained = _seconds_until(everything, lambda: everything.unfinished() == 0, 120)
    accepted = posts.share(202)
    return [
        Line(name, "accepted", f"{accepted:.2%} of {sum(posts.statuses.values()):,}", "100 %", accepted == 1.0),
        Line(name, "POST p99", f"{posts.p99_ms:.0f} ms", f"{P99_MS:.0f} ms", posts.p99_ms <= P99_MS),
        Line(name, "not final at its end", f"{left}", "–", True),
        Line(name, "drained after its end", _text(drained), f"{DRAINED_WITHIN_S:.0f} s", _within(drained, 30)),
    ]


def _without_postgres(everything: Arena, seconds: float) -> list[Line]:
    name = "PostgreSQL stopped"
    everything.postgres.kill(signal.SIGQUIT)
    time.sleep(1.0)  # what was on its way has arrived
    before = _placements(everything)
    poster = Poster(everything, "no-postgres")
    _hold(everything, seconds)
    posts = poster.stop()
    blind = _placements(everything) - before
    everything.postgres.start(wait=False)
    client, number = everything.client(), [0]

    def works() -> bool:
        number[0] += 1
        try:
            answer = client.post("/api/execute?timeout=2", {"symbol": "BTC/USDT", "side": "buy", "amount": "0.002"},
                                 key=f"back-{number[0]}")  # fmt: skip
        except (OSError, ValueError):
            return False
        return answer.status == 200 and answer.body["status"] == "filled"

    recovered = _seconds_until(everything, works, 180)
    refused, slowest = posts.share(503), max(posts.seconds, default=0.0)
    return [
        Line(name, "answered 503", f"{refused:.2%} of {sum(posts.statuses.values()):,}", "100 %", refused == 1.0),
        Line(name, "slowest 503", f"{slowest:.2f} s", f"{REFUSED_WITHIN_S:.0f} s", slowest <= REFUSED_WITHIN_S),
        Line(name, "placed meanwhile", f"{blind}", "0", blind == 0),
        Line(name, "executing after its return", _text(recovered), "30 s", _within(recovered, RECOVERED_WITHIN_S)),
    ]


def _placements(everything: Arena) -> int:
    return sum(int(stats["orders"]) for stats in everything.control.stats().values())


def _seconds_until(everything: Arena, happened: Callable[[], bool], within_s: float) -> float | None:
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        everything.platform.tick()
        if happened():
            return time.monotonic() - began
        time.sleep(0.1)
    return None


def _text(seconds: float | None) -> str:
    return f"{seconds:.1f} s" if seconds is not None else "never"


def _within(seconds: float | None, bound: float) -> bool:
    return seconds is not None and seconds <= bound


def _table(lines: list[Line], seconds: float) -> Table:
    table = Table(title=f"Outages of {seconds:.0f} s at {RATE_PER_S:.0f} signals a second", title_justify="left")
    for column in ("outage", "measured", "value", "bound", ""):
        table.add_column(column, justify="right" if column in {"value", "bound"} else "left")
    for line in lines:
        table.add_row(line.outage, line.measured, line.value, line.bound, "[green]✔" if line.holds else "[red]✘")
    return table
