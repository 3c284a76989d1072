"""Health and listings of the exchanges, kept in the process and re-read when they are older than half a second."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from execution.domain.fees import FeeRate
from execution.domain.health import Health, HealthStatus
from execution.domain.market import Market as MarketFacts
from execution.domain.router import Facts
from execution.domain.scoring import Record
from execution.exchanges.registry import adapters
from execution.models import ExchangeHealth, Market
from execution.selectors.breakers import all_breakers
from execution.selectors.fees import known_rates
from execution.selectors.query import fetch
from execution.selectors.records import latest_records
from policies.domain.symbols import glue_index
from policies.snapshot import current_policy

MAX_AGE_S = 0.5
FEES_FOR_S = 10.0
RECORDS_EVERY_S = 5.0
_ANSWERING = {HealthStatus.OK, HealthStatus.DEGRADED, HealthStatus.UNKNOWN}


class _Cache:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self.facts = Facts({}, {})
        # Versions and the lists they are of, put in together: threads that read at the same time must not mix theirs.
        self.listed: tuple[dict[str, int], dict[str, Mapping[str, MarketFacts]]] = ({}, {})
        self.glued: dict[str, str] = {}
        self.read_at = float("-inf")
        self.fees: Mapping[tuple[str, str], FeeRate] = {}
        self.fees_of = -1
        self.fees_at = float("-inf")
        self.records: dict[tuple[str, str], Record] = {}
        self.records_at = float("-inf")


_cache = _Cache()


def current_facts() -> Facts:
    """Health and listings as of at most MAX_AGE_S ago. One small query at most every MAX_AGE_S per process."""
    if time.monotonic() - _cache.read_at < MAX_AGE_S:
        return _cache.facts
    never_read = not _cache.listed[0]
    if not _cache.lock.acquire(blocking=never_read):
        return _cache.facts
    try:
        return refresh_facts()
    finally:
        _cache.lock.release()


def refresh_facts() -> Facts:
    """Read health now, and the pairs of every exchange whose list changed."""
    asked_at = time.monotonic()
    rows = list(ExchangeHealth.objects.all())
    markets = _listed(rows)
    if asked_at - _cache.records_at > RECORDS_EVERY_S:
        _cache.records, _cache.records_at = latest_records(), asked_at
    _cache.facts = Facts(
        {row.exchange_id: health_of(row) for row in rows},
        markets,
        breakers=all_breakers(),
        fees=_fees(),
        records=_cache.records,
        **_doubts(),
    )
    _cache.read_at = asked_at
    return _cache.facts


def _listed(rows: Iterable[ExchangeHealth]) -> Mapping[str, Mapping[str, MarketFacts]]:
    """The pairs of each exchange; only lists that changed are read."""
    versions, markets = _cache.listed
    versions, markets = dict(versions), dict(markets)
    for row in rows:
        if versions.get(row.exchange_id) != row.markets_version:
            markets[row.exchange_id] = _load_markets(row.exchange_id)
            versions[row.exchange_id] = row.markets_version
            _cache.glued = {}
    _cache.listed = versions, markets
    return markets


_DOUBTS = """
SELECT 'unreconciled', credential_id::text, user_id, '', '', required_at FROM execution_reconciliation r
WHERE r.clean_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM policies_exchangecredential c WHERE c.id = r.credential_id AND c.frozen)
UNION ALL
SELECT 'in_doubt', '', s.user_id, s.strategy_id, s.symbol, NULL FROM execution_order o
JOIN execution_signal s ON s.id = o.signal_id WHERE o.status = 'needs_attention'
UNION ALL
SELECT 'orphan', client_order_id, user_id, '', '', NULL FROM execution_orphan
WHERE order_id IS NULL AND client_order_id <> ''
UNION ALL
(SELECT 'trade', '', 0, '', '', NULL FROM execution_arbitragetrade WHERE state IN ('first', 'second', 'repair') LIMIT 1)
"""


def _doubts() -> dict[str, Any]:
    """The few rows that hold trading up: accounts to compare, orders in doubt, orders without a row.

    And, as it costs nothing here, whether an arbitrage is under way.
    """
    unreconciled: set[str] = set()
    in_doubt: set[tuple[int, str, str]] = set()
    orphans: dict[int, set[str]] = defaultdict(set)
    trades = False
    held: dict[int, datetime] = {}
    for kind, name, user_id, strategy_id, symbol, required_at in fetch(_DOUBTS, {}):
        if kind == "orphan":
            orphans[user_id].add(name)
        elif kind == "in_doubt":
            in_doubt.add((user_id, strategy_id, symbol))
        elif kind == "trade":
            trades = True
        else:
            unreconciled.add(name)
            held[user_id] = max(required_at, held.get(user_id, required_at))
    return {
        "unreconciled": frozenset(unreconciled),
        "in_doubt": frozenset(in_doubt),
        "orphans": {user_id: frozenset(names) for user_id, names in orphans.items()},
        "held_before": held,
        "trades": trades,
    }


def _fees() -> Mapping[tuple[str, str], FeeRate]:
    """What accounts pay. It changes once a day, so it is read again when policy changed or every FEES_FOR_S only."""
    policy, now = current_policy(), time.monotonic()
    if _cache.fees_of != policy.version or now - _cache.fees_at >= FEES_FOR_S:
        _cache.fees, _cache.fees_of, _cache.fees_at = known_rates(policy), policy.version, now
    return _cache.fees


def known_facts() -> Facts:
    """What this process knows, without asking the database."""
    return _cache.facts


def age_s() -> float:
    """Seconds since this process last read health; infinite before the first time."""
    return time.monotonic() - _cache.read_at


def forget() -> None:
    """Drop what this process knows (tests)."""
    _cache.forget()


def glued_symbols() -> dict[str, str]:
    """`BTCUSDT` -> `BTC/USDT` over all listed pairs."""
    facts = current_facts()
    if not _cache.glued:
        _cache.glued = glue_index({symbol for markets in facts.markets.values() for symbol in markets})
    return _cache.glued


def is_listed_somewhere(symbol: str) -> bool | None:
    """Whether any exchange lists the pair; None while the list of an exchange that might is still missing.

    One that does not answer may never tell its list, and could not take the order either: it is not waited for.
    """
    facts = current_facts()
    if any(symbol in listed for listed in facts.markets.values()):
        return True
    exchanges = current_policy().exchanges
    silent = {slug for slug, health in facts.health.items() if health.status not in _ANSWERING}
    missing = [slug for slug in adapters() if exchanges[slug].enabled and not facts.markets.get(slug)]
    return None if set(missing) - silent else False


def health_of(row: ExchangeHealth) -> Health:
    """The domain's view of a health row."""
    return Health(
        status=HealthStatus(row.status),
        since=row.since,
        checked_at=row.checked_at,
        latency_ms=row.latency_ms,
        latency_ewma_ms=row.latency_ewma_ms,
        latency_p50_ms=row.latency_p50_ms,
        consecutive_failures=row.consecutive_failures,
        consecutive_successes=row.consecutive_successes,
        last_error=row.last_error,
        banned_until=row.banned_until,
        settled_ms=row.settled_ms,
    )


def _load_markets(slug: str) -> dict[str, MarketFacts]:
    rows = Market.objects.filter(exchange_id=slug, active=True)
    return {
        row.symbol: MarketFacts(row.symbol, row.tick, row.lot, row.min_amount, row.max_amount, row.min_notional)
        for row in rows
    }
