"""Whether the exchange's balances agree with our fills, per account and asset."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from execution.models import BookBreak, Position
from policies.models import ExchangeCredential

LATE = timedelta(hours=2)
"""Accounts are compared every 30 s, those that do not trade every hour."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """agreed_at: when both last agreed, None if never. differences: asset -> actual minus expected, confirmed."""

    agreed_at: datetime | None
    error: str
    differences: tuple[tuple[str, Decimal], ...]


_Key = tuple[int, str, str]


def agreements(positions: Sequence[Position]) -> dict[int, Agreement]:
    """Position id -> what is known of its account; paper positions have no account. Two queries."""
    users = {row.user_id for row in positions}
    found = ExchangeCredential.objects.filter(user_id__in=users).values_list(
        "pk", "user_id", "exchange_id", "mode", "balance_check__agreed_at", "balance_check__last_error"
    )
    accounts: dict[_Key, tuple[UUID, datetime | None, str]] = {
        (user_id, exchange, mode): (pk, agreed_at, error or "")
        for pk, user_id, exchange, mode, agreed_at, error in found
    }
    breaks = _breaks([pk for pk, _, _ in accounts.values()])
    result = {}
    for row in positions:
        account = accounts.get((row.user_id, row.exchange_id, row.mode))
        if account is not None:
            pk, agreed_at, error = account
            assets = row.symbol.split("/")
            here = tuple((asset, amount) for asset, amount in breaks.get(pk, []) if asset in assets)
            result[row.pk] = Agreement(agreed_at, error, here)
    return result


def _breaks(credentials: Sequence[UUID]) -> dict[UUID, list[tuple[str, Decimal]]]:
    rows = BookBreak.objects.filter(credential_id__in=credentials, resolved_at=None).exclude(confirmed_at=None)
    found: dict[UUID, list[tuple[str, Decimal]]] = {}
    for row in rows.order_by("asset"):
        found.setdefault(row.credential_id, []).append((row.asset, row.actual - row.expected))
    return found
