"""From claimed signals to committed orders: route, price, size, check, store."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from uuid import UUID

import orjson
import structlog
from django.utils import timezone

from execution import metrics
from execution.domain.breaker import BreakerState
from execution.domain.breaker import at as breaker_at
from execution.domain.explained import books_used
from execution.domain.router import Answer, Facts, Question, Refused, route, stale_among
from execution.domain.smart import SmartAnswer
from execution.selectors.facts import refresh_facts
from execution.selectors.positions import held_amounts
from execution.services.claims import ClaimedSignal, WorkingOrder
from execution.services.deciding import (
    PositionKey,
    book_age_s,
    decide_order,
    denied,
    expired,
    position_key,
    refused,
    send_now,
)
from execution.services.decisions import Decided, outcomes_of, store_decisions
from execution.services.executor.slots import Slots
from execution.services.executor.smart_stage import SmartMember, SmartStage, smart_each
from execution.services.executor.threads import DatabaseThreads
from execution.services.market_data import BookCache
from execution.services.reconcile.orders import adopt_orphan
from execution.services.reconcile.parts import already_placed
from execution.services.scheduling import plan_over_time, postponed
from policies.domain.policy import Policy
from policies.domain.reasons import ReasonCode
from policies.domain.routing import Source

logger = structlog.get_logger(__name__)

BOOK_WAIT_S = 1.5
_Group = tuple[str, str]
"""Exchange and pair: what one order book prices."""

_Member = tuple[ClaimedSignal, Question, Answer]
_Answered = Answer | SmartAnswer | Refused


@dataclass(slots=True)
class _Batch:
    """Signals claimed together. `send` is called for each order that is committed and may leave now."""

    send: Callable[[WorkingOrder], None]
    began: float
    undecided: int


class RoutingStage:
    """Decides batches of signals. Signals that wait for a slow exchange's book do not hold up the others."""

    def __init__(
        self,
        database: DatabaseThreads,
        books: BookCache,
        slots: Slots,
        policy_and_facts: Callable[[], tuple[Policy, Facts]],
        refresh_health: Callable[[Sequence[str]], Awaitable[None]],
        left_queued: Callable[[Iterable[str]], None],
        compared: Callable[[Iterable[str]], None],
        trade_denied: Callable[[], None],
        *,
        validity_s: float,
        check_after_s: float,
    ) -> None:
        self._database = database
        self._books = books
        self._slots = slots
        self._policy_and_facts = policy_and_facts
        self._refresh_health = refresh_health
        self._left_queued = left_queued
        self._trade_denied = trade_denied
        self._validity_s = validity_s
        self._check_after_s = check_after_s
        self._smart = SmartStage(database, books, compared)
        self.undecided = 0
        """Signals here that have not taken a slot yet, nor been denied one."""
        self.on_the_way: Counter[str] = Counter()
        """Of those, how many are meant for each exchange: what balancing must count as under way there."""
        # Workers start anywhere, so that they do not take turns in step.
        self._turns: dict[str, Iterator[int]] = defaultdict(lambda: count(random.randrange(10_000)))  # noqa: S311

    async def run(self, signals: Sequence[ClaimedSignal], send: Callable[[WorkingOrder], None]) -> None:
        """Decide all signals; `send` is called for each order that is committed and may leave now."""
        batch = _Batch(send, time.perf_counter(), len(signals))
        self.undecided += len(signals)
        try:
            policy, _ = self._policy_and_facts()
            await self._route([(signal, self._question(policy, signal)) for signal in signals], batch)
        finally:
            self._decided(batch, batch.undecided)

    def _question(self, policy: Policy, signal: ClaimedSignal) -> Question:
        """What routing asks about it; a signal of a balanced strategy has its turn."""
        question = signal.question()
        strategy = policy.strategies.get(signal.strategy_id)
        if strategy is None or not strategy.route_by.spreads or question.requested_exchange or question.routing:
            return question
        return replace(question, turn=next(self._turns[signal.strategy_id]))

    def _decided(self, batch: _Batch, count: int) -> None:
        batch.undecided -= count
        self.undecided -= count

    async def _route(self, asked: Sequence[tuple[ClaimedSignal, Question]], batch: _Batch) -> None:
        policy, facts = self._policy_and_facts()
        now = timezone.now()
        if facts.orphans:
            asked = await self._unexplained(asked, facts, batch)
        decided: list[Decided] = []
        groups: dict[_Group, list[_Member]] = defaultdict(list)
        members: list[SmartMember] = []
        answers = _answer_each(policy, facts, dict.fromkeys(question for _, question in asked), now)
        if await self._checked_again(answers.values()):
            policy, facts = self._policy_and_facts()
            answers = _answer_each(policy, facts, answers.keys(), timezone.now())
        outcomes = await self._outcomes(signal for signal, question in asked if isinstance(answers[question], Refused))
        for signal, question in asked:
            answer = answers[question]
            if (too_old := expired(signal, now)) is not None:
                decided.append(denied(signal, policy, too_old, began=batch.began))
            elif isinstance(answer, Refused):
                told = answer.telling(outcomes.get(signal.id, {}))
                decided.append(refused(signal, policy, told, began=batch.began))
            elif isinstance(answer, SmartAnswer):
                members.append((signal, question, answer))
            else:
                groups[answer.exchange, signal.symbol].append((signal, question, answer))
                self.on_the_way[answer.exchange] += 1
        await asyncio.gather(
            self._store(decided, batch),
            self._choose(members, policy, facts, batch),
            *(self._price(group, members, policy, facts, batch) for group, members in groups.items()),
        )

    async def _outcomes(self, signals: Iterable[ClaimedSignal]) -> Mapping[UUID, Mapping[str, str]]:
        """What became of the earlier orders of signals that nothing can take any more."""
        tried = [signal.id for signal in signals if signal.tried]
        return await self._database.run(outcomes_of, tried) if tried else {}

    async def _unexplained(
        self, asked: Sequence[tuple[ClaimedSignal, Question]], facts: Facts, batch: _Batch
    ) -> list[tuple[ClaimedSignal, Question]]:
        """Signals whose order was seen at an exchange already get its row, and nothing is sent for them."""
        left = []
        for signal, question in asked:
            # Ids of 224 orders are made for a signal, half a millisecond: only where this user has such an order.
            mine = facts.orphans.get(signal.user_id, frozenset[str]())
            placed = already_placed(signal.id, signal.attempt, signal.parts_made, mine) if mine else None
            adopted = placed is not None and await self._database.run(adopt_orphan, signal.id, placed)
            if adopted:
                self._decided(batch, 1)
            else:
                left.append((signal, question))
        return left

    async def _checked_again(self, answers: Iterable[_Answered]) -> bool:
        """What stands in the way of some signal may be out of date: look again, once for all, before deciding.

        Stale health is checked at the exchanges; an order that was in doubt may have been settled a moment ago.
        """
        answers = list(answers)
        if any(isinstance(a, Refused) and _may_have_passed(a) for a in answers):
            await self._database.run(refresh_facts)
            return True
        policy, facts = self._policy_and_facts()
        now, stale = timezone.now(), set[str]()
        for answer in answers:
            chosen = answer.exchange if isinstance(answer, Answer) else ""
            stale |= stale_among(policy, facts, answer.candidates, chosen, now)
        if not stale:
            return False
        await self._refresh_health(sorted(stale))
        return True

    async def _choose(self, members: Sequence[SmartMember], policy: Policy, facts: Facts, batch: _Batch) -> None:
        """Signals that may go to several exchanges: all their books are compared."""
        if members:
            decided = await self._smart.decide(members, policy, facts, batch.began)
            await self._store([self._with_slot(item, policy) for item in decided], batch)

    async def _price(
        self,
        group: _Group,
        members: Sequence[_Member],
        policy: Policy,
        facts: Facts,
        batch: _Batch,
    ) -> None:
        exchange, symbol = group
        max_age_s = book_age_s(policy, (signal for signal, _, _ in members))
        try:
            book = await self._books.get(exchange, symbol, max_age_s=max_age_s, wait_s=BOOK_WAIT_S)
        finally:
            self.on_the_way[exchange] -= len(members)
        if book is None or not book.is_usable():
            again = [
                (signal, replace(question, unpriced=(*question.unpriced, exchange))) for signal, question, _ in members
            ]
            await self._route(again, batch)
            return
        members = await self._without_probes(exchange, members, policy, facts, batch)
        held = await self._held(members)
        decided = []
        # One text for all of them: the book that priced them.
        priced_by = orjson.dumps(books_used({exchange: book}, time.time())).decode()
        for signal, _, answer in members:
            amount = held.get(position_key(signal, answer))
            over_time = plan_over_time(signal, policy, facts, answer, book, began=batch.began)
            decided.append(
                over_time
                or decide_order(
                    signal, policy, facts, answer, book, held=amount, began=batch.began, explanation=priced_by
                )
            )
        await self._store([self._with_slot(item, policy) for item in decided], batch)

    async def _without_probes(
        self,
        exchange: str,
        members: Sequence[_Member],
        policy: Policy,
        facts: Facts,
        batch: _Batch,
    ) -> Sequence[_Member]:
        """While an exchange is being probed after an outage, all but the probes go to the next one."""
        known, rules = facts.breakers.get((exchange, None)), policy.exchanges[exchange].breaker
        if known is None or breaker_at(known, rules, timezone.now()).state != BreakerState.HALF_OPEN:
            return members
        probes, others = members[: rules.probes], members[rules.probes :]
        if others:
            again = [(signal, replace(question, probed=(*question.probed, exchange))) for signal, question, _ in others]
            await self._route(again, batch)
        return probes

    async def _held(self, members: Sequence[_Member]) -> dict[PositionKey, Decimal]:
        keys = {position_key(signal, answer) for signal, _, answer in members if answer.reducing}
        return await self._database.run(held_amounts, keys) if keys else {}

    def _with_slot(self, item: Decided, policy: Policy) -> Decided:
        order = item.order
        if order is None or order.exclusive:
            return item  # exclusive orders are claimed one by one, under the database's own rule
        return send_now(item) if self._slots.take(policy, order.exchange, order.credential_id) else item

    async def _store(self, decided: Sequence[Decided], batch: _Batch) -> None:
        if not decided:
            return
        self._decided(batch, len(decided))
        decided = [postponed(item, timezone.now()) for item in decided]
        taken = [item.order for item in decided if item.order is not None and item.order.send_now]
        try:
            orders = await self._database.run(
                store_decisions,
                decided,
                now=datetime.now(UTC),
                validity_s=self._validity_s,
                check_after_s=self._check_after_s,
            )
        except BaseException:
            for order in taken:
                self._slots.release(order.exchange, order.credential_id)
            raise
        kept = {order.signal_id for order in orders}
        for item in decided:
            if item.order is not None and item.order.send_now and item.signal.id not in kept:
                self._slots.release(item.order.exchange, item.order.credential_id)
            _count(item)
        for working in orders:
            batch.send(working)
        queued = {item.order.exchange for item in decided if item.order is not None and not item.order.send_now}
        made_pending = any(item.parts or (item.denial and item.signal.parent_id) for item in decided)
        if queued or made_pending:
            self._left_queued(queued)
        if any(item.denial and item.signal.of_trade for item in decided):
            self._trade_denied()


def _answer_each(
    policy: Policy, facts: Facts, questions: Collection[Question], now: datetime
) -> dict[Question, _Answered]:
    smart = smart_each(policy, facts, questions, now)
    return {**_route_each(policy, facts, (q for q in questions if q not in smart), now), **smart}


def _may_have_passed(refusal: Refused) -> bool:
    """Whether what stands in the way may be gone since the facts were read: a doubt, a list of pairs not there yet."""
    unlisted = any(candidate.code == ReasonCode.MARKETS_NOT_LOADED for candidate in refusal.candidates)
    return refusal.denial.code == ReasonCode.ORDER_IN_DOUBT or unlisted


def _route_each(
    policy: Policy, facts: Facts, questions: Iterable[Question], now: datetime
) -> dict[Question, Answer | Refused]:
    """Each as if those before it were on their way: a batch must not all choose what was free before it came."""
    answers: dict[Question, Answer | Refused] = {}
    for question in questions:
        try:
            answers[question] = answer = route(policy, facts, question, now)
        except Refused as e:
            answers[question] = e
        else:
            if answer.resolution.source == Source.SMART:
                facts = facts.with_one_more(answer.exchange)
    return answers


def _count(item: Decided) -> None:
    metrics.routing_latency_seconds.observe(item.took_us / 1e6)
    if item.waits_until is not None:
        return
    if item.denial is not None:
        metrics.denials_total.labels(item.denial.code.value).inc()
        if item.denial.code in {ReasonCode.NO_HEALTHY_EXCHANGE, ReasonCode.NO_ELIGIBLE_EXCHANGE} and item.primary:
            metrics.exchange_failover_failures_total.labels(item.primary, item.denial.code.value).inc()
        return
    metrics.trades_routed_total.inc()
    if item.warning:
        logger.warning("routing_warning", signal=str(item.signal.id), warning=item.warning)
    if item.order is None:
        return  # its parts are counted as they are routed
    metrics.exchange_routing_total.labels(item.order.exchange, item.source).inc()
    named = item.signal.requested_exchange.lower()
    if named and named != item.primary:
        metrics.exchange_validation_failures_total.labels(metrics.exchange_label(named)).inc()
    if item.order.exchange != item.primary:
        metrics.exchange_failover_events_total.labels(item.primary, item.order.exchange).inc()
        logger.warning("failover", signal=str(item.signal.id), primary=item.primary, selected=item.order.exchange)
