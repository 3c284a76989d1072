"""Smart signals of a batch: their books and balances fetched together, then each decided."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from execution.domain.book import OrderBook
from execution.domain.breaker import BreakerState
from execution.domain.breaker import at as breaker_at
from execution.domain.router import Facts, Question, Refused
from execution.domain.smart import Funds, SmartAnswer, is_smart, smart_answer
from execution.selectors.funds import FundsKey, free_funds
from execution.selectors.positions import held_amounts
from execution.services.claims import ClaimedSignal
from execution.services.deciding import book_age_s
from execution.services.decisions import Decided
from execution.services.executor.threads import DatabaseThreads
from execution.services.market_data import BookCache
from execution.services.smart import Chooser, decide_at_once_or_over_time, money_of
from policies.domain.policy import Mode, Policy

OLDEST_BOOK_S = 1.0
"""Comparing prices of different moments costs more than a slow answer: books are never older than this, or policy's."""

BOOK_WAIT_S = 0.8
IMPATIENT_S = 0.05
"""How long an exchange is waited for that gave no book in time a moment ago."""

IMPATIENT_FOR_S = 3.0
FUNDS_EVERY_S = 0.25

SmartMember = tuple[ClaimedSignal, Question, SmartAnswer]


def smart_each(
    policy: Policy, facts: Facts, questions: Iterable[Question], now: datetime
) -> dict[Question, SmartAnswer | Refused]:
    """The answer to each question that a smart strategy answers; the others are missing."""
    found: dict[Question, SmartAnswer | Refused] = {}
    probing: Counter[str] = Counter()
    for question in questions:
        by = is_smart(policy, question)
        if by is None:
            continue
        try:
            answer = smart_answer(policy, facts, question, by, now)
            full = _probed_enough(policy, facts, answer, probing, now)
            found[question] = smart_answer(policy, facts, replace(question, probed=full), by, now) if full else answer
        except Refused as e:
            found[question] = e
    return found


def _probed_enough(
    policy: Policy, facts: Facts, answer: SmartAnswer, probing: Counter[str], now: datetime
) -> tuple[str, ...]:
    """Exchanges that come back from an outage and have enough other orders to show it."""
    full = []
    for slug in answer.eligible:
        known, rules = facts.breakers.get((slug, None)), policy.exchanges[slug].breaker
        if known is not None and breaker_at(known, rules, now).state == BreakerState.HALF_OPEN:
            probing[slug] += 1
            if probing[slug] > rules.probes:
                full.append(slug)
    return tuple(full)


class SmartStage:
    """Decides smart signals. One wait for all books, however many exchanges there are.

    compared: told the pairs whose exchanges are compared.
    """

    def __init__(self, database: DatabaseThreads, books: BookCache, compared: Callable[[Iterable[str]], None]) -> None:
        self._database = database
        self._books = books
        self._compared = compared
        self._chooser = Chooser()
        self._impatient_until: dict[tuple[str, str], float] = {}
        self._funds: dict[FundsKey, Decimal] = {}
        self._funds_at: dict[tuple[int, str], float] = {}

    async def decide(self, members: Sequence[SmartMember], policy: Policy, facts: Facts, began: float) -> list[Decided]:
        """A decision for each."""
        self._compared({signal.symbol for signal, _, _ in members})
        books, _, held = await asyncio.gather(
            self._all_books(members, policy), self._refresh_funds(members, policy), self._all_held(members)
        )
        return [self._decide(member, policy, facts, books[member[0].symbol], held, began) for member in members]

    def _decide(
        self,
        member: SmartMember,
        policy: Policy,
        facts: Facts,
        books: Mapping[str, OrderBook],
        held: Mapping[tuple[int, str, str, str], Decimal],
        began: float,
    ) -> Decided:
        signal, question, answer = member
        mine = {slug: books[slug] for slug in answer.eligible if slug in books}
        keys = ((slug, (signal.user_id, slug, answer.mode.value, signal.symbol)) for slug in answer.eligible)
        holds = {slug: held[key] for slug, key in keys if key in held}
        funds = self._funds_for(signal, answer, policy)
        decided, _ = decide_at_once_or_over_time(
            self._chooser, signal, question, policy, facts, answer, mine, funds, holds, began=began
        )
        if decided.denial is None:
            self._reserve(signal, answer, decided)
        return decided

    # --- books

    async def _all_books(self, members: Sequence[SmartMember], policy: Policy) -> dict[str, dict[str, OrderBook]]:
        """By pair and exchange; what cannot be had in time is missing."""
        wanted: dict[tuple[str, str], None] = {}
        for signal, _, answer in members:
            wanted |= dict.fromkeys((slug, signal.symbol) for slug in answer.eligible)
        oldest = min(OLDEST_BOOK_S, book_age_s(policy, (signal for signal, _, _ in members)))
        got = await asyncio.gather(*(self._book(slug, symbol, oldest) for slug, symbol in wanted))
        found: dict[str, dict[str, OrderBook]] = defaultdict(dict)
        for (slug, symbol), book in zip(wanted, got, strict=True):
            if book is not None:
                found[symbol][slug] = book
        return found

    async def _book(self, slug: str, symbol: str, oldest: float) -> OrderBook | None:
        key = (slug, symbol)
        impatient = self._impatient_until.get(key, 0.0) > time.monotonic()
        wait_s = IMPATIENT_S if impatient else BOOK_WAIT_S
        book = await self._books.get(slug, symbol, max_age_s=oldest, wait_s=wait_s)
        if book is not None:
            self._impatient_until.pop(key, None)
        elif not impatient:
            self._impatient_until[key] = time.monotonic() + IMPATIENT_FOR_S
        return book

    # --- money

    async def _refresh_funds(self, members: Sequence[SmartMember], policy: Policy) -> None:
        """Read what accounts can spend, where it was not read a moment ago."""
        wanted = {
            (signal.user_id, money_of(signal.symbol, signal.wanted.side))
            for signal, _, answer in members
            if answer.mode != Mode.PAPER
        }
        now = time.monotonic()
        old = {key for key in wanted if now - self._funds_at.get(key, float("-inf")) > FUNDS_EVERY_S}
        if not old:
            return
        users, assets = {user for user, _ in old}, {asset for _, asset in old}
        fresh = await self._database.run(free_funds, users, assets)
        self._funds = {k: free for k, free in self._funds.items() if not (k[0] in users and k[3] in assets)} | fresh
        self._funds_at |= {(user, asset): now for user in users for asset in assets}

    def _funds_for(self, signal: ClaimedSignal, answer: SmartAnswer, policy: Policy) -> Funds:
        if answer.mode == Mode.PAPER:
            return Funds({}, needed=False)
        asset = money_of(signal.symbol, signal.wanted.side)
        keys = {slug: (signal.user_id, slug, answer.mode.value, asset) for slug in answer.eligible}
        free = {slug: self._funds[key] for slug, key in keys.items() if key in self._funds}
        return Funds(free, needed=policy.rules.smart_needs_balance)

    def _reserve(self, signal: ClaimedSignal, answer: SmartAnswer, decided: Decided) -> None:
        """What was just promised is not there for the next signal, before the database shows it."""
        asset = money_of(signal.symbol, signal.wanted.side)
        buys = asset != signal.symbol.partition("/")[0]
        spent = [(part.exchange, part.amount or Decimal(0), part.limit_price) for part in decided.parts]
        if decided.order is not None:
            order = decided.order
            spent.append((order.exchange, order.amount, order.price or order.reference_price))
        for slug, amount, price in spent:
            key = (signal.user_id, slug, answer.mode.value, asset)
            if key in self._funds:
                self._funds[key] -= amount * (price or Decimal(0)) if buys else amount

    async def _all_held(self, members: Sequence[SmartMember]) -> Mapping[tuple[int, str, str, str], Decimal]:
        """What is held where only reducing orders pass."""
        keys = {
            (signal.user_id, slug, answer.mode.value, signal.symbol)
            for signal, _, answer in members
            for slug in answer.eligible
            if answer.reducing_there(slug)
        }
        return await self._database.run(held_amounts, keys) if keys else {}
