"""How long what the health log tells of lasted."""

from collections.abc import Collection
from datetime import datetime

from execution.selectors.query import fetch

# The next event of the same thing at the same exchange ends a state; several of one instant are in the order of rows.
_NEXT = """
SELECT e.id, n.at FROM execution_healthevent e
LEFT JOIN LATERAL (
    SELECT at FROM execution_healthevent n
    WHERE n.exchange_id = e.exchange_id AND n.kind = e.kind AND n.credential_id IS NOT DISTINCT FROM e.credential_id
          AND (n.at, n.id) > (e.at, e.id)
    ORDER BY n.at, n.id LIMIT 1
) n ON true
WHERE e.id = ANY(%(ids)s)
"""


def ended_at(events: Collection[int]) -> dict[int, datetime | None]:
    """When the state that each event began was over; None: it lasts. One query."""
    return dict(fetch(_NEXT, {"ids": list(events)})) if events else {}
