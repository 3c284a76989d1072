"""What became of the latest orders, by exchange and pair: the track record that scoring reads."""

from collections import Counter

from execution.domain.scoring import Record
from execution.selectors.query import fetch

LATEST = 3000
_LATEST = """
SELECT exchange_id, symbol, count(*), count(*) FILTER (WHERE status NOT IN ('rejected', 'not_placed'))
FROM (
    SELECT exchange_id, symbol, status, reason_code, mode FROM execution_order ORDER BY created_at DESC LIMIT %(limit)s
) latest
WHERE mode <> 'paper' AND status NOT IN ('queued', 'submitting', 'unknown', 'needs_attention')
  AND reason_code NOT IN ('INSUFFICIENT_FUNDS', 'AUTHENTICATION_FAILED', 'CREDENTIAL_UNREADABLE')
GROUP BY exchange_id, symbol
"""


def latest_records() -> dict[tuple[str, str], Record]:
    """By exchange and pair, and with the pair "" by exchange; of the latest real orders of everybody. One query.

    What a user's own money or keys prevented is not held against the exchange.
    """
    found: dict[tuple[str, str], Record] = {}
    orders: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    for exchange, symbol, count, taken in fetch(_LATEST, {"limit": LATEST}):
        found[exchange, symbol] = Record(count, taken)
        orders[exchange] += count
        accepted[exchange] += taken
    return found | {(exchange, ""): Record(count, accepted[exchange]) for exchange, count in orders.items()}
