"""Buying at one exchange and selling at another: what the two books really pay, level by level, after both fees. Pure.

Both accounts must hold the money beforehand: moving it between exchanges takes too long to be part of the trade. The
two orders are not one: this is the profit if both fill at these books.
"""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal

from execution.domain.book import OrderBook

_EXACT = Context(prec=60, rounding=ROUND_FLOOR)
_ONE = Decimal(1)
_BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Cross:
    """A purchase and a sale of the same `amount` (base units). Money in quote units.

    cost and proceeds are after the fees. worst_buy, worst_sell: the last prices taken. top_edge_bps: what the first
    unit earns of what it costs.
    """

    amount: Decimal
    cost: Decimal
    proceeds: Decimal
    worst_buy: Decimal
    worst_sell: Decimal
    top_edge_bps: Decimal

    @property
    def profit(self) -> Decimal:
        """Above 0."""
        return _EXACT.subtract(self.proceeds, self.cost)

    @property
    def profit_bps(self) -> Decimal:
        """Of the cost."""
        return _EXACT.multiply(_EXACT.divide(self.profit, self.cost), _BPS)


def cross(
    buy: OrderBook,
    sell: OrderBook,
    buy_fee: Decimal,
    sell_fee: Decimal,
    *,
    budget: Decimal | None = None,
    most: Decimal | None = None,
) -> Cross | None:
    """Walk both books together for as long as a further unit earns something; None: not even the first does.

    Fees as fractions. budget: the most that the purchase may cost. most: base units. None too for an unusable
    (one-sided, crossed) book.
    """
    if not buy.is_usable() or not sell.is_usable():
        return None
    paid, kept = _ONE + buy_fee, _ONE - sell_fee
    amount = cost = proceeds = Decimal(0)
    worst_buy = worst_sell = Decimal(0)
    asks, bids = iter(buy.asks), iter(sell.bids)
    ask, bid = next(asks, None), next(bids, None)
    while ask is not None and bid is not None:
        price, value = _EXACT.multiply(ask[0], paid), _EXACT.multiply(bid[0], kept)
        if value <= price:
            break
        part = there = min(ask[1], bid[1])
        if most is not None:
            part = min(part, _EXACT.subtract(most, amount))
        if budget is not None:
            part = min(part, _EXACT.divide(_EXACT.subtract(budget, cost), price))
        if part <= 0:
            break
        amount, worst_buy, worst_sell = _EXACT.add(amount, part), ask[0], bid[0]
        cost = _EXACT.add(cost, _EXACT.multiply(price, part))
        proceeds = _EXACT.add(proceeds, _EXACT.multiply(value, part))
        if part < there:
            break  # budget or amount is used up, but for what rounding leaves of it
        ask = next(asks, None) if part == ask[1] else (ask[0], _EXACT.subtract(ask[1], part))
        bid = next(bids, None) if part == bid[1] else (bid[0], _EXACT.subtract(bid[1], part))
    if not amount:
        return None
    first = _EXACT.divide(_EXACT.multiply(sell.bids[0][0], kept), _EXACT.multiply(buy.asks[0][0], paid))
    return Cross(amount, cost, proceeds, worst_buy, worst_sell, _EXACT.multiply(first - _ONE, _BPS))
