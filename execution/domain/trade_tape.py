"""The market's trades of one exchange and pair, added up by minute, each counted once. Pure.

What is not known to be whole is said to be so: a minute in which a trade may have been missed has a gap.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import median

MINUTE_S = 60
REMEMBERED_S = 10 * MINUTE_S
"""Trades older than this are not counted any more: their minutes are closed."""

SETTLE_S = 2.0
"""So long after a trade an exchange shows it, and so far its clock may be behind ours."""

ABSURD_TIMES = 5
"""A price so many times the middle one of its neighbours, or that part of it, is a mistake."""

_NEIGHBOURS = 25
_LARGEST = Decimal(10) ** 15
"""No price, amount or value of one trade is as large; sums of a minute fit their columns."""


@dataclass(frozen=True, slots=True)
class MarketTrade:
    """A trade as everybody sees it. price in quote, amount in base units; at: epoch seconds by the exchange's clock."""

    id: str
    price: Decimal
    amount: Decimal
    at: float


@dataclass(frozen=True, slots=True)
class RecentTrades:
    """An exchange's answer, oldest first. since: every trade after this instant is in it (epoch seconds)."""

    trades: Sequence[MarketTrade]
    since: float


@dataclass(slots=True)
class Bar:
    """One minute. begins: epoch seconds. seen_to: everything until then is counted, unless there is a gap."""

    begins: int
    volume: Decimal = Decimal(0)
    notional: Decimal = Decimal(0)
    trades: int = 0
    gap: bool = False
    seen_to: float = 0.0


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a tape stopped: the last trade that it counted, and until when it knew everything."""

    last_id: str
    last_at: float
    seen_to: float


def named(trades: Iterable[tuple[str, Decimal, Decimal, float]]) -> list[MarketTrade]:
    """Trades with an id each, oldest first: where the exchange gives none, their own facts and a count of equals."""
    equals: Counter[str] = Counter()
    found = []
    for name, price, amount, at in sorted(trades, key=lambda trade: trade[3]):
        if not name:
            facts = f"{at:.6f} {price} {amount}"
            name, equals[facts] = f"{facts} {equals[facts]}", equals[facts] + 1
        found.append(MarketTrade(name, price, amount, at))
    return found


class Tape:
    """Follows the trades of one pair from answer to answer. `mark`, `bars`: where an earlier process stopped."""

    def __init__(self, mark: Mark | None = None, bars: Iterable[Bar] = ()) -> None:
        self.mark = mark
        self.gaps = self.refused = 0
        """How often trades may have been missed; how many could not be what they said."""
        self._bars = {bar.begins: bar for bar in bars}
        self._seen: dict[str, float] = {mark.last_id: mark.last_at} if mark and mark.last_id else {}
        self._resumed_at = mark.last_at if mark else 0.0
        self._oldest = 0
        self._prices: deque[Decimal] = deque(maxlen=_NEIGHBOURS)
        self._changed: set[int] = set()

    def take(self, answer: RecentTrades, *, asked_at: float) -> int:
        """Count what is new in the answer to a question of that moment (epoch seconds); how many trades were."""
        seen_to = asked_at - SETTLE_S
        fresh = [trade for trade in answer.trades if trade.id not in self._seen]
        joined = self._joins(answer, overlaps=len(fresh) < len(answer.trades))
        self.gaps += not joined and self.mark is not None
        self._advance(answer.since, seen_to, joined=joined)
        middle = self._middle_price(answer.trades)
        counted = sum(self._count(trade, seen_to, middle) for trade in fresh)
        self.mark = self._mark_after(answer, seen_to)
        self._forget()
        return counted

    def take_changed(self) -> list[Bar]:
        """The bars that have changed since the last time, as they are now."""
        changed = [replace(self._bars[begins]) for begins in sorted(self._changed)]
        self._changed.clear()
        return changed

    def _joins(self, answer: RecentTrades, *, overlaps: bool) -> bool:
        """Whether nothing can have happened between what is known and this answer that is in neither.

        An answer that should hold the last trade we know and does not is not believed.
        """
        if self.mark is None:
            return False
        return overlaps or self.mark.last_at <= answer.since < self.mark.seen_to or self._has_nothing_new(answer)

    def _has_nothing_new(self, answer: RecentTrades) -> bool:
        """No trade was ever seen, and the answer reaches back to what is known."""
        return self.mark is not None and not self.mark.last_id and answer.since < self.mark.seen_to

    def _advance(self, since: float, seen_to: float, *, joined: bool) -> None:
        """Open the minutes until now. One of which a part is not known has a gap."""
        known_from = since
        if self.mark is not None and since < self.mark.seen_to:
            known_from = self.mark.seen_to if joined else seen_to  # an answer that is not believed tells nothing
        earliest = _minute(seen_to) - REMEMBERED_S
        began = max(earliest, known_from if self.mark is None else min(self.mark.seen_to, known_from))
        for begins in range(_minute(began), _minute(max(seen_to, began)) + 1, MINUTE_S):
            bar = self._bars.setdefault(begins, Bar(begins))
            bar.seen_to = max(bar.seen_to, min(seen_to, begins + MINUTE_S))
            bar.gap |= not joined and begins < known_from
            self._changed.add(begins)
        self._oldest = max(earliest, min(self._bars))

    def _count(self, trade: MarketTrade, seen_to: float, middle: Decimal | None) -> bool:
        if 0 < trade.at <= self._resumed_at:
            return False  # an earlier process has counted it
        in_time = _is_time(trade.at) and trade.at <= seen_to + MINUTE_S
        if in_time and _is_possible(trade) and not _is_absurd(trade.price, middle):
            self._seen[trade.id] = trade.at
            self._prices.append(trade.price)
            return self._add(trade)
        self.refused += 1
        self._seen[trade.id] = seen_to
        if _is_possible(trade):
            self._prices.append(trade.price)  # a price that stays is no mistake
        self._spoil(_minute(trade.at if in_time else seen_to))
        return False

    def _add(self, trade: MarketTrade) -> bool:
        begins = _minute(trade.at)
        if begins < self._oldest:
            return False
        bar = self._bars.setdefault(begins, Bar(begins))
        bar.volume += trade.amount
        bar.notional += trade.amount * trade.price
        bar.trades += 1
        self._changed.add(begins)
        return True

    def _spoil(self, begins: int) -> None:
        """A trade of that minute could not be counted."""
        if begins >= self._oldest:
            self._bars.setdefault(begins, Bar(begins)).gap = True
            self._changed.add(begins)

    def _middle_price(self, trades: Iterable[MarketTrade]) -> Decimal | None:
        prices = [*self._prices, *(trade.price for trade in trades if _is_possible(trade))]
        return median(prices) if prices else None

    def _mark_after(self, answer: RecentTrades, seen_to: float) -> Mark:
        before = self.mark or Mark("", 0.0, seen_to)
        last = max((trade for trade in answer.trades if trade.id in self._seen), key=lambda t: t.at, default=None)
        if last is None or not before.last_at <= last.at <= seen_to + MINUTE_S:
            return Mark(before.last_id, before.last_at, seen_to)
        return Mark(last.id, last.at, seen_to)

    def _forget(self) -> None:
        assert self.mark is not None
        kept = {begins: bar for begins, bar in self._bars.items() if begins >= self._oldest or begins in self._changed}
        self._bars = kept
        self._seen = {name: at for name, at in self._seen.items() if at >= self._oldest or name == self.mark.last_id}


def _minute(at: float) -> int:
    return int(at // MINUTE_S) * MINUTE_S


def _is_time(at: float) -> bool:
    return 0 < at < 1e11


def _is_possible(trade: MarketTrade) -> bool:
    if not (trade.price.is_finite() and trade.amount.is_finite()) or not _is_time(trade.at):
        return False
    return all(0 < number < _LARGEST for number in (trade.price, trade.amount, trade.price * trade.amount))


def _is_absurd(price: Decimal, middle: Decimal | None) -> bool:
    return middle is not None and not middle / ABSURD_TIMES <= price <= middle * ABSURD_TIMES
