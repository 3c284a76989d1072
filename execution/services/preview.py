"""What would become of an order now: a worker's decision, on the books of now. Stores nothing, sends nothing."""

import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.utils import timezone

from execution.domain.book import OrderBook
from execution.domain.orders import Method, OrderType, Side
from execution.domain.quotes import quote
from execution.domain.router import Answer, Facts, Question, Refused, route, stale_among
from execution.domain.shared_book import age_s
from execution.domain.sizing import Wanted
from execution.domain.smart import Funds, is_smart, smart_answer
from execution.selectors.books import shared_books
from execution.selectors.facts import current_facts
from execution.selectors.funds import free_funds
from execution.selectors.positions import held_amounts
from execution.services.asking import books_now
from execution.services.claims import ClaimedSignal
from execution.services.deciding import decide_order, position_key, refused
from execution.services.decisions import Decided, NewPart
from execution.services.intake import NewSignal
from execution.services.previewed import Compared, Expected, Preview
from execution.services.scheduling import plan_over_time, postponed
from execution.services.smart import Chooser, decide_at_once_or_over_time, money_of
from policies.domain.policy import SMART_ROUTES, Mode, Policy, RouteBy
from policies.domain.reasons import ReasonCode
from policies.snapshot import current_policy

OLDEST_BOOK_S = 1.0
_BPS = Decimal(10_000)


def preview(
    question: Question, wanted: Wanted, *, method: Method | None = None, schedule: Mapping[str, Any] | None = None
) -> Preview:
    """Where this order would go now, how it would be split or sliced, and what it should cost."""
    policy, facts = current_policy(), current_facts()
    signal = _as_claimed(policy, question, wanted, method, schedule)
    by = is_smart(policy, question)
    try:
        found = _fixed(policy, facts, signal) if by is None else _smart(policy, facts, signal, by)
    except Refused as e:
        found = Preview(policy.version, e, refused(signal, policy, e, began=time.perf_counter()))
    return replace(found, stale=_stale(policy, facts, found))


def preview_signal(signal: NewSignal, user_id: int) -> Preview:
    """The same for a signal as a client would send it."""
    return preview(question_of(signal, user_id), wanted_of(signal), method=signal.method, schedule=signal.schedule)


def compare(question: Question, wanted: Wanted) -> list[Compared]:
    """Every smart strategy on the same books, the cheapest first. Empty when the user may not trade this at all."""
    policy, facts = current_policy(), current_facts()
    signal = _as_claimed(policy, replace(question, requested_exchange=""), wanted, None, None)
    try:
        market = _Market(policy, facts, signal, RouteBy.OPTIMAL_SPLIT)
    except Refused:
        return []
    found = [Compared(by, told, _cost(told)) for by in sorted(SMART_ROUTES) for told in [market.at_once(by)]]
    costs = [each.cost_bps for each in found if each.cost_bps is not None]
    told = [replace(each, extra_bps=None if each.cost_bps is None else each.cost_bps - min(costs)) for each in found]
    return sorted(told, key=lambda each: (each.cost_bps is None, each.cost_bps or 0.0, each.by))


def question_of(signal: NewSignal, user_id: int) -> Question:
    """What routing is asked about a signal."""
    return Question(
        user_id,
        signal.symbol,
        signal.strategy_id,
        signal.requested_exchange,
        signal.requested_mode,
        routing=signal.routing_strategy,
        preferred=signal.preferred_exchanges,
    )


def wanted_of(signal: NewSignal) -> Wanted:
    """What it wants to trade."""
    return Wanted(
        side=signal.side,
        amount=signal.amount,
        notional=signal.notional,
        order_type=signal.order_type,
        limit_price=signal.limit_price,
        time_in_force=signal.time_in_force,
        signal_type=signal.signal_type,
        max_slippage_bps=signal.max_slippage_bps,
    )


def _as_claimed(
    policy: Policy, question: Question, wanted: Wanted, method: Method | None, schedule: Mapping[str, Any] | None
) -> ClaimedSignal:
    """The signal that a worker would have claimed at this moment."""
    now = timezone.now()
    until = now + timedelta(seconds=float(policy.rules.signal_max_age_s))
    return ClaimedSignal(
        id=uuid4(),
        user_id=question.user_id,
        symbol=question.symbol,
        strategy_id=question.strategy_id,
        requested_exchange=question.requested_exchange,
        requested_mode=question.requested_mode,
        tried=question.tried,
        attempt=0,
        priority=0,
        received_at=now,
        expires_at=until,
        claimed_until=until,
        cancel_requested=False,
        wanted=wanted,
        method=method,
        schedule=schedule,
        routing=question.routing,
        preferred=question.preferred,
    )


def _as_slice(signal: ClaimedSignal, part: NewPart) -> ClaimedSignal:
    """The slice as it will be claimed when it is due."""
    wanted = replace(signal.wanted, amount=part.amount, notional=part.notional, capped=True)
    return replace(signal, id=uuid4(), parent_id=signal.id, wanted=wanted, method=None, schedule=None)


def _slice_of(signal: ClaimedSignal, decided: Decided) -> ClaimedSignal | None:
    """The first slice of what is traded over time; None where the parts know their exchange, or there are none."""
    first = decided.parts[0] if decided.parts else None
    return None if first is None or first.exchange else _as_slice(signal, first)


def _stale(policy: Policy, facts: Facts, found: Preview) -> tuple[str, ...]:
    chosen = found.answer.exchange if isinstance(found.answer, Answer) else ""
    return tuple(sorted(stale_among(policy, facts, found.answer.candidates, chosen, timezone.now())))


def _books(symbol: str, slugs: Collection[str], oldest_s: float) -> dict[str, OrderBook]:
    """The books that are shared, where they are fresh; the other exchanges are asked."""
    now = time.time()
    shared = shared_books(symbol)
    fresh = {slug: shared[slug] for slug in slugs if slug in shared and age_s(shared[slug], now) <= oldest_s}
    missing = [slug for slug in slugs if slug not in fresh]
    return fresh | (books_now(symbol, missing, oldest_s) if missing else {})


# --- along a chain


def _fixed(policy: Policy, facts: Facts, signal: ClaimedSignal) -> Preview:
    """The first exchange of the chain that has a book, as a worker goes along it. Raises Refused."""
    question, oldest = signal.question(), float(policy.rules.book_max_age_s)
    books: dict[str, OrderBook] = {}
    asked: set[str] = set()
    without: tuple[str, ...] = ()
    while True:
        try:
            answer = route(policy, facts, replace(question, unpriced=without), timezone.now())
        except Refused as e:
            told = refused(signal, policy, e, began=time.perf_counter())
            return Preview(policy.version, e, told, without_book=without)
        if answer.exchange not in asked:
            # Once one has no book, all others that could follow are asked together, for one wait.
            later = [each.exchange for each in answer.candidates if without and each.code == ReasonCode.LATER_IN_CHAIN]
            books |= _books(signal.symbol, [answer.exchange, *later], oldest)
            asked.update((answer.exchange, *later))
        book = books.get(answer.exchange)
        if book is not None and book.is_usable():
            return replace(_priced(policy, facts, signal, answer, book), without_book=without)
        without = (*without, answer.exchange)


def _priced(policy: Policy, facts: Facts, signal: ClaimedSignal, answer: Answer, book: OrderBook) -> Preview:
    began = time.perf_counter()
    key = position_key(signal, answer)
    held = held_amounts({key}).get(key) if answer.reducing else None
    sliced = plan_over_time(signal, policy, facts, answer, book, began=began)
    if sliced is None:
        decided = decide_order(signal, policy, facts, answer, book, held=held, began=began)
        return Preview(policy.version, answer, decided, expected=_expected(signal.wanted, decided, book))
    part = _slice_of(signal, sliced)
    if part is None:
        return Preview(policy.version, answer, sliced)
    first = decide_order(part, policy, facts, answer, book, held=held, began=began)
    expected = _expected(part.wanted, first, book)
    return _over_time(Preview(policy.version, answer, sliced, first=first, expected=expected))


def _expected(wanted: Wanted, decided: Decided, book: OrderBook) -> Expected | None:
    """None for what may rest: nobody knows what it gets."""
    order = decided.order
    if order is None or order.fees is None or (wanted.limit_price is not None and order.order_type == OrderType.LIMIT):
        return None
    found = quote(book, wanted.side, order.amount, order.fees.taker)
    if found is None or not found.is_complete:
        return None
    sign = 1 if wanted.side == Side.BUY else -1
    return Expected(order.amount, found.price, found.fee, sign * (found.net_price / book.mid - 1) * _BPS)


# --- over all exchanges


def _smart(policy: Policy, facts: Facts, signal: ClaimedSignal, by: RouteBy) -> Preview:
    """Raises Refused."""
    market = _Market(policy, facts, signal, by)
    found = market.decide(signal, by)
    part = _slice_of(signal, found.decided) if found.chosen is None else None
    if part is None:
        return found
    slice_now = market.decide(part, by)
    return _over_time(replace(found, chosen=slice_now.chosen, first=slice_now.decided))


def _over_time(found: Preview) -> Preview:
    """A first slice that is refused for good ends the whole; for what may pass it waits."""
    first = found.first
    if first is None or first.denial is None or postponed(first, timezone.now()).waits_until is not None:
        return found
    return replace(found, decided=replace(found.decided, denial=first.denial, parts=()))


def _cost(told: Preview) -> float | None:
    return told.chosen.choice.cost_bps if told.chosen is not None and told.denial is None else None


class _Market:
    """One order with the books, balances and holdings it is decided on. Raises Refused."""

    def __init__(self, policy: Policy, facts: Facts, signal: ClaimedSignal, by: RouteBy) -> None:
        self.policy, self.facts, self.signal = policy, facts, signal
        self.answer = smart_answer(policy, facts, signal.question(), by, timezone.now())
        oldest = min(OLDEST_BOOK_S, float(policy.rules.book_max_age_s))
        self.books: Mapping[str, OrderBook] = _books(signal.symbol, self.answer.eligible, oldest)
        self.funds = self._funds()
        self.held = self._held()
        self.chooser = Chooser()

    def decide(self, signal: ClaimedSignal, by: RouteBy) -> Preview:
        """As a worker would."""
        answer = replace(self.answer, by=by, terms=self.policy.terms(by, signal.user_id))
        decided, chosen = decide_at_once_or_over_time(
            self.chooser, signal, signal.question(), self.policy, self.facts, answer, self.books, self.funds,
            self.held, began=time.perf_counter(),
        )  # fmt: skip
        without = tuple(slug for slug in answer.eligible if slug not in self.books)
        return Preview(self.policy.version, answer, decided, chosen, without_book=without)

    def at_once(self, by: RouteBy) -> Preview:
        """What this strategy would do with the whole order now, whatever its method."""
        signal = replace(self.signal, parent_id=self.signal.id)  # parts are not sliced again
        return self.decide(signal, by)

    def _funds(self) -> Funds:
        if self.answer.mode == Mode.PAPER:
            return Funds({}, needed=False)
        user, asset = self.signal.user_id, money_of(self.signal.symbol, self.signal.wanted.side)
        known = free_funds([user], [asset])
        keys = {slug: (user, slug, self.answer.mode.value, asset) for slug in self.answer.eligible}
        free = {slug: known[key] for slug, key in keys.items() if key in known}
        return Funds(free, needed=self.policy.rules.smart_needs_balance)

    def _held(self) -> dict[str, Decimal]:
        mode, symbol = self.answer.mode.value, self.signal.symbol
        keys = {
            (self.signal.user_id, slug, mode, symbol)
            for slug in self.answer.eligible
            if self.answer.reducing_there(slug)
        }
        return {key[1]: amount for key, amount in held_amounts(keys).items()} if keys else {}
