"""How the exchanges did, from the rows that all workers add their calls to. Each answers for all exchanges at once."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from execution.domain.channels import CHANNEL_OF_KIND, Channel, ChannelHealth, MinuteOfCalls, channel_health
from execution.domain.rollups import percentile
from execution.selectors.query import fetch
from execution.selectors.shared import shared

SHARED_S = 4
SERIES_SHARED_S = 60
SLOT_S = 900
SLOTS = 96
BANDS_MS = (50, 100, 200, 500)


@dataclass(frozen=True, slots=True)
class Window:
    """Calls in some time. minutes: those with any call; up: those in which most calls were answered."""

    calls: int = 0
    failures: int = 0
    minutes: int = 0
    minutes_up: int = 0

    @property
    def success(self) -> float | None:
        """Share of the calls that the exchange did not fail; None without calls."""
        return None if not self.calls else 1 - self.failures / self.calls

    @property
    def uptime(self) -> float | None:
        """Share of the watched minutes in which it answered; None when nobody watched."""
        return None if not self.minutes else self.minutes_up / self.minutes


@dataclass(frozen=True, slots=True)
class Windows:
    """The last hour, 24 hours and 30 days. The hours of a day are whole ones, but for the current."""

    hour: Window = Window()
    day: Window = Window()
    month: Window = Window()


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of the answered calls of the last hour."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """One exchange: windows and latencies by kind of call, health by channel."""

    windows: Mapping[str, Windows] = field(default_factory=dict)
    latencies: Mapping[str, Latency] = field(default_factory=dict)
    channels: Mapping[Channel, ChannelHealth] = field(default_factory=dict)

    @property
    def data(self) -> Windows:
        """Of questions about market data, health checks among them: what uptime is measured by."""
        return self.windows.get("data", Windows())

    @property
    def latency(self) -> Latency:
        """Of the same."""
        return self.latencies.get("data", Latency())


def band(milliseconds: float | None) -> str:
    """`≤ 50 ms`, …, `> 500 ms`; empty when not known."""
    if milliseconds is None:
        return ""
    return next((f"≤ {bound} ms" for bound in BANDS_MS if milliseconds <= bound), f"> {BANDS_MS[-1]} ms")


def all_figures() -> dict[str, Figures]:
    """Every exchange that was ever called, as of at most some seconds ago. Three queries."""
    return shared("exchange-figures", SHARED_S, read_figures)


def read_figures() -> dict[str, Figures]:
    """The same, now."""
    windows, latencies, channels = read_windows(), read_latencies(), read_channels()
    slugs = {slug for found in (windows, latencies, channels) for slug in found}
    return {
        slug: Figures(windows.get(slug, {}), latencies.get(slug, {}), channels.get(slug, {})) for slug in sorted(slugs)
    }


# Minutes count where the hour they belong to was not added up yet; the last hour is always counted by minutes.
_WINDOWS = """
WITH rolled AS (
    SELECT COALESCE(max(at) + interval '1 hour', '-infinity') AS until
    FROM execution_healthrollup WHERE span_s = 3600 AND at <= now()
), rows AS (
    SELECT r.*, r.span_s = 3600 OR r.at >= rolled.until AS counts FROM execution_healthrollup r, rolled
    WHERE r.at <= now() AND ((r.span_s = 3600 AND r.at > now() - interval '30 days')
          OR (r.span_s = 60 AND r.at > LEAST(now() - interval '1 hour', rolled.until - interval '1 second')))
)
SELECT exchange_id, kind, {sums} FROM rows GROUP BY exchange_id, kind
""".format(
    sums=", ".join(
        f"COALESCE(sum({column}) FILTER (WHERE {rows}), 0)::bigint"
        for rows in (
            "span_s = 60 AND at > now() - interval '1 hour'",
            "counts AND at > now() - interval '24 hours'",
            "counts AND at > now() - interval '30 days'",
        )
        for column in ("calls", "failures", "minutes", "minutes_up")
    )
)


def read_windows() -> dict[str, dict[str, Windows]]:
    """Calls by exchange and kind. One query."""
    found: dict[str, dict[str, Windows]] = defaultdict(dict)
    for slug, kind, *sums in fetch(_WINDOWS, {}):
        found[slug][kind] = Windows(Window(*sums[:4]), Window(*sums[4:8]), Window(*sums[8:]))
    return dict(found)


_LATENCIES = """
SELECT exchange_id, kind, i - 1, sum(n)::bigint
FROM execution_healthrollup, unnest(latencies) WITH ORDINALITY b(n, i)
WHERE span_s = 60 AND at > now() - interval '1 hour' AND at <= now() AND n > 0 GROUP BY 1, 2, 3
"""


def read_latencies() -> dict[str, dict[str, Latency]]:
    """Percentiles of the last hour by exchange and kind. One query."""
    counts: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    for slug, kind, bucket, count in fetch(_LATENCIES, {}):
        counts[slug, kind][bucket] = count
    found: dict[str, dict[str, Latency]] = defaultdict(dict)
    for (slug, kind), buckets in counts.items():
        found[slug][kind] = Latency(*(percentile(buckets, share) for share in (0.5, 0.95, 0.99)))
    return dict(found)


_MINUTES = """
SELECT exchange_id, kind, floor(extract(epoch FROM at) / 60)::bigint, calls, failures
FROM execution_healthrollup WHERE span_s = 60 AND at > now() - interval '30 minutes' AND at <= now()
"""


def read_channels() -> dict[str, dict[Channel, ChannelHealth]]:
    """Health of data, trading and cancels by exchange, from the last half hour. One query."""
    minutes: dict[tuple[str, Channel], dict[int, tuple[int, int]]] = defaultdict(dict)
    for slug, kind, number, calls, failures in fetch(_MINUTES, {}):
        key = (slug, CHANNEL_OF_KIND[kind])
        before = minutes[key].get(number, (0, 0))
        minutes[key][number] = (before[0] + calls, before[1] + failures)
    found: dict[str, dict[Channel, ChannelHealth]] = defaultdict(dict)
    for (slug, channel), rows in minutes.items():
        found[slug][channel] = channel_health(MinuteOfCalls(number, *row) for number, row in rows.items())
    return dict(found)


@dataclass(frozen=True, slots=True)
class Slot:
    """A quarter of an hour of questions about market data, health checks among them."""

    at: datetime
    calls: int
    failures: int
    p50: float | None
    p95: float | None

    @property
    def success(self) -> float | None:
        """Share that was answered."""
        return None if not self.calls else 1 - self.failures / self.calls


_SLOTS = f"""
SELECT exchange_id, to_timestamp(floor(extract(epoch FROM at) / {SLOT_S}) * {SLOT_S}), calls, failures, latencies
FROM execution_healthrollup
WHERE span_s = 60 AND kind = 'data' AND at <= now()
      AND at >= to_timestamp((floor(extract(epoch FROM now()) / {SLOT_S}) - {SLOTS - 1}) * {SLOT_S})
"""  # noqa: S608 - numbers of ours
_COUNTS = f"WITH rows (slug, slot, calls, failures, latencies) AS ({_SLOTS})"
_SERIES = f"""{_COUNTS}
SELECT slug, slot, -1, sum(calls)::bigint, sum(failures)::bigint FROM rows GROUP BY 1, 2
UNION ALL
SELECT slug, slot, i - 1, sum(n)::bigint, 0 FROM rows, unnest(latencies) WITH ORDINALITY b(n, i)
WHERE n > 0 GROUP BY 1, 2, 3
"""  # noqa: S608 - numbers of ours


def all_series() -> dict[str, dict[datetime, Slot]]:
    """A day of quarters of an hour by exchange, as of at most a minute ago. One query."""
    return shared("exchange-series", SERIES_SHARED_S, read_series)


def read_series() -> dict[str, dict[datetime, Slot]]:
    """The same, now. Quarters without a call are missing."""
    totals: dict[tuple[str, datetime], tuple[int, int]] = {}
    buckets: dict[tuple[str, datetime], dict[int, int]] = defaultdict(dict)
    for slug, at, bucket, calls, failures in fetch(_SERIES, {}):
        if bucket < 0:
            totals[slug, at] = (calls, failures)
        else:
            buckets[slug, at][bucket] = calls
    found: dict[str, dict[datetime, Slot]] = defaultdict(dict)
    for (slug, at), (calls, failures) in totals.items():
        latencies = buckets[slug, at]
        found[slug][at] = Slot(at, calls, failures, percentile(latencies, 0.5), percentile(latencies, 0.95))
    return dict(found)


_TYPICAL = """
SELECT exchange_id, i - 1, sum(n)::bigint FROM execution_healthrollup, unnest(latencies) WITH ORDINALITY b(n, i)
WHERE span_s = 60 AND kind = 'data' AND at > now() - interval '1 hour' AND at <= now() AND n > 0
      AND exchange_id = ANY(%(slugs)s) GROUP BY 1, 2
"""


def typical_latencies(slugs: list[str]) -> dict[str, float | None]:
    """Typical answer to a question about market data over the last hour. One query."""
    counts: dict[str, dict[int, int]] = defaultdict(dict)
    for slug, bucket, count in fetch(_TYPICAL, {"slugs": slugs}):
        counts[slug][bucket] = count
    return {slug: percentile(buckets, 0.5) for slug, buckets in counts.items()}


_PLACED = """
SELECT exchange_id, sum(calls - failures)::bigint, sum(failures)::bigint FROM execution_healthrollup
WHERE span_s = 60 AND kind = 'place' AND at > now() - interval '2 minutes' AND at <= now()
      AND exchange_id = ANY(%(slugs)s) GROUP BY exchange_id
"""


def takes_orders(slugs: list[str]) -> set[str]:
    """Exchanges that answered most real placements of this minute and the one before. One query."""
    return {slug for slug, answered, failed in fetch(_PLACED, {"slugs": slugs}) if answered > failed}
