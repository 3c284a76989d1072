"""The state behind all ports: every exchange with its dialect, settings, faults and counters, and one clock."""

import time
from collections import Counter
from collections.abc import Callable

from execution.simulator.dialects import DIALECTS
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.prices import Universe
from execution.simulator.facts import EXCHANGES
from execution.simulator.faults import FaultKind, FaultSource
from execution.simulator.pace import Pace
from execution.simulator.settings import ExchangeSettings
from execution.simulator.streams.watching import Tampering


def wall_clock() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


class SimulatedExchange:
    """One exchange while the simulator runs."""

    def __init__(self, slug: str, universe: Universe, settings: ExchangeSettings, first_number: int) -> None:
        self.slug = slug
        dialect = DIALECTS[slug]
        self.engine = Exchange(
            EXCHANGES[slug],
            universe,
            first_number=first_number,
            order_id=dialect.order_id,
            trade_id=dialect.trade_id,
        )
        self.dialect = dialect(self.engine)
        self.settings = settings
        self.faults = FaultSource(f"{universe.seed}:{slug}:faults")
        self.requests: Counter[str] = Counter()
        self.pace = Pace()
        self.injected: Counter[FaultKind] = Counter()
        self.tampering: list[Tampering] = []
        """What is to go wrong with the next update of every stream."""
        self.streams_to_drop = False


class Simulator:
    """All exchanges. Same seed and same steps give the same books, fills and faults; only ids and times differ."""

    def __init__(
        self,
        *,
        seed: int,
        tick_ms: int,
        settings: ExchangeSettings,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        self.clock = clock
        self.exchanges: dict[str, SimulatedExchange] = {}
        self._tick = tick_ms * 1000
        self._settings = settings
        self._extra_steps = 0
        self._started = 0
        self.seed = seed
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Forget accounts, orders, books, faults, counters and settings, and start from a seed."""
        now = self.clock()
        self.seed, self._started, self._extra_steps = seed, now, 0
        universe = Universe(seed)
        # Numbers continue from the clock, so that ids never repeat: not after a reset, not after a restart.
        self.exchanges = {slug: SimulatedExchange(slug, universe, self._settings, now) for slug in DIALECTS}

    def advance(self, exchange: SimulatedExchange, now: int) -> None:
        """Bring one exchange's books to the present, unless they are frozen."""
        if not exchange.settings.frozen:
            exchange.engine.advance(self._step_at(now), now)

    def step(self, steps: int, exchange: SimulatedExchange | None = None) -> None:
        """Move all books, or one exchange's alone, by `steps` time steps at once, frozen or not."""
        now = self.clock()
        for each in self.exchanges.values():
            self.advance(each, now)
        if exchange is not None:
            exchange.engine.advance(exchange.engine.step + steps, now)
            return
        self._extra_steps += steps
        for each in self.exchanges.values():
            each.engine.advance(each.engine.step + steps, now)

    def _step_at(self, now: int) -> int:
        """The step that time alone has reached; with a tick of 0 time stands still."""
        elapsed = (now - self._started) // self._tick if self._tick else 0
        return elapsed + self._extra_steps
