"""One market of one exchange: its rules, its book, its synthetic liquidity and its statistics."""

import math
from collections import deque
from dataclasses import dataclass
from itertools import islice
from random import Random

from execution.simulator.engine.book import Book
from execution.simulator.engine.prices import Universe
from execution.simulator.markets import MarketSpec

LEVELS = 20
_NOISE_LENGTH = 997
_RECENT_TRADES = 1_000
# Nobody quotes 0.123456789 BTC: synthetic amounts have at most this many decimals.
_SYNTHETIC_DECIMALS = 5


@dataclass(slots=True, frozen=True)
class PublicTrade:
    """One trade as everybody sees it; `side` is the taker's."""

    side: str
    price: int
    amount: int
    notional: int
    at: int


class Market:
    """A moving book; its synthetic levels are a function of the seed, the step and the market's own shift."""

    def __init__(self, spec: MarketSpec, universe: Universe) -> None:
        self.spec = spec
        self.book = Book()
        self.version = 0
        """Grows with every change of the book, like an exchange's update id."""
        self.is_pinned = False
        """True while a control request has fixed the synthetic levels."""
        self.last_price = self.open_price = self.high = self.low = 0
        self.volume = self.turnover = self.trade_count = 0
        self.recent: deque[PublicTrade] = deque(maxlen=_RECENT_TRADES)
        self._universe = universe
        self._shift = 1.0
        noise = Random(f"{universe.seed}:{spec.exchange.slug}:{spec.symbol}:depth")  # noqa: S311 - repeatable
        self._noise = [noise.uniform(0.4, 1.6) for _ in range(_NOISE_LENGTH)]

    def natural_mid(self, step: int) -> float:
        """The mid at `step` in price units, before rounding to the tick."""
        spec = self.spec
        mid = self._universe.mid(spec.exchange.slug, spec.base, spec.quote, step)
        return float(mid * self._shift * 10**spec.price_decimals)

    def move_mid(self, mid: int, step: int) -> None:
        """Make `mid` the market's centre from now on; it goes on moving from there."""
        self.is_pinned = False
        self._shift *= mid / self.natural_mid(step)

    def refresh(self, step: int, seq: int) -> None:
        """Replenish the synthetic liquidity around this step's mid."""
        if self.is_pinned:
            return
        mid = self.natural_mid(step)
        if self.spec.facts.depth_usd:
            self.book.set_levels(self._levels(mid, step, -1), self._levels(mid, step, 1), seq)
        self.note_price(round(mid))
        self.version += 1

    def note_price(self, price: int) -> None:
        """Count a price in the day's range. Until the first trade the mid stands in for the last price."""
        if not self.open_price:
            self.open_price = self.high = self.low = price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        if not self.trade_count:
            self.last_price = price

    def note_trade(self, trade: PublicTrade) -> None:
        """Count a trade in the statistics."""
        self.trade_count += 1
        self.last_price = trade.price
        self.volume += trade.amount
        self.turnover += trade.notional
        self.note_price(trade.price)
        self.recent.append(trade)
        self.version += 1

    def latest_trades(self, limit: int) -> list[tuple[int, PublicTrade]]:
        """The newest trades with their numbers in this market, newest first."""
        return list(zip(range(self.trade_count, 0, -1), islice(reversed(self.recent), limit), strict=False))

    def _levels(self, mid: float, step: int, sign: int) -> list[tuple[int, int]]:
        """Synthetic (price, amount) pairs of one side, best first; `sign` is -1 for bids."""
        spec, facts = self.spec, self.spec.facts
        half, gap = facts.spread_bps / 20_000, max(facts.spread_bps * 0.4, 0.3) / 10_000
        grain = max(spec.lot, 10 ** (spec.base_decimals - _SYNTHETIC_DECIMALS))
        grains = facts.depth_usd / self._universe.usd(spec.base, step) * 10**spec.base_decimals / grain
        rounding = math.floor if sign < 0 else math.ceil
        noise, offset = self._noise, step * 7 + (0 if sign < 0 else 331)
        rows: list[tuple[int, int]] = []
        previous = 0
        for i in range(LEVELS):
            price = rounding(mid * (1 + sign * (half + i * gap)) / spec.tick) * spec.tick
            if rows and (price - previous) * sign < spec.tick:
                price = previous + sign * spec.tick
            size = int(grains * noise[(offset + i * 13) % _NOISE_LENGTH] * (1 + 0.15 * i)) * grain
            rows.append((price, max(size, spec.min_amount)))
            previous = price
        return rows
