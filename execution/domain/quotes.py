"""What an amount costs at one exchange right now, fee and all. Pure."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from execution.domain.book import OrderBook, walk_amount
from execution.domain.orders import Side

_PLACES = Decimal("1e-18")


@dataclass(frozen=True, slots=True)
class Quote:
    """A market order of `amount` base units at one exchange.

    price: average before the fee. worst: the last level it takes. notional, fee and total in quote units: a buyer pays
    notional + fee, a seller gets notional - fee. net_price: total per base unit, rounded against whoever asks.
    available: base units the known levels hold, at most `amount`; less than that and the quote is for these only.
    """

    amount: Decimal
    available: Decimal
    price: Decimal
    worst: Decimal
    notional: Decimal
    fee: Decimal
    total: Decimal
    net_price: Decimal

    @property
    def is_complete(self) -> bool:
        """Whether the known levels hold it all."""
        return self.available == self.amount


def quote(book: OrderBook, side: Side, amount: Decimal | None, fee: Decimal) -> Quote | None:
    """Walk the book for `amount`; None: for what its best level holds. `fee`: the taker's, as a fraction.

    None for a side without levels.
    """
    levels = book.levels(side)
    if not levels:
        return None
    wanted = levels[0][1] if amount is None else amount
    walk = walk_amount(book, side, wanted)
    exact = Context(prec=60, rounding=ROUND_CEILING if side == Side.BUY else ROUND_FLOOR)
    charged = exact.multiply(walk.notional, fee)
    total = exact.add(walk.notional, charged) if side == Side.BUY else exact.subtract(walk.notional, charged)
    return Quote(
        amount=wanted,
        available=walk.amount,
        price=exact.divide(walk.notional, walk.amount).quantize(_PLACES, context=exact),
        worst=walk.worst,
        notional=walk.notional,
        fee=charged,
        total=total,
        net_price=exact.divide(total, walk.amount).quantize(_PLACES, context=exact),
    )
