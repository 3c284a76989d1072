"""Which exchanges a smart signal may go to, and the order it becomes once their books are there. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache

from execution.domain.book import OrderBook
from execution.domain.choosing import Ask, Choice, Verdict
from execution.domain.fees import fee_rate
from execution.domain.orders import OrderType, Side, TimeInForce
from execution.domain.prepared import FEE_PLACES, usable
from execution.domain.router import Facts, Question, Refused, admitted, exchange_check, mode_at
from execution.domain.scoring import Offer, Record
from execution.domain.sizing import Wanted
from policies.domain import trading_state
from policies.domain.numbers import rounded
from policies.domain.policy import CredentialRef, Mode, PermissionRule, Policy, RouteBy, Scope
from policies.domain.reasons import Denied, ReasonCode
from policies.domain.routing import (
    Candidate,
    Resolution,
    Source,
    enabled_strategy,
    mapped,
    no_route,
    smart_route,
    validated,
)
from policies.domain.smart import StrategyTerms

_RESTING = frozenset({TimeInForce.GTC, TimeInForce.PO})


@dataclass(frozen=True, slots=True)
class SmartAnswer:
    """The exchanges whose books decide, in order of rank, and every other one with its reason.

    resolution.exchange: the one whose mode the order has. preferred: those of `eligible` that are preferred.
    reducing: set when only reducing orders pass; reducing_at: where the exchange itself only lets those through.
    """

    by: RouteBy
    terms: StrategyTerms
    resolution: Resolution
    mode: Mode
    eligible: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    credentials: Mapping[str, CredentialRef | None]
    preferred: frozenset[str] = frozenset()
    warning: str = ""
    reducing: str = ""
    reducing_at: Mapping[str, str] | None = None

    def reducing_there(self, exchange: str) -> str:
        """Why only reducing orders pass at this exchange; empty where others do."""
        return self.reducing or (self.reducing_at or {}).get(exchange, "")


def is_smart(policy: Policy, question: Question) -> RouteBy | None:
    """The smart strategy for this question; None: `router.route` answers it."""
    return smart_route(
        policy,
        user_id=question.user_id,
        requested=question.requested_exchange,
        strategy_id=question.strategy_id,
        asked=question.routing,
        preferred=question.preferred,
    )


def smart_answer(policy: Policy, facts: Facts, question: Question, by: RouteBy, now: datetime) -> SmartAnswer:
    """Every exchange that could take the signal. Raises Refused when it may not trade, or none could."""
    resolution = None
    try:
        permission, reducing = admitted(policy, facts, question)
        resolution = _primary(policy, question)
        answers = _asked(policy, facts, question, permission, resolution.exchange, now)
        eligible = tuple(candidate.exchange for candidate in answers if candidate.code is None)
        if not eligible:
            raise no_route(answers, of="")
    except Denied as e:
        raise Refused(e, resolution) from e
    mode = mode_at(policy, question, resolution.exchange)
    wanted = question.preferred or policy.preference(question.user_id).exchanges
    states = ((slug, policy.states.get((Scope.EXCHANGE, slug))) for slug in eligible)
    return SmartAnswer(
        by=by,
        terms=policy.terms(by, question.user_id),
        resolution=resolution,
        mode=mode,
        eligible=eligible,
        candidates=answers,
        credentials={slug: policy.credentials.get((question.user_id, slug, mode)) for slug in eligible},
        preferred=frozenset(wanted) & frozenset(eligible),
        warning=resolution.warning,
        reducing=reducing,
        reducing_at={slug: trading_state.describe(state) for slug, state in states if state is not None},
    )


def _primary(policy: Policy, question: Question) -> Resolution:
    """The exchange that a signal of this strategy belongs to; it says how real the order is."""
    name, _ = mapped(policy, enabled_strategy(policy, question.strategy_id))
    found = validated(policy, name, Source.SMART)
    return Resolution(found.exchange, Source.SMART, found.warning)


def _asked(
    policy: Policy, facts: Facts, question: Question, permission: PermissionRule, primary: str, now: datetime
) -> tuple[Candidate, ...]:
    """Every enabled exchange in order of rank, with what keeps the signal away; no code: eligible."""
    check = cache(exchange_check(policy, facts, question, permission, now, primary=primary))
    strategy = policy.strategies.get(question.strategy_id)
    among = {slug for slug, _ in strategy.balanced_over} if strategy is not None else set()
    wanted = question.preferred or policy.preference(question.user_id).exchanges
    enabled = [slug for slug, exchange in policy.exchanges.items() if exchange.enabled]
    ranked = dict.fromkeys((*wanted, *policy.chain(primary), *sorted(enabled)))
    found = []
    for slug in ranked:
        if slug not in policy.exchanges or not policy.exchanges[slug].enabled:
            continue
        problem = check(slug)
        if problem is None and among and slug not in among:
            problem = ReasonCode.NOT_IN_STRATEGY, "The strategy chooses among other exchanges."
        found.append(Candidate(slug, None) if problem is None else Candidate(slug, problem[0], problem[1]))
    return tuple(found)


# --- once the books are there


@dataclass(frozen=True, slots=True)
class Funds:
    """Free money by exchange, as one signal may use it: quote units for a buy, base units for a sell.

    needed: without a figure an exchange is left out; else it may take any amount.
    """

    free: Mapping[str, Decimal]
    needed: bool


NO_FUNDS_NEEDED = Funds({}, needed=False)


def ask_of(wanted: Wanted, answer: SmartAnswer, policy: Policy, *, passive: bool = False) -> Ask:
    """What is chosen for. passive: it rests first."""
    slippage = wanted.max_slippage_bps if wanted.max_slippage_bps is not None else policy.rules.max_slippage_bps
    limited = wanted.limit_price is not None
    time_in_force = wanted.time_in_force or (TimeInForce.GTC if limited else TimeInForce.IOC)
    whole = time_in_force == TimeInForce.FOK or (limited and time_in_force in _RESTING)
    return Ask(
        by=answer.by,
        terms=answer.terms,
        side=wanted.side,
        amount=wanted.amount,
        notional=wanted.notional,
        slippage_bps=slippage,
        limit_price=wanted.limit_price,
        rests=limited and wanted.order_type == OrderType.LIMIT and time_in_force in _RESTING,
        may_split=not whole,
        passive=passive,
    )


def offers_of(
    policy: Policy,
    facts: Facts,
    question: Question,
    answer: SmartAnswer,
    books: Mapping[str, OrderBook],
    funds: Funds,
    held: Mapping[str, Decimal],
    side: Side,
    now_s: float,
) -> tuple[list[Offer], dict[str, Verdict]]:
    """What each eligible exchange offers, and those that can offer nothing. held: base units, for reduce-only orders.

    now_s: epoch seconds, for the age of the books.
    """
    offers, out = [], {}
    for slug in answer.eligible:
        verdict_or_offer = _offer(policy, facts, question, answer, slug, books.get(slug), funds, held, side, now_s)
        if isinstance(verdict_or_offer, Offer):
            offers.append(verdict_or_offer)
        else:
            out[slug] = verdict_or_offer
    return offers, out


def _offer(
    policy: Policy,
    facts: Facts,
    question: Question,
    answer: SmartAnswer,
    slug: str,
    book: OrderBook | None,
    funds: Funds,
    held: Mapping[str, Decimal],
    side: Side,
    now_s: float,
) -> Offer | Verdict:
    if book is None:
        return Verdict(slug, ReasonCode.PRICE_UNKNOWN, f"{slug} gives no fresh order book.")
    if not usable(book):
        return Verdict(slug, ReasonCode.PRICE_UNKNOWN, "Its book is empty on one side, or crossed in itself.")
    credential = answer.credentials[slug]
    rate = fee_rate(policy, facts, slug, credential.id if credential else None)
    if rate is None or not rate.taker.is_finite():
        return Verdict(slug, ReasonCode.FEES_UNKNOWN, "What this account pays there is not known.")
    balance = funds.free.get(slug)
    if balance is None and funds.needed:
        return Verdict(slug, ReasonCode.BALANCE_UNKNOWN, "The free balance there is not known.")
    if reducing := answer.reducing_there(slug):
        if side == Side.BUY:
            return Verdict(slug, ReasonCode.TRADING_REDUCING, f"{reducing} Only a sell of what is held passes.")
        mine = held.get(slug, Decimal(0))
        balance = mine if balance is None else min(balance, mine)
    load, exchange = facts.load.get(slug), policy.exchanges[slug]
    return Offer(
        exchange=slug,
        book=book,
        market=facts.markets[slug][question.symbol],
        fee=rounded(rate.taker, FEE_PLACES),
        maker=rounded(rate.maker, FEE_PLACES) if rate.maker.is_finite() else None,
        balance=balance,
        latency_ms=_latency(facts, slug),
        age_s=round(max(0.0, now_s - book.received_at), 3),
        record=facts.records.get((slug, ""), _NO_RECORD),
        pair_record=facts.records.get((slug, question.symbol), _NO_RECORD),
        in_flight=load.in_flight if load else 0,
        max_in_flight=exchange.max_in_flight,
        preferred=slug in answer.preferred,
    )


_NO_RECORD = Record()


def _latency(facts: Facts, slug: str) -> float | None:
    """The worse of what this worker's orders and the health checks say."""
    load, health = facts.load.get(slug), facts.health.get(slug)
    known = [load.latency_ms if load else None, health.latency_ewma_ms if health else None]
    latencies = [value for value in known if value is not None]
    return round(max(latencies), 1) if latencies else None


def merged(answer: SmartAnswer, out: Mapping[str, Verdict], choice: Choice) -> tuple[Candidate, ...]:
    """Every exchange's fate, in order of rank, with the figures that decided it."""
    verdicts = {**out, **{verdict.exchange: verdict for verdict in choice.verdicts}}
    return tuple(
        _candidate(verdicts[candidate.exchange]) if candidate.exchange in verdicts else candidate
        for candidate in answer.candidates
    )


def _candidate(verdict: Verdict) -> Candidate:
    figures: Sequence[tuple[str, float | None]] = (("cost_bps", verdict.cost_bps), ("score", verdict.score))
    inputs = tuple((name, value) for name, value in figures if value is not None)
    return Candidate(verdict.exchange, verdict.code, verdict.detail, inputs)
