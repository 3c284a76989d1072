"""Facts about one pair at one exchange."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Market:
    """What an exchange requires of an order. All > 0; None where the exchange sets no such bound.

    tick: price step. lot: amount step. min_amount, max_amount: base units. min_notional: quote units.
    """

    symbol: str
    tick: Decimal
    lot: Decimal
    min_amount: Decimal | None = None
    max_amount: Decimal | None = None
    min_notional: Decimal | None = None

    @property
    def base(self) -> str:
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        return self.symbol.partition("/")[2]
