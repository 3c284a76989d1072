"""Storing what accounts pay: what exchanges tell, and the volume of our own fills."""

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from execution.domain.fees import DOLLARS, WINDOW_DAYS
from execution.exchanges.base import AccountFees
from execution.models import AccountFee
from execution.services.sql import fetch
from policies.domain.numbers import plain
from policies.models import ExchangeCredential

BATCH = 500


@transaction.atomic
def record_told(credential_id: str, version: int, told: AccountFees | None, *, error: str = "") -> None:
    """Keep what the exchange said of an account's fees; without an answer, what it said before. Nothing is kept when
    the keys were replaced meanwhile: they may be another account's.
    """
    if not ExchangeCredential.objects.select_for_update().filter(pk=credential_id, version=version).exists():
        return
    now = timezone.now()
    values: dict[str, Any] = {"asked_at": now, "error": error[:300]}
    if told is not None:
        values |= {
            "keys_version": version,
            "maker": told.maker, "taker": told.taker, "tier": told.tier, "told_volume": told.volume, "told_at": now,
        }  # fmt: skip
    AccountFee.objects.update_or_create(credential_id=UUID(credential_id), defaults=values)


# By the creation of orders, which has an index; their fills come soon after, or on the way through the 30 days.
_VOLUMES = """
SELECT o.credential_id, split_part(o.symbol, '/', 2) AS quote,
       floor(extract(epoch FROM %(now)s::timestamptz - o.created_at) / 86400)::int AS age, sum(o.filled_notional)
FROM execution_order o
WHERE o.created_at > %(since)s AND o.created_at <= %(now)s AND o.filled_amount > 0 AND o.credential_id IS NOT NULL
GROUP BY 1, 2, 3
"""


def count_volumes(now: datetime | None = None) -> int:
    """Add up what every account was filled on each of the last 30 days; the number of accounts. Idempotent.

    Other quote currencies than dollars are told apart and not converted.
    """
    now = now or timezone.now()
    daily: dict[Any, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * WINDOW_DAYS)
    others: dict[Any, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    rows = fetch(_VOLUMES, {"now": now, "since": now - timedelta(days=WINDOW_DAYS)})
    for credential, quote, age, volume in rows:
        if quote in DOLLARS:
            daily[credential][WINDOW_DAYS - 1 - age] += volume
        else:
            others[credential][quote] += volume
    counted = [
        AccountFee(
            credential_id=credential,
            daily=daily[credential],
            uncounted={quote: plain(volume) for quote, volume in sorted(others[credential].items())},
            counted_at=now,
        )
        for credential in ExchangeCredential.objects.values_list("pk", flat=True)
    ]
    AccountFee.objects.bulk_create(
        counted,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["credential"],
        update_fields=["daily", "uncounted", "counted_at"],
    )
    return len(counted)
