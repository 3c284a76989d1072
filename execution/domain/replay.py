"""Stored decisions made again: what the rules of now, or of a draft, would do with the inputs of then. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from execution.domain.choosing import Choice, choose
from execution.domain.explained import read
from execution.domain.prepared import Depths
from policies.domain.policy import SMART_ROUTES, ChainOrdering, Policy, RouteBy
from policies.domain.reasons import Denied, ReasonCode
from policies.domain.routing import Problem, resolve, smart_route, walk

POLICY_CODES = frozenset({ReasonCode.EXCHANGE_DISABLED, ReasonCode.LATER_IN_CHAIN})
"""What the policy of now says again; every other code was a fact of that moment, and stands."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A decision as it was made. candidates, explanation: as stored."""

    signal_id: str
    user_id: int
    strategy_id: str
    requested_exchange: str
    routing: RouteBy | None
    preferred: tuple[str, ...]
    source: str
    exchange: str
    code: str
    ordering: str
    candidates: Sequence[Mapping[str, Any]]
    explanation: Mapping[str, Any] | None

    @property
    def parts(self) -> dict[str, Decimal]:
        """What each exchange got; empty where one got everything or nobody anything."""
        rows = (self.explanation or {}).get("parts", ())
        return {row["exchange"]: Decimal(row["amount"]) for row in rows}

    @property
    def books_dropped(self) -> bool:
        """Whether what it was made from is no longer kept."""
        return bool((self.explanation or {}).get("books_dropped"))


@dataclass(frozen=True, slots=True)
class Replayed:
    """then, now: where the order went, in words. cost_bps: what it would cost more now; None: not comparable."""

    stored: Stored
    then: str
    now: str
    cost_bps: float | None = None
    skipped: str = ""

    @property
    def changed(self) -> bool:
        return not self.skipped and self.then != self.now


def replay(stored: Stored, policy: Policy, depths: Depths) -> Replayed:
    """One decision again under this policy."""
    by = smart_route(
        policy,
        user_id=stored.user_id,
        requested=stored.requested_exchange,
        strategy_id=stored.strategy_id,
        asked=stored.routing,
        preferred=stored.preferred,
    )
    was_smart = bool(stored.explanation and "asked" in stored.explanation)
    if by is not None and was_smart and stored.books_dropped:
        return Replayed(stored, _then(stored), "", skipped="its books are no longer kept")
    if by is not None and was_smart:
        return _smart(stored, policy, by, depths)
    if by is not None:
        return Replayed(stored, _then(stored), "", skipped="only the chain's books were kept; it would be smart now")
    if stored.ordering and stored.ordering in {each.value for each in RouteBy if each.spreads}:
        return Replayed(stored, _then(stored), "", skipped="balanced: where it went hung on the load of that moment")
    return _fixed(stored, policy)


def _smart(stored: Stored, policy: Policy, by: RouteBy, depths: Depths) -> Replayed:
    assert stored.explanation is not None
    ask, offers = read(stored.explanation)
    terms = policy.terms(by, stored.user_id)
    wanted = stored.preferred or policy.preference(stored.user_id).exchanges
    open_now = [
        replace(offer, preferred=offer.exchange in wanted)
        for offer in offers
        if offer.exchange in policy.exchanges and policy.exchanges[offer.exchange].enabled
    ]
    choice = choose(replace(ask, by=by, terms=terms), open_now, depths)
    before = stored.explanation["expected"]["cost_bps"]
    extra = None if before is None or choice.cost_bps is None else choice.cost_bps - before
    return Replayed(stored, _then(stored), _now(choice), extra)


def _fixed(stored: Stored, policy: Policy) -> Replayed:
    known = {row["exchange"]: row for row in stored.candidates}

    def check(slug: str) -> Problem | None:
        exchange = policy.exchanges.get(slug)
        if exchange is None or not exchange.enabled:
            return ReasonCode.EXCHANGE_DISABLED, f"{slug} is switched off."
        row = known.get(slug)
        if row is None:
            return ReasonCode.HEALTH_STALE, "It was not asked then."
        code = row["code"]
        if not code or code in POLICY_CODES:
            return None
        return ReasonCode(code), str(row["detail"])

    try:
        resolution = resolve(policy, requested=stored.requested_exchange, strategy_id=stored.strategy_id)
        found = walk(policy, _steps(policy, resolution.exchange, tuple(known)), check).exchange
    except Denied as e:
        found = f"denied {e.denial.code.value}"
    return Replayed(stored, _then(stored), found)


def _steps(policy: Policy, primary: str, then: tuple[str, ...]) -> tuple[str, ...]:
    """The chain; where latency or region orders it, as it was ordered then."""
    chain = policy.chain(primary)
    as_listed = policy.ordering(primary).ordering == ChainOrdering.AS_LISTED
    return chain if as_listed or set(chain) != set(then) else then


def _then(stored: Stored) -> str:
    if stored.code:
        return f"denied {stored.code}" if not stored.parts else _shares(stored.parts)
    return _shares(stored.parts) if len(stored.parts) > 1 else stored.exchange


def _now(choice: Choice) -> str:
    if not choice.parts:
        return f"denied {choice.reason.value if choice.reason else ReasonCode.NO_ELIGIBLE_EXCHANGE.value}"
    return _shares({part.exchange: part.amount for part in choice.parts})


def _shares(parts: Mapping[str, Decimal]) -> str:
    """`binance 60 % + okx 40 %`, the largest first."""
    total = sum(parts.values(), Decimal(0))
    if len(parts) == 1:
        return next(iter(parts))
    ordered = sorted(parts.items(), key=lambda item: (-item[1], item[0]))
    return " + ".join(f"{slug} {float(amount / total * 100):.1f} %" for slug, amount in ordered)


def by_every_strategy(stored: Stored, policy: Policy, depths: Depths) -> dict[RouteBy, float | None]:
    """What each smart strategy would have cost beyond the middle, in bps, on the same inputs."""
    if not stored.explanation or "asked" not in stored.explanation or stored.books_dropped:
        return {}
    ask, offers = read(stored.explanation)
    if ask.passive:
        return {}  # they all rest it in the same place
    return {
        by: choose(replace(ask, by=by, terms=policy.terms(by, stored.user_id)), offers, depths).cost_bps
        for by in sorted(SMART_ROUTES)
    }
