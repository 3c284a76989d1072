"""The exchanges a signal may go to, in the order in which they are asked, and the figures behind that order. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from execution.domain.balance import Load, Option, balance
from execution.domain.health import Health
from policies.domain.chains import put_in_order
from policies.domain.policy import BeyondChain, ChainOrdering, Policy, StrategyRule
from policies.domain.routing import Candidate, Check, Resolution, Source

Figures = tuple[tuple[str, int | float], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What `policies.domain.routing.walk` walks along.

    ordering: the chain's ordering or the balancing method, for the record. members: what is balanced over.
    beyond: exchanges outside, asked last. inputs: by exchange.
    """

    steps: tuple[str, ...]
    ordering: str
    beyond: tuple[str, ...] = ()
    members: frozenset[str] = frozenset()
    inputs: Mapping[str, Figures] = field(default_factory=dict)

    def with_inputs(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """The candidates, each with the figures that put it in its place."""
        if not self.inputs:
            return tuple(candidates)
        return tuple(replace(candidate, inputs=self.inputs.get(candidate.exchange, ())) for candidate in candidates)


def plan_of(
    policy: Policy,
    health: Mapping[str, Health],
    load: Mapping[str, Load],
    resolution: Resolution,
    strategy: StrategyRule | None,
    turn: int,
    check: Check,
) -> Plan:
    """The plan for a signal whose primary is known. check: what is balanced over is only what could take it."""
    plan = _chain_plan(policy, health, resolution.exchange)
    if resolution.source == Source.SMART and strategy is not None and strategy.route_by.spreads:
        plan = _balanced_plan(policy, health, load, strategy, turn, check, plan)
    return replace(plan, beyond=_beyond(policy, health, resolution, plan.steps))


def _chain_plan(policy: Policy, health: Mapping[str, Health], primary: str) -> Plan:
    order = policy.ordering(primary)
    chain = policy.chain(primary)
    latency = {slug: known for slug in chain if (known := settled_ms(health.get(slug))) is not None}
    regions = {slug: policy.exchanges[slug].region for slug in chain if slug in policy.exchanges}
    steps = put_in_order(chain, order, latency_ms=latency, regions=regions)
    figures = latency if order.ordering == ChainOrdering.FASTEST_FIRST else {}
    inputs = {slug: (("latency_ms", round(value, 1)),) for slug, value in figures.items()}
    return Plan(steps, order.ordering.value, inputs=inputs)


def settled_ms(health: Health | None) -> float | None:
    """The latency that orders follow: without its small movements, so that they do not flap."""
    if health is None:
        return None
    return health.latency_ewma_ms if health.settled_ms is None else health.settled_ms


def _balanced_plan(
    policy: Policy,
    health: Mapping[str, Health],
    load: Mapping[str, Load],
    strategy: StrategyRule,
    turn: int,
    check: Check,
    chain: Plan,
) -> Plan:
    """The members, this turn's first; then those that cannot take it; then the chain of the strategy's own exchange."""
    able = [(slug, weight) for slug, weight in strategy.balanced_over if check(slug) is None]
    options = [_option(policy, health, load, slug, weight) for slug, weight in able]
    ordered = balance(strategy.route_by, options, turn)
    members = [slug for slug, _ in strategy.balanced_over]
    steps = (*ordered, *(slug for slug in members if slug not in ordered))
    return Plan(
        steps=(*steps, *(slug for slug in chain.steps if slug not in steps)),
        ordering=strategy.route_by.value,
        members=frozenset(members),
        inputs={**chain.inputs, **{option.exchange: _figures(option, turn) for option in options}},
    )


def _option(policy: Policy, health: Mapping[str, Health], load: Mapping[str, Load], slug: str, weight: int) -> Option:
    now, checked = load.get(slug, Load()), health.get(slug)
    latencies = [ms for ms in (now.latency_ms, checked.latency_ewma_ms if checked else None) if ms is not None]
    return Option(
        exchange=slug,
        weight=weight,
        in_flight=now.in_flight,
        max_in_flight=policy.exchanges[slug].max_in_flight,
        latency_ms=max(latencies, default=None),
    )


def _figures(option: Option, turn: int) -> Figures:
    latency: Figures = () if option.latency_ms is None else (("latency_ms", round(option.latency_ms, 1)),)
    return (("turn", turn), ("weight", option.weight), ("in_flight", option.in_flight), *latency)


def _beyond(
    policy: Policy, health: Mapping[str, Health], resolution: Resolution, steps: Sequence[str]
) -> tuple[str, ...]:
    """Every other enabled exchange, fastest first, where policy lets a signal leave its chain.

    A chain that was switched off says that nothing else is to be tried.
    """
    setting = policy.rules.beyond_chain
    leaves = setting == BeyondChain.ALWAYS or (setting == BeyondChain.SMART and resolution.source == Source.SMART)
    if not leaves or not policy.chains.get(resolution.exchange):
        return ()
    others = [slug for slug, exchange in policy.exchanges.items() if exchange.enabled and slug not in steps]
    return tuple(sorted(others, key=lambda slug: (settled_ms(health.get(slug)) or float("inf"), slug)))
