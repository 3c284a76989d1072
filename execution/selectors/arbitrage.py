"""Opportunities as people and clients see them: with how much of each the accounts could pay for."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from execution.models import ArbitrageOpportunity
from execution.selectors.query import fetch

_HELD = """
SELECT b.exchange_id, b.asset, max(b.spendable) FROM execution_accountbalance b
JOIN policies_exchangecredential c ON c.id = b.credential_id
WHERE NOT c.frozen AND b.mode = 'live' AND (%(user)s::int IS NULL OR b.user_id = %(user)s)
GROUP BY 1, 2
"""

Held = Mapping[tuple[str, str], Decimal]
"""Exchange and asset -> what an account could spend there when the exchange last told it."""


@dataclass(frozen=True, slots=True)
class Funded:
    """An opportunity and the share of it, 0 to 1, that what is held could pay for; None: nothing is known.

    The first units earn the most, so this share of the size earns at least this share of the profit.
    """

    row: ArbitrageOpportunity
    share: Decimal | None

    @property
    def amount(self) -> Decimal | None:
        """What could be paid for, as the row counts."""
        return None if self.share is None else (self.row.amount * self.share).quantize(Decimal("1e-18"))

    @property
    def profit(self) -> Decimal | None:
        """What that earns at the least."""
        return None if self.share is None else (self.row.profit * self.share).quantize(Decimal("1e-18"))


def balances_held(user_id: int | None) -> Held:
    """Of one user, or of whoever holds the most, as each exchange last told it."""
    return {(exchange, asset): total for exchange, asset, total in fetch(_HELD, {"user": user_id})}


def opportunities(user_id: int | None, *, limit: int = 200, ended: bool = True) -> list[Funded]:
    """There now first, by profit; then the ones that are gone, newest first. `user_id`: whose money counts."""
    rows = ArbitrageOpportunity.objects.all()
    now = list(rows.filter(ended_at=None).order_by("-profit_bps", "pk")[:limit])
    gone = list(rows.exclude(ended_at=None).order_by("-last_seen_at", "pk")[: limit - len(now)]) if ended else []
    held = balances_held(user_id)
    return [Funded(row, _share(row, held)) for row in (*now, *gone)]


def _share(row: ArbitrageOpportunity, held: Held) -> Decimal | None:
    base = row.symbol.partition("/")[0]
    needs = [((row.buy_exchange, row.currency), row.cost)]
    if row.kind == row.CROSS:
        needs.append(((row.sell_exchange, base), row.amount))
    if not held:
        return None
    shares: list[Decimal] = [held.get(key, Decimal(0)) / needed for key, needed in needs]
    return min(Decimal(1), *shares)
