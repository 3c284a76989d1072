"""What one subscription has told its client of a book, so that only changes are sent."""

import re
from enum import StrEnum

from execution.simulator.engine.market import Market

Rows = list[tuple[int, int]]
"""Prices with the amount there is now; 0: the level is gone."""


class Tampering(StrEnum):
    """What goes wrong with a subscription's next update."""

    GAP = "gap"
    """It is lost: counted, and never sent."""
    CROSSED = "crossed"
    """It has a sell order far below the best bid."""
    NONSENSE = "nonsense"
    """It has a level with a negative amount."""
    NAN = "nan"
    """It has a level whose amount is no number."""


class Watched:
    """One book as its client knows it. `depth` levels a side."""

    def __init__(self, market: Market, depth: int) -> None:
        self.market = market
        self.depth = depth
        self.tampering: list[Tampering] = []
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}

    def snapshot(self) -> tuple[Rows, Rows]:
        """The whole book, which the client knows from now on."""
        bids, asks = self.market.book.buys.depth(self.depth), self.market.book.sells.depth(self.depth)
        self._bids, self._asks = dict(bids), dict(asks)
        return bids, asks

    def changes(self) -> tuple[Rows, Rows] | None:
        """What has changed since the client was last told; None: nothing."""
        old_bids, old_asks = self._bids, self._asks
        self.snapshot()
        bids, asks = _difference(old_bids, self._bids), _difference(old_asks, self._asks)
        is_due = self.tampering and self.tampering[0] is not Tampering.GAP  # only a change can be lost
        return (bids, asks) if bids or asks or is_due else None

    def tampered(self, bids: Rows, asks: Rows) -> tuple[Rows, Rows] | None:
        """The update with what was to go wrong with it; None: it is lost."""
        kind = self.tampering.pop(0) if self.tampering else None
        if kind is Tampering.GAP:
            return None
        spec = self.market.spec
        if kind is Tampering.CROSSED:
            price = max(self._bids, default=100 * spec.tick) // (2 * spec.tick) * spec.tick
            return bids, [*asks, (price, spec.min_amount)]
        if kind in (Tampering.NONSENSE, Tampering.NAN):
            return bids, [*asks, (min(self._asks, default=spec.tick), -spec.min_amount)]
        return bids, asks


_NEGATIVE = re.compile(rb'(?<=[:"])-[0-9.]+')


def without_numbers(message: bytes) -> bytes:
    """An update that was to be `NAN`, as it is sent: the amount that cannot be is not even a number."""
    return _NEGATIVE.sub(b"NaN", message)


def _difference(old: dict[int, int], new: dict[int, int]) -> Rows:
    changed = [(price, amount) for price, amount in new.items() if old.get(price) != amount]
    return changed + [(price, 0) for price in old if price not in new]
