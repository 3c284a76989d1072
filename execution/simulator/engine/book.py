"""One market's order book: synthetic liquidity and clients' resting orders, in one price-time priority."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

from execution.simulator.engine.orders import Order


class Level:
    """Synthetic liquidity at one price. `seq` places it in time among client orders at the same price."""

    __slots__ = ("price", "remaining", "seq")

    def __init__(self, price: int, remaining: int, seq: int) -> None:
        self.price = price
        self.remaining = remaining
        self.seq = seq


Maker = Level | Order


def maker_price(maker: Maker) -> int:
    """The price a maker trades at. A resting order always has one."""
    price = maker.price
    if price is None:  # pragma: no cover - market orders never rest
        raise AssertionError("a market order cannot rest")
    return price


class RestingOrders:
    """Clients' orders on one side, best price first and oldest first at each price."""

    def __init__(self, *, sign: int) -> None:
        self._sign = sign
        self._keys: list[int] = []
        self._queues: dict[int, dict[int, Order]] = {}

    def __iter__(self) -> Iterator[Order]:
        for key in self._keys:
            yield from self._queues[key].values()

    def __bool__(self) -> bool:
        return bool(self._keys)

    def add(self, order: Order) -> None:
        """Queue an order behind the others at its price."""
        key = maker_price(order) * self._sign
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = {}
            insort(self._keys, key)
        queue[order.seq] = order

    def remove(self, order: Order) -> None:
        """Take an order out of the book."""
        key = maker_price(order) * self._sign
        queue = self._queues[key]
        del queue[order.seq]
        if not queue:
            del self._queues[key]
            del self._keys[bisect_left(self._keys, key)]


class BookSide:
    """Everything offered on one side. `sign` is 1 where the lowest price is best (sells), -1 for buys."""

    def __init__(self, *, sign: int) -> None:
        self.sign = sign
        self.levels: list[Level] = []
        self.orders = RestingOrders(sign=sign)

    def __iter__(self) -> Iterator[Maker]:
        """Yield the makers in price-time priority. The side must not change while iterating."""
        if not self.orders:
            yield from self.levels
            return
        levels, orders = iter(self.levels), iter(self.orders)
        level: Level | None = next(levels, None)
        order: Order | None = next(orders, None)
        while level is not None and order is not None:
            if (level.price * self.sign, level.seq) < (maker_price(order) * self.sign, order.seq):
                yield level
                level = next(levels, None)
            else:
                yield order
                order = next(orders, None)
        if level is not None:
            yield level
            yield from levels
        elif order is not None:
            yield order
            yield from orders

    def reaches(self, price: int, limit: int) -> bool:
        """Whether a taker with this `limit` may trade at `price`."""
        return price * self.sign <= limit * self.sign

    def take(self, level: Level, amount: int) -> None:
        """Consume synthetic liquidity."""
        level.remaining -= amount
        if level.remaining == 0:
            self.levels.remove(level)

    def depth(self, limit: int) -> list[tuple[int, int]]:
        """Return up to `limit` (price, amount) pairs, best first."""
        rows: list[tuple[int, int]] = []
        for maker in self:
            price = maker_price(maker)
            if rows and rows[-1][0] == price:
                rows[-1] = (price, rows[-1][1] + maker.remaining)
            elif len(rows) == limit:
                break
            else:
                rows.append((price, maker.remaining))
        return rows


class Book:
    """Both sides of one market."""

    def __init__(self) -> None:
        self.buys = BookSide(sign=-1)
        self.sells = BookSide(sign=1)

    def side(self, side: str) -> BookSide:
        """The side orders of this kind rest on."""
        return self.buys if side == "buy" else self.sells

    def opposite(self, side: str) -> BookSide:
        """The side orders of this kind trade against."""
        return self.sells if side == "buy" else self.buys

    def set_levels(self, bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]], seq: int) -> None:
        """Replace the synthetic liquidity; (price, amount) pairs, best first."""
        self.buys.levels = [Level(price, amount, seq) for price, amount in bids]
        self.sells.levels = [Level(price, amount, seq) for price, amount in asks]
