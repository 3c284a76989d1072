"""Whether a fill was charged what was expected. Pure. A fee in an asset whose price is not known stays unknown."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from execution.domain.fees import FeeRate

TOLERANCE_BPS = Decimal("0.25")
UNIT = Decimal("0.00000001")
"""The smallest amount most exchanges charge: on small fills rounding to it is many basis points."""

_BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Charged:
    """One fill as it was charged. maker: None where the exchange does not tell which side it was."""

    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool | None

    @property
    def notional(self) -> Decimal:
        """Quote units."""
        return self.price * self.amount


@dataclass(frozen=True, slots=True)
class FeeCheck:
    """Quote units. off: None where it cannot be told."""

    actual: Decimal | None
    expected: Decimal | None
    off: bool | None

    @property
    def gap(self) -> Decimal | None:
        """How much more was charged than expected; negative: less."""
        return None if self.actual is None or self.expected is None else self.actual - self.expected


def asset_price(symbol: str, fill: Charged, prices: Mapping[str, Decimal]) -> Decimal | None:
    """What one unit of the asset the fee was charged in is worth in quote units; None: not known.

    prices: of third assets (an exchange's own coin) in this pair's quote asset.
    """
    base, _, quote = symbol.partition("/")
    if fill.fee_asset == quote:
        return Decimal(1)
    if fill.fee_asset == base:
        return fill.price
    return prices.get(fill.fee_asset) if fill.fee_asset else None


def check_fee(symbol: str, fill: Charged, rate: FeeRate | None, prices: Mapping[str, Decimal]) -> FeeCheck:
    """Compare the fee of a fill with the rate that was expected when the order was decided.

    Where the exchange does not say which side the fill was, either rate will do.
    """
    worth = asset_price(symbol, fill, prices)
    actual = None if worth is None else fill.fee * worth
    if rate is None:
        return FeeCheck(actual, None, None)
    known = rate.of(fill.maker)
    expected = None if known is None else known * fill.notional
    if actual is None or worth is None:
        return FeeCheck(None, expected, None)
    allowed = fill.notional * TOLERANCE_BPS / _BPS + UNIT * worth
    candidates = (rate.maker, rate.taker) if known is None else (known,)
    off = all(abs(actual - candidate * fill.notional) > allowed for candidate in candidates)
    return FeeCheck(actual, expected, off)
