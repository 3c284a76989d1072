"""One seed's world: which exchanges, workers, signals and misfortunes there are, and when the misfortunes end."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from execution.domain import life
from execution.domain.health import Health, HealthStatus
from execution.domain.life import CheckOptions
from execution.domain.orders import PRIORITY, OrderStatus, OrderType, Side, SignalType, TimeInForce
from execution.domain.router import Facts
from execution.domain.sizing import Wanted
from execution.services.claims import ClaimedSignal, WorkingOrder
from execution.services.decisions import Decided
from policies.domain.policy import Scope, TradingStateRule, TradingStatus
from tests.domain import builders
from tests.simulation.broken import NOTHING, Broken
from tests.simulation.clock import EPOCH, Loop, Reply, moment
from tests.simulation.database import Database, DatabaseError, SignalRow
from tests.simulation.exchanges import IDS, Faults, ModelExchange
from tests.simulation.truth import SKEW_S, Truth
from tests.simulation.worker import Worker

SYMBOL = "BTC/USDT"
TROUBLE_S = 25.0
LONG_OUTAGE_S = 420.0
QUIET_WITHIN_S = 180.0
"""After the last fault, the whole wait for the exchange that accepts a minute late included."""

BTC = replace(builders.BTC, lot=Decimal("0.00001"))
BOOK = builders.book([("49990", "50"), ("49900", "50")], [("50000", "50"), ("50100", "50")])
_POLICY = builders.policy(
    exchanges={slug: builders.exchange(slug, stale_after_s=10**7) for slug in builders.SLUGS},
    permissions={builders.USER: builders.permission(max_order_notional={"USDT": Decimal(8_000)})},
)
_MARKETS = {slug: {SYMBOL: BTC} for slug in builders.SLUGS}


@dataclass(frozen=True, slots=True)
class Options:
    """As installed, see `ExecutorOptions`."""

    timeout_s: float = 5.0
    validity_s: float = 5.0
    checks: CheckOptions = CheckOptions(5.0, 3, 300.0)

    @property
    def check_after_s(self) -> float:
        return life.orphaned_after_s(timeout_s=self.timeout_s, validity_s=self.validity_s)


class World:
    """Build it with a seed, then `run`. Raises Violation."""

    def __init__(
        self,
        seed: int,
        signals: int,
        *,
        broken: Broken = NOTHING,
        parts: bool = False,
        tell: Callable[[int, str], None] | None = None,
    ) -> None:
        self.rng = Random(seed)
        self.parts = parts
        self.options = Options()
        self.broken = broken
        self.loop = Loop()
        self.truth = Truth(self.loop, self.options.checks)
        if tell is not None:
            self.truth.tell = lambda signal, text: tell(signal, f"{self.loop.now:9.3f}  {text}")
        self.database = Database(self.loop.clock, self.truth, broken)
        self.book = BOOK
        self.policy = _POLICY
        self.exchanges = {slug: ModelExchange(slug, self.loop, self.rng, self.truth) for slug in IDS}
        self._down: dict[str, HealthStatus] = {}
        self._set_back_s = 0.0
        self._refresh_facts()
        self._database_down = False
        self._database_flaky = 0.0
        self._messages_lost = 0.0
        self._books_missing = 0.0
        self.workers = [
            Worker(self, f"worker{number}", self.rng.uniform(-SKEW_S, SKEW_S))
            for number in range(self.rng.randint(2, 4))
        ]
        self.database.all_ended = self._stop_when_over
        self._plan_trouble()
        self.signals = [self._plan_signal(number) for number in range(signals)]

    def run(self) -> None:
        """Until everything has ended. Raises Violation at the first step that breaks a rule."""
        for worker in self.workers:
            worker.start()
        self.loop.run(self._calm_at)
        if not self._over():
            self._calm()
            # What is due by a clock that was set back is due so much later.
            self.loop.run(self._calm_at + QUIET_WITHIN_S + self._set_back_s)
        self.database.all_ended = lambda: None
        self.loop.run(self.loop.now + 15.0)  # what still travels arrives
        self.truth.at_quiet(list(self.database.signals.values()), self.exchanges)

    def _over(self) -> bool:
        roots = sum(row.parent is None for row in self.database.signals.values())
        return roots == len(self.signals) and not self.database.open_signals

    def _stop_when_over(self) -> None:
        if self._over():
            self.loop.stop()

    # --- what workers ask of the world

    def say(self, order: WorkingOrder, text: str) -> None:
        """A line for the trace."""
        self.truth.say(self.database.orders[order.id].signal.number, text)

    def say_all(self, text: str) -> None:
        """A line that concerns every signal."""
        self.truth.say(-1, text)

    def database_up(self) -> bool:
        return not self._database_down

    def database_latency(self) -> float:
        return self.rng.uniform(0.0005, 0.004)

    def check_database(self) -> None:
        """Raises DatabaseError when there is no connection."""
        if self._database_down or (self._database_flaky and self.rng.random() < self._database_flaky):
            raise DatabaseError

    def check_database_reply(self) -> None:
        """Raises DatabaseError when the commit's answer was lost."""
        if self._database_flaky and self.rng.random() < self._database_flaky:
            raise DatabaseError

    def book_is_missing(self) -> bool:
        return self._books_missing > 0 and self.rng.random() < self._books_missing

    def send_uncommitted(self, item: Decided) -> None:
        """A broken worker: the request leaves before its intent is stored."""
        order = WorkingOrder.__new__(WorkingOrder)
        template = {"id": UUID(int=self.rng.getrandbits(128)), "valid_until": moment(self.loop.now + 5)}
        assert item.order is not None
        for name in WorkingOrder.__dataclass_fields__:
            object.__setattr__(order, name, template.get(name, getattr(item.order, name, None)))
        self.exchanges[item.order.exchange].place(order, Reply())

    # --- the plan

    def _plan_signal(self, number: int) -> SignalRow:
        rng = self.rng
        at = rng.uniform(0.0, TROUBLE_S * 0.6)
        kind = rng.choice(list(SignalType))
        in_quote = rng.random() < 0.3 and not self.parts
        wanted = Wanted(
            side=rng.choice((Side.BUY, Side.SELL)),
            amount=None if in_quote else Decimal(rng.choice((1, 5, 10, 50, 100, 150, 200))) / 1000,
            notional=Decimal(rng.choice((50, 500, 5000))) if in_quote else None,
            order_type=OrderType.LIMIT if rng.random() < 0.4 else None,
            limit_price=None,
            time_in_force=None,
            signal_type=kind,
        )
        if wanted.order_type == OrderType.LIMIT:
            in_force = rng.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, None))
            wanted = replace(wanted, limit_price=Decimal(50000), time_in_force=in_force)
        received, patience = moment(at), rng.choice((3.0, 20.0, 60.0, 300.0))
        asked = ClaimedSignal(
            id=UUID(int=rng.getrandbits(128), version=4),
            user_id=builders.USER,
            symbol=SYMBOL,
            strategy_id="",
            requested_exchange=rng.choice(("", *IDS)),
            requested_mode=None,
            tried=(),
            attempt=0,
            priority=PRIORITY[kind],
            received_at=received,
            expires_at=received + timedelta(seconds=patience),
            claimed_until=EPOCH,
            cancel_requested=False,
            wanted=wanted,
        )
        row = SignalRow(number, asked)
        self.loop.after(at, lambda _: self._submit(row))
        if rng.random() < 0.1:
            dies = self.parts and rng.random() < 0.3
            self.loop.after(at + rng.uniform(0.0, 20.0), lambda _: self.database.cancel_signal(row, and_parts=not dies))
        elif rng.random() < 0.05:
            self.loop.after(at + rng.uniform(0.0, 20.0), lambda _: self._cancel_newest_order(row))
        return row

    def _submit(self, row: SignalRow) -> None:
        """The API: the row is committed, then a message is sent; the message may be lost, late, or come twice."""
        shift = timedelta(seconds=self.loop.shift)
        row.asked = replace(
            row.asked, received_at=row.asked.received_at + shift, expires_at=row.asked.expires_at + shift
        )
        self.truth.say(row.number, "submitted", row.asked.wanted)
        self.database.insert_signal(row)
        while self.rng.random() >= self._messages_lost:
            self.loop.after(self.rng.expovariate(20), self.rng.choice(self.workers).wake)
            if self.rng.random() < 0.9:
                return

    def _cancel_newest_order(self, row: SignalRow) -> None:
        for below in (row, *row.parts):
            if below.orders:
                self.database.cancel_order(below.orders[-1], "CANCELLED_BY_OPERATOR")
                return

    def _plan_trouble(self) -> None:
        """How bad it gets: from a calm day to everything at once."""
        rng = self.rng
        bad = rng.choice((0.0, 0.3, 1.0, 1.0, 2.0))
        self._messages_lost = rng.choice((0.0, 0.2, 1.0))
        self._books_missing = rng.choice((0.0, 0.0, 0.1))
        self._database_flaky = rng.choice((0.0, 0.02)) * bad
        for worker in self.workers:
            worker.crash_p = rng.choice((0.0, 0.002, 0.01)) * bad
            if rng.random() < 0.4 * bad:
                seconds = rng.choice((0.8, 2.0, 6.0, 12.0, 40.0))
                self.loop.after(rng.uniform(0, TROUBLE_S), lambda _, w=worker, s=seconds: w.freeze(s))
        for exchange in self.exchanges.values():
            exchange.faults = _faults(rng, bad)
        self._calm_at = TROUBLE_S
        if rng.random() < 0.4 * bad:
            self._plan_outages()
        if rng.random() < 0.3 * bad:
            self.loop.after(rng.uniform(0, TROUBLE_S), lambda _: self._set_database(down=True))
            self.loop.after(TROUBLE_S, lambda _: self._set_database(down=False))
        if rng.random() < 0.2:
            self.loop.after(rng.uniform(0, TROUBLE_S), lambda _: self._halt())
        if rng.random() < 0.15:
            self._plan_clock_steps()

    def _plan_clock_steps(self) -> None:
        """The machines' clock is set forward, back, or one after the other."""
        for _ in range(self.rng.choice((1, 1, 2))):
            step = self.rng.choice((300.0, -300.0, 30.0, 4.0))
            self.loop.after(self.rng.uniform(0, TROUBLE_S), lambda _, s=step: self._set_clock(s))

    def _set_clock(self, seconds: float) -> None:
        self.say_all(f"the clock is set by {seconds:+.0f} s")
        self.loop.shift += seconds
        self._set_back_s += max(0.0, -seconds)
        for worker in self.workers:
            self.loop.after(self.rng.uniform(0.0, 0.5), worker.watch_clock)

    def _plan_outages(self) -> None:
        rng = self.rng
        for exchange in rng.sample(list(self.exchanges.values()), rng.randint(1, 4)):
            begins, seconds = rng.uniform(0, TROUBLE_S / 2), rng.uniform(2, TROUBLE_S / 2)
            if rng.random() < 0.1:
                seconds = LONG_OUTAGE_S
                self._calm_at = TROUBLE_S + LONG_OUTAGE_S
            self.loop.after(begins, lambda _, e=exchange: self._set_down(e, down=True))
            self.loop.after(begins + seconds, lambda _, e=exchange: self._set_down(e, down=False))

    def _set_down(self, exchange: ModelExchange, *, down: bool) -> None:
        self.say_all(f"{exchange.slug} {'goes down' if down else 'is back'}")
        exchange.down = down
        status = HealthStatus.DOWN if down else HealthStatus.OK
        self.loop.after(self.rng.uniform(0.5, 5.0), lambda _: self._notice(exchange.slug, status))

    def _notice(self, slug: str, status: HealthStatus) -> None:
        self._down[slug] = status
        self._refresh_facts()

    def _refresh_facts(self) -> None:
        health = {slug: Health(self._down.get(slug, HealthStatus.OK), EPOCH, EPOCH, 40.0, 40.0) for slug in IDS}
        self.facts = Facts(health, _MARKETS)

    def _set_database(self, *, down: bool) -> None:
        self.say_all(f"the database {'goes down' if down else 'is back'}")
        self._database_down = down

    def _halt(self) -> None:
        if self._database_down:
            return
        scope, target = self.rng.choice(((Scope.GLOBAL, ""), (Scope.EXCHANGE, "binance")))
        self.say_all(f"halt {scope} {target}")
        rule = TradingStateRule(scope, target, TradingStatus.HALTED, "simulated", "risk.two", self.loop.clock())
        self.policy = replace(self.policy, states={(scope, target): rule})
        self.truth.halted(scope, target)

    def _calm(self) -> None:
        """All misfortune ends; what rests is cancelled by its owner."""
        self.say_all("all trouble ends")
        for exchange in self.exchanges.values():
            exchange.faults, exchange.down = Faults(), False
        for worker in self.workers:
            worker.crash_p = 0.0
        self._database_down, self._database_flaky = False, 0.0
        self.loop.after(10.0, lambda _: self._cancel_resting())
        self.loop.after(120.0, lambda _: self._cancel_resting())
        self.loop.after(120.0 + self._set_back_s, lambda _: self._cancel_resting())

    def _cancel_resting(self) -> None:
        for row in [row for row in self.database.signals.values() if row.parent is None]:
            if row.parts or any(
                order.order.status == OrderStatus.OPEN or order.order.filled_amount for order in row.orders
            ):
                self.database.cancel_signal(row)


def _faults(rng: Random, bad: float) -> Faults:
    def chance(most: float) -> float:
        return rng.choice((0.0, 0.5, 1.0)) * most * bad

    return Faults(
        no_answer=chance(0.1),
        error_after=chance(0.05),
        error_before=chance(0.05),
        lost_request=chance(0.05),
        late=chance(0.08),
        refused=chance(0.1),
        twice=chance(0.1),
        look_up_error=chance(0.2),
        look_up_slow=chance(0.1),
        stale_view=chance(0.2),
        latency_s=rng.choice((0.01, 0.05, 0.3)),
    )
