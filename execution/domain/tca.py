"""What an order's execution cost, in basis points against the usual benchmarks. Pure. Positive is a cost, always.

What is not known is None, and so is everything that would need it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from execution.domain.orders import Side

_BPS = Decimal(10_000)


class Unknown(StrEnum):
    """Why a benchmark is not known."""

    NOT_FOLLOWED = "not_followed"
    GAP = "gap"
    NO_TRADES = "no_trades"
    NOT_COMPARED = "not_compared"
    PART = "part"
    NO_BOOKS = "no_books"
    NOT_DEEP = "not_deep"
    NO_FEE = "no_fee"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Executed:
    """One fill: quote units per base unit, base units, and its fee in quote units (None: not known)."""

    price: Decimal
    amount: Decimal
    fee: Decimal | None


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """Mid prices: when it was decided, when the order arrived, and at the end of its life. None: not known."""

    decision: Decimal | None
    arrival: Decimal | None
    end: Decimal | None = None
    interval_vwap: Decimal | None = None
    mid_after: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """Slippages in bps of their benchmark; costs in quote units, which add up to `shortfall`.

    reversion_bps: how the price moved on after the fills; negative after a buy is impact that went away.
    shortfall: implementation shortfall, against having traded all of it at the decision price for free.
    """

    average_price: Decimal
    fill_rate: Decimal
    arrival_bps: Decimal | None
    vwap_bps: Decimal | None
    reversion_bps: Decimal | None
    execution_cost: Decimal | None
    fees: Decimal | None
    fees_bps: Decimal | None
    opportunity_cost: Decimal | None
    shortfall: Decimal | None
    shortfall_bps: Decimal | None

    @property
    def spread_bps(self) -> Decimal | None:
        """The effective spread: twice the distance of the average price from the mid at arrival."""
        return None if self.arrival_bps is None else 2 * self.arrival_bps


def analyse(side: Side, amount: Decimal, fills: Sequence[Executed], marks: Benchmarks) -> Analysis:
    """Compare the fills of an order for `amount` with the benchmarks. Raises ValueError if nothing was filled."""
    filled = sum((fill.amount for fill in fills), Decimal(0))
    if not filled:
        raise ValueError("nothing was filled")
    sign = 1 if side == Side.BUY else -1
    notional = sum((fill.price * fill.amount for fill in fills), Decimal(0))
    average = notional / filled
    execution = None if marks.decision is None else sign * (average - marks.decision) * filled
    fees = _sum([fill.fee for fill in fills])
    opportunity = _opportunity(sign, amount - filled, marks)
    shortfall = _sum([execution, fees, opportunity])
    return Analysis(
        average_price=average,
        fill_rate=filled / amount,
        arrival_bps=_signed_bps(sign, average, marks.arrival),
        vwap_bps=_signed_bps(sign, average, marks.interval_vwap),
        reversion_bps=None if marks.mid_after is None else reversion_bps(side, average, marks.mid_after),
        execution_cost=execution,
        fees=fees,
        fees_bps=None if fees is None else fees / notional * _BPS,
        opportunity_cost=opportunity,
        shortfall=shortfall,
        shortfall_bps=_share_bps(shortfall, marks.decision, amount),
    )


@dataclass(frozen=True, slots=True)
class Traded:
    """What the market traded in the minutes of an order, over all exchanges that were followed.

    bars: minutes by exchange that there are; whole: those of them in which nothing is missing. own: whether the
    order's own exchange is among the exchanges. notional in quote, volume in base units.
    """

    minutes: int
    exchanges: int
    bars: int
    whole: int
    own: bool
    notional: Decimal
    volume: Decimal


def interval_vwap(traded: Traded) -> Decimal | Unknown:
    """The market's average price, or why it is not known: one minute of one exchange that is missing is enough."""
    if not traded.exchanges or not traded.own:
        return Unknown.NOT_FOLLOWED
    if not traded.bars == traded.whole == traded.minutes * traded.exchanges:
        return Unknown.GAP
    return traded.notional / traded.volume if traded.volume > 0 else Unknown.NO_TRADES


def vwap_slippage_bps(side: Side, average_price: Decimal, vwap: Decimal) -> Decimal:
    """The average price against the market's in bps of that; positive is a cost."""
    return (1 if side == Side.BUY else -1) * (average_price - vwap) / vwap * _BPS


def _opportunity(sign: int, unfilled: Decimal, marks: Benchmarks) -> Decimal | None:
    """What waiting cost on the part that was not traded; nothing, where all of it was."""
    if unfilled <= 0:
        return Decimal(0)
    if marks.decision is None or marks.end is None:
        return None
    return sign * (marks.end - marks.decision) * unfilled


def _share_bps(shortfall: Decimal | None, decision: Decimal | None, amount: Decimal) -> Decimal | None:
    return None if shortfall is None or decision is None else shortfall / (decision * amount) * _BPS


@dataclass(frozen=True, slots=True)
class Part:
    """One order of several that together trade one signal. As in `Analysis`; None: not known."""

    filled: Decimal
    notional: Decimal
    arrival_mid: Decimal | None
    fees: Decimal | None


@dataclass(frozen=True, slots=True)
class Whole:
    """Several orders as one. Slippages are means, weighted by amount, of what each had at its own arrival."""

    filled: Decimal
    notional: Decimal
    average_price: Decimal
    arrival_bps: Decimal | None
    fees: Decimal | None
    fees_bps: Decimal | None
    cost: Decimal | None
    cost_bps: Decimal | None


def combine(side: Side, parts: Sequence[Part]) -> Whole | None:
    """The parts of one signal as one execution; None without any fill.

    cost: what it cost beyond the mids at the arrivals, with fees, in quote units and in bps of the value there. What
    one part does not know, the whole does not.
    """
    filled = sum((part.filled for part in parts), Decimal(0))
    if not filled:
        return None
    sign = 1 if side == Side.BUY else -1
    notional = sum((part.notional for part in parts), Decimal(0))
    arrival = _sum([None if part.arrival_mid is None else part.arrival_mid * part.filled for part in parts])
    fees = _sum([part.fees for part in parts])
    slippage = None if arrival is None else sign * (notional - arrival)
    cost = _sum([slippage, fees])
    return Whole(
        filled=filled,
        notional=notional,
        average_price=notional / filled,
        arrival_bps=None if slippage is None or arrival is None else slippage / arrival * _BPS,
        fees=fees,
        fees_bps=None if fees is None else fees / notional * _BPS,
        cost=cost,
        cost_bps=None if cost is None or arrival is None else cost / arrival * _BPS,
    )


def reversion_bps(side: Side, average_price: Decimal, mid_after: Decimal) -> Decimal:
    """How the price moved on after the fills, in bps of what was paid; negative is impact that went away."""
    return (1 if side == Side.BUY else -1) * (mid_after - average_price) / average_price * _BPS


def routing_regret_bps(realised: Decimal, optimal: Decimal) -> Decimal:
    """How much more a plan cost than the best one on the same books. Both signed: negative is money received."""
    return (realised - optimal) / abs(optimal) * _BPS


def _sum(values: Sequence[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _signed_bps(sign: int, price: Decimal, benchmark: Decimal | None) -> Decimal | None:
    return None if benchmark is None else sign * (price - benchmark) / benchmark * _BPS
