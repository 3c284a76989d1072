"""What would become of an order now: the route, the parts, the price. Stores nothing, sends nothing."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from django.utils import timezone

from execution.domain.book import OrderBook
from execution.domain.router import Answer, Facts, Question, Refused, route
from execution.domain.shared_book import age_s
from execution.domain.sizing import Wanted
from execution.domain.smart import Funds, SmartAnswer, is_smart, merged, smart_answer
from execution.selectors.books import shared_books
from execution.selectors.facts import current_facts
from execution.selectors.funds import free_funds
from execution.selectors.positions import held_amounts
from execution.services.asking import books_now
from execution.services.smart import Chooser, Chosen, money_of, refusal_of
from policies.domain.permissions import check_order_size
from policies.domain.policy import SMART_ROUTES, Mode, Policy, RouteBy
from policies.domain.reasons import Denial
from policies.domain.routing import Candidate
from policies.snapshot import current_policy

OLDEST_BOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Preview:
    """The answer. chosen: for a smart route that got as far as comparing. denial: why nothing would be sent."""

    policy_version: int
    answer: Answer | SmartAnswer | Refused
    chosen: Chosen | None = None
    denial: Denial | None = None

    @property
    def exchange(self) -> str:
        """Where it would go first; empty when it would be denied."""
        if self.denial is not None or isinstance(self.answer, Refused):
            return ""
        if isinstance(self.answer, SmartAnswer):
            return self.chosen.choice.parts[0].exchange if self.chosen and self.chosen.choice.parts else ""
        return self.answer.exchange

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every exchange and its fate."""
        if isinstance(self.answer, SmartAnswer) and self.chosen is not None:
            return merged(self.answer, self.chosen.out, self.chosen.choice)
        return self.answer.candidates


@dataclass(frozen=True, slots=True)
class Compared:
    """What one strategy would do. extra_bps: more than the cheapest of all strategies; None: it fills less."""

    by: RouteBy
    preview: Preview
    cost_bps: float | None
    extra_bps: float | None = None


def preview(question: Question, wanted: Wanted) -> Preview:
    """Where this order would go now, how it would be split, and what it should cost."""
    policy, facts = current_policy(), current_facts()
    by = is_smart(policy, question)
    try:
        if by is None:
            return Preview(policy.version, route(policy, facts, question, timezone.now()))
        return _Market(policy, facts, question, wanted, by).preview(by)
    except Refused as e:
        return Preview(policy.version, e, denial=e.denial)


def compare(question: Question, wanted: Wanted) -> list[Compared]:
    """Every smart strategy on the same books, the cheapest first. Empty when the user may not trade this at all."""
    policy, facts = current_policy(), current_facts()
    question = replace(question, requested_exchange="")
    try:
        market = _Market(policy, facts, question, wanted, RouteBy.OPTIMAL_SPLIT)
    except Refused:
        return []
    found = [Compared(by, told, _cost(told)) for by in sorted(SMART_ROUTES) for told in [market.preview(by)]]
    costs = [each.cost_bps for each in found if each.cost_bps is not None]
    told = [replace(each, extra_bps=None if each.cost_bps is None else each.cost_bps - min(costs)) for each in found]
    return sorted(told, key=lambda each: (each.cost_bps is None, each.cost_bps or 0.0, each.by))


def _cost(told: Preview) -> float | None:
    return told.chosen.choice.cost_bps if told.chosen is not None and told.denial is None else None


def _books(symbol: str, slugs: Collection[str], oldest_s: float) -> dict[str, OrderBook]:
    """The books that are shared, where they are fresh; the other exchanges are asked."""
    now = time.time()
    shared = shared_books(symbol)
    fresh = {slug: shared[slug] for slug in slugs if slug in shared and age_s(shared[slug], now) <= oldest_s}
    missing = [slug for slug in slugs if slug not in fresh]
    return fresh | (books_now(symbol, missing, oldest_s) if missing else {})


class _Market:
    """One order with the books, balances and holdings it is decided on. Raises Refused."""

    def __init__(self, policy: Policy, facts: Facts, question: Question, wanted: Wanted, by: RouteBy) -> None:
        self.policy, self.facts, self.question, self.wanted = policy, facts, question, wanted
        self.answer = smart_answer(policy, facts, question, by, timezone.now())
        oldest = min(OLDEST_BOOK_S, float(policy.rules.book_max_age_s))
        self.books: Mapping[str, OrderBook] = _books(question.symbol, self.answer.eligible, oldest)
        self.funds = self._funds()
        self.held = self._held()

    def preview(self, by: RouteBy) -> Preview:
        answer = replace(self.answer, by=by, terms=self.policy.terms(by, self.question.user_id))
        chosen = Chooser().choose(
            self.policy, self.facts, self.question, answer, self.wanted, self.books, self.funds, self.held
        )
        denial = refusal_of(self.question.symbol, self.wanted, self.policy, answer, chosen)
        if denial is None:
            permission = self.policy.permissions[self.question.user_id]
            worst = chosen.choice.worst_notional
            denial = check_order_size(permission, symbol=self.question.symbol, notional=worst)
        return Preview(self.policy.version, answer, chosen, denial)

    def _funds(self) -> Funds:
        if self.answer.mode == Mode.PAPER:
            return Funds({}, needed=False)
        user, asset = self.question.user_id, money_of(self.question.symbol, self.wanted.side)
        known = free_funds([user], [asset])
        keys = {slug: (user, slug, self.answer.mode.value, asset) for slug in self.answer.eligible}
        free = {slug: known[key] for slug, key in keys.items() if key in known}
        return Funds(free, needed=self.policy.rules.smart_needs_balance)

    def _held(self) -> dict[str, Decimal]:
        mode, symbol = self.answer.mode.value, self.question.symbol
        keys = {
            (self.question.user_id, slug, mode, symbol)
            for slug in self.answer.eligible
            if self.answer.reducing_there(slug)
        }
        return {key[1]: amount for key, amount in held_amounts(keys).items()} if keys else {}
