"""Which of the two orders of an arbitrage goes first: the one that is less likely to be filled. Pure.

When the harder order fails, nothing has been traded and nothing is lost; the easier one is the one to rely on.
"""

from dataclasses import dataclass
from decimal import Decimal

from execution.domain.orders import Side
from execution.domain.scoring import UNKNOWN_LATENCY_MS, Record

_LATE_MS = 2000.0
"""An exchange that takes this long to answer is taken to be late with every second order."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One of the two orders.

    cover: what its book holds within the limit, in multiples of the amount; depth: the same of all that is seen of that
    side. record: of the latest orders there. latency_ms None: never measured.
    """

    exchange: str
    cover: Decimal
    depth: Decimal
    record: Record
    latency_ms: float | None

    @property
    def risk(self) -> float:
        """0 to 1: a rough chance that it is not filled. Only good to compare two with."""
        thin = 0.8 / (1 + float(self.cover)) + 0.2 / (1 + float(self.depth))
        ms = UNKNOWN_LATENCY_MS if self.latency_ms is None else self.latency_ms
        late = 0.5 * min(1.0, ms / _LATE_MS)
        return 1 - (1 - thin) * (1 - self.record.rejects) * (1 - late)

    @property
    def words(self) -> str:
        """What speaks for and against it."""
        speed = "never measured" if self.latency_ms is None else f"{self.latency_ms:.0f} ms"
        refused = f"{100 * self.record.rejects:.0f} % of its latest orders refused"
        return (
            f"{self.exchange} holds {self.cover:.1f} times the amount within the limit and {self.depth:.1f} times in "
            f"all that is seen, {refused}, {speed}"
        )


def harder(buy: Leg, sell: Leg) -> tuple[Side, str]:
    """The side that goes first, and why. As hard as each other: the purchase, for what is owned owes nothing."""
    side = Side.SELL if sell.risk > buy.risk else Side.BUY
    first, second = (buy, sell) if side == Side.BUY else (sell, buy)
    return side, f"{first.exchange} first, as the harder one: {first.words}; {second.words}."
