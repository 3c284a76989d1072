"""Between the rows of a trade and what `execution.domain.arbitrage_trade` decides with."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from execution.domain.arbitrage_trade import (
    OVER,
    Account,
    Doing,
    NewStep,
    Next,
    Step,
    StepKind,
    TradePlan,
    TradeState,
    result_of,
)
from execution.domain.market import Market
from execution.domain.orders import OrderType, Side, SignalType, TimeInForce
from execution.models import ArbitrageEvent, ArbitrageStep, ArbitrageTrade
from execution.services.arbitrage_trades.offers import STRATEGY
from execution.services.intake import NewSignal, Outcome, body_hash, store_signals
from policies.domain.numbers import plain
from policies.domain.policy import Mode, OneLegged

FIRST_WITHIN_S = 5
"""The first order is not sent later than this: nothing is open yet, and the books will have moved."""

LATER_WITHIN_S = 60
"""What comes after it may take longer: something is open."""

_PRIORITY = {StepKind.FIRST: 2}


class NotStored(Exception):
    """The order of a step could not be stored now. The transaction must be undone; it is tried again."""


def terms_of(plan: TradePlan) -> dict[str, Any]:
    """What is kept of the two exchanges."""
    return {account.exchange: _terms(account) for account in (plan.buy, plan.sell)}


def _terms(account: Account) -> dict[str, str | None]:
    market = account.market
    return {
        "fee": plain(account.fee),
        "tick": plain(market.tick),
        "lot": plain(market.lot),
        "min_amount": None if market.min_amount is None else plain(market.min_amount),
        "min_notional": None if market.min_notional is None else plain(market.min_notional),
    }


def plan_of(trade: ArbitrageTrade) -> TradePlan:
    """The plan of a stored trade."""
    return TradePlan(
        amount=trade.amount,
        buy=_account(trade, trade.buy_exchange, trade.buy_limit),
        sell=_account(trade, trade.sell_exchange, trade.sell_limit),
        first=Side(trade.first),
    )


def _account(trade: ArbitrageTrade, exchange: str, limit: Decimal) -> Account:
    known = {name: None if text is None else Decimal(text) for name, text in trade.terms[exchange].items()}
    fee, tick, lot = known["fee"], known["tick"], known["lot"]
    assert fee is not None
    assert tick is not None
    assert lot is not None
    market = Market(trade.symbol, tick, lot, known["min_amount"], None, known["min_notional"])
    return Account(exchange, limit, fee, market)


def doing_of(trade: ArbitrageTrade) -> Doing:
    """What is done about what stays open."""
    return Doing(OneLegged(trade.doing), trade.loss_bps, trade.since_step)


def step_key(trade_id: UUID, number: int) -> str:
    """The idempotency key of a step's signal. A client's key is printable, so none can be this one."""
    return f"arbitrage\t{trade_id.hex}\t{number}"


def add_step(trade: ArbitrageTrade, number: int, step: NewStep, now: datetime, token_id: int | None = None) -> None:
    """Store the order of a step, as a client's signal is stored. In the transaction that moves the trade.

    Raises NotStored.
    """
    key = step_key(trade.pk, number)
    within_s = FIRST_WITHIN_S if step.kind == StepKind.FIRST else LATER_WITHIN_S
    body = {"side": step.side.value, "exchange": step.exchange, "amount": step.amount, "limit": step.limit}
    signal = NewSignal(
        idempotency_key=key,
        body_hash=body_hash(body),
        symbol=trade.symbol,
        side=step.side,
        amount=step.amount,
        notional=None,
        order_type=OrderType.LIMIT,
        limit_price=step.limit,
        time_in_force=TimeInForce.IOC,
        signal_type=SignalType.ENTRY,
        strategy_id=STRATEGY,
        requested_exchange=step.exchange,
        requested_mode=Mode(trade.mode),
        max_slippage_bps=None,
        priority=_PRIORITY.get(step.kind, 1),
        sent_at=now,
        expires_at=now + timedelta(seconds=within_s),
        extra={"arbitrage_trade": str(trade.pk), "step": step.kind.value},
        leg=True,
    )
    (receipt,) = store_signals([signal], user_id=trade.user_id, token_id=token_id, now=now, max_age_s=within_s)
    if receipt.signal_id is None or receipt.outcome not in {Outcome.STORED, Outcome.REPLAYED}:
        raise NotStored(f"{key!r} is {receipt.outcome.value}")
    ArbitrageStep.objects.create(trade=trade, number=number, kind=step.kind.value, signal_id=receipt.signal_id)


def move(
    trade: ArbitrageTrade, steps: Sequence[Step], after: Next, now: datetime, *, by: str = "", said: str = ""
) -> None:
    """Bring a locked row to where `after` says it goes, with its event and its order. Raises NotStored."""
    result = result_of(steps)
    trade.state, trade.reason_code, trade.reason_detail = after.state.value, after.code, after.why
    trade.open_amount, trade.profit = result.open, _stored(result.profit)
    trade.held_at = now if after.state == TradeState.HELD else None
    trade.final_at = now if after.state in OVER else None
    if after.state == TradeState.NOTHING:
        trade.profit = Decimal(0)
    trade.save()
    note(trade, now, said or after.why, by=by)
    if after.step is not None:
        add_step(trade, len(steps), after.step, now)


def note(trade: ArbitrageTrade, now: datetime, detail: str, *, by: str = "") -> None:
    """Write down where the trade is and why."""
    ArbitrageEvent.objects.create(
        trade=trade, at=now, state=trade.state, reason_code=trade.reason_code, detail=detail, by=by
    )


def _stored(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(Decimal("1e-18"))
