"""Signals that are traded over time: the plan of their parts, and slices that wait. No I/O."""

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from execution.domain.book import OrderBook
from execution.domain.life import MAX_ATTEMPTS
from execution.domain.market import Market
from execution.domain.orders import Method, Side, SignalType, TimeInForce
from execution.domain.parts import MAX_PARTS
from execution.domain.router import Answer, Facts
from execution.domain.schedule import iceberg_slice, twap
from execution.exchanges.registry import traits
from execution.services.claims import ClaimedSignal
from execution.services.deciding import denied
from execution.services.decisions import Decided, NewPart
from policies.domain.numbers import ceil_to, floor_to
from policies.domain.permissions import check_order_size
from policies.domain.policy import Policy
from policies.domain.reasons import ReasonCode

GRACE_S = 60
"""After the horizon, and half of it again, for what was held up meanwhile."""

ICEBERG_HORIZON_S = 86_400
RETRY_S = 5.0
_QUOTE_STEP = Decimal("0.01")
_DRIFT = Decimal("1.1")
"""The price may move until the last slice, and its value must still be above the exchange's minimum."""

_URGENT = frozenset({SignalType.EXIT, SignalType.STOP_LOSS})

WAITS_FOR = frozenset(
    {
        ReasonCode.TRADING_HALTED,
        ReasonCode.ORDER_IN_DOUBT,
        ReasonCode.NO_HEALTHY_EXCHANGE,
        ReasonCode.NO_ELIGIBLE_EXCHANGE,
        ReasonCode.EXCHANGE_DOWN,
        ReasonCode.EXCHANGE_MAINTENANCE,
        ReasonCode.UNHEALTHY,
        ReasonCode.HEALTH_STALE,
        ReasonCode.CIRCUIT_OPEN,
        ReasonCode.KEYS_CIRCUIT_OPEN,
        ReasonCode.NOT_RECONCILED,
        ReasonCode.RATE_LIMITED,
        ReasonCode.MARKETS_NOT_LOADED,
        ReasonCode.PRICE_UNKNOWN,
        ReasonCode.INSUFFICIENT_LIQUIDITY,
    }
)
"""What may pass before a signal that is traded over time expires: its slices wait for that."""


def postponed(item: Decided, now: datetime) -> Decided:
    """The decision about a slice that was denied for what may pass: it waits. So does what is left of a schedule."""
    signal, until = item.signal, now + timedelta(seconds=RETRY_S)
    if item.denial is None or item.denial.code not in WAITS_FOR or until >= signal.expires_at:
        return item
    if signal.is_slice and not signal.filled:
        return replace(item, waits_until=until)
    size = _slice_size(signal.schedule or {})
    if signal.parent_id is not None or size is None:
        return item
    part = _slice(min(size, signal.remaining), until, in_quote=signal.wanted.notional is not None)
    return replace(item, denial=None, parts=(part,))


def _slice_size(schedule: Mapping[str, Any]) -> Decimal | None:
    """The usual size of a slice of a schedule that has begun; None of anything else."""
    if schedule.get("method") == Method.ICEBERG:
        return Decimal(schedule["display"])
    return Decimal(schedule["size"]) if schedule.get("method") == Method.TWAP else None


def method_of(signal: ClaimedSignal, policy: Policy, value: Decimal) -> Method | None:
    """How a signal is traded over time; None is at once. value: quote units."""
    if signal.parent_id is not None:
        return None
    if signal.schedule and "method" in signal.schedule:
        return Method(signal.schedule["method"])
    if signal.method is not None:
        return signal.method
    if signal.wanted.order_type is not None or signal.wanted.signal_type in _URGENT or signal.attempt:
        return None
    strategy = policy.strategies.get(signal.strategy_id)
    override = strategy.execution_method if strategy else ""
    if override in {Method.TWAP, Method.PASSIVE}:
        return Method(override)
    above = policy.rules.twap_above
    return Method.TWAP if not override and above is not None and value > above else None


def plan_over_time(
    signal: ClaimedSignal, policy: Policy, facts: Facts, answer: Answer, book: OrderBook, *, began: float
) -> Decided | None:
    """The parts of a signal that is traded over time, as far as they are to be made now. None: it is traded at once."""
    price = book.best(signal.wanted.side)
    value = signal.remaining if signal.wanted.notional is not None else signal.remaining * price
    method = method_of(signal, policy, value)
    if method is None:
        return None
    refusal = check_order_size(policy.permissions[signal.user_id], symbol=signal.symbol, notional=value)
    if refusal is not None:
        return denied(signal, policy, refusal, answer=answer, began=began)
    planner = {Method.TWAP: _twap, Method.ICEBERG: _iceberg, Method.PASSIVE: _passive}[method]
    market = _common(facts, answer, signal.symbol)
    planned = planner(signal, policy, answer, market, book)
    if planned is None:
        return None
    parts, schedule, horizon_s = planned
    first = "method" not in (signal.schedule or {})
    patience = timedelta(seconds=horizon_s * 1.5 + GRACE_S)
    return Decided(
        signal=signal,
        policy_version=policy.version,
        source=answer.resolution.source.value,
        primary=answer.resolution.exchange,
        ordering=answer.ordering,
        method=method.value,
        warning=answer.warning,
        candidates=answer.candidates,
        parts=parts,
        schedule={**(signal.schedule or {}), **schedule, "method": method.value},
        expires_at=timezone.now() + patience if first else None,
        took_us=int((time.perf_counter() - began) * 1e6),
    )


_Planned = tuple[tuple[NewPart, ...], Mapping[str, Any], float]
"""Parts, what is kept of the schedule, and seconds until it is over."""


def _twap(signal: ClaimedSignal, policy: Policy, answer: Answer, market: Market, book: OrderBook) -> _Planned | None:
    """Slices over the horizon; in a later plan slices of the same size, as many as what is left needs."""
    rules, asked = policy.rules, signal.schedule or {}
    count, horizon_s = asked.get("slices", rules.twap_slices), asked.get("horizon_s", rules.twap_horizon_s)
    interval_s = horizon_s / count
    size = _slice_size(asked) or signal.remaining / count
    first = "size" not in asked
    if not first:
        count = max(1, min(math.ceil(signal.remaining / size), MAX_PARTS - signal.parts_made))
    in_quote = signal.wanted.notional is not None
    step, minimum = _smallest(market, book.best(signal.wanted.side), in_quote=in_quote)
    seed = signal.id.int % 2**32 + signal.parts_made
    slices = twap(
        signal.remaining, count, interval_s * count, lot=step, minimum=minimum, seed=seed,
        jitter=float(rules.schedule_jitter),
    )  # fmt: skip
    if len(slices) < 2 and first:
        return None
    now = timezone.now()
    parts = tuple(_slice(each.amount, now + timedelta(seconds=each.after_s), in_quote=in_quote) for each in slices)
    return parts, {"interval_s": interval_s, "size": str(size), "seed": seed}, horizon_s


def _iceberg(signal: ClaimedSignal, policy: Policy, answer: Answer, market: Market, book: OrderBook) -> _Planned | None:
    """The next slice; the one after it when this one has ended."""
    asked = signal.schedule or {}
    display, seed = Decimal(asked["display"]), signal.id.int % 2**32
    step, minimum = _smallest(market, book.best(signal.wanted.side), in_quote=False)
    amount = iceberg_slice(
        signal.remaining, display, lot=step, minimum=minimum, jitter=float(policy.rules.schedule_jitter), seed=seed,
        number=signal.parts_made,
    )  # fmt: skip
    smallest = display * (1 - policy.rules.schedule_jitter)
    rounds = asked.get("rounds") or min(MAX_PARTS, math.ceil(signal.remaining / smallest) + MAX_ATTEMPTS)
    part = _slice(amount, timezone.now(), in_quote=False)
    return (part,), {"rounds": rounds, "seed": seed}, asked.get("horizon_s", ICEBERG_HORIZON_S)


def _passive(signal: ClaimedSignal, policy: Policy, answer: Answer, market: Market, book: OrderBook) -> _Planned | None:
    """A part that rests at the best price of our side; what it did not get is an ordinary order after that."""
    if signal.parts_made:
        return None
    side = signal.wanted.side
    touch = (book.bids if side == Side.BUY else book.asks)[0][0]
    in_quote = signal.wanted.notional is not None
    amount = floor_to(signal.remaining / touch if in_quote else signal.remaining, market.lot)
    _, minimum = _smallest(market, touch, in_quote=False)
    if amount < minimum:
        return None
    offered = traits(answer.exchange).capabilities.times_in_force
    in_force = TimeInForce.PO if TimeInForce.PO in offered else TimeInForce.GTC
    horizon_s = (signal.schedule or {}).get("horizon_s", policy.rules.passive_horizon_s)
    until = timezone.now() + timedelta(seconds=horizon_s)
    return (NewPart(answer.exchange, amount, touch, time_in_force=in_force, rest_until=until),), {}, horizon_s


def _slice(amount: Decimal, due_at: datetime, *, in_quote: bool) -> NewPart:
    if in_quote:
        return NewPart("", None, None, due_at, notional=amount)
    return NewPart("", amount, None, due_at)


def _common(facts: Facts, answer: Answer, symbol: str) -> Market:
    """Whole lots and minimums that every exchange of the route accepts: nobody knows yet which one a slice meets."""
    usable = {c.exchange for c in answer.candidates if c.code in {None, ReasonCode.LATER_IN_CHAIN}} | {answer.exchange}
    markets = [found for slug in usable if (found := facts.markets.get(slug, {}).get(symbol)) is not None]
    return replace(
        facts.markets[answer.exchange][symbol],
        lot=max(market.lot for market in markets),
        min_amount=max(market.min_amount or market.lot for market in markets),
        min_notional=max(market.min_notional or Decimal(0) for market in markets),
    )


def _smallest(market: Market, price: Decimal, *, in_quote: bool) -> tuple[Decimal, Decimal]:
    """The step and the minimum of a slice, in its unit."""
    minimum = max(market.min_amount or market.lot, (market.min_notional or Decimal(0)) * _DRIFT / price)
    if in_quote:
        return _QUOTE_STEP, ceil_to((minimum + market.lot) * price * _DRIFT, _QUOTE_STEP)
    return market.lot, ceil_to(minimum, market.lot)
