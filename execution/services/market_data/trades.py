"""The trades of one exchange's pairs, asked for over REST just often enough to miss none, and added up by minute."""

import asyncio
import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import structlog

from execution.domain.trade_tape import RecentTrades, Tape
from execution.exchanges.base import Exchange
from execution.exchanges.errors import ExchangeError
from execution.services.market_data import figures
from execution.services.market_data.bars import Changed, Key

logger = structlog.get_logger(__name__)

ASK_EVERY_S = 0.5
ASKS_S = {"alpaca": 5.0, "bybit": 0.1, "firi": 5.0, "kraken": 5.0, "kucoin": 0.25}
"""Seconds between two questions for trades of any pair: few where the request limits leave orders little else, many
where an answer holds few trades (Bybit 60, KuCoin 100)."""

SOONEST_S, LATEST_S = 0.5, 20.0
"""A pair is asked about at most and at least so often, as far as the above leaves room."""

SHARE = 0.4
"""The next question comes when about this share of an answer's trades should be new."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0


@dataclass(slots=True)
class _Followed:
    tape: Tape
    due_at: float = 0.0
    failures: int = 0


class TradeFeed:
    """The trades of one exchange. Everything here waits for this exchange alone."""

    def __init__(self, slug: str, public: Exchange, clock: Callable[[], float] = time.time) -> None:
        self.slug = slug
        self._public = public
        self._clock = clock
        self._followed: dict[str, _Followed] = {}
        self._every_s = ASKS_S.get(slug, ASK_EVERY_S)

    def want(self, symbols: Collection[str], stopped: Mapping[Key, Tape]) -> None:
        """Follow exactly these from now on. stopped: tapes of an earlier process, for those that are new here."""
        for symbol in set(self._followed) - set(symbols):
            del self._followed[symbol]
        for symbol in set(symbols) - set(self._followed):
            self._followed[symbol] = _Followed(stopped.get((self.slug, symbol)) or Tape())

    def new_among(self, symbols: Collection[str]) -> set[Key]:
        """Those of them that are not followed yet."""
        return {(self.slug, symbol) for symbol in symbols if symbol not in self._followed}

    def take_changed(self) -> Changed:
        """The bars that have changed since the last time, each with how far its tape had come."""
        return {
            (self.slug, symbol, bar.begins): (followed.tape.mark, bar)
            for symbol, followed in self._followed.items()
            if followed.tape.mark is not None
            for bar in followed.tape.take_changed()
        }

    async def run(self) -> None:
        """Ask about the pair that waits longest, one at a time, until cancelled."""
        while True:
            await asyncio.sleep(self._every_s * random.uniform(0.9, 1.1))  # noqa: S311 - spreads the load
            await self.ask_next()

    async def ask_next(self) -> bool:
        """One question; False if none is due."""
        now = self._clock()
        due = [(each.due_at, symbol) for symbol, each in self._followed.items() if each.due_at <= now]
        if not due:
            return False
        symbol = min(due)[1]
        await self._ask(symbol, self._followed[symbol])
        return True

    async def _ask(self, symbol: str, followed: _Followed) -> None:
        asked_at = self._clock()
        try:
            answer = await self._public.trades(symbol)
        except ExchangeError as e:
            followed.failures += 1
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * float(2 ** min(followed.failures - 1, 10)))
            followed.due_at = asked_at + max(e.retry_after_s or 0.0, pause)
            logger.info("trades_not_read", exchange=self.slug, symbol=symbol, error=str(e))
            return
        tape = followed.tape
        gaps, refused = tape.gaps, tape.refused
        counted = tape.take(answer, asked_at=asked_at)
        self._tell(symbol, counted, tape.gaps - gaps, tape.refused - refused)
        followed.due_at = asked_at + _next_in(answer, asked_at)
        followed.failures = 0

    def _tell(self, symbol: str, counted: int, gaps: int, refused: int) -> None:
        figures.market_trades_total.labels(self.slug).inc(counted)
        figures.market_trade_gaps_total.labels(self.slug).inc(gaps)
        figures.market_trades_refused_total.labels(self.slug).inc(refused)
        if gaps or refused:
            logger.warning("trades_missed", exchange=self.slug, symbol=symbol, gaps=gaps, refused=refused)


def _next_in(answer: RecentTrades, asked_at: float) -> float:
    """Seconds until SHARE of an answer should be new: as long as it took for the newest trades of this one."""
    if not answer.trades:
        return LATEST_S
    newest = answer.trades[-max(1, int(SHARE * len(answer.trades)))]
    return max(SOONEST_S, min(LATEST_S, asked_at - newest.at))
