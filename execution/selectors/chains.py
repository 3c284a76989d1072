"""What a failover chain answers now, asked of the router itself: a page never knows better than the router."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from execution.domain.market import Market
from execution.domain.plan import plan_of
from execution.domain.router import Facts, Question, Refused, exchange_check, route
from execution.domain.smart import is_smart, smart_answer
from policies.domain.policy import ChainOrder, Mode, PermissionRule, Policy, StrategyRule
from policies.domain.reasons import ReasonCode
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

    order: the exchanges as they are tried now. is_healthy: False also where a degraded one stands in. compared: of a
    smart strategy, whose books are compared for each order. code: why it would be denied before any exchange is asked.
    """

    primary: str
    steps: tuple[Candidate, ...]
    exchange: str
    why: str = ""
    order: tuple[str, ...] = ()
    is_healthy: bool = False
    compared: tuple[str, ...] = ()
    code: ReasonCode | None = None

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
    return _asked(policy, facts, Resolution(primary, Source.EXPLICIT), now)


def strategy_now(policy: Policy, facts: Facts, rule: StrategyRule, now: datetime) -> ChainNow:
    """Where the next signal of a strategy would go, as the router says; of a balanced one, as if nothing were out.

    A smart one has no answer before an order is known: which exchanges it would compare.
    """
    question = replace(_QUESTION, strategy_id=rule.strategy_id)
    policy = replace(policy, permissions={**policy.permissions, _QUESTION.user_id: _ANYBODY})
    facts = _listed_everywhere(policy, facts)
    by = is_smart(policy, question)
    try:
        if by is not None:
            smart = smart_answer(policy, facts, question, by, now)
            out = ", ".join(f"{each.exchange} {each.code}" for each in smart.candidates if each.code is not None)
            why = " ".join(filter(None, (smart.warning, f"Left out now: {out}." if out else "")))
            return ChainNow(rule.exchange, smart.candidates, "", why, compared=smart.eligible)
        answer = route(policy, facts, question, now)
    except Refused as e:
        return ChainNow(rule.exchange, e.candidates, "", e.denial.detail, code=e.denial.code)
    found = Route(answer.exchange, answer.candidates, answer.warning)
    primary = answer.resolution.exchange
    return ChainNow(primary, answer.candidates, answer.exchange, _why(found, primary))


def _listed_everywhere(policy: Policy, facts: Facts) -> Facts:
    return replace(facts, markets=dict.fromkeys(policy.exchanges, {_PAIR: _MARKET}))


def _asked(policy: Policy, facts: Facts, resolution: Resolution, now: datetime) -> ChainNow:
    primary = resolution.exchange
    check = exchange_check(policy, _listed_everywhere(policy, facts), _QUESTION, _ANYBODY, now, primary=primary)
    plan = plan_of(policy, facts.health, facts.load, resolution, None, 0, check)
    try:
        found = walk(policy, plan.steps, check, beyond=plan.beyond)
    except NoRoute as e:
        return ChainNow(primary, e.candidates, "", str(e), plan.steps)
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
