"""Where a signal goes: explicit > strategy policy > default, then along the failover chain. Pure functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from policies.domain.policy import OnAllUnhealthy, OnMissingCredential, OnUnknownExchange, Policy, RouteBy, StrategyRule
from policies.domain.reasons import Denied, ReasonCode


class Source(StrEnum):
    """What decided the primary exchange."""

    EXPLICIT = "explicit"
    POLICY = "policy"
    DEFAULT = "default"
    SMART = "smart"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The primary exchange of a signal. `warning` is set when a name was not usable and the default stands in."""

    exchange: str
    source: Source
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One exchange of the chain and the answer about it. `code` is empty for the chosen one.

    inputs: the figures by which it was put in its place, where figures did that.
    """

    exchange: str
    code: ReasonCode | None
    detail: str = ""
    inputs: tuple[tuple[str, int | float], ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """The chosen exchange and every candidate with its answer, in chain order."""

    exchange: str
    candidates: tuple[Candidate, ...]
    warning: str = ""


Problem = tuple[ReasonCode, str]
"""Why an exchange cannot take the signal: code and sentence."""

Check = Callable[[str], Problem | None]
Answers = list[tuple[str, Problem | None]]

HEALTH_CODES = frozenset(
    {
        ReasonCode.EXCHANGE_DOWN,
        ReasonCode.UNHEALTHY,
        ReasonCode.HEALTH_STALE,
        ReasonCode.EXCHANGE_MAINTENANCE,
        ReasonCode.PRICE_UNKNOWN,
        ReasonCode.CIRCUIT_OPEN,
    }
)


def resolve(policy: Policy, *, requested: str, strategy_id: str) -> Resolution:
    """The primary exchange: the one the signal names, else its strategy's, else the default.

    Raises Denied(UNKNOWN_EXCHANGE) when the name is not an enabled exchange and policy says to deny.
    """
    strategy = enabled_strategy(policy, strategy_id)
    if requested:
        return validated(policy, requested.lower(), Source.EXPLICIT)
    name, source = mapped(policy, strategy)
    # A balanced strategy's own exchange is only where its signals end when none of its list can take them.
    return Resolution(name, source) if source in {Source.DEFAULT, Source.SMART} else validated(policy, name, source)


def enabled_strategy(policy: Policy, strategy_id: str) -> StrategyRule | None:
    """What policy has of this strategy; None: nothing. Raises Denied when it is switched off."""
    strategy = policy.strategies.get(strategy_id) if strategy_id else None
    if strategy is not None and not strategy.enabled:
        raise Denied(
            ReasonCode.STRATEGY_DISABLED,
            f"Strategy {strategy_id} is switched off. Enable it under Strategies, or send without strategy_id.",
        )
    return strategy


def mapped(policy: Policy, strategy: StrategyRule | None) -> tuple[str, Source]:
    """What policy says about a strategy, or about a signal without one."""
    if strategy is None or not strategy.exchange:
        return policy.rules.default_exchange, Source.DEFAULT
    balanced = strategy.route_by.spreads
    return strategy.exchange, Source.SMART if balanced else Source.POLICY


def smart_route(
    policy: Policy,
    *,
    user_id: int,
    requested: str,
    strategy_id: str,
    asked: RouteBy | None,
    preferred: Sequence[str] = (),
) -> RouteBy | None:
    """The smart strategy that routes a signal; None: it follows its chain, or the balancer.

    Explicit exchange > what the signal asks > its strategy > what the user prefers. Preferred exchanges in the signal
    alone ask for a smart route too. asked: the signal's routing strategy.
    """
    if requested:
        return None
    strategy = policy.strategies.get(strategy_id) if strategy_id else None
    if asked is not None:
        chosen = asked
    elif strategy is not None:
        chosen = strategy.route_by
    else:
        chosen = policy.preference(user_id).routing or (RouteBy.SMART if preferred else RouteBy.ONE_EXCHANGE)
    if not chosen.is_smart:
        return None
    return policy.rules.smart_route if chosen == RouteBy.SMART else chosen


def validated(policy: Policy, name: str, source: Source) -> Resolution:
    """The exchange of that name if it is enabled, else the default with a warning.

    Raises Denied(UNKNOWN_EXCHANGE) where policy says to deny.
    """
    exchange = policy.exchanges.get(name)
    if exchange is not None and exchange.enabled:
        return Resolution(name, source)
    state = "not enabled" if exchange is not None else "unknown"
    default = policy.rules.default_exchange
    if policy.rules.on_unknown_exchange == OnUnknownExchange.DENY:
        enabled = ", ".join(sorted(slug for slug, row in policy.exchanges.items() if row.enabled))
        raise Denied(ReasonCode.UNKNOWN_EXCHANGE, f"Exchange {name!r} is {state}. Use one of: {enabled}.")
    return Resolution(
        default, Source.DEFAULT, f"Exchange {name!r} is {state}; routed to the default {default} instead."
    )


def walk(policy: Policy, steps: Sequence[str], check: Check, *, beyond: Sequence[str] = ()) -> Route:
    """Take the first of these exchanges that passes `check`; tell why each other one was not taken.

    beyond: exchanges outside the chain, asked only when nothing in it passes.
    Raises Denied with every candidate's reason when none passes. If only health stands in the way and policy says
    `use_default`, the default exchange is taken although degraded or stale, with a warning; never when it is down.
    """
    answers = [(slug, check(slug)) for slug in steps]
    chosen = _first_without_problem(answers)
    if policy.rules.on_missing_credential == OnMissingCredential.DENY:
        _deny_missing_credential(answers, chosen)
    if chosen is not None:
        return Route(chosen, _candidates(answers, chosen))
    answers += [(slug, check(slug)) for slug in beyond]
    chosen = _first_without_problem(answers)
    if chosen is not None:
        warning = f"No exchange of the chain can take it; sent to {chosen}, which is not in it."
        return Route(chosen, _candidates(answers, chosen), warning)
    return _last_resort(policy, answers, check)


def only(slug: str, check: Check) -> Route:
    """This exchange and no other. Raises NoRoute."""
    problem = check(slug)
    if problem is not None:
        raise no_route((Candidate(slug, *problem),))
    return Route(slug, (Candidate(slug, None),))


def _first_without_problem(answers: Answers) -> str | None:
    return next((slug for slug, problem in answers if problem is None), None)


def _deny_missing_credential(answers: Answers, chosen: str | None) -> None:
    for slug, problem in answers:
        if slug == chosen:
            return
        if problem is not None and problem[0] in {ReasonCode.NO_CREDENTIAL, ReasonCode.CREDENTIAL_FROZEN}:
            raise NoRoute(problem[0], problem[1], _candidates(answers, None))


def _candidates(answers: Answers, chosen: str | None) -> tuple[Candidate, ...]:
    found = []
    for slug, problem in answers:
        if problem is not None:
            found.append(Candidate(slug, problem[0], problem[1]))
        elif slug == chosen:
            found.append(Candidate(slug, None))
        else:
            found.append(Candidate(slug, ReasonCode.LATER_IN_CHAIN, f"Usable; {chosen} comes earlier in the chain."))
    return tuple(found)


class NoRoute(Denied):
    """No exchange can take the signal; carries every candidate for the decision record."""

    def __init__(self, code: ReasonCode, detail: str, candidates: tuple[Candidate, ...]) -> None:
        super().__init__(code, detail)
        self.candidates = candidates


def _last_resort(policy: Policy, answers: Answers, check: Check) -> Route:
    default = policy.rules.default_exchange
    candidates = _candidates(answers, None)
    problem = dict(answers).get(default) or check(default)
    tolerable = problem is not None and problem[0] in {ReasonCode.UNHEALTHY, ReasonCode.HEALTH_STALE}
    if tolerable and policy.rules.on_all_unhealthy == OnAllUnhealthy.USE_DEFAULT:
        warning = f"No exchange of the chain is healthy; sent to the default {default} although it is not."
        others = tuple(candidate for candidate in candidates if candidate.exchange != default)
        return Route(default, (*others, Candidate(default, None, warning)), warning)
    raise no_route(candidates)


def explain_tried(candidates: Sequence[Candidate], outcomes: Mapping[str, str]) -> tuple[Candidate, ...]:
    """The candidates, those that were tried before with what became of it. outcomes: by exchange."""
    return tuple(
        replace(candidate, detail=outcomes[candidate.exchange])
        if candidate.code == ReasonCode.ALREADY_TRIED and candidate.exchange in outcomes
        else candidate
        for candidate in candidates
    )


def no_route(candidates: tuple[Candidate, ...], of: str = " of the chain") -> NoRoute:
    """The refusal for a chain of which nothing is left, with each exchange's reason. of: says which exchanges."""
    reasons = ", ".join(_in_short(candidate) for candidate in candidates)
    codes = {candidate.code for candidate in candidates}
    tried = ReasonCode.ALREADY_TRIED in codes
    end = "Nothing more was sent." if tried else "Nothing was sent."
    if codes & HEALTH_CODES:
        text = f"All {len(candidates)} exchanges{of} are out: {reasons}. {end}"
        return NoRoute(ReasonCode.NO_HEALTHY_EXCHANGE, text, candidates)
    if len(codes) == 1 and not tried:
        first = candidates[0]
        assert first.code is not None
        return NoRoute(first.code, f"{first.detail} {end[:-1]} ({reasons}).", candidates)
    return NoRoute(ReasonCode.NO_ELIGIBLE_EXCHANGE, f"No exchange may take this: {reasons}. {end}", candidates)


def _in_short(candidate: Candidate) -> str:
    short = f"{candidate.exchange} {candidate.code}"
    return f"{short} ({candidate.detail.rstrip('.')})" if candidate.code == ReasonCode.ALREADY_TRIED else short
