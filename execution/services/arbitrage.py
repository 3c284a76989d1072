"""Finds what would earn money at the shared books, and keeps a record of it. It sends nothing."""

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

from django.db import transaction
from django.utils import timezone

from execution.domain.arbitrage import Triangle, find_triangles
from execution.domain.book import OrderBook
from execution.domain.cross_exchange import Cross, cross
from execution.domain.orders import Side
from execution.domain.shared_book import age_s
from execution.models import ArbitrageOpportunity
from execution.selectors.books import books_in_use, books_of
from execution.selectors.facts import current_facts
from execution.selectors.status_report import problem_of
from policies.domain.numbers import plain
from policies.domain.policy import Policy
from policies.snapshot import current_policy

STARTS = ("USDT", "USDC", "USD", "EUR", "NOK")
"""Where a triangle begins and ends: money that is counted in."""

MOST_AT_ONCE = 50
KEPT = 2_000
KEPT_FOR = timedelta(days=7)
_BPS = Decimal(10_000)
_PLACES = Decimal("1e-18")

Books = Mapping[tuple[str, str], OrderBook]


@dataclass(frozen=True, slots=True)
class Found:
    """One opportunity of one scan; fields as in `ArbitrageOpportunity`."""

    key: str
    kind: str
    buy_exchange: str
    sell_exchange: str
    currency: str
    amount: Decimal
    cost: Decimal
    profit: Decimal
    legs: tuple[dict[str, str], ...]
    symbol: str = ""
    cycle: str = ""

    @property
    def profit_bps(self) -> Decimal:
        """Of the cost."""
        return self.profit / self.cost * _BPS

    def values(self) -> dict[str, Any]:
        """The columns that change from scan to scan."""
        rounded = {name: getattr(self, name).quantize(_PLACES) for name in ("amount", "cost", "profit")}
        return {**rounded, "profit_bps": min(self.profit_bps, Decimal(10**7)).quantize(Decimal("1e-4"))}


def scan_and_store(always: Collection[str]) -> int:
    """One scan over everything that is followed; the number of opportunities there are now."""
    symbols = sorted({symbol for found in books_in_use(list(always)).values() for symbol in found})
    found = scan(current_policy(), usable_books(books_of(symbols)))
    store(found, timezone.now())
    return len(found)


def usable_books(books: Books) -> dict[tuple[str, str], OrderBook]:
    """Those that could price an order now: young, two-sided, at exchanges that orders may go to."""
    policy, facts, now = current_policy(), current_facts(), time.time()
    slugs = {exchange for exchange, _ in books}
    usable = {slug for slug in slugs if problem_of(policy, facts, policy.exchanges[slug]) is None}
    oldest = float(policy.rules.book_max_age_s)
    return {
        key: book for key, book in books.items() if key[0] in usable and book.is_usable() and age_s(book, now) <= oldest
    }


def scan(policy: Policy, books: Books) -> list[Found]:
    """What earns at least the policy's `arbitrage_min_profit_bps`, the most profitable first."""
    found = [*_crosses(policy, books), *_triangles(policy, books)]
    worth = [each for each in found if each.profit_bps >= policy.rules.arbitrage_min_profit_bps]
    return sorted(worth, key=lambda each: (-each.profit_bps, each.key))[:MOST_AT_ONCE]


def store(found: list[Found], now: datetime) -> None:
    """Keep what was found: what is known already is brought up to date, what is gone has ended."""
    with transaction.atomic():
        known = {row.key: row for row in ArbitrageOpportunity.objects.select_for_update().filter(ended_at=None)}
        for each in found:
            row = known.pop(each.key, None)
            if row is None:
                _insert(each, now)
                continue
            for name, value in each.values().items():
                setattr(row, name, value)
            row.legs, row.last_seen_at, row.seen = list(each.legs), now, row.seen + 1
            row.best_profit = max(row.best_profit, row.profit)
            row.save()
        ArbitrageOpportunity.objects.filter(pk__in=[row.pk for row in known.values()]).update(ended_at=now)


def prune(now: datetime) -> int:
    """Delete old ones; the number deleted."""
    ended = ArbitrageOpportunity.objects.exclude(ended_at=None)
    old = ended.filter(last_seen_at__lt=now - KEPT_FOR)
    surplus = ended.filter(pk__in=ended.order_by("-last_seen_at").values("pk")[KEPT:])
    return int(old.delete()[0] + surplus.delete()[0])


def _insert(each: Found, now: datetime) -> None:
    values = each.values()
    ArbitrageOpportunity.objects.create(
        key=each.key,
        kind=each.kind,
        symbol=each.symbol,
        cycle=each.cycle,
        buy_exchange=each.buy_exchange,
        sell_exchange=each.sell_exchange,
        currency=each.currency,
        legs=list(each.legs),
        best_profit=values["profit"],
        first_seen_at=now,
        last_seen_at=now,
        **values,
    )


def _fee(policy: Policy, exchange: str) -> Decimal:
    return policy.exchanges[exchange].taker_fee_bps / _BPS


def _crosses(policy: Policy, books: Books) -> Iterator[Found]:
    by_symbol: defaultdict[str, dict[str, OrderBook]] = defaultdict(dict)
    for (exchange, symbol), book in books.items():
        by_symbol[symbol][exchange] = book
    for symbol, at in by_symbol.items():
        for buy, sell in permutations(sorted(at), 2):
            found = cross(
                at[buy],
                at[sell],
                _fee(policy, buy),
                _fee(policy, sell),
                budget=policy.rules.arbitrage_max_notional,
            )
            if found is not None:
                yield _as_cross(symbol, buy, sell, at, found)


def _as_cross(symbol: str, buy: str, sell: str, at: Mapping[str, OrderBook], found: Cross) -> Found:
    legs = (
        _leg(buy, symbol, Side.BUY, found.amount, found.worst_buy, at[buy]),
        _leg(sell, symbol, Side.SELL, found.amount, found.worst_sell, at[sell]),
    )
    return Found(
        key=f"cross {symbol} {buy} > {sell}",
        kind=ArbitrageOpportunity.CROSS,
        buy_exchange=buy,
        sell_exchange=sell,
        currency=symbol.partition("/")[2],
        amount=found.amount,
        cost=found.cost,
        profit=found.profit,
        legs=legs,
        symbol=symbol,
    )


def _triangles(policy: Policy, books: Books) -> Iterator[Found]:
    by_exchange: defaultdict[str, dict[str, OrderBook]] = defaultdict(dict)
    for (exchange, symbol), book in books.items():
        by_exchange[exchange][symbol] = book
    for exchange, at in by_exchange.items():
        seen: set[frozenset[tuple[str, str]]] = set()
        for start in STARTS:
            for found in find_triangles(at, start, _fee(policy, exchange), policy.rules.arbitrage_max_notional):
                # The same three trades from another start are the same triangle.
                trades = frozenset((leg.symbol, leg.side.value) for leg in found.legs)
                if found.profit > 0 and trades not in seen:
                    seen.add(trades)
                    yield _as_triangle(exchange, at, found)


def _as_triangle(exchange: str, at: Mapping[str, OrderBook], found: Triangle) -> Found:
    legs = []
    for leg in found.legs:
        amount = leg.amount_in if leg.side == Side.SELL else leg.amount_out
        legs.append(_leg(exchange, leg.symbol, leg.side, amount, at[leg.symbol].best(leg.side), at[leg.symbol]))
    cycle = " > ".join(found.cycle)
    return Found(
        key=f"triangle {exchange} {cycle}",
        kind=ArbitrageOpportunity.TRIANGLE,
        buy_exchange=exchange,
        sell_exchange=exchange,
        currency=found.cycle[0],
        amount=found.start,
        cost=found.start,
        profit=found.profit,
        legs=tuple(legs),
        cycle=cycle,
    )


def _leg(exchange: str, symbol: str, side: Side, amount: Decimal, price: Decimal, book: OrderBook) -> dict[str, str]:
    return {
        "exchange": exchange,
        "symbol": symbol,
        "side": side.value,
        "amount": plain(amount.quantize(_PLACES)),
        "price": plain(price),
        "book_age_s": f"{max(0.0, age_s(book, time.time())):.2f}",
    }
