"""Calls to exchanges as rows per minute and hour, added up by all workers together. The database's clock says when."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import connection, transaction

from execution.domain.rollups import BUCKETS, Counted
from execution.services.sql import as_rows, execute, fetch, names_of, recordset

KEEP_MINUTES = timedelta(days=2)
KEEP_HOURS = timedelta(days=100)
DELETED_AT_ONCE = timedelta(hours=6)
"""No run deletes more than the oldest hours there are: a clock that jumped forward for a while costs little."""

_COLUMNS = "exchange text, kind text, at timestamptz, calls bigint, failures bigint, latencies bigint[]"
_ADD = f"""
INSERT INTO execution_healthrollup AS r
       (exchange_id, kind, span_s, at, calls, failures, minutes, minutes_up, latencies)
SELECT x.slug, v.kind, 60, v.at, v.calls, v.failures, 1, (v.failures * 2 < v.calls)::int, v.latencies
FROM {recordset(_COLUMNS)} JOIN policies_exchange x ON x.slug = v.exchange
ORDER BY v.at, x.slug, v.kind
ON CONFLICT (span_s, at, exchange_id, kind) DO UPDATE SET
    calls = r.calls + EXCLUDED.calls,
    failures = r.failures + EXCLUDED.failures,
    minutes_up = ((r.failures + EXCLUDED.failures) * 2 < r.calls + EXCLUDED.calls)::int,
    latencies = ARRAY(
        SELECT COALESCE(a.n, 0) + COALESCE(b.n, 0)
        FROM unnest(r.latencies) WITH ORDINALITY a(n, i)
        FULL JOIN unnest(EXCLUDED.latencies) WITH ORDINALITY b(n, i) USING (i) ORDER BY i)
"""  # noqa: S608 - our own column list


def add(ages: Mapping[tuple[str, str, float], Counted]) -> None:
    """Add calls to their minutes. Keys: exchange, kind, seconds ago. Many workers may do so at the same moment."""
    if not ages:
        return
    now: datetime = fetch("SELECT clock_timestamp()", {})[0][0]
    minutes: dict[tuple[str, str, datetime], Counted] = {}
    for (exchange, kind, age), counted in ages.items():
        at = (now - timedelta(seconds=age)).replace(second=0, microsecond=0)
        minutes.setdefault((exchange, kind, at), Counted()).merge(counted)
    rows = [(*key, found.calls, found.failures, found.dense()) for key, found in minutes.items()]
    execute(_ADD, {"rows": as_rows(rows, names_of(_COLUMNS))})


_BOOKS = f"""
UPDATE execution_exchangehealth h SET book_at = clock_timestamp() - found.age * interval '1 second'
FROM (
    SELECT h.exchange_id, v.age FROM {recordset("exchange text, age double precision")}
    JOIN execution_exchangehealth h ON h.exchange_id = v.exchange
    ORDER BY h.exchange_id FOR UPDATE OF h SKIP LOCKED
) found
WHERE h.exchange_id = found.exchange_id
"""  # noqa: S608 - our own column list


def saw_books(ages: Mapping[str, float]) -> None:
    """Note when the last order book of each exchange came, in seconds ago. A row that is busy is left for next time."""
    if ages:
        execute(_BOOKS, {"rows": as_rows(ages.items(), ("exchange", "age"))})


_ROLL_UP = f"""
WITH rows AS (
    SELECT * FROM execution_healthrollup WHERE span_s = 60 AND at < date_trunc('hour', now()) AND at >= COALESCE(
        (SELECT max(at) FROM execution_healthrollup WHERE span_s = 3600 AND at < now()) - interval '1 hour',
        '-infinity')
), counts AS (
    SELECT exchange_id, kind, date_trunc('hour', at) AS hour, sum(calls) AS calls, sum(failures) AS failures,
           sum(minutes) AS minutes, sum(minutes_up) AS minutes_up
    FROM rows GROUP BY 1, 2, 3
), buckets AS (
    SELECT exchange_id, kind, date_trunc('hour', at) AS hour, i, sum(n) AS n
    FROM rows, unnest(latencies) WITH ORDINALITY b(n, i) WHERE n > 0 GROUP BY 1, 2, 3, 4
)
INSERT INTO execution_healthrollup (exchange_id, kind, span_s, at, calls, failures, minutes, minutes_up, latencies)
SELECT exchange_id, kind, 3600, hour, calls, failures, minutes, minutes_up, ARRAY(
           SELECT COALESCE(b.n, 0) FROM generate_series(1, {BUCKETS}) g
           LEFT JOIN buckets b ON (b.exchange_id, b.kind, b.hour, b.i) = (c.exchange_id, c.kind, c.hour, g) ORDER BY g)
FROM counts c
ON CONFLICT (span_s, at, exchange_id, kind) DO UPDATE SET
    calls = EXCLUDED.calls, failures = EXCLUDED.failures, minutes = EXCLUDED.minutes,
    minutes_up = EXCLUDED.minutes_up, latencies = EXCLUDED.latencies
"""  # noqa: S608 - a number of ours
_PRUNE = """
DELETE FROM execution_healthrollup WHERE span_s = %(span)s AND at < LEAST(
    date_trunc('hour', now() - %(keep)s),
    (SELECT min(at) FROM execution_healthrollup WHERE span_s = %(span)s) + %(at_once)s)
"""


@transaction.atomic
def roll_up() -> int:
    """Add up the minutes of hours that are over, and delete what is too old; the number deleted.

    An hour is replaced by the sum of its minutes, never added to, so doing it again changes nothing. The newest hour
    is done again next time: minutes may come late. Minutes go by whole hours, long after those were added up.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ROLL_UP)
    spans = ((60, KEEP_MINUTES), (3600, KEEP_HOURS))
    return sum(execute(_PRUNE, {"span": span, "keep": keep, "at_once": DELETED_AT_ONCE}) for span, keep in spans)
