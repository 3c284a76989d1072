"""One signal's decision once its book is at hand: size, order value, reduce-only. No I/O."""

import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from execution.domain.book import OrderBook
from execution.domain.choosing import ROUTER_VERSION
from execution.domain.fees import fee_rate
from execution.domain.orders import Side, SignalStatus
from execution.domain.router import Answer, Facts, Refused
from execution.domain.sizing import SizedOrder, fingerprint, size_order
from execution.exchanges.registry import traits
from execution.services.claims import ClaimedSignal
from execution.services.decisions import Decided, NewOrder
from policies.domain.gate import clock_set_back
from policies.domain.numbers import plain
from policies.domain.permissions import check_order_size
from policies.domain.policy import Policy
from policies.domain.reasons import Denial, Denied, ReasonCode
from policies.domain.routing import Resolution

READ_ANEW_S = 0.03


def book_age_s(policy: Policy, signals: Iterable[ClaimedSignal]) -> float:
    """How old a book may be that prices these signals. What was traded already is planned again on books read anew."""
    if any(signal.tried_before for signal in signals):
        return READ_ANEW_S
    return float(policy.rules.book_max_age_s)


def decide_order(
    signal: ClaimedSignal,
    policy: Policy,
    facts: Facts,
    answer: Answer,
    book: OrderBook,
    *,
    held: Decimal | None,
    began: float,
    explanation: str = "",
) -> Decided:
    """The order for a routed signal, or the denial. `held`: base units held there, needed when reduce-only.

    explanation: JSON text that is kept with the decision.
    """
    try:
        sized = _size(signal, policy, facts, answer, book)
        _check_value(signal, policy, sized)
        _check_reducing(signal, answer, sized, held)
    except Denied as e:
        return denied(signal, policy, e.denial, answer=answer, began=began)
    trait = traits(answer.exchange)
    amount = sized.amount
    credential_id = answer.credential.id if answer.credential else None
    if trait.fingerprint:
        amount = fingerprint(amount, facts.markets[answer.exchange][signal.symbol].lot, signal.id.int)
    return Decided(
        signal=signal,
        policy_version=policy.version,
        source=answer.resolution.source.value,
        primary=answer.resolution.exchange,
        ordering=answer.ordering,
        method=sized.method,
        warning=answer.warning,
        candidates=answer.candidates,
        order=NewOrder(
            exchange=answer.exchange,
            credential_id=credential_id,
            mode=answer.mode,
            order_type=sized.order_type,
            time_in_force=sized.time_in_force,
            amount=amount,
            price=sized.price,
            reference_price=sized.reference_price,
            exclusive=trait.fingerprint and answer.credential is not None,
            send_now=False,
            arrival_mid=book.mid,
            fees=fee_rate(policy, facts, answer.exchange, credential_id),
        ),
        took_us=int((time.perf_counter() - began) * 1e6),
        router=ROUTER_VERSION,
        explanation=explanation,
    )


def send_now(decided: Decided) -> Decided:
    """The same decision with an order that is stored as already claimed by this worker."""
    assert decided.order is not None
    return replace(decided, order=replace(decided.order, send_now=True))


def refused(signal: ClaimedSignal, policy: Policy, refusal: Refused, *, began: float) -> Decided:
    """The decision when routing itself refused."""
    decided = denied(signal, policy, refusal.denial, resolution=refusal.resolution, began=began)
    return replace(decided, candidates=refusal.candidates, ordering=refusal.ordering)


def denied(
    signal: ClaimedSignal,
    policy: Policy,
    denial: Denial,
    *,
    answer: Answer | None = None,
    resolution: Resolution | None = None,
    began: float,
) -> Decided:
    """A denial with as much of the decision as was made. After an earlier attempt the signal has failed, not denied.

    Some of it may have been traded in parts before.
    """
    resolution = answer.resolution if answer else resolution
    status = SignalStatus.FAILED if signal.attempt else SignalStatus.DENIED
    if denial.code == ReasonCode.SIGNAL_EXPIRED:
        status = SignalStatus.EXPIRED
    if signal.filled:
        status = SignalStatus.PARTIAL_FILL
    return Decided(
        signal=signal,
        policy_version=policy.version,
        source=resolution.source.value if resolution else "",
        primary=resolution.exchange if resolution else "",
        ordering=answer.ordering if answer else "",
        warning=answer.warning if answer else "",
        candidates=answer.candidates if answer else (),
        denial=denial,
        final_status=status,
        took_us=int((time.perf_counter() - began) * 1e6),
    )


def expired(signal: ClaimedSignal, now: datetime) -> Denial | None:
    """The refusal of a signal that is too old to send, or of unknown age."""
    if now < signal.expires_at:
        return clock_set_back(signal.received_at, now)
    age = (now - signal.received_at).total_seconds()
    limit = (signal.expires_at - signal.received_at).total_seconds()
    return Denial(
        ReasonCode.SIGNAL_EXPIRED,
        f"The signal is {age:.0f} s old; {limit:.0f} s is the limit. Send a fresh one if it is still wanted.",
    )


def _size(signal: ClaimedSignal, policy: Policy, facts: Facts, answer: Answer, book: OrderBook) -> SizedOrder:
    strategy = policy.strategies.get(signal.strategy_id)
    return size_order(
        signal.wanted,
        book,
        facts.markets[answer.exchange][signal.symbol],
        policy.rules,
        traits(answer.exchange).capabilities,
        strategy.execution_method if strategy else "",
    )


def _check_value(signal: ClaimedSignal, policy: Policy, sized: SizedOrder) -> None:
    permission = policy.permissions[signal.user_id]
    refusal = check_order_size(permission, symbol=signal.symbol, notional=sized.worst_notional)
    if refusal is not None:
        raise Denied(refusal.code, refusal.detail)


def _check_reducing(signal: ClaimedSignal, answer: Answer, sized: SizedOrder, held: Decimal | None) -> None:
    if not answer.reducing:
        return
    if signal.wanted.side == Side.SELL and held is not None and sized.amount <= held:
        return
    raise Denied(
        ReasonCode.TRADING_REDUCING,
        f"{answer.reducing} Only a sell of at most what is held passes; held is {plain(held or Decimal(0))}.",
    )


PositionKey = tuple[int, str, str, str]
"""User id, exchange, mode, symbol."""


def position_key(signal: ClaimedSignal, answer: Answer) -> PositionKey:
    """Where the signal's holdings are counted."""
    return signal.user_id, answer.exchange, answer.mode.value, signal.symbol
