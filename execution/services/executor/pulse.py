"""How the exchanges do, from this worker's own calls: breakers move at once here and are shared twice a second."""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import structlog

from execution.domain import breaker as rules_of
from execution.domain.balance import Peak, after_answer
from execution.domain.breaker import Breaker, BreakerState, Outcome
from execution.domain.rollups import Tally
from execution.domain.router import Facts
from execution.exchanges.errors import NotSent
from execution.selectors.breakers import Key
from execution.selectors.facts import refresh_facts
from execution.services import breakers, rollups
from execution.services.breakers import Observed
from execution.services.executor.threads import DatabaseThreads
from execution.services.observing import Call, CallKind
from policies.domain.policy import Policy
from policies.domain.reasons import ReasonCode

logger = structlog.get_logger(__name__)


class Pulse:
    """Watches the calls of one worker. `on_opened` is called when an exchange just went out of use."""

    def __init__(
        self,
        database: DatabaseThreads,
        policy: Callable[[], Policy],
        facts: Callable[[], Facts],
        on_opened: Callable[[], None],
    ) -> None:
        self._database = database
        self._policy = policy
        self._facts = facts
        self._on_opened = on_opened
        self._unshared: deque[Observed] = deque()
        self._probes: Counter[str] = Counter()
        self._answered: dict[str, float] = {}  # when the youngest call that was answered began
        self._sharing = asyncio.Lock()  # two rounds at one time would count the same calls twice
        self._tally = Tally()
        self._peaks: dict[str, Peak] = {}
        self.ahead: dict[Key, Breaker] = {}
        """Breakers whose newest calls the others do not know yet."""

    def note(self, call: Call) -> None:
        """See `Watch.note`."""
        now = time.monotonic()
        self._tally.add(call.exchange, call.kind.value, now, None if call.failed else call.took_s * 1000)
        if call.is_book:
            self._tally.saw_book(call.exchange, now)
        if call.kind != CallKind.PLACE:
            return
        peak = after_answer(
            self._peaks.get(call.exchange), call.took_s * 1000, time.monotonic(), failed=call.failed or call.keys_failed
        )
        if peak is not None:
            self._peaks[call.exchange] = peak
        at = datetime.fromtimestamp(call.at, UTC)
        self._count(Observed((call.exchange, None), self._outcome(call), at, call.why))
        keys = (call.exchange, call.credential)
        if call.credential and (call.keys_failed or (not call.failed and self._was_failing(keys))):
            outcome = Outcome.FAILURE if call.keys_failed else Outcome.SUCCESS
            self._count(Observed(keys, outcome, at, call.why))

    def latency_ms(self, exchange: str) -> float | None:
        """The peak-EWMA of this worker's placements there; None before the first."""
        peak = self._peaks.get(exchange)
        return peak.now(time.monotonic()) if peak else None

    @contextmanager
    def admitted(self, exchange: str, credential: str | None) -> Iterator[None]:
        """A placement that the breakers let through. Raises NotSent where one is open or has its probes out already."""
        asked: list[tuple[Key, ReasonCode]] = [((exchange, None), ReasonCode.CIRCUIT_OPEN)]
        if credential is not None:
            asked.append(((exchange, credential), ReasonCode.KEYS_CIRCUIT_OPEN))
        probing = False
        for key, code in asked:
            known = self._known(key)
            if known is None:
                continue
            rules = breakers.rules_for(self._policy(), key)
            state = rules_of.at(known, rules, datetime.now(UTC)).state
            if state == BreakerState.OPEN:
                raise NotSent(code, f"Its breaker is open: {known.cause}")
            if state == BreakerState.HALF_OPEN and self._probes[exchange] >= rules.probes:
                raise NotSent(code, "Its breaker is half open, and other orders probe it.")
            probing = probing or state == BreakerState.HALF_OPEN
        self._probes[exchange] += probing
        try:
            yield
        finally:
            self._probes[exchange] -= probing

    async def share(self) -> None:
        """Fold what was seen into the rows that all workers read. Raises django.db.Error; nothing is lost then."""
        async with self._sharing:
            await self._share()

    async def _share(self) -> None:
        calls = list(self._unshared)
        if not calls:
            return
        await self._database.run(breakers.fold, calls, self._policy())
        if any(self._is_news(key, breaker) for key, breaker in self.ahead.items()):
            await self._database.run(refresh_facts)
        for _ in calls:
            self._unshared.popleft()
        left = {call.key for call in self._unshared}
        self.ahead = {key: breaker for key, breaker in self.ahead.items() if key in left}

    async def flush(self) -> None:
        """Add what was counted to the rows of all workers. Raises django.db.Error; it is tried again then."""
        now = time.monotonic()
        calls, books = self._tally.take(now)
        try:
            await self._database.run(rollups.add, calls)
        except BaseException:
            self._tally.give_back(calls, now)
            raise
        await self._database.run(rollups.saw_books, books)

    def _is_news(self, key: Key, breaker: Breaker) -> bool:
        """Whether this worker's copy of the shared rows still says otherwise."""
        known = self._facts().breakers.get(key)
        return breaker.state != (known.state if known else BreakerState.CLOSED)

    def _outcome(self, call: Call) -> Outcome:
        began, answered = call.at - call.took_s, self._answered.get(call.exchange, 0.0)
        if call.failed:
            return Outcome.OVERTAKEN if began <= answered else Outcome.FAILURE
        self._answered[call.exchange] = max(answered, began)
        exchange = self._policy().exchanges.get(call.exchange)
        slow_ms = exchange.degraded_above_ms if exchange else float("inf")
        return Outcome.SLOW if call.took_s * 1000 > slow_ms else Outcome.SUCCESS

    def _was_failing(self, key: Key) -> bool:
        known = self._known(key)
        return known is not None and (known.failures_in_row > 0 or known.state != BreakerState.CLOSED)

    def _known(self, key: Key) -> Breaker | None:
        return self.ahead.get(key) or self._facts().breakers.get(key)

    def _count(self, call: Observed) -> None:
        self._unshared.append(call)
        before = self._known(call.key) or rules_of.closed(call.at)
        rules = breakers.rules_for(self._policy(), call.key)
        after = rules_of.after_call(before, rules, call.outcome, call.at, chance=random.random(), why=call.why)  # noqa: S311
        self.ahead[call.key] = after
        if after.state == BreakerState.OPEN and before.state != BreakerState.OPEN:
            self._on_opened()
