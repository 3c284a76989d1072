"""Whether an opportunity could be traded now with one user's accounts, for how much, and in which order. Sends nothing.

Everything is asked anew: the books, what the accounts pay and hold, and every rule that routing has. What is not known
refuses; each refusal has its code. The orders themselves meet all of these rules once more when they are routed and
sent.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal

from django.utils import timezone

from execution.domain.arbitrage_trade import Account, TradePlan
from execution.domain.book import OrderBook, walk_amount
from execution.domain.cross_exchange import Cross, cross
from execution.domain.fees import taker_fee
from execution.domain.first_leg import Leg, harder
from execution.domain.market import Market
from execution.domain.orders import Side
from execution.domain.router import Answer, Facts, Question, Refused, route
from execution.domain.scoring import Record
from execution.domain.shared_book import age_s
from execution.models import ArbitrageOpportunity
from execution.selectors.books import shared_books
from execution.selectors.facts import current_facts
from execution.selectors.funds import free_funds
from policies.domain.numbers import floor_to, money, plain
from policies.domain.permissions import check_user
from policies.domain.policy import Mode, Policy
from policies.domain.reasons import Denied, ReasonCode
from policies.snapshot import current_policy

STRATEGY = "arbitrage"
"""The strategy of every order of an arbitrage: one can be halted, put on paper or switched off by this name."""

_EXACT = Context(prec=60)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a trade would be if it began now.

    cost, profit: quote units after both fees, if both orders fill. book_age_s: of the older book.
    """

    opportunity: ArbitrageOpportunity
    symbol: str
    mode: Mode
    plan: TradePlan
    cost: Decimal
    profit: Decimal
    profit_bps: Decimal
    book_age_s: float
    first_why: str


@dataclass(frozen=True, slots=True)
class _Side:
    """What is known of one of the two exchanges. balance None: paper, which needs none."""

    exchange: str
    side: Side
    fee: Decimal
    market: Market
    book: OrderBook
    balance: Decimal | None


def offer_of(user_id: int, opportunity_id: int, most: Decimal | None = None) -> Offer:
    """The trade as it would begin now, of at most `most` base units. Raises Denied with what stands in the way."""
    policy, facts = current_policy(), current_facts()
    if not policy.rules.arbitrage_enabled:
        raise Denied(ReasonCode.ARBITRAGE_OFF, "Arbitrage is not traded: it is switched off in the routing settings.")
    row = ArbitrageOpportunity.objects.filter(pk=opportunity_id).first()
    if row is None:
        raise Denied(ReasonCode.NOT_FOUND, "There is no such opportunity.")
    _check_permission(policy, user_id, row.symbol or row.legs[0]["symbol"])
    if row.kind != row.CROSS:
        raise Denied(ReasonCode.ARBITRAGE_TRIANGLE, "Only opportunities between two exchanges are traded.")
    if row.ended_at is not None:
        raise _gone(f"It was seen last at {row.last_seen_at:%H:%M:%S} UTC.")
    answers = [_answer(policy, facts, user_id, row.symbol, slug) for slug in (row.buy_exchange, row.sell_exchange)]
    mode = _one_mode(answers)
    buy, sell = _sides(policy, facts, user_id, row.symbol, answers, mode)
    return _sized(policy, facts, row, mode, buy, sell, most)


def _check_permission(policy: Policy, user_id: int, symbol: str) -> None:
    permission = policy.permissions.get(user_id)
    denial = check_user(permission, symbol=symbol)
    if denial is not None:
        raise Denied(denial.code, denial.detail)
    if permission is None or not permission.arbitrage:
        raise Denied(
            ReasonCode.ARBITRAGE_NOT_PERMITTED,
            "This user may not trade arbitrage. A risk manager can allow it under Trading permissions.",
        )


def _answer(policy: Policy, facts: Facts, user_id: int, symbol: str, slug: str) -> Answer:
    """What routing says of an order that may go there and nowhere else: permissions, halts, keys, health, breakers."""
    question = Question(user_id, symbol, strategy_id=STRATEGY, requested_exchange=slug, only=True)
    try:
        answer = route(policy, facts, question, timezone.now())
    except Refused as e:
        one = e.candidates[0] if e.candidates else None
        if one is not None and one.code is not None:
            raise Denied(one.code, one.detail) from e
        raise Denied(e.denial.code, e.denial.detail) from e
    if answer.reducing:
        raise Denied(ReasonCode.TRADING_REDUCING, answer.reducing)
    return answer


def _one_mode(answers: list[Answer]) -> Mode:
    buy, sell = answers
    if buy.mode != sell.mode:
        text = f"{buy.exchange} trades {buy.mode.value} and {sell.exchange} {sell.mode.value}: no trade is half real."
        raise Denied(ReasonCode.OTHER_MODE, text)
    return buy.mode


def _sides(
    policy: Policy, facts: Facts, user_id: int, symbol: str, answers: list[Answer], mode: Mode
) -> tuple[_Side, _Side]:
    books, now = shared_books(symbol), time.time()
    base, _, quote = symbol.partition("/")
    held = {} if mode == Mode.PAPER else free_funds([user_id], [base, quote])
    found = []
    for answer, side, asset in zip(answers, Side, (quote, base), strict=True):
        slug, oldest = answer.exchange, float(policy.rules.arbitrage_book_max_age_s)
        book = books.get(slug)
        if book is None or not book.is_usable() or age_s(book, now) > oldest:
            raise Denied(
                ReasonCode.PRICE_UNKNOWN, f"There is no order book of {slug} that is at most {oldest:g} s old."
            )
        fee = taker_fee(policy, facts, slug, answer.credential.id if answer.credential else None)
        if fee is None:
            raise Denied(ReasonCode.FEES_UNKNOWN, f"What this account pays at {slug} is not known.")
        balance = None
        if mode != Mode.PAPER:
            balance = held.get((user_id, slug, mode.value, asset))
            if balance is None:
                text = f"How much {asset} this account has at {slug} is not known. It is asked every 30 s."
                raise Denied(ReasonCode.BALANCE_UNKNOWN, text)
        found.append(_Side(slug, side, fee, facts.markets[slug][symbol], book, balance))
    return found[0], found[1]


def _sized(
    policy: Policy,
    facts: Facts,
    row: ArbitrageOpportunity,
    mode: Mode,
    buy: _Side,
    sell: _Side,
    most: Decimal | None,
) -> Offer:
    """As much as earns, is asked for, is allowed and is there, in lots that both exchanges trade."""
    bounds = [row.amount, most, sell.balance, buy.market.max_amount, sell.market.max_amount]
    budgets = [policy.rules.arbitrage_max_notional, buy.balance]
    found = _cross(buy, sell, min(b for b in bounds if b is not None), min(b for b in budgets if b is not None))
    if found is None:
        if any(balance is not None and balance <= 0 for balance in (buy.balance, sell.balance)):
            raise _too_little(buy, sell, row)
        raise _gone("At the newest books and after this account's fees nothing of it is left.")
    # The order may be filled at its limit, and the money must do for that.
    dearest = _EXACT.divide(min(b for b in budgets if b is not None), found.worst_buy * (1 + buy.fee))
    amount = _common_lots(min(found.amount, dearest), buy.market.lot, sell.market.lot)
    exact = _cross(buy, sell, amount, None) if amount > 0 else None
    if exact is None or exact.amount != amount:
        raise _too_little(buy, sell, row)
    plan_buy = Account(buy.exchange, exact.worst_buy, buy.fee, buy.market)
    plan_sell = Account(sell.exchange, exact.worst_sell, sell.fee, sell.market)
    for account in (plan_buy, plan_sell):
        if not account.tradable(amount, account.limit):
            raise _too_little(buy, sell, row, f"{plain(amount)} is below the minimum of {account.exchange}.")
    if exact.profit_bps < policy.rules.arbitrage_min_profit_bps:
        least = plain(policy.rules.arbitrage_min_profit_bps)
        raise _gone(f"It would earn {money(exact.profit_bps)} bps now; {least} bps is the least.")
    first, why = harder(_leg(facts, buy, plan_buy, amount), _leg(facts, sell, plan_sell, amount))
    return Offer(
        opportunity=row,
        symbol=row.symbol,
        mode=mode,
        plan=TradePlan(amount, plan_buy, plan_sell, first),
        cost=exact.cost,
        profit=exact.profit,
        profit_bps=exact.profit_bps,
        book_age_s=max(0.0, *(age_s(each.book, time.time()) for each in (buy, sell))),
        first_why=why,
    )


def _cross(buy: _Side, sell: _Side, most: Decimal, budget: Decimal | None) -> Cross | None:
    return cross(buy.book, sell.book, buy.fee, sell.fee, budget=budget, most=most)


def _common_lots(amount: Decimal, *lots: Decimal) -> Decimal:
    """The largest amount up to `amount` that is whole lots of both; 0 when a few steps find none."""
    for _ in range(4):
        rounded = amount
        for lot in lots:
            rounded = floor_to(rounded, lot) if rounded > 0 else Decimal(0)
        if rounded == amount:
            return amount
        amount = rounded
    return Decimal(0)


def _leg(facts: Facts, known: _Side, account: Account, amount: Decimal) -> Leg:
    levels = known.book.levels(known.side)
    everything = sum((size for _, size in levels), Decimal(0))
    within = walk_amount(known.book, known.side, everything, account.limit).amount
    health = facts.health.get(known.exchange)
    return Leg(
        exchange=known.exchange,
        cover=_EXACT.divide(within, amount),
        depth=_EXACT.divide(everything, amount),
        record=_record(facts.records, known.exchange, known.market.symbol),
        latency_ms=health.latency_ewma_ms if health else None,
    )


def _record(records: Mapping[tuple[str, str], Record], exchange: str, symbol: str) -> Record:
    """Of this pair where there is one, else of the whole exchange."""
    return records.get((exchange, symbol)) or records.get((exchange, "")) or Record()


def _gone(detail: str) -> Denied:
    return Denied(ReasonCode.ARBITRAGE_GONE, f"{detail} Nothing was sent.")


def _too_little(buy: _Side, sell: _Side, row: ArbitrageOpportunity, detail: str = "") -> Denied:
    """Too small to be traded: because of the money there, or because so little was asked for or earns."""
    base, _, quote = row.symbol.partition("/")
    if buy.balance is not None and sell.balance is not None and (buy.balance < row.cost or sell.balance < row.amount):
        text = (
            f"The accounts hold {money(buy.balance)} {quote} at {buy.exchange} and {plain(sell.balance)} {base} at "
            f"{sell.exchange}: too little for an order at both. {detail}"
        )
        return Denied(ReasonCode.INSUFFICIENT_FUNDS, text.strip())
    return Denied(ReasonCode.BELOW_MINIMUM, detail or "Less than one lot of both exchanges is left of it.")
