"""One broken rule each, by replacing production functions when a process starts. Every one must be caught.

A mutant that no longer finds what it replaces fails loudly: then the rule has moved, and the mutant must follow.
"""

import asyncio
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

Patch = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A broken rule. scenario: where it shows (see chaos/scenarios.py). web: whether it is in web, not in workers."""

    name: str
    rule: str
    scenario: str
    patch: Patch
    web: bool = False


MUTANTS: dict[str, Mutant] = {}


def mutant(scenario: str, *, web: bool = False) -> Callable[[Patch], Patch]:
    """Register a patch; its docstring is the rule it breaks."""

    def register(patch: Patch) -> Patch:
        name = patch.__name__
        MUTANTS[name] = Mutant(name, (patch.__doc__ or "").strip(), scenario, patch, web)
        return patch

    return register


def apply(name: str) -> None:
    """Patch this process. Raises KeyError for an unknown name, AttributeError when there is nothing to replace."""
    ADJUSTMENTS[name]() if name in ADJUSTMENTS else MUTANTS[name].patch()


def _swap(owner: Any, name: str, new: Any) -> Any:
    """Replace an attribute that must exist; returns the old one."""
    old = getattr(owner, name)
    setattr(owner, name, new)
    return old


# --- not mutants: waits, shortened


def short_waits(margin_s: float = 0.5, signal_lease_s: int = 8, check_lease_s: int = 5, alpaca_s: float = 4.0) -> None:
    """Waits that only guard against clocks, queues and dead workers, so that a minute shows what else takes several."""
    from execution.exchanges.quirks import QUIRKS
    from execution.services import claims, process

    def shortened() -> Any:
        options = found()
        return replace(options, checks=replace(options.checks, window_margin_s=margin_s))

    found = _swap(process, "options_from_settings", shortened)
    _swap(claims, "SIGNAL_LEASE_S", signal_lease_s)
    _swap(claims, "CHECK_LEASE_S", check_lease_s)
    QUIRKS["alpaca"] = replace(QUIRKS["alpaca"], arrives_late_s=alpaca_s)  # type: ignore[index]


def hasty() -> None:
    """The same for one scenario per mutant: a few seconds must be enough."""
    from execution.domain import life
    from execution.services.executor import loop

    short_waits(margin_s=0.3, signal_lease_s=2, check_lease_s=2, alpaca_s=0.5)
    _swap(life, "ORPHANED_AFTER_S", 1.0)
    _swap(life, "_RESTING_POLLS", ((float("inf"), 0.3),))
    _swap(life, "CANCEL_CONFIRMED_AFTER_S", 0.2)
    _swap(loop, "SWEEP_INTERVAL_S", 0.1)


ADJUSTMENTS: dict[str, Patch] = {"short_waits": short_waits, "hasty": hasty}


# --- sending


@mutant("lost answers")
def blind_retry() -> None:
    """An ambiguous answer is sent again, with the same id."""
    from execution.exchanges.ccxt_exchange import CcxtExchange
    from execution.exchanges.errors import OutcomeUnknown

    async def place(self: Any, request: Any) -> Any:
        try:
            return await once(self, request)
        except OutcomeUnknown:
            return await once(self, request)

    once = _swap(CcxtExchange, "place", place)


@mutant("lost answers")
def failover_on_timeout() -> None:
    """What is unknown counts as not placed, and the next exchange gets it."""
    from execution.domain import life
    from execution.domain.reports import Verdict
    from policies.domain.reasons import ReasonCode

    def after(order: Any, verdict: Any, code: Any, *args: Any, **options: Any) -> Any:
        if verdict == Verdict.UNKNOWN:
            verdict, code = Verdict.NOT_SENT, ReasonCode.EXCHANGE_UNAVAILABLE
        return before(order, verdict, code, *args, **options)

    before = _swap(life, "after_placement", after)


@mutant("lost answers")
def unavailable_is_a_refusal() -> None:
    """HTTP 503 counts as proof that nothing was placed."""
    import ccxt.async_support as ccxt

    from execution.exchanges import outcomes
    from policies.domain.reasons import ReasonCode

    assert ccxt.ExchangeNotAvailable in outcomes.BY_CLASS
    outcomes.BY_CLASS[ccxt.ExchangeNotAvailable] = (  # type: ignore[index]
        outcomes.Verdict.NOT_SENT,
        ReasonCode.EXCHANGE_UNAVAILABLE,
    )


@mutant("lost answers")
def new_id_per_send() -> None:
    """The client order id is made when sending instead of being the committed row's."""
    from execution.services.claims import WorkingOrder

    def request(self: Any) -> Any:
        return replace(usual(self), client_order_id=uuid.uuid4().hex)

    usual = _swap(WorkingOrder, "request", request)


@mutant("killed while sending")
def send_before_commit() -> None:
    """Orders leave while the transaction that stores them is still open."""
    from django.db import transaction

    from execution.services.executor import routing_stage

    async def store_and_send(self: Any, decided: Any, batch: Any) -> None:
        loop = asyncio.get_running_loop()

        def commit_late(*args: Any, **options: Any) -> list[Any]:
            with transaction.atomic():
                orders = store(*args, **options)
                for order in orders:
                    loop.call_soon_threadsafe(batch.send, order)
                time.sleep(3.0)
            return []

        vars(routing_stage)["store_decisions"] = commit_late
        await usual(self, decided, batch)

    store = vars(routing_stage)["store_decisions"]
    usual = _swap(routing_stage.RoutingStage, "_store", store_and_send)


@mutant("plain")
def double_size() -> None:
    """An order is larger than its signal."""
    from execution.services.executor import routing_stage

    def twice(*args: Any, **options: Any) -> Any:
        decided = usual(*args, **options)
        return replace(decided, order=replace(decided.order, amount=decided.order.amount * 2))

    usual = _swap(routing_stage, "decide_order", twice)


# --- looking up


@mutant("late orders")
def early_look_up() -> None:
    """ "Not there" is believed while the exchange may still accept the order."""
    from execution.domain import life

    _swap(life, "first_look_up_at", lambda order, options, *, late_s: order.submitted_at)
    # A worker that just began counts nothing before that time anyway: the second guard of the same rule.
    _swap(life, "clock_doubt_s", lambda order, options, *, late_s: 0.0)


@mutant("late at an exchange without bounds")
def one_miss_concludes() -> None:
    """A single "not there" counts as proof."""
    from execution.domain import life

    _swap(life, "may_conclude", lambda order, misses, now, options, *, late_s: misses >= 1)


@mutant("look-ups fail")
def error_counts_as_miss() -> None:
    """A look-up that failed counts as "not there"."""
    from execution.domain import life
    from execution.domain.orders import IN_DOUBT

    def after(order: Any, detail: str, retry_after_s: Any, now: Any, options: Any) -> Any:
        if order.status not in IN_DOUBT:
            return usual(order, detail, retry_after_s, now, options)
        return life.after_look_up(order, None, now, options, late_s=0.0)

    usual = _swap(life, "after_no_answer", after)


@mutant("look-ups fail")
def attention_concludes() -> None:
    """An order that nobody could look up for too long counts as not placed."""
    from execution.domain import life
    from execution.domain.orders import OrderStatus

    def doubt(order: Any, detail: str, now: Any, options: Any, **rest: Any) -> Any:
        move = usual(order, detail, now, options, **rest)
        if move.status == OrderStatus.NEEDS_ATTENTION:
            return replace(move, status=OrderStatus.NOT_PLACED, code="NOT_PLACED", check_at=None)
        return move

    usual = _swap(life, "_doubt", doubt)


@mutant("filled while cancelled")
def cancel_means_cancelled() -> None:
    """A cancel that was sent counts as done, without a look."""
    from execution.domain.orders import WORKING, OrderStatus
    from execution.domain.reports import OrderReport
    from execution.services.executor.checker import Checker

    async def look_up(self: Any, order: Any, adapter: Any, trait: Any) -> Any:
        if order.status not in WORKING or order.cancel_requested_at is None:
            return await usual(self, order, adapter, trait)
        from execution.domain import life

        await adapter.cancel(order.request())
        report = OrderReport(order.exchange_order_id, OrderStatus.CANCELLED, order.filled_amount)
        return replace(life.after_report(order, report, datetime.now(UTC)), code="CANCELLED_BY_CLIENT")

    usual = _swap(Checker, "_look_up", look_up)


# --- workers that die, messages that are lost


@mutant("killed while sending")
def forget_in_flight() -> None:
    """What a dead worker was sending counts as not sent."""
    from execution.domain.orders import OrderStatus
    from execution.services.executor.checker import Checker
    from execution.services.ledger import Move

    async def check(self: Any, order: Any, put: Any) -> None:
        if order.status != OrderStatus.SUBMITTING:
            await usual(self, order, put)
            return
        put(Move(order=order, status=OrderStatus.NOT_PLACED, at=datetime.now(UTC), code="NOT_PLACED", detail="-"))

    usual = _swap(Checker, "check", check)


@mutant("killed while sending")
def orphans_are_ignored() -> None:
    """Nobody looks after what a dead worker was sending."""
    from execution.domain.orders import OrderStatus
    from execution.services import claims

    def only_known(limit: int) -> list[Any]:
        return [order for order in usual(limit) if order.status != OrderStatus.SUBMITTING]

    usual = _swap(claims, "claim_checks", only_known)


@mutant("killed while routing")
def no_signal_lease() -> None:
    """Signals that a dead worker had claimed are never given back."""
    from execution.services import claims

    _swap(claims, "return_stale_claims", lambda: 0)


@mutant("no messages")
def no_sweep() -> None:
    """Work is only looked for when a message says so."""
    from execution.services.executor import Executor

    async def wait(self: Any, seconds: float) -> None:
        await self._wakeup.wait()

    _swap(Executor, "_wait", wait)


@mutant("a full exchange")
def no_claim_guard() -> None:
    """Two workers read the same queued orders, then both take them."""
    from execution.services import claims

    guarded = (
        "SELECT o.id FROM execution_order o JOIN heads USING (id) WHERE o.status = 'queued' FOR UPDATE OF o SKIP LOCKED"
    )
    assert guarded in claims._CLAIM_ORDERS
    # The pause stands for a busy database: both have read before one has written.
    naive = "SELECT o.id FROM execution_order o JOIN heads USING (id), pg_sleep(0.5)"
    _swap(claims, "_CLAIM_ORDERS", claims._CLAIM_ORDERS.replace(guarded, naive))


# --- recording


@mutant("filled in parts")
def fills_twice() -> None:
    """An execution that is reported again is booked again."""
    from execution.services import ledger

    def book_all(moves: Any) -> Any:
        again = [replace(m, trades=tuple(replace(t, trade_id=uuid.uuid4().hex) for t in m.trades)) for m in moves]
        return usual(again)

    usual = _swap(ledger, "_insert_fills", book_all)
    _swap(ledger, "check_fills", lambda move, new: None)


@mutant("plain")
def fees_are_forgotten() -> None:
    """Fees do not reach positions and totals."""
    from decimal import Decimal

    from execution.services import ledger

    def without(inserted: Any) -> None:
        usual([(order, amount, price, Decimal(0), asset) for order, amount, price, _, asset in inserted])

    usual = _swap(ledger, "_add_to_positions", without)


@mutant("plain")
def no_history() -> None:
    """Moves leave no event behind."""
    from execution.services import ledger

    _swap(ledger, "_insert_events", lambda moves: None)


@mutant("plain")
def no_reason() -> None:
    """A signal ends without saying why."""
    from execution.domain import life

    def blank(order: Any, report: Any, now: Any, **options: Any) -> Any:
        return replace(usual(order, report, now, **options), code="", detail="")

    usual = _swap(life, "after_report", blank)


# --- accepting


@mutant("said twice", web=True)
def no_idempotency_row() -> None:
    """A signal that is posted again is stored again."""
    from execution.api import views

    def store(signals: Any, **options: Any) -> Any:
        fresh = [replace(s, idempotency_key=f"{s.idempotency_key[:60]}-{uuid.uuid4().hex[:8]}") for s in signals]
        return usual(fresh, **options)

    usual = _swap(views, "store_signals", store)


@mutant("web killed after its answer", web=True)
def accept_before_commit() -> None:
    """A signal is accepted first and stored afterwards."""
    from django.utils import timezone

    from execution.api import views
    from execution.domain.ids import signal_id
    from execution.services.installation import installation_id
    from execution.services.intake import Outcome, Receipt

    def store(signals: Any, **options: Any) -> Any:
        threading.Timer(1.0, usual, (signals,), options).start()
        installation, user = installation_id(), options["user_id"]
        return [
            Receipt(Outcome.STORED, signal_id(installation, user, s.idempotency_key), timezone.now()) for s in signals
        ]

    usual = _swap(views, "store_signals", store)
