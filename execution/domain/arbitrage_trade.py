"""An arbitrage over two exchanges as one order after the other, and what follows when one of them has ended. Pure.

The first order is the harder one. The second is for exactly what the first got. Orders are not atomic, so something may
stay open: the policy says whether it is completed, traded back, or left to a person. What may be live at an exchange is
waited for, never guessed, and what is open is never more than the first order got.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Context, Decimal
from enum import StrEnum

from execution.domain.market import Market
from execution.domain.orders import Side, SignalStatus
from policies.domain.numbers import ceil_to, floor_to, plain
from policies.domain.policy import OneLegged
from policies.domain.reasons import ReasonCode

MOST_TRIES = 3
"""Orders that complete or trade back what is open, until a person is asked."""

PAUSE = timedelta(seconds=1)
"""Between two of them."""

_EXACT = Context(prec=60)
_BPS = Decimal(10_000)
_ONE = Decimal(1)


class TradeState(StrEnum):
    """How far a trade is. held: something is open and a person decides. nothing: the first order got nothing."""

    FIRST = "first"
    SECOND = "second"
    REPAIR = "repair"
    HELD = "held"
    DONE = "done"
    NOTHING = "nothing"
    ACCEPTED = "accepted"


UNDER_WAY = frozenset({TradeState.FIRST, TradeState.SECOND, TradeState.REPAIR})
OVER = frozenset({TradeState.DONE, TradeState.NOTHING, TradeState.ACCEPTED})


class StepKind(StrEnum):
    """What an order of a trade is for. complete: what the second left open, again; unwind: back where the first was."""

    FIRST = "first"
    SECOND = "second"
    COMPLETE = "complete"
    UNWIND = "unwind"


_REPAIRS = frozenset({StepKind.COMPLETE, StepKind.UNWIND})

PEOPLES = frozenset(
    {
        ReasonCode.TRADING_HALTED,
        ReasonCode.TRADING_REDUCING,
        ReasonCode.ORDER_IN_DOUBT,
        ReasonCode.USER_DISABLED,
        ReasonCode.NO_PERMISSION,
        ReasonCode.TRADING_DISABLED,
        ReasonCode.PAIR_NOT_PERMITTED,
        ReasonCode.STRATEGY_DISABLED,
        ReasonCode.EXCHANGE_NOT_PERMITTED,
        ReasonCode.EXCHANGE_DISABLED,
        ReasonCode.LIMIT_MISSING,
        ReasonCode.ORDER_VALUE,
        ReasonCode.CANCELLED_BY_CLIENT,
        ReasonCode.CANCELLED_BY_OPERATOR,
        ReasonCode.RESOLVED_BY_PERSON,
    }
)
"""What people decided. A trade that meets it sends nothing more by itself, whatever its policy says."""


@dataclass(frozen=True, slots=True)
class Account:
    """One of the two exchanges. limit: the worst price that still earns. fee: taker, as a fraction."""

    exchange: str
    limit: Decimal
    fee: Decimal
    market: Market

    def tradable(self, amount: Decimal, price: Decimal) -> Decimal:
        """Whole lots of it that the exchange would take at this price; 0 when that is too little."""
        whole = floor_to(amount, self.market.lot) if amount > 0 else Decimal(0)
        smallest = self.market.min_amount or self.market.lot
        too_small = whole < smallest or whole * price < (self.market.min_notional or Decimal(0))
        return Decimal(0) if too_small else whole


@dataclass(frozen=True, slots=True)
class TradePlan:
    """What was decided when the trade began. amount: base units. first: the side of the first order."""

    amount: Decimal
    buy: Account
    sell: Account
    first: Side

    def at(self, side: Side) -> Account:
        """Where an order of this side belongs."""
        return self.buy if side == Side.BUY else self.sell

    @property
    def second(self) -> Side:
        """The side of every order after the first one."""
        return Side.SELL if self.first == Side.BUY else Side.BUY


@dataclass(frozen=True, slots=True)
class Step:
    """One order of the trade as it is now. status None: not over yet, or its fate is not known.

    base_fee, quote_fee: fees taken in these. fees_known: every fill told its fee, in one of them.
    """

    kind: StepKind
    side: Side
    exchange: str
    amount: Decimal
    status: SignalStatus | None
    code: str = ""
    detail: str = ""
    filled: Decimal = Decimal(0)
    notional: Decimal = Decimal(0)
    base_fee: Decimal = Decimal(0)
    quote_fee: Decimal = Decimal(0)
    fees_known: bool = True
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewStep:
    """An order to be sent: at once or not at all (IOC), not beyond `limit`."""

    kind: StepKind
    side: Side
    exchange: str
    amount: Decimal
    limit: Decimal


@dataclass(frozen=True, slots=True)
class Next:
    """Where the trade goes, and why. step: the order to be sent with it."""

    state: TradeState
    step: NewStep | None = None
    code: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Doing:
    """What is done about what stays open. since: how many orders there were when a person decided; 0: nobody has."""

    policy: OneLegged
    loss_bps: Decimal
    since: int = 0


def first_step(plan: TradePlan) -> NewStep:
    """The order that a trade begins with."""
    account = plan.at(plan.first)
    return NewStep(StepKind.FIRST, plan.first, account.exchange, plan.amount, account.limit)


def open_amount(steps: Sequence[Step]) -> Decimal:
    """Base units that the first order got and no later one has traded back. Never below 0."""
    first = steps[0]
    got = first.filled - first.base_fee if first.side == Side.BUY else first.filled
    return max(Decimal(0), got - sum((step.filled for step in steps[1:]), Decimal(0)))


def next_move(plan: TradePlan, steps: Sequence[Step], doing: Doing, now: datetime) -> Next | None:
    """What follows; None: nothing yet, because an order is not over or a pause is.

    A person's wish is a `Doing` whose `since` is the number of orders there are.
    """
    last = steps[-1]
    if last.status is None:
        return None
    if not steps[0].filled:
        return Next(TradeState.NOTHING, code=last.code or ReasonCode.NO_FILL.value, why=last.detail)
    left = open_amount(steps)
    if not _tradable_somewhere(plan, steps, left, doing):
        return Next(TradeState.DONE, why=_left_over(left))
    if last.kind == StepKind.FIRST and doing.since == 0:
        account = plan.at(plan.second)
        amount = account.tradable(min(left, plan.amount), account.limit)
        if amount:
            step = NewStep(StepKind.SECOND, plan.second, account.exchange, amount, account.limit)
            return Next(TradeState.SECOND, step)
    return _rest(plan, steps, left, doing, now)


def _rest(plan: TradePlan, steps: Sequence[Step], left: Decimal, doing: Doing, now: datetime) -> Next | None:
    """What to do about an amount that stays open."""
    obstacle = _obstacle(steps, doing)
    if obstacle is not None:
        return obstacle
    kind = StepKind.COMPLETE if doing.policy == OneLegged.COMPLETE else StepKind.UNWIND
    account = plan.at(plan.second if kind == StepKind.COMPLETE else plan.first)
    limit = worst_price(plan, steps, account, doing.loss_bps)
    amount = account.tradable(left, limit)
    if not amount:
        text = f"{plain(left)} is below the minimum of {account.exchange}, so it cannot be {_PAST[kind]} there."
        return Next(TradeState.HELD, code=ReasonCode.BELOW_MINIMUM.value, why=text)
    last = steps[-1]
    tried_before = last.kind in _REPAIRS and len(steps) > doing.since
    if tried_before and last.ended_at is not None and now < last.ended_at + PAUSE:
        return None
    return Next(TradeState.REPAIR, NewStep(kind, plan.second, account.exchange, amount, limit))


_PAST = {StepKind.COMPLETE: "completed", StepKind.UNWIND: "traded back"}


def _obstacle(steps: Sequence[Step], doing: Doing) -> Next | None:
    """Why a person has to decide now."""
    fresh = steps[doing.since :]
    last = fresh[-1] if fresh else None
    if last is not None and last.kind != StepKind.FIRST:
        denied = last.kind in _REPAIRS and last.status in {SignalStatus.DENIED, SignalStatus.EXPIRED}
        if denied or last.code in PEOPLES:
            return Next(TradeState.HELD, code=last.code or ReasonCode.ARBITRAGE_ONE_LEGGED.value, why=last.detail)
    if doing.policy == OneLegged.HOLD:
        detail = last.detail if last is not None else ""
        return Next(TradeState.HELD, code=ReasonCode.ARBITRAGE_ONE_LEGGED.value, why=detail)
    if sum(step.kind in _REPAIRS for step in fresh) >= MOST_TRIES:
        text = f"{MOST_TRIES} orders within the largest loss did not trade all of it."
        return Next(TradeState.HELD, code=ReasonCode.ARBITRAGE_ONE_LEGGED.value, why=text)
    return None


def _tradable_somewhere(plan: TradePlan, steps: Sequence[Step], left: Decimal, doing: Doing) -> bool:
    """Whether one of the two exchanges would take it at all. What neither takes is dust."""
    return left > 0 and any(
        account.tradable(left, max(account.limit, worst_price(plan, steps, account, doing.loss_bps)))
        for account in (plan.buy, plan.sell)
    )


def _left_over(left: Decimal) -> str:
    return f"{plain(left)} is left over: less than either exchange trades." if left else ""


def worst_price(plan: TradePlan, steps: Sequence[Step], account: Account, loss_bps: Decimal) -> Decimal:
    """The limit at which trading back a unit there loses `loss_bps` of what it cost, or brought, after all fees."""
    first, share = steps[0], loss_bps / _BPS
    fee = first.quote_fee
    if not first.fees_known:
        fee = max(fee, _EXACT.multiply(first.notional, plan.at(first.side).fee))
    tick = account.market.tick
    if first.side == Side.BUY:
        unit = _EXACT.divide(first.notional + fee, first.filled - first.base_fee)
        return ceil_to(_EXACT.divide(_EXACT.multiply(unit, _ONE - share), _ONE - account.fee), tick)
    unit = _EXACT.divide(first.notional - fee, first.filled)
    return floor_to(_EXACT.divide(_EXACT.multiply(unit, _ONE + share), _ONE + account.fee), tick)


@dataclass(frozen=True, slots=True)
class Result:
    """What a trade has brought so far.

    profit: quote units, from the fills, after all fees; what is open, and dust, is valued at the average price paid for
    it. None: not known, because a fee was not told or was taken in another asset. open: see `open_amount`.
    """

    profit: Decimal | None
    open: Decimal
    bought: Decimal = field(default=Decimal(0))
    sold: Decimal = field(default=Decimal(0))


def result_of(steps: Sequence[Step]) -> Result:
    """The money of it."""
    bought, paid = _sums(steps, Side.BUY)
    sold, got = _sums(steps, Side.SELL)
    left = open_amount(steps)
    if not all(step.fees_known for step in steps):
        return Result(None, left, bought, sold)
    amount, value = (bought, paid) if bought else (sold, got)
    at_cost = _EXACT.divide(value, amount) if amount else Decimal(0)
    kept = bought - sold - sum((step.base_fee for step in steps), Decimal(0))
    fees = sum((step.quote_fee for step in steps), Decimal(0))
    return Result(got - paid - fees + _EXACT.multiply(kept, at_cost), left, bought, sold)


def _sums(steps: Sequence[Step], side: Side) -> tuple[Decimal, Decimal]:
    own = [step for step in steps if step.side == side]
    return sum((step.filled for step in own), Decimal(0)), sum((step.notional for step in own), Decimal(0))
