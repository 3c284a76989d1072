"""Triangles within one exchange: what the three books really pay, sized level by level, after three fees. Pure.

A triangle starts and ends in one asset and trades each of its three pairs once. What a leg pays out is concave in what
goes in (cheapest levels first), so the chain is too: profit grows as long as the next unit returns more than itself.
Legs are not atomic: this is the profit if all three fill at these books.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal
from itertools import permutations

from execution.domain.book import OrderBook
from execution.domain.orders import Side

_ONE = Decimal(1)
_EXACT = Context(prec=40, rounding=ROUND_FLOOR)
"""Not the thread's context, which others change. Rounded down: a triangle is never made to look better."""

Step = tuple[Decimal, Decimal]
"""Up to how much comes in, and how much comes out of each unit of it."""


@dataclass(frozen=True, slots=True)
class TriangleLeg:
    """One trade. `amount_in` of what it gives, `amount_out` of what it gets after the fee."""

    symbol: str
    side: Side
    amount_in: Decimal
    amount_out: Decimal


@dataclass(frozen=True, slots=True)
class Triangle:
    """A cycle of assets, e.g. USDT, BTC, ETH, USDT, and what it earns at its best size.

    top_edge_bps: what the first unit earns. start and profit are in the first asset, 0 when nothing is earned.
    """

    cycle: tuple[str, ...]
    top_edge_bps: Decimal
    start: Decimal
    profit: Decimal
    legs: tuple[TriangleLeg, ...] = ()


def find_triangles(
    books: Mapping[str, OrderBook], asset: str, fee: Decimal, budget: Decimal | None = None
) -> list[Triangle]:
    """Every triangle through `asset` over these books (by symbol), best first: most profit, then highest edge.

    fee: taker fee as a fraction, taken from what each leg gets. budget: the most of `asset` to start with. Unusable
    (empty, one-sided, crossed) books are left out.
    """
    usable = {symbol: book for symbol, book in books.items() if book.is_usable()}
    found = [size_triangle(usable, cycle, fee, budget) for cycle in _cycles(usable, asset)]
    return sorted(found, key=lambda triangle: (-triangle.profit, -triangle.top_edge_bps, triangle.cycle))


def size_triangle(
    books: Mapping[str, OrderBook], cycle: Sequence[str], fee: Decimal, budget: Decimal | None = None
) -> Triangle:
    """Walk the three books of a cycle together until the next unit would return less than itself.

    Raises KeyError when a pair of the cycle has no book.
    """
    trades = [_trade(books, given, got) for given, got in zip(cycle, cycle[1:], strict=False)]
    steps = [_steps(books[symbol], side, fee) for symbol, side in trades]
    edge = (_rate([walk[0] for walk in steps]) - _ONE) * 10_000
    moved = _walk(steps, budget)
    if not moved[0]:
        return Triangle(tuple(cycle), edge, Decimal(0), Decimal(0))
    legs = tuple(
        TriangleLeg(symbol, side, amount_in, amount_out)
        for (symbol, side), amount_in, amount_out in zip(trades, moved, moved[1:], strict=False)
    )
    return Triangle(tuple(cycle), edge, moved[0], moved[-1] - moved[0], legs)


def _cycles(books: Mapping[str, OrderBook], asset: str) -> Iterator[tuple[str, ...]]:
    pairs = {frozenset(symbol.split("/")) for symbol in books}
    others = sorted({name for pair in pairs if asset in pair for name in pair} - {asset})
    for first, second in permutations(others, 2):
        if frozenset((first, second)) in pairs:
            yield asset, first, second, asset


def _trade(books: Mapping[str, OrderBook], given: str, got: str) -> tuple[str, Side]:
    buying = f"{got}/{given}"
    return (buying, Side.BUY) if buying in books else (f"{given}/{got}", Side.SELL)


def _steps(book: OrderBook, side: Side, fee: Decimal) -> list[Step]:
    """A side of a book as money in and rate of money out, best first."""
    kept = _ONE - fee
    if side == Side.SELL:
        return [(amount, _EXACT.multiply(price, kept)) for price, amount in book.bids]
    return [(_EXACT.multiply(price, amount), _EXACT.divide(kept, price)) for price, amount in book.asks]


def _rate(steps: Sequence[Step]) -> Decimal:
    rate = _ONE
    for _, each in steps:
        rate = _EXACT.multiply(rate, each)
    return rate


def _walk(steps: Sequence[list[Step]], budget: Decimal | None) -> list[Decimal]:
    """What goes into each leg, and what comes out of the last, at the most profitable size."""
    moved = [Decimal(0)] * (len(steps) + 1)
    positions = [0] * len(steps)
    left = [walk[0][0] for walk in steps]
    while budget is None or moved[0] < budget:
        now = [walk[position] for walk, position in zip(steps, positions, strict=True)]
        if _rate(now) <= _ONE:
            break
        # The scarcest leg decides how much of the first asset goes through at these rates.
        room = [] if budget is None else [_EXACT.subtract(budget, moved[0])]
        upstream = _ONE
        for rest, (_, rate) in zip(left, now, strict=True):
            room.append(_EXACT.divide(rest, upstream))
            upstream = _EXACT.multiply(upstream, rate)
        part = min(room)
        scarcest = room.index(part) - (budget is not None)
        for index, (_, rate) in enumerate(now):
            moved[index] = _EXACT.add(moved[index], part)
            left[index] = Decimal(0) if index == scarcest else max(Decimal(0), _EXACT.subtract(left[index], part))
            part = _EXACT.multiply(part, rate)
            if not left[index]:
                positions[index] += 1
                if positions[index] < len(steps[index]):
                    left[index] = steps[index][positions[index]][0]
        moved[-1] = _EXACT.add(moved[-1], part)
        if any(position == len(walk) for walk, position in zip(steps, positions, strict=True)):
            break
    return moved
