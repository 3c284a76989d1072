"""Opportunities as people and clients see them: with how much of each the accounts could pay for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from execution.models import ArbitrageOpportunity
from execution.selectors.funds import free_funds
from execution.selectors.query import fetch
from policies.domain.policy import Mode

_MOST_HELD = """
SELECT b.exchange_id, b.asset, max(b.spendable) FROM execution_accountbalance b
JOIN policies_exchangecredential c ON c.id = b.credential_id
WHERE NOT c.frozen AND b.mode = 'live'
GROUP BY 1, 2
"""

Held = Mapping[tuple[str, str], Decimal]
"""Exchange and asset -> what can be spent there; missing: not known."""


@dataclass(frozen=True, slots=True)
class Funded:
    """An opportunity and the share of it, 0 to 1, that what is held could pay for; None: not known.

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


def balances_held(user_id: int | None, assets: Collection[str]) -> Held:
    """What one user can spend now; without a user what the largest account could when its exchange last told it."""
    if user_id is None:
        return {(exchange, asset): total for exchange, asset, total in fetch(_MOST_HELD, {})}
    free = free_funds([user_id], assets)
    return {(exchange, asset): amount for (_, exchange, mode, asset), amount in free.items() if mode == Mode.LIVE}


def opportunities(user_id: int | None, *, limit: int = 200, ended: bool = True) -> list[Funded]:
    """There now first, by profit; then the ones that are gone, newest first. `user_id`: whose money counts."""
    rows = ArbitrageOpportunity.objects.all()
    now = list(rows.filter(ended_at=None).order_by("-profit_bps", "pk")[:limit])
    gone = list(rows.exclude(ended_at=None).order_by("-last_seen_at", "pk")[: limit - len(now)]) if ended else []
    assets = {name for row in (*now, *gone) for name in (row.currency, row.symbol.partition("/")[0]) if name}
    held = balances_held(user_id, assets)
    return [Funded(row, _share(row, held)) for row in (*now, *gone)]


def _share(row: ArbitrageOpportunity, held: Held) -> Decimal | None:
    base = row.symbol.partition("/")[0]
    needs = [((row.buy_exchange, row.currency), row.cost)]
    if row.kind == row.CROSS:
        needs.append(((row.sell_exchange, base), row.amount))
    if any(key not in held for key, _ in needs):
        return None
    shares: list[Decimal] = [max(Decimal(0), held[key]) / needed for key, needed in needs]
    return min(Decimal(1), *shares)
