"""One smart signal's decision once books and balances are at hand. No I/O; keeps what it chose for a few seconds."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import orjson

from execution.domain.book import OrderBook
from execution.domain.choosing import ROUTER_VERSION, Ask, Choice, Verdict, choose
from execution.domain.explained import explain
from execution.domain.orders import Method, Side, SignalStatus
from execution.domain.prepared import Depths, usable
from execution.domain.router import Answer, Facts, Question
from execution.domain.scoring import Offer
from execution.domain.sizing import Wanted
from execution.domain.smart import Funds, SmartAnswer, ask_of, merged, offers_of
from execution.services.claims import ClaimedSignal
from execution.services.deciding import decide_order, denied
from execution.services.decisions import Decided, NewPart
from execution.services.scheduling import method_of, plan_over_time
from policies.domain.numbers import plain
from policies.domain.permissions import check_order_size
from policies.domain.policy import OnExtraPrecision, Policy, RouteBy
from policies.domain.reasons import Denial, ReasonCode
from policies.domain.routing import no_route

CACHED_S = 5.0
"""The same question about the same books, balances and policy is not asked again within this time."""

_KEPT = 512
_TOO_FINE = frozenset({ReasonCode.LOT_REMAINDER, ReasonCode.BELOW_MINIMUM})


@dataclass(frozen=True, slots=True)
class Chosen:
    """A choice with what it was made from. out: exchanges that could offer nothing."""

    ask: Ask
    offers: list[Offer]
    out: Mapping[str, Verdict]
    choice: Choice
    at: float
    cached: bool = False

    def explanation(self, symbol: str) -> dict[str, Any]:
        """As it is stored and shown."""
        return explain(symbol, self.ask, self.offers, self.out, self.choice, cached=self.cached)


class Chooser:
    """Chooses, and remembers prepared books and recent choices. One per process or thread."""

    def __init__(self) -> None:
        self._depths = Depths()
        self._recent: dict[Any, Chosen] = {}

    def choose(
        self,
        policy: Policy,
        facts: Facts,
        question: Question,
        answer: SmartAnswer,
        wanted: Wanted,
        books: Mapping[str, OrderBook],
        funds: Funds,
        held: Mapping[str, Decimal],
        *,
        passive: bool = False,
    ) -> Chosen:
        """The choice for one order. held: base units by exchange, read only for reduce-only orders.

        passive: it is to rest before it takes.
        """
        now = time.time()
        priced = tuple((slug, book.received_at, book.sequence) for slug, book in books.items())
        money = (tuple(sorted(funds.free.items())), funds.needed, tuple(sorted(held.items())))
        key = (policy.version, question, answer.by, answer.eligible, wanted, passive, priced, money)
        known = self._recent.get(key)
        if known is not None and now - known.at <= CACHED_S:
            return replace(known, cached=True)
        ask = ask_of(wanted, answer, policy, passive=passive)
        offers, out = offers_of(policy, facts, question, answer, books, funds, held, wanted.side, now)
        chosen = Chosen(ask, offers, out, choose(ask, offers, self._depths), now)
        if len(self._recent) >= _KEPT:
            self._recent.clear()
        self._recent[key] = chosen
        return chosen


def decide_smart(
    signal: ClaimedSignal,
    policy: Policy,
    facts: Facts,
    answer: SmartAnswer,
    chosen: Chosen,
    books: Mapping[str, OrderBook],
    held: Mapping[str, Decimal],
    *,
    began: float,
) -> Decided:
    """The order, the parts, or the denial that a choice comes to."""
    choice = chosen.choice
    candidates = merged(answer, chosen.out, choice)
    refusal = _refusal(signal, policy, answer, chosen)
    if refusal is not None:
        decided = denied(signal, policy, refusal, resolution=answer.resolution, began=began)
        decided = replace(decided, candidates=candidates, ordering=answer.by.value, warning=answer.warning)
    elif len(choice.parts) > 1:
        decided = _in_parts(signal, policy, answer, choice, began)
    else:
        decided = _one_order(signal, policy, facts, answer, choice, books, held, began)
    return replace(
        decided,
        candidates=candidates,
        router=ROUTER_VERSION,
        explanation=orjson.dumps(chosen.explanation(signal.symbol)).decode(),
        took_us=int((time.perf_counter() - began) * 1e6),
    )


def refusal_of(symbol: str, wanted: Wanted, policy: Policy, answer: SmartAnswer, chosen: Chosen) -> Denial | None:
    """Why nothing can be sent, or not what was asked for; None: it can."""
    choice, base = chosen.choice, symbol.partition("/")[0]
    if not choice.parts:
        candidates = merged(answer, chosen.out, choice)
        told = no_route(candidates, of="").denial
        codes = {each.code for each in candidates if each.exchange in answer.eligible}
        if len(codes) == 1 and (code := next(iter(codes))) is not None and told.code != ReasonCode.NO_HEALTHY_EXCHANGE:
            return Denial(_denial_code(code, wanted), told.detail)
        if told.code == ReasonCode.NO_ELIGIBLE_EXCHANGE and choice.reason not in {None, told.code}:
            assert choice.reason is not None
            return Denial(_denial_code(choice.reason, wanted), told.detail)
        return told
    if not choice.unfilled:
        return None
    if choice.reason in _TOO_FINE:
        if policy.rules.on_extra_precision == OnExtraPrecision.ROUND_DOWN:
            return None
        return Denial(
            ReasonCode.AMOUNT_PRECISION,
            f"{plain(choice.unfilled)} {base} of it fit no exchange's lots and minimums. Send {plain(choice.amount)}.",
        )
    if wanted.limit_price is not None:
        return None  # immediate or cancel: what is there is taken, and the rest is given back
    assert choice.reason is not None
    return Denial(
        _denial_code(choice.reason, wanted),
        f"All usable exchanges together take {plain(choice.amount)} {base} now, {plain(choice.unfilled)} less than "
        f"this order ({choice.reason.value}). Send a smaller order, or allow more slippage.",
    )


def _refusal(signal: ClaimedSignal, policy: Policy, answer: SmartAnswer, chosen: Chosen) -> Denial | None:
    refusal = refusal_of(signal.symbol, signal.wanted, policy, answer, chosen)
    if refusal is not None or len(chosen.choice.parts) < 2:
        return refusal
    permission = policy.permissions[signal.user_id]
    return check_order_size(permission, symbol=signal.symbol, notional=chosen.choice.worst_notional)


def _denial_code(reason: ReasonCode, wanted: Wanted) -> ReasonCode:
    """Without a limit of its own an order ends at the slippage limit: for the client that is a lack of depth."""
    if reason == ReasonCode.LIMIT_PRICE and wanted.limit_price is None:
        return ReasonCode.INSUFFICIENT_LIQUIDITY
    return reason


def _in_parts(signal: ClaimedSignal, policy: Policy, answer: SmartAnswer, choice: Choice, began: float) -> Decided:
    return Decided(
        signal=signal,
        policy_version=policy.version,
        source=answer.resolution.source.value,
        primary=choice.parts[0].exchange,
        ordering=answer.by.value,
        method="limit",
        warning=answer.warning,
        parts=tuple(NewPart(part.exchange, part.amount, part.limit_price) for part in choice.parts),
        final_status=SignalStatus.EXECUTING,
    )


def _one_order(
    signal: ClaimedSignal,
    policy: Policy,
    facts: Facts,
    answer: SmartAnswer,
    choice: Choice,
    books: Mapping[str, OrderBook],
    held: Mapping[str, Decimal],
    began: float,
) -> Decided:
    """An ordinary order at the best exchange whose rules it passes."""
    sized = signal
    if choice.unfilled:
        sized = replace(signal, wanted=replace(signal.wanted, amount=choice.amount))
    first: Decided | None = None
    for slug in choice.ranked:
        there = answer_at(answer, slug)
        decided = decide_order(sized, policy, facts, there, books[slug], held=held.get(slug), began=began)
        if decided.denial is None:
            return replace(decided, signal=signal)
        first = first or decided
    assert first is not None
    return replace(first, signal=signal)


def answer_at(answer: SmartAnswer, slug: str) -> Answer:
    """The same as if this exchange had been found by its chain."""
    return Answer(
        resolution=replace(answer.resolution, exchange=slug),
        exchange=slug,
        mode=answer.mode,
        credential=answer.credentials[slug],
        candidates=answer.candidates,
        warning=answer.warning,
        reducing=answer.reducing_there(slug),
        ordering=answer.by.value,
    )


def decide_at_once_or_over_time(
    chooser: Chooser,
    signal: ClaimedSignal,
    question: Question,
    policy: Policy,
    facts: Facts,
    answer: SmartAnswer,
    books: Mapping[str, OrderBook],
    funds: Funds,
    held: Mapping[str, Decimal],
    *,
    began: float,
) -> tuple[Decided, Chosen | None]:
    """The decision on these books, and what was compared for it; None where slices compare when they are due.

    What a worker does and what a preview tells is this.
    """
    method, priced = _method(signal, policy, answer, books)
    decided: Decided | None = None
    if method == Method.PASSIVE and not signal.parts_made:
        chosen = chooser.choose(policy, facts, question, answer, signal.wanted, books, funds, held, passive=True)
        decided = _at_rest(signal, policy, facts, answer, chosen, books, began=began)
        if decided is not None:
            return decided, chosen
    elif method is not None:
        decided = plan_over_time(signal, policy, facts, answer_at(answer, priced), books[priced], began=began)
        if decided is not None:
            return decided, None
    chosen = chooser.choose(policy, facts, question, answer, signal.wanted, books, funds, held)
    return decide_smart(signal, policy, facts, answer, chosen, books, held, began=began), chosen


def _at_rest(
    signal: ClaimedSignal,
    policy: Policy,
    facts: Facts,
    answer: SmartAnswer,
    chosen: Chosen,
    books: Mapping[str, OrderBook],
    *,
    began: float,
) -> Decided | None:
    """The part that rests where that costs least; None where it can rest nowhere, so that it takes at once."""
    if not chosen.choice.parts:
        return None
    slug = chosen.choice.parts[0].exchange
    candidates = merged(answer, chosen.out, chosen.choice)
    there = replace(answer_at(answer, slug), candidates=candidates)
    decided = plan_over_time(signal, policy, facts, there, books[slug], began=began)
    if decided is None:
        return None
    told = orjson.dumps(chosen.explanation(signal.symbol)).decode()
    return replace(decided, router=ROUTER_VERSION, explanation=told)


def _method(
    signal: ClaimedSignal, policy: Policy, answer: SmartAnswer, books: Mapping[str, OrderBook]
) -> tuple[Method | None, str]:
    """How a signal is traded over time, and an exchange whose book prices it; None: it is traded at once.

    A split is the alternative to waiting: the optimal split is only sliced where signal or strategy ask for that, not
    for its size.
    """
    strategy = policy.strategies.get(signal.strategy_id)
    asked = signal.method is not None or bool(signal.schedule) or bool(strategy and strategy.execution_method)
    priced = next((slug for slug in answer.eligible if slug in books and usable(books[slug])), "")
    if not priced or (answer.by == RouteBy.OPTIMAL_SPLIT and not asked):
        return None, ""
    in_quote = signal.wanted.notional is not None
    value = signal.remaining * (1 if in_quote else books[priced].best(signal.wanted.side))
    return method_of(signal, policy, value), priced


def money_of(symbol: str, side: Side) -> str:
    """The asset an order spends."""
    base, _, quote = symbol.partition("/")
    return quote if side == Side.BUY else base
