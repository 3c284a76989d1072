"""Resting at the best price, and when to stop: when the chance to be filled no longer pays for the risk. Pure."""

from datetime import datetime, timedelta
from decimal import Decimal

from execution.domain.book import OrderBook
from execution.domain.orders import Side
from execution.domain.schedule import rest_or_cross

YEAR_S = 365.25 * 86_400
VOLATILITY = 0.55
"""Of a year, as a share of the price: 0.3 basis points in a tenth of a second."""

TURNOVER_S = 10.0
"""In which what is shown at the best price is traded once."""


def should_cross(
    book: OrderBook,
    side: Side,
    price: Decimal,
    left: Decimal,
    *,
    now: datetime,
    until: datetime,
    maker_fee: Decimal,
    taker_fee: Decimal,
) -> bool:
    """Whether an order that rests at `price` is to take what there is instead. Fees are shares of the value.

    Cont and Kukanov's rule for one exchange: what is saved by waiting against what it costs when the price goes away.
    Once it went away by more than waiting could save, the rule's queue has nothing to do with ours any more.
    """
    seconds = (until - now) / timedelta(seconds=1)
    if seconds <= 0:
        return True
    bid, ask = float(book.bids[0][0]), float(book.asks[0][0])
    middle = (bid + ask) / 2
    ours = book.bids if side == Side.BUY else book.asks
    ahead = [amount for level, amount in ours if (level >= price if side == Side.BUY else level <= price)]
    went_away = max(0.0, bid - float(price) if side == Side.BUY else float(price) - ask)
    adverse = went_away + middle * VOLATILITY * (seconds / YEAR_S) ** 0.5
    half_spread, taker = (ask - bid) / 2, float(taker_fee) * middle
    rebate = -float(maker_fee) * middle
    if 2 * half_spread + taker + rebate <= went_away:
        return True
    resting, _ = rest_or_cross(
        float(left),
        max(0.0, float(sum(ahead, Decimal(0)) - left)),
        float(ours[0][1]) * seconds / TURNOVER_S,
        half_spread=half_spread,
        taker_fee=taker,
        maker_rebate=rebate,
        impact=0.0,
        underfill_penalty=half_spread + taker + adverse,
    )
    return resting <= 0
