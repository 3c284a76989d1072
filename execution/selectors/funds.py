"""What accounts can spend now: what the exchange told last, what our fills moved since, less what open orders hold."""

from collections.abc import Iterable
from decimal import Decimal

from execution.domain.orders import FINAL
from execution.selectors.query import fetch

OLDEST_S = 7200
"""An account's money that was told longer ago than this counts as not known."""

FundsKey = tuple[int, str, str, str]
"""User id, exchange, mode, asset."""

_FREE = """
SELECT b.user_id, b.exchange_id, b.mode, b.asset, b.spendable - b.booked
    + COALESCE((
        SELECT sum(CASE WHEN split_part(p.symbol, '/', 1) = b.asset THEN p.bought_amount - p.sold_amount
                        ELSE p.sold_notional - p.bought_notional END)
        FROM execution_position p
        WHERE p.user_id = b.user_id AND p.exchange_id = b.exchange_id AND p.mode = b.mode
          AND b.asset IN (split_part(p.symbol, '/', 1), split_part(p.symbol, '/', 2))), 0)
    - COALESCE((
        SELECT f.amount FROM execution_feetotal f
        WHERE f.user_id = b.user_id AND f.exchange_id = b.exchange_id AND f.mode = b.mode AND f.asset = b.asset), 0)
    - COALESCE((
        SELECT sum((o.amount - o.filled_amount)
                   * CASE WHEN o.side = 'sell' THEN 1 ELSE COALESCE(o.price, o.reference_price) END)
        FROM execution_order o
        WHERE o.exchange_id = b.exchange_id AND o.credential_id = b.credential_id AND NOT o.status = ANY(%(final)s)
          AND b.asset = split_part(o.symbol, '/', CASE WHEN o.side = 'sell' THEN 1 ELSE 2 END)), 0)
FROM execution_accountbalance b
WHERE b.user_id = ANY(%(users)s) AND b.asset = ANY(%(assets)s)
  AND b.at > clock_timestamp() - make_interval(secs => %(oldest)s)
"""
_FINAL = sorted(status.value for status in FINAL)


def free_funds(users: Iterable[int], assets: Iterable[str]) -> dict[FundsKey, Decimal]:
    """Free amounts of these assets by account; what is not known is missing. One query."""
    params = {"users": sorted(set(users)), "assets": sorted(set(assets)), "final": _FINAL, "oldest": OLDEST_S}
    rows = fetch(_FREE, params)
    return {(user_id, exchange, mode, asset): free for user_id, exchange, mode, asset, free in rows}
