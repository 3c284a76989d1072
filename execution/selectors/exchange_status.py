"""The state of an exchange in one word and one sentence, for people."""

from dataclasses import dataclass
from datetime import datetime

from execution.domain.breaker import Breaker, BreakerState
from execution.domain.health import Health
from execution.domain.router import Facts, health_problem
from execution.selectors.breakers import age_left, breaker_now, breaker_sentence
from policies.display.formats import age_since, latency
from policies.display.words import Tone
from policies.domain.policy import ExchangePolicy, Policy, Scope, TradingStatus
from policies.domain.reasons import ReasonCode
from policies.domain.trading_state import describe


@dataclass(frozen=True, slots=True)
class ExchangeStatus:
    """What matters most about an exchange now. `since` is when that began, if it is known."""

    slug: str
    name: str
    word: str
    tone: Tone
    sentence: str
    since: datetime | None
    health: Health | None
    breaker: Breaker
    breaker_text: str
    breaker_left: str
    halted: TradingStatus

    @property
    def typical_ms(self) -> float | None:
        """Typical answer of the last hour; before that is known, the average of the checks."""
        if self.health is None:
            return None
        return self.health.latency_p50_ms or self.health.latency_ewma_ms


_WORDS = {
    ReasonCode.EXCHANGE_DOWN: ("DOWN", Tone.ACT),
    ReasonCode.EXCHANGE_MAINTENANCE: ("MAINTENANCE", Tone.BUSY),
    ReasonCode.UNHEALTHY: ("DEGRADED", Tone.WATCH),
    ReasonCode.RATE_LIMITED: ("BANNED", Tone.ACT),
}
_BREAKER_WORDS = {
    BreakerState.OPEN: ("BREAKER OPEN", Tone.ACT),
    BreakerState.HALF_OPEN: ("PROBING", Tone.WATCH),
}


def exchange_status(policy: Policy, facts: Facts, slug: str, now: datetime) -> ExchangeStatus:
    """Switched off, then halted, then maintenance, then health, then the breaker: the first that applies."""
    exchange = policy.exchanges[slug]
    state = policy.states.get((Scope.EXCHANGE, slug))
    breaker = breaker_now(policy, facts.breakers, slug, now)
    word, tone, sentence, since = _told(policy, facts, slug, breaker, now)
    return ExchangeStatus(
        slug=slug,
        name=exchange.name,
        word=word,
        tone=tone,
        sentence=sentence,
        since=since,
        health=facts.health.get(slug),
        breaker=breaker,
        breaker_text=breaker_sentence(breaker, now),
        breaker_left=age_left(breaker.open_until, now),
        halted=state.status if state is not None else TradingStatus.ACTIVE,
    )


_Told = tuple[str, Tone, str, datetime | None]


def _told(policy: Policy, facts: Facts, slug: str, breaker: Breaker, now: datetime) -> _Told:
    exchange = policy.exchanges[slug]
    if not exchange.enabled:
        return "OFF", Tone.OFF, "Switched off: no new order goes there.", None
    state = policy.states.get((Scope.EXCHANGE, slug))
    if state is not None and state.status == TradingStatus.HALTED:
        return "HALTED", Tone.ACT, describe(state), state.since
    if state is not None:
        return "REDUCE ONLY", Tone.WATCH, describe(state), state.since
    if exchange.in_maintenance(now):
        return "MAINTENANCE", Tone.BUSY, _window(exchange), exchange.maintenance_from
    return _told_by_health(policy, facts, slug, breaker, now)


def _told_by_health(policy: Policy, facts: Facts, slug: str, breaker: Breaker, now: datetime) -> _Told:
    health = facts.health.get(slug)
    if health is None or health.checked_at is None:
        return "UNCHECKED", Tone.WATCH, f"{slug} has never been checked.", None
    problem = health_problem(policy, facts, slug, now)
    words = "" if breaker.state == BreakerState.CLOSED else f" {breaker_sentence(breaker, now)}"
    if problem is None and words:
        word, tone = _BREAKER_WORDS[breaker.state]
        return word, tone, words.strip(), breaker.since
    if problem is None:
        since = f"OK since {health.since:%Y-%m-%d %H:%M:%S} UTC ({age_since(health.since, now)})"
        return "OK", Tone.OK, f"{since}: {latency(health.latency_ewma_ms)} on average.", health.since
    code, sentence = problem
    if code not in _WORDS:
        return "STALE", Tone.WATCH, sentence + words, health.checked_at
    return *_WORDS[code], sentence + words, health.since


def _window(exchange: ExchangePolicy) -> str:
    if exchange.maintenance_to is None:
        return "In maintenance, entered by an operator, without a known end."
    return f"In maintenance, entered by an operator, until {exchange.maintenance_to:%Y-%m-%d %H:%M} UTC."


def all_statuses(policy: Policy, facts: Facts, now: datetime) -> list[ExchangeStatus]:
    """Every exchange, in the order of its slug."""
    return [exchange_status(policy, facts, slug, now) for slug in sorted(policy.exchanges)]


def is_trouble(status: ExchangeStatus) -> bool:
    """Whether the state asks for a look: everything but OK, switched off and planned maintenance."""
    return status.tone in {Tone.WATCH, Tone.ACT}
