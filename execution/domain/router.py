"""Where one signal goes, from policy, health and listings. Pure: same inputs, same answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache

from execution.domain.balance import Load
from execution.domain.breaker import Breaker, BreakerState
from execution.domain.breaker import at as breaker_at
from execution.domain.fees import FeeRate
from execution.domain.health import Health, HealthStatus
from execution.domain.market import Market
from execution.domain.plan import Plan, plan_of
from execution.domain.scoring import Record
from policies.domain import permissions, trading_state
from policies.domain.policy import CredentialRef, Mode, PermissionRule, Policy, RouteBy, Scope, TradingStatus, safest
from policies.domain.reasons import Denied, ReasonCode
from policies.domain.routing import (
    Candidate,
    Check,
    NoRoute,
    Problem,
    Resolution,
    Source,
    explain_tried,
    no_route,
    only,
    resolve,
    walk,
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the platform last learned of the exchanges. `markets[slug]` is missing until its list was loaded once.

    unreconciled: ids of keys whose account must be compared with ours before they are used.
    in_doubt: user, strategy and pair of orders whose fate a person has to find out.
    orphans: by user, client order ids that were seen in the user's accounts and have no row here.
    held_before: users whose signals from before an instant wait until their accounts were compared.
    breakers: by exchange, and by exchange and id of keys; what is missing is closed.
    load: what this worker has under way, for strategies that are balanced by it.
    fees: what an account pays, by exchange and id of keys.
    records: what became of the latest orders, by exchange and pair; the pair "" is all of them together.
    trades: whether any arbitrage is under way.
    """

    health: Mapping[str, Health]
    markets: Mapping[str, Mapping[str, Market]]
    unreconciled: frozenset[str] = frozenset()
    in_doubt: frozenset[tuple[int, str, str]] = frozenset()
    orphans: Mapping[int, frozenset[str]] = field(default_factory=dict)
    held_before: Mapping[int, datetime] = field(default_factory=dict)
    breakers: Mapping[tuple[str, str | None], Breaker] = field(default_factory=dict)
    load: Mapping[str, Load] = field(default_factory=dict)
    fees: Mapping[tuple[str, str], FeeRate] = field(default_factory=dict)
    records: Mapping[tuple[str, str], Record] = field(default_factory=dict)
    trades: bool = False

    def with_one_more(self, exchange: str) -> "Facts":
        """As they will be once one more order is under way there."""
        before = self.load.get(exchange, Load())
        return replace(self, load={**self.load, exchange: replace(before, in_flight=before.in_flight + 1)})


@dataclass(frozen=True, slots=True)
class Question:
    """What routing needs to know of a signal. Hashable, so a batch asks each distinct question once.

    tried: exchanges proved not to hold it. unpriced: exchanges whose order book could not be had just now.
    probed: exchanges that come back from an outage and have enough other orders to show it.
    turn: which signal of a balanced strategy this is; it tells apart what is otherwise the same question.
    only: the requested exchange or none; for a part of a plan that chose it.
    exact: in the mode it asks for or not at all; for what goes together with an order that was sent in it.
    routing: the routing strategy the signal asks for. preferred: exchanges it prefers, in order.
    """

    user_id: int
    symbol: str
    strategy_id: str = ""
    requested_exchange: str = ""
    requested_mode: Mode | None = None
    tried: tuple[str, ...] = ()
    unpriced: tuple[str, ...] = ()
    probed: tuple[str, ...] = ()
    turn: int = 0
    only: bool = False
    exact: bool = False
    routing: RouteBy | None = None
    preferred: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The decision before prices: where, in which mode, with which keys, and every candidate's fate.

    `reducing` is set when a trading state lets only reducing orders through. ordering: see `Plan.ordering`.
    """

    resolution: Resolution
    exchange: str
    mode: Mode
    credential: CredentialRef | None
    candidates: tuple[Candidate, ...]
    warning: str
    reducing: str = ""
    ordering: str = ""


class Refused(Exception):
    """A denial with as much of the decision as was made, for the record."""

    def __init__(self, denied: Denied, resolution: Resolution | None, plan: Plan | None = None) -> None:
        super().__init__(str(denied))
        self.denial = denied.denial
        self.resolution = resolution
        self.candidates: tuple[Candidate, ...] = denied.candidates if isinstance(denied, NoRoute) else ()
        self.ordering = ""
        if plan is not None:
            self.candidates, self.ordering = plan.with_inputs(self.candidates), plan.ordering

    def telling(self, outcomes: Mapping[str, str]) -> "Refused":
        """The same, with what became of the orders that were tried. outcomes: by exchange."""
        if not outcomes or not self.candidates:
            return self
        told = NoRoute(self.denial.code, self.denial.detail, explain_tried(self.candidates, outcomes))
        if self.denial.code in {ReasonCode.NO_HEALTHY_EXCHANGE, ReasonCode.NO_ELIGIBLE_EXCHANGE}:
            told = no_route(told.candidates)
        refused = Refused(told, self.resolution)
        refused.ordering = self.ordering
        return refused


def route(policy: Policy, facts: Facts, question: Question, now: datetime) -> Answer:
    """Permissions, halts, explicit > policy > default, then along the plan. Raises Refused."""
    resolution = plan = None
    try:
        permission, reducing = admitted(policy, facts, question)
        resolution = resolve(policy, requested=question.requested_exchange, strategy_id=question.strategy_id)
        check = cache(exchange_check(policy, facts, question, permission, now, primary=resolution.exchange))
        if question.only:
            resolution = Resolution(question.requested_exchange, Source.EXPLICIT)
            plan = Plan((question.requested_exchange,), "")
            found = only(question.requested_exchange, check)
        else:
            strategy = policy.strategies.get(question.strategy_id)
            plan = plan_of(policy, facts.health, facts.load, resolution, strategy, question.turn, check)
            found = walk(policy, plan.steps, check, beyond=plan.beyond)
    except Denied as e:
        raise Refused(e, resolution, plan) from e
    mode = mode_at(policy, question, found.exchange)
    state = policy.states.get((Scope.EXCHANGE, found.exchange))
    if found.exchange in plan.members:
        # What the balancer chose is where the signal belongs: no failover happened.
        resolution = replace(resolution, exchange=found.exchange)
    return Answer(
        resolution=resolution,
        exchange=found.exchange,
        mode=mode,
        credential=policy.credentials.get((question.user_id, found.exchange, mode)),
        candidates=plan.with_inputs(found.candidates),
        warning=" ".join(filter(None, (resolution.warning, found.warning))),
        reducing=reducing or (trading_state.describe(state) if state is not None else ""),
        ordering=plan.ordering,
    )


def admitted(policy: Policy, facts: Facts, question: Question) -> tuple[PermissionRule, str]:
    """The user's permission, and what is reduce-only if anything is. Raises Denied when no exchange may be asked."""
    permission = _permitted(policy, question)
    _check_doubt(facts, question)
    return permission, _check_halts(policy, question)


def mode_at(policy: Policy, question: Question, exchange: str) -> Mode:
    """How real an order of this signal would be there: the most cautious of exchange, strategy and signal."""
    strategy = policy.strategies.get(question.strategy_id)
    return safest(policy.exchanges[exchange].mode, strategy.mode if strategy else None, question.requested_mode)


def exchange_check(
    policy: Policy, facts: Facts, question: Question, permission: PermissionRule, now: datetime, *, primary: str
) -> Check:
    """The function that says why an exchange cannot take this signal, for `policies.domain.routing.walk`."""

    def check(slug: str) -> Problem | None:
        return (
            _policy_problem(policy, slug, question, permission, now)
            or _mode_problem(policy, question, primary, slug)
            or _listing_problem(facts, slug, question.symbol)
            or _credential_problem(policy, facts, slug, question)
            or health_problem(policy, facts, slug, now)
            or _breakers_problem(policy, facts, slug, question, now)
        )

    return check


def _breakers_problem(policy: Policy, facts: Facts, slug: str, question: Question, now: datetime) -> Problem | None:
    """Why the breaker of the exchange, or of this user's keys there, keeps new orders away."""
    problem = breaker_problem(policy, facts, slug, None, now)
    credential = policy.credentials.get((question.user_id, slug, mode_at(policy, question, slug)))
    if problem is not None or credential is None:
        return problem
    return breaker_problem(policy, facts, slug, credential.id, now)


def breaker_problem(policy: Policy, facts: Facts, slug: str, keys: str | None, now: datetime) -> Problem | None:
    """Why one breaker keeps new orders away. keys: the id of a user's keys; None: of the exchange. Half open passes."""
    known = facts.breakers.get((slug, keys))
    if known is None:
        return None
    now_is = breaker_at(known, policy.exchanges[slug].breaker, now)
    if now_is.state != BreakerState.OPEN:
        return None
    until = f" until {now_is.open_until:%H:%M:%S} UTC" if now_is.open_until else ""
    code = ReasonCode.CIRCUIT_OPEN if keys is None else ReasonCode.KEYS_CIRCUIT_OPEN
    return code, f"Its breaker is open{until}: {now_is.cause}"


def health_problem(policy: Policy, facts: Facts, slug: str, now: datetime) -> Problem | None:
    """Why the exchange's stored health keeps new orders away, or None."""
    health = facts.health.get(slug)
    if health is None or health.checked_at is None:
        return ReasonCode.HEALTH_STALE, f"{slug} has never been checked."
    if health.banned_until is not None and now < health.banned_until:
        return ReasonCode.RATE_LIMITED, f"{slug} asked us to send nothing before {health.banned_until:%H:%M:%S} UTC."
    if health.status == HealthStatus.DOWN:
        return ReasonCode.EXCHANGE_DOWN, f"DOWN since {health.since:%Y-%m-%d %H:%M:%S} UTC: {health.last_error}."
    if health.status == HealthStatus.MAINTENANCE:
        return ReasonCode.EXCHANGE_MAINTENANCE, f"{slug} announces maintenance since {health.since:%H:%M:%S} UTC."
    stale_after = policy.exchanges[slug].stale_after_s
    age = (now - health.checked_at).total_seconds()
    if age > stale_after:
        return ReasonCode.HEALTH_STALE, f"Last health check {age:.0f} s ago; {stale_after} s is the limit."
    if health.status != HealthStatus.OK:
        return ReasonCode.UNHEALTHY, f"Degraded since {health.since:%Y-%m-%d %H:%M:%S} UTC: {_why_degraded(health)}."
    return None


def stale_among(policy: Policy, facts: Facts, candidates: Sequence[Candidate], chosen: str, now: datetime) -> set[str]:
    """Exchanges that a fresh health check might decide otherwise about, the chosen one too if it only stands in."""
    found = {candidate.exchange for candidate in candidates if candidate.code == ReasonCode.HEALTH_STALE}
    problem = health_problem(policy, facts, chosen, now) if chosen else None
    return found | {chosen} if problem is not None and problem[0] == ReasonCode.HEALTH_STALE else found


def _why_degraded(health: Health) -> str:
    if health.consecutive_failures or health.latency_ewma_ms is None:
        return health.last_error or "the last check failed"
    return f"{health.latency_ewma_ms:.0f} ms on average"


def _permitted(policy: Policy, question: Question) -> PermissionRule:
    permission = policy.permissions.get(question.user_id)
    denial = permissions.check_user(permission, symbol=question.symbol)
    if denial is not None:
        raise Denied(denial.code, denial.detail)
    assert permission is not None
    return permission


def _check_doubt(facts: Facts, question: Question) -> None:
    if (question.user_id, question.strategy_id, question.symbol) in facts.in_doubt:
        whose = f"strategy {question.strategy_id}" if question.strategy_id else "this user"
        detail = f"An order of {whose} in {question.symbol} may be live; a person has to find out first."
        raise Denied(ReasonCode.ORDER_IN_DOUBT, detail)


def _check_halts(policy: Policy, question: Question) -> str:
    scopes = trading_state.signal_scopes(
        user_id=question.user_id, strategy_id=question.strategy_id, symbol=question.symbol
    )
    rule = trading_state.strictest(policy, scopes)
    if rule is None:
        return ""
    if rule.status == TradingStatus.HALTED:
        denial = trading_state.denial(rule, _name_of(policy, rule.scope, rule.target))
        raise Denied(denial.code, denial.detail)
    return trading_state.describe(rule, _name_of(policy, rule.scope, rule.target))


def _name_of(policy: Policy, scope: Scope, target: str) -> str:
    if scope != Scope.USER:
        return target
    permission = policy.permissions.get(int(target))
    return permission.username if permission else target


def _policy_problem(
    policy: Policy, slug: str, question: Question, permission: PermissionRule, now: datetime
) -> Problem | None:
    if slug in question.tried:
        return ReasonCode.ALREADY_TRIED, "An earlier attempt was proved not placed there."
    if slug in question.unpriced:
        return ReasonCode.PRICE_UNKNOWN, f"{slug} gives no fresh order book."
    if slug in question.probed:
        return ReasonCode.CIRCUIT_OPEN, f"{slug} comes back from an outage; other orders probe it."
    exchange = policy.exchanges.get(slug)
    if exchange is None or not exchange.enabled:
        return ReasonCode.EXCHANGE_DISABLED, f"{slug} is switched off."
    if not permissions.permits_exchange(permission, slug):
        return ReasonCode.EXCHANGE_NOT_PERMITTED, f"{permission.username} may not trade on {slug}."
    state = policy.states.get((Scope.EXCHANGE, slug))
    if state is not None and state.status == TradingStatus.HALTED:
        return ReasonCode.TRADING_HALTED, trading_state.describe(state)
    if exchange.in_maintenance(now):
        end = f" until {exchange.maintenance_to:%Y-%m-%d %H:%M} UTC" if exchange.maintenance_to else ""
        return ReasonCode.EXCHANGE_MAINTENANCE, f"Maintenance entered by an operator{end}."
    return None


def _mode_problem(policy: Policy, question: Question, primary: str, slug: str) -> Problem | None:
    """A failover changes the exchange, never how real the order is: a live order must not end as a fill on paper."""
    if question.exact and question.requested_mode not in {None, mode_at(policy, question, slug)}:
        there = mode_at(policy, question, slug).value
        return ReasonCode.OTHER_MODE, f"An order there would be {there}; this one must be {question.requested_mode}."
    if slug == primary or primary not in policy.exchanges:
        return None
    asked, there = mode_at(policy, question, primary), mode_at(policy, question, slug)
    if there == asked:
        return None
    return ReasonCode.OTHER_MODE, f"An order there would be {there.value}; this one is {asked.value}."


def _listing_problem(facts: Facts, slug: str, symbol: str) -> Problem | None:
    markets = facts.markets.get(slug)
    if not markets:
        return ReasonCode.MARKETS_NOT_LOADED, f"The pairs of {slug} have not been loaded yet."
    if symbol not in markets:
        return ReasonCode.PAIR_NOT_LISTED, f"{slug} does not list {symbol}."
    return None


def _credential_problem(policy: Policy, facts: Facts, slug: str, question: Question) -> Problem | None:
    mode = mode_at(policy, question, slug)
    if mode == Mode.PAPER:
        return None
    credential = policy.credentials.get((question.user_id, slug, mode))
    if credential is None:
        return ReasonCode.NO_CREDENTIAL, f"This user has no {mode} keys for {slug}."
    if credential.frozen:
        return ReasonCode.CREDENTIAL_FROZEN, f"This user's {mode} keys for {slug} are frozen."
    if credential.id in facts.unreconciled:
        return ReasonCode.NOT_RECONCILED, f"This user's orders at {slug} have not been compared with ours yet."
    return None
