"""Periodic work: health polls, market lists, pruning. Idempotent and guarded, so two schedulers are harmless."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from execution.domain.market import Market as MarketFacts
from execution.exchanges.errors import ExchangeError
from execution.exchanges.registry import adapters
from execution.models import Alert, ExchangeHealth, HealthSample, Market, MarketBar, WebhookDelivery, WebhookNonce
from execution.services import account_fees, breakers, costs, health, rollups
from execution.services.executor import Executor
from execution.services.sql import fetch
from policies.domain.policy import Policy

logger = structlog.get_logger(__name__)

MARKETS_EVERY = timedelta(minutes=15)
MARKETS_TIMEOUT_S = 20.0
"""For a round over all exchanges; who answers later is read in the next round."""

KEEP_SAMPLES = timedelta(days=7)
KEEP_DELIVERIES = timedelta(days=30)
KEEP_ALERTS = timedelta(days=90)
KEEP_BARS = timedelta(days=1)
KEEP_NONCES = timedelta(hours=1)
"""Much longer than a signature is good for (twice 300 s)."""


@contextmanager
def only_one(name: str) -> Iterator[bool]:
    """True for one process at a time, by an advisory lock of this thread's connection.

    Not of a transaction: waiting for exchanges inside one would be ended as idle. It ends with the connection at the
    latest, so a process that dies leaves nothing locked.
    """
    key = f"housekeeping:{name}"
    mine = bool(fetch("SELECT pg_try_advisory_lock(hashtext(%(key)s))", {"key": key})[0][0])
    try:
        yield mine
    finally:
        if mine:
            fetch("SELECT pg_advisory_unlock(hashtext(%(key)s))", {"key": key})


def poll_health(executor: Executor, policy: Policy) -> list[str]:
    """Check all exchanges that are due; returns their slugs. What time alone changes is noted as well."""
    with only_one("poll_health") as mine:
        if mine:
            breakers.tick(policy)
            health.end_bans()
        slugs = health.due(policy, timezone.now()) if mine else []
        if slugs:
            executor.submit(executor.duties.poll(slugs)).result(timeout=health.PING_TIMEOUT_S + 5)
        return slugs


CREDENTIALS_TIMEOUT_S = 60.0


def check_credentials(executor: Executor) -> int:
    """Ask the exchanges about keys that are due, one process at a time; how many there were."""
    with only_one("check_credentials") as mine:
        return executor.submit(executor.duties.check_due_keys()).result(timeout=CREDENTIALS_TIMEOUT_S) if mine else 0


_refreshing = threading.Lock()


def refresh_markets(executor: Executor, policy: Policy, *, force: bool = False) -> list[str]:
    """Read the pairs of exchanges whose list is older than MARKETS_EVERY, all at once; returns the slugs read."""
    if not _refreshing.acquire(blocking=force):
        return []  # the last round still waits for a slow exchange
    try:
        asked = {slug: executor.submit(executor.duties.markets(slug)) for slug in _stale_lists(policy, force=force)}
        wait(asked.values(), timeout=MARKETS_TIMEOUT_S)
        return [slug for slug, answer in asked.items() if _store_answer(slug, answer)]
    finally:
        _refreshing.release()


def _stale_lists(policy: Policy, *, force: bool) -> list[str]:
    fresh_since = timezone.now() - MARKETS_EVERY
    read = dict(ExchangeHealth.objects.values_list("exchange_id", "markets_refreshed_at"))
    wanted = [slug for slug in adapters() if policy.exchanges[slug].enabled]
    return [slug for slug in wanted if force or (last := read.get(slug)) is None or last < fresh_since]


def _store_answer(slug: str, answer: "Future[Sequence[MarketFacts]]") -> bool:
    try:
        store_markets(slug, answer.result(timeout=0))
    except (ExchangeError, TimeoutError) as e:
        logger.warning("markets_unavailable", exchange=slug, error=str(e))
        return False
    return True


@transaction.atomic
def store_markets(slug: str, markets: Sequence[MarketFacts]) -> bool:
    """Replace an exchange's list of pairs; every process reloads it only if something changed."""
    now = timezone.now()
    row, _ = ExchangeHealth.objects.select_for_update().get_or_create(exchange_id=slug, defaults={"since": now})
    before = {row.symbol: row for row in Market.objects.filter(exchange_id=slug)}
    changed = [m for m in markets if m.symbol not in before or _facts(before[m.symbol]) != (True, *_values(m))]
    gone = [symbol for symbol, old in before.items() if old.active and symbol not in {m.symbol for m in markets}]
    Market.objects.bulk_create(
        [_market_row(slug, market) for market in changed],
        update_conflicts=True,
        unique_fields=["exchange", "symbol"],
        update_fields=["active", "tick", "lot", "min_amount", "max_amount", "min_notional", "refreshed_at"],
    )
    Market.objects.filter(exchange_id=slug, symbol__in=gone).update(active=False, refreshed_at=now)
    row.markets_refreshed_at = now
    row.markets_version += bool(changed or gone)
    row.save(update_fields=["markets_refreshed_at", "markets_version"])
    if changed or gone:
        logger.info("markets_changed", exchange=slug, changed=len(changed), gone=len(gone))
    return bool(changed or gone)


_Values = tuple[Decimal, Decimal, Decimal | None, Decimal | None, Decimal | None]


def _values(market: MarketFacts) -> _Values:
    return market.tick, market.lot, market.min_amount, market.max_amount, market.min_notional


def _facts(row: Market) -> tuple[bool, Decimal, Decimal, Decimal | None, Decimal | None, Decimal | None]:
    return row.active, row.tick, row.lot, row.min_amount, row.max_amount, row.min_notional


def _market_row(slug: str, market: MarketFacts) -> Market:
    tick, lot, min_amount, max_amount, min_notional = _values(market)
    return Market(
        exchange_id=slug,
        symbol=market.symbol,
        active=True,
        tick=tick,
        lot=lot,
        min_amount=min_amount,
        max_amount=max_amount,
        min_notional=min_notional,
    )


def prune() -> int:
    """Delete old health samples, webhook deliveries, minutes of trades, nonces and alerts; the number deleted.

    Old decisions stay, without the books that they were made from.
    """
    with only_one("prune") as mine:
        if not mine:
            return 0
        now = timezone.now()
        old = (
            HealthSample.objects.filter(at__lt=now - KEEP_SAMPLES),
            WebhookDelivery.objects.filter(at__lt=now - KEEP_DELIVERIES),
            MarketBar.objects.filter(minute__lt=now - KEEP_BARS),
            WebhookNonce.objects.filter(at__lt=now - KEEP_NONCES),
            Alert.objects.filter(cleared_at__lt=now - KEEP_ALERTS),
            Alert.objects.filter(opened_at=None, cleared_at__isnull=False),
        )
        costs.drop_books(now - timedelta(days=max(1, settings.ENV["KEEP_BOOKS_DAYS"])))
        return sum(rows.delete()[0] for rows in old)


def roll_up() -> int:
    """Add up the minutes of calls to exchanges to hours; the number of old rows deleted."""
    with only_one("roll_up") as mine:
        return rollups.roll_up() if mine else 0


def count_volumes() -> int:
    """Add up what every account was filled lately; the number of accounts."""
    with only_one("count_volumes") as mine:
        return account_fees.count_volumes() if mine else 0


MEASURING = "measure_costs"


def measure_costs() -> int:
    """Work out the costs of orders that ended lately, and sample what is known a minute later; how many orders."""
    with only_one(MEASURING) as mine:
        if not mine:
            return 0
        costs.sample()
        costs.measure_vwap(timezone.now())
        return costs.measure()
