"""What a failover chain answers now, asked of the router itself: a page never knows better than the router."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from execution.domain.market import Market
from execution.domain.plan import plan_of
from execution.domain.router import Facts, Question, exchange_check
from policies.domain.policy import ChainOrder, Mode, PermissionRule, Policy, StrategyRule
from policies.domain.routing import Candidate, NoRoute, Resolution, Route, Source, walk

# A signal that nothing but the state of the exchanges can stop: may do everything, needs no keys, listed everywhere.
_PAIR = "ANY/ANY"
_MARKET = Market(_PAIR, tick=Decimal(1), lot=Decimal(1))
_QUESTION = Question(user_id=0, symbol=_PAIR, requested_mode=Mode.PAPER)
_ANYBODY = PermissionRule(
    user_id=0, username="anybody", user_active=True, enabled=True, exchanges=None, pairs=(), max_order_notional={}
)


@dataclass(frozen=True, slots=True)
class ChainNow:
    """Where a signal for `primary` goes now; `exchange` is empty when it would be denied. `why` not the primary.

    order: the exchanges as they are tried now. is_healthy: False also where a degraded one stands in.
    """

    primary: str
    steps: tuple[Candidate, ...]
    exchange: str
    why: str = ""
    order: tuple[str, ...] = ()
    is_healthy: bool = False

    @property
    def is_primary(self) -> bool:
        return self.exchange == self.primary

    def step(self, slug: str) -> Candidate | None:
        """The answer about one exchange."""
        return next((step for step in self.steps if step.exchange == slug), None)


def chain_now(
    policy: Policy,
    facts: Facts,
    primary: str,
    now: datetime,
    steps: Sequence[str] | None = None,
    order: ChainOrder | None = None,
) -> ChainNow:
    """The answer of the chain that starts at `primary`, or of `steps` in its place (a chain that is being edited)."""
    if steps is not None:
        policy = replace(policy, chains={**policy.chains, primary: tuple(steps)})
    if order is not None:
        policy = replace(policy, orderings={**policy.orderings, primary: order})
    return _asked(policy, facts, Resolution(primary, Source.EXPLICIT), None, now)


def strategy_now(policy: Policy, facts: Facts, rule: StrategyRule, now: datetime) -> ChainNow:
    """Where the next signal of a strategy would go; of a balanced one, as if nothing were under way."""
    source = Source.SMART if rule.route_by.spreads else Source.POLICY
    return _asked(policy, facts, Resolution(rule.exchange, source), rule, now)


def _asked(
    policy: Policy, facts: Facts, resolution: Resolution, strategy: StrategyRule | None, now: datetime
) -> ChainNow:
    primary = resolution.exchange
    listed_everywhere = replace(facts, markets=dict.fromkeys(policy.exchanges, {_PAIR: _MARKET}))
    check = exchange_check(policy, listed_everywhere, _QUESTION, _ANYBODY, now, primary=primary)
    plan = plan_of(policy, facts.health, facts.load, resolution, strategy, 0, check)
    try:
        found = walk(policy, plan.steps, check, beyond=plan.beyond)
    except NoRoute as e:
        return ChainNow(primary, e.candidates, "", str(e), plan.steps)
    if found.exchange in plan.members:
        primary = found.exchange
    healthy = check(found.exchange) is None
    return ChainNow(primary, found.candidates, found.exchange, _why(found, primary), plan.steps, healthy)


def _why(found: Route, primary: str) -> str:
    if found.warning:
        return found.warning
    first = next((step for step in found.candidates if step.exchange == primary), None)
    return "" if first is None or first.code is None else first.detail


def all_chains_now(policy: Policy, facts: Facts, now: datetime) -> dict[str, ChainNow]:
    """The answer for every enabled exchange as primary."""
    enabled = [slug for slug, exchange in policy.exchanges.items() if exchange.enabled]
    return {slug: chain_now(policy, facts, slug, now) for slug in enabled}
