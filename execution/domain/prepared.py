"""Books of one pair made ready for scoring and splitting: each side of each book once, however many orders ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from execution.domain.book import OrderBook
from execution.domain.market import Market
from execution.domain.orders import Side
from execution.domain.scoring import Offer
from execution.domain.split import Candidate, Depth, Scale, ScaledTerms, ScaleTooCoarse, Terms, candidate, depth_of
from execution.domain.split.scale import places

FEE_PLACES = 9
WIDE = Scale(12, 12, FEE_PLACES)
"""For books that are finer than the ticks and lots that their exchange announces."""

_KEPT = 512


class Depths:
    """Prepared sides of books, kept until the exchange's next book."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, Side, Scale], tuple[OrderBook, Depth]] = {}

    def of(self, exchange: str, book: OrderBook, side: Side, scale: Scale) -> Depth:
        """The side of the book that an order of `side` takes. Raises ValueError for a book that makes no sense."""
        key = (exchange, book.symbol, side, scale)
        known = self._known.get(key)
        if known is not None and known[0] is book:
            return known[1]
        depth = depth_of(book, side, scale)
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[key] = (book, depth)
        return depth


@dataclass(frozen=True, slots=True)
class Ready:
    """An offer with its prepared book; `alone` counts its fee and nothing else."""

    offer: Offer
    alone: Candidate

    @property
    def depth(self) -> Depth:
        return self.alone.depth

    def with_costs(self, side: Side, risk_bps: Decimal, leg_cost: Decimal) -> Candidate:
        """The candidate when expected costs count as well: `risk_bps` of its value, `leg_cost` quote units at once."""
        offer, scale = self.offer, self.depth.scale
        terms = scaled_terms(offer.market, offer.fee + risk_bps / 10_000, leg_cost, scale, side)
        return candidate(offer.exchange, self.depth, terms, offer.balance)


def usable(book: OrderBook) -> bool:
    """Two-sided, not crossed, and made of numbers."""
    try:
        return book.is_usable()
    except ArithmeticError:
        return False


def prepare(offers: Sequence[Offer], side: Side, depths: Depths) -> tuple[list[Ready], dict[str, str]]:
    """The offers ready to be compared, and the exchanges whose books or rules make no sense, with the reason."""
    try:
        return _prepare(offers, side, depths, _scale(offers))
    except ScaleTooCoarse:
        return _prepare(offers, side, depths, WIDE, last=True)


def _prepare(
    offers: Sequence[Offer], side: Side, depths: Depths, scale: Scale, *, last: bool = False
) -> tuple[list[Ready], dict[str, str]]:
    ready, senseless = [], {}
    for offer in offers:
        try:
            if not usable(offer.book):
                raise ValueError("its book is empty on one side, or crossed in itself")
            depth = depths.of(offer.exchange, offer.book, side, scale)
            terms = scaled_terms(offer.market, offer.fee, Decimal(0), scale, side)
            ready.append(Ready(offer, candidate(offer.exchange, depth, terms, offer.balance)))
        except ScaleTooCoarse as e:
            if not last:
                raise
            senseless[offer.exchange] = str(e)
        except (ValueError, ArithmeticError) as e:
            senseless[offer.exchange] = str(e)
    return ready, senseless


def _scale(offers: Sequence[Offer]) -> Scale:
    steps = [_places(offer.market) for offer in offers]
    price, amount = (max((step[index] for step in steps), default=0) for index in (0, 1))
    return Scale(price, amount, FEE_PLACES)


@lru_cache(maxsize=4096)
def _places(market: Market) -> tuple[int, int]:
    try:
        return places(market.tick), places(market.lot)
    except ValueError:
        return 0, 0  # no numbers: the exchange is left out when its terms are scaled


@lru_cache(maxsize=4096)
def scaled_terms(market: Market, fee: Decimal, leg_cost: Decimal, scale: Scale, side: Side) -> ScaledTerms:
    """What the exchange demands and charges, scaled. Raises ValueError if absurd."""
    nothing = Decimal(0)
    return Terms(
        taker_fee=fee,
        lot=market.lot,
        tick=market.tick,
        min_amount=market.min_amount or nothing,
        max_amount=market.max_amount,
        min_notional=market.min_notional or nothing,
        leg_cost=leg_cost,
    ).on(scale, side)


def middle(ready: Sequence[Ready]) -> Decimal:
    """The middle between the best bid and the best ask of all books together; they may cross."""
    bid = max(each.offer.book.bids[0][0] for each in ready)
    ask = min(each.offer.book.asks[0][0] for each in ready)
    return (bid + ask) / 2


def best_price(ready: Sequence[Ready], side: Side) -> Decimal:
    """The best price of all books for an order of this side."""
    prices = [each.offer.book.best(side) for each in ready]
    return min(prices) if side == Side.BUY else max(prices)


def by_exchange(ready: Sequence[Ready]) -> Mapping[str, Ready]:
    """The same, to be found by name."""
    return {each.offer.exchange: each for each in ready}
