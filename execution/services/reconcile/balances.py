"""An account's money at the exchange against our fills: from a mark on, both must have moved by the same.

Orders that may be filling at this moment make it inexact, so what they may move is allowed either way. A difference
that a second look confirms is a break: a deposit, somebody else's trade, or an error. A person says which.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from execution.domain.orders import FINAL
from execution.exchanges.registry import traits
from execution.models import BalanceCheck, BalanceMark, BookBreak, FeeTotal, Order, Position
from execution.services.sql import execute, fetch
from policies.domain.policy import Mode
from policies.models import ExchangeCredential
from policies.services import check_reason

logger = structlog.get_logger(__name__)

EVERY = timedelta(seconds=30)
"""Between two comparisons of an account that traded within the last day; the others are compared every hour."""

IDLE_EVERY = timedelta(hours=1)
CONFIRM_AFTER = timedelta(seconds=5)
LEASE_S = 60
MARK_SLACK = timedelta(seconds=10)
"""Executions so long before a mark may be told after it, by the exchange's clock."""

MARKET_MOVES = Decimal("0.1")
"""A market order's cost is not known before it is filled: within this of the price when it was decided."""


@dataclass(frozen=True, slots=True)
class Task:
    """One account whose balances are compared."""

    credential_id: UUID
    user_id: int
    exchange: str
    mode: Mode
    version: int


@dataclass(slots=True)
class Booked:
    """What our fills add up to per asset, and by how much orders that are not over may move it."""

    sums: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    moving: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


_INTRODUCE = """
INSERT INTO execution_balancecheck (credential_id, next_at, agreed_at, last_error)
SELECT c.id, clock_timestamp(), NULL, '' FROM policies_exchangecredential c
LEFT JOIN execution_balancecheck b ON b.credential_id = c.id WHERE NOT c.frozen AND b.credential_id IS NULL
ON CONFLICT DO NOTHING
"""
_CLAIM = """
WITH due AS (
    SELECT b.credential_id FROM execution_balancecheck b
    JOIN policies_exchangecredential c ON c.id = b.credential_id AND NOT c.frozen
    WHERE b.next_at <= clock_timestamp() ORDER BY b.next_at LIMIT %(limit)s FOR UPDATE OF b SKIP LOCKED
), leased AS (
    UPDATE execution_balancecheck b SET next_at = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM due WHERE b.credential_id = due.credential_id RETURNING b.credential_id
)
SELECT c.id, c.user_id, c.exchange_id, c.mode, c.version
FROM leased l JOIN policies_exchangecredential c ON c.id = l.credential_id
"""


def introduce() -> int:
    """Keys that have no row yet get one."""
    return execute(_INTRODUCE, {})


def claim_due(limit: int) -> list[Task]:
    """Take accounts that are due, the longest due first."""
    rows = fetch(_CLAIM, {"limit": limit, "lease": LEASE_S})
    return [Task(pk, user_id, exchange, Mode(mode), version) for pk, user_id, exchange, mode, version in rows]


def booked(task: Task) -> Booked:
    """What we have on the books for this account now."""
    found = Booked()
    where = {"user_id": task.user_id, "exchange_id": task.exchange, "mode": task.mode.value}
    # Orders first: one that ends between the two questions is then counted twice, never not at all.
    for order in Order.objects.filter(**where).exclude(status__in=FINAL):
        base, _, quote = order.symbol.partition("/")
        rest = order.amount - order.filled_amount
        price = order.price or order.reference_price * (1 + MARKET_MOVES)
        found.moving[base] += rest
        found.moving[quote] += rest * price * (1 + MARKET_MOVES)
    for position in Position.objects.filter(**where):
        base, _, quote = position.symbol.partition("/")
        found.sums[base] += position.bought_amount - position.sold_amount
        found.sums[quote] += position.sold_notional - position.bought_notional
    for fee in FeeTotal.objects.filter(**where):
        found.sums[fee.asset] -= fee.amount
        found.moving[fee.asset] += Decimal(0)
    return found


def failed(task: Task, error: str) -> None:
    """The exchange did not tell."""
    _next(task, timezone.now() + EVERY, error=error)


@transaction.atomic
def compare(task: Task, totals: Mapping[str, Decimal], before: Booked, after: Booked) -> list[BookBreak]:
    """Compare what the exchange says with what our books said before and after it was asked; the confirmed breaks."""
    now = timezone.now()
    marks = {mark.asset: mark for mark in BalanceMark.objects.select_for_update().filter(credential=task.credential_id)}
    differing: list[BookBreak] = []
    for asset in sorted(_compared(task, totals, after)):
        mark = marks.get(asset)
        total = totals.get(asset, Decimal(0))
        if mark is None or mark.key_version != task.version:
            if not before.moving.get(asset) and not after.moving.get(asset):
                _mark(task, asset, total, after.sums[asset], now)
            continue
        low, high = _expected(mark, asset, before, after)
        low -= _untold_fees(task, asset, since=mark.at)
        if low <= total <= high:
            _agreed(task, asset, now)
        else:
            differing.append(_differs(task, asset, (low + high) / 2, total, now))
    settled = not differing
    _next(task, now + (_interval(task) if settled else CONFIRM_AFTER), agreed_at=now if settled else None)
    return [found for found in differing if found.confirmed_at is not None]


def _compared(task: Task, totals: Mapping[str, Decimal], books: Booked) -> set[str]:
    """The assets we trade there: what else the account holds is not our business."""
    assets = set(books.sums) | set(books.moving)
    trait = traits(task.exchange)
    if not trait.exact_quote:
        quotes = {symbol.partition("/")[2] for symbol in _symbols(task)}
        assets -= quotes
    return assets


def _symbols(task: Task) -> set[str]:
    rows = Position.objects.filter(user_id=task.user_id, exchange_id=task.exchange, mode=task.mode.value)
    return set(rows.values_list("symbol", flat=True))


def _expected(mark: BalanceMark, asset: str, before: Booked, after: Booked) -> tuple[Decimal, Decimal]:
    base = mark.total - mark.booked
    edges = [
        base + books.sums.get(asset, Decimal(0)) + sign * books.moving.get(asset, Decimal(0))
        for books in (before, after)
        for sign in (-1, 1)
    ]
    return min(edges), max(edges)


_BOUGHT = """
SELECT COALESCE(sum(f.amount), 0) FROM execution_fill f JOIN execution_order o ON o.id = f.order_id
WHERE o.user_id = %(user_id)s AND o.exchange_id = %(exchange)s AND o.mode = %(mode)s AND o.side = 'buy'
  AND split_part(o.symbol, '/', 1) = %(asset)s AND f.at >= %(since)s
"""


def _untold_fees(task: Task, asset: str, *, since: datetime) -> Decimal:
    """How much of an asset may be missing because fees were cut from what was bought, and nobody said so."""
    share = traits(task.exchange).untold_fee
    if not share:
        return Decimal(0)
    where = {"user_id": task.user_id, "exchange": task.exchange, "mode": task.mode.value, "asset": asset}
    ((bought,),) = fetch(_BOUGHT, {**where, "since": since - MARK_SLACK})
    return Decimal(bought) * share


def _mark(task: Task, asset: str, total: Decimal, sums: Decimal, now: datetime) -> None:
    BalanceMark.objects.update_or_create(
        credential_id=task.credential_id,
        asset=asset,
        defaults={"key_version": task.version, "total": total, "booked": sums, "at": now},
    )


def _agreed(task: Task, asset: str, now: datetime) -> None:
    """A difference that is gone by itself was a matter of timing, unless it was confirmed: then a person closes it."""
    BookBreak.objects.filter(
        credential_id=task.credential_id, asset=asset, resolved_at=None, confirmed_at=None
    ).delete()
    BookBreak.objects.filter(credential_id=task.credential_id, asset=asset, resolved_at=None).update(
        resolved_at=now, resolution="The exchange and our fills agree again."
    )


def _differs(task: Task, asset: str, expected: Decimal, actual: Decimal, now: datetime) -> BookBreak:
    row, new = BookBreak.objects.get_or_create(
        credential_id=task.credential_id,
        asset=asset,
        resolved_at=None,
        defaults={
            "user_id": task.user_id,
            "exchange_id": task.exchange,
            "expected": expected,
            "actual": actual,
            "first_seen_at": now,
            "last_seen_at": now,
        },
    )
    if not new:
        if row.confirmed_at is None:
            row.confirmed_at = now
            logger.error("balance_differs", exchange=task.exchange, asset=asset, expected=str(expected))
        row.expected, row.actual, row.last_seen_at = expected, actual, now
        row.save(update_fields=["confirmed_at", "expected", "actual", "last_seen_at"])
    return row


def _interval(task: Task) -> timedelta:
    recent = timezone.now() - timedelta(days=1)
    traded = Order.objects.filter(user_id=task.user_id, exchange_id=task.exchange, created_at__gte=recent)
    return EVERY if traded.exists() else IDLE_EVERY


def _next(task: Task, at: datetime, *, agreed_at: datetime | None = None, error: str = "") -> None:
    changes: dict[str, object] = {"next_at": at, "last_error": error[:300]}
    if agreed_at is not None:
        changes["agreed_at"] = agreed_at
    BalanceCheck.objects.filter(pk=task.credential_id).update(**changes)


@transaction.atomic
def accept(break_id: int, *, by: User, reason: str) -> None:
    """A person explains a difference: from now on the account counts from what it holds now. Raises ValidationError."""
    reason = check_reason(reason)
    row = BookBreak.objects.select_for_update().get(pk=break_id)
    if row.resolved_at is not None:
        return
    BalanceMark.objects.filter(credential_id=row.credential_id, asset=row.asset).delete()
    row.resolved_at, row.resolved_by, row.resolution = timezone.now(), by, reason
    row.save(update_fields=["resolved_at", "resolved_by", "resolution"])
    BalanceCheck.objects.filter(pk=row.credential_id).update(next_at=timezone.now())
    logger.warning("balance_difference_accepted", exchange=row.exchange_id, asset=row.asset, by=str(by), reason=reason)


def due_now(credential: ExchangeCredential) -> None:
    """Compare this account as soon as a worker can."""
    BalanceCheck.objects.filter(pk=credential.pk).update(next_at=timezone.now())
