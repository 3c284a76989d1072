"""Asks exchanges what became of orders: the ones just sent, the resting ones, and those whose fate is unknown."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from execution.domain import life
from execution.domain.life import CheckOptions as CheckOptions
from execution.domain.orders import FINAL, IN_DOUBT, WORKING
from execution.domain.passive import should_cross
from execution.domain.reports import OrderReport
from execution.exchanges.base import Exchange
from execution.exchanges.errors import ExchangeError
from execution.exchanges.registry import Traits, traits
from execution.services.claims import WorkingOrder
from execution.services.connections import Connections
from execution.services.executor.clock import Clock
from execution.services.ledger import Move
from execution.services.market_data import BookCache
from policies.domain.policy import Policy

logger = structlog.get_logger(__name__)

FOLLOW_POLLS_S = (0.03, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0)
UNRECORDED_POLLS = 2
"""Looks at an acknowledged order before it is recorded as open: most end within them."""

HANDED_OVER_S = 2.0
BOOK_WAIT_S = 0.5


class Checker:
    """Asks; what the answers mean is decided in `execution.domain.life`."""

    def __init__(
        self,
        connections: Connections,
        policy: Callable[[], Policy],
        options: CheckOptions,
        clock: Clock,
        books: BookCache,
    ) -> None:
        self._connections = connections
        self._policy = policy
        self._options = options
        self._clock = clock
        self._books = books

    async def check(self, order: WorkingOrder, put: Callable[[Move], None]) -> None:
        """One look at an order that is due, whatever state it is in."""
        trait = traits(order.exchange)
        try:
            adapter = await self._adapter(order)
            early = life.before_look_up(order, _now(), self._options, late_s=trait.arrives_late_s)
            put(early or await self._look_up(order, adapter, trait))
        except ExchangeError as e:
            put(life.after_no_answer(order, e.detail, e.retry_after_s, _now(), self._options))

    async def _look_up(self, order: WorkingOrder, adapter: Exchange, trait: Traits) -> Move:
        cancel = order.status in WORKING and life.wants_cancel(
            order, _now(), self._options, emulated=_is_emulated(order, trait)
        )
        cancel = cancel or (order.status in WORKING and await self._has_rested_enough(order))
        late_s = trait.arrives_late_s
        # As of now: an answer may be long on its way.
        counts = not self._clock.set_within(life.clock_doubt_s(order, self._options, late_s=late_s))
        report = await _cancel(order, adapter) if cancel else None
        report = report or await adapter.look_up(order.request())
        if report is None and order.status in IN_DOUBT and not counts:
            return life.after_doubtful_miss(order, _now(), self._options)
        return life.after_look_up(order, report, _now(), self._options, late_s=late_s, cancelled=cancel)

    async def _has_rested_enough(self, order: WorkingOrder) -> bool:
        """Whether what is left of a passive order is to take what there is; without a book, once its time is over."""
        if order.rest_until is None or order.price is None:
            return False
        policy, now = self._policy(), _now()
        max_age_s = float(policy.rules.book_max_age_s)
        book = await self._books.get(order.exchange, order.symbol, max_age_s=max_age_s, wait_s=BOOK_WAIT_S)
        if book is None or not book.is_usable():
            return now >= order.rest_until
        fees = policy.exchanges[order.exchange]
        return should_cross(
            book,
            order.side,
            order.price,
            order.amount - order.filled_amount,
            now=now,
            until=order.rest_until,
            maker_fee=fees.maker_fee_bps / 10_000,
            taker_fee=fees.taker_fee_bps / 10_000,
        )

    async def follow(
        self, order: WorkingOrder, acknowledged: Move, adapter: Exchange, put: Callable[[Move], None]
    ) -> None:
        """Watch an order that should end at once; what is not over in time is left to `check`.

        `order` knows the exchange's id. A first look or two may already see the end: then one move says it all.
        """
        emulated = _is_emulated(order, traits(order.exchange))
        cancel_at = time.monotonic() + self._options.emulated_ioc_s if emulated else float("inf")
        current, known = acknowledged, False
        for number, pause in enumerate(FOLLOW_POLLS_S):
            await asyncio.sleep(pause)
            report = await self._look(order, adapter, cancel=time.monotonic() >= cancel_at)
            if report is not None:
                current = life.after_report(order, report, _now(), acknowledged=True)
                if report.status in FINAL:
                    put(current)
                    return
            if number == UNRECORDED_POLLS - 1:
                put(current)
                order, known = life.after_move(current), True
                current = replace(current, order=order)
        if known and current.status == order.status and current.filled == order.filled_amount:
            return
        put(replace(current, check_at=_now() + timedelta(seconds=HANDED_OVER_S)))

    async def _look(self, order: WorkingOrder, adapter: Exchange, *, cancel: bool) -> OrderReport | None:
        try:
            report = await _cancel(order, adapter) if cancel else None
            return report or await adapter.look_up(order.request())
        except ExchangeError as e:
            logger.info("follow_unanswered", order=order.id.hex, error=str(e))
            return None

    async def _adapter(self, order: WorkingOrder) -> Exchange:
        policy = self._policy()
        credential = policy.credentials.get((order.user_id, order.exchange, order.mode))
        return await self._connections.for_order(policy.exchanges[order.exchange], order.mode, credential)


async def _cancel(order: WorkingOrder, adapter: Exchange) -> OrderReport | None:
    """Ask for it. Some exchanges refuse to cancel what has ended, so whatever they say the order is looked up then."""
    try:
        return await adapter.cancel(order.request())
    except ExchangeError as e:
        logger.info("cancel_unanswered", order=order.id.hex, exchange=order.exchange, error=str(e))
        return None


def _is_emulated(order: WorkingOrder, trait: Traits) -> bool:
    return life.emulates_ioc(order, trait.capabilities.times_in_force)


def _now() -> datetime:
    return datetime.now(UTC)
