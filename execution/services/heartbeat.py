"""Signs of life of the platform's own processes, as rows that everybody can read."""

from datetime import datetime

from execution.services.sql import execute
from routing_platform.version import VERSION

_BEAT = """
INSERT INTO execution_heartbeat (name, kind, version, started_at, seen_at, in_flight)
VALUES (%(name)s, %(kind)s, %(version)s, %(started_at)s, clock_timestamp(), %(in_flight)s)
ON CONFLICT (name) DO UPDATE
SET seen_at = EXCLUDED.seen_at, in_flight = EXCLUDED.in_flight, version = EXCLUDED.version,
    started_at = EXCLUDED.started_at
"""


def beat(name: str, *, kind: str, started_at: datetime, in_flight: int = 0) -> None:
    """I am alive."""
    execute(
        _BEAT,
        {"name": name, "kind": kind, "version": VERSION, "started_at": started_at, "in_flight": in_flight},
    )
