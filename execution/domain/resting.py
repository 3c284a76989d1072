"""Where an order that is to rest goes: whose maker fee is lowest, rebates and all; of equals the faster one. Pure.

How soon it would be filled is not known: nobody tells his place in the queue. So a better price on its own side is no
reason to choose an exchange; the fee is certain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from execution.domain.choice import Ask, Choice, Part, Verdict
from execution.domain.orders import Side
from execution.domain.prepared import Ready, middle
from execution.domain.scoring import UNKNOWN_LATENCY_MS, Offer
from policies.domain.numbers import ceil_to, floor_to, plain, rounded
from policies.domain.reasons import ReasonCode

_BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class _Place:
    """One exchange where the whole order could rest. fee: a fraction, negative for a rebate."""

    offer: Offer
    price: Decimal
    amount: Decimal
    fee: Decimal

    @property
    def latency_ms(self) -> float:
        return UNKNOWN_LATENCY_MS if self.offer.latency_ms is None else self.offer.latency_ms

    def cost_bps(self, side: Side, at: Decimal) -> float:
        """Beyond `at`, if it is filled there: mostly negative, as the spread is earned."""
        sign = 1 if side == Side.BUY else -1
        return float(sign * (self.price * (1 + sign * self.fee) / at - 1) * _BPS)


def rest(ask: Ask, ready: Sequence[Ready]) -> Choice:
    """The exchange where the whole order rests at the best price of its own side, and why not each other one."""
    at = middle(ready)
    found = [_place(ask, each.offer) for each in ready]
    places = [place for place in found if isinstance(place, _Place)]
    verdicts = [verdict for verdict in found if isinstance(verdict, Verdict)]
    places.sort(key=lambda place: (not place.offer.preferred, place.fee, place.latency_ms))
    if not places:
        reasons = [verdict.code for verdict in verdicts if verdict.code is not None]
        return Choice((), tuple(verdicts), middle=at, reason=max(reasons, key=reasons.count))
    first = places[0]
    notional = first.amount * first.price
    verdicts += [_verdict(ask, place, first, at) for place in places]
    return Choice(
        (Part(first.offer.exchange, first.amount, notional, notional * first.fee, first.price),),
        tuple(verdicts),
        ranked=tuple(place.offer.exchange for place in places),
        middle=at,
        unfilled=Decimal(0) if ask.amount is None else ask.amount - first.amount,
        best_single=first.offer.exchange,
        extra_bps=0.0,
        cost_bps=first.cost_bps(ask.side, at),
    )


def _place(ask: Ask, offer: Offer) -> _Place | Verdict:
    market, book = offer.market, offer.book
    price = (book.bids if ask.side == Side.BUY else book.asks)[0][0]
    fee = offer.fee if offer.maker is None else offer.maker
    wanted = ask.amount
    if wanted is None:
        assert ask.notional is not None
        wanted = ask.notional / price
    amount = floor_to(wanted, market.lot)
    least = max(market.min_amount or market.lot, ceil_to((market.min_notional or Decimal(0)) / price, market.lot))
    if amount < least:
        return Verdict(offer.exchange, ReasonCode.BELOW_MINIMUM, f"It takes at least {plain(least)}.", lower=least)
    if market.max_amount is not None and amount > market.max_amount:
        told = f"It takes at most {plain(market.max_amount)}."
        return Verdict(offer.exchange, ReasonCode.ABOVE_MAXIMUM, told, upper=market.max_amount)
    held_back = amount * price * (1 + max(fee, Decimal(0))) if ask.side == Side.BUY else amount
    if offer.balance is not None and held_back > offer.balance:
        told = f"It would hold back {plain(rounded(held_back, 8))}; {plain(rounded(offer.balance, 8))} is free there."
        return Verdict(offer.exchange, ReasonCode.INSUFFICIENT_FUNDS, told)
    return _Place(offer, price, amount, fee)


def _verdict(ask: Ask, place: _Place, first: _Place, at: Decimal) -> Verdict:
    code, detail = None, ""
    if place is not first:
        passed = first.offer.preferred and not place.offer.preferred
        code = ReasonCode.NOT_PREFERRED if passed else ReasonCode.DEARER
        asks = f"Its maker fee is {_bps(place.fee)}"
        if passed:
            detail = f"{asks}. The order can rest at a preferred exchange."
        elif place.fee == first.fee:
            detail = f"{asks} too, and {first.offer.exchange} answers sooner."
        else:
            detail = f"{asks}; {first.offer.exchange} asks {_bps(first.fee)}."
    terms = {"maker fee": float(place.fee * _BPS), "latency": place.latency_ms}
    return Verdict(place.offer.exchange, code, detail, round(place.cost_bps(ask.side, at), 3), terms=terms)


def _bps(fee: Decimal) -> str:
    return f"{plain(rounded(fee * _BPS, 3))} bps"
