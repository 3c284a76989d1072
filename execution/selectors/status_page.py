"""All exchanges at a glance: what the page of their status shows, the worst first."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from execution.domain.channels import Channel, ChannelHealth
from execution.domain.feeds import FeedState
from execution.domain.router import Facts
from execution.models import ExchangeHealth
from execution.selectors.books import feeds_now
from execution.selectors.exchange_page import Load, loads
from execution.selectors.exchange_status import ExchangeStatus, all_statuses, is_trouble
from execution.selectors.failovers import Failover, newest_failovers
from execution.selectors.figures import BANDS_MS, Figures, all_figures, band
from policies.display.words import Tone
from policies.domain.policy import Mode, Policy

_WORST_FIRST = (Tone.ACT, Tone.WATCH, Tone.BUSY, Tone.OK, Tone.OFF)


@dataclass(frozen=True, slots=True)
class Row:
    """One exchange. budget: share of its request limits that is left, where that is known.

    feed: how its order books are followed; None: nobody follows them.
    """

    status: ExchangeStatus
    mode: Mode
    figures: Figures
    load: Load
    max_in_flight: int
    budget: float | None = None
    book_age_s: float | None = None
    feed: FeedState | None = None

    @property
    def is_trouble(self) -> bool:
        """Whether it asks for a look."""
        return is_trouble(self.status)

    @property
    def last_error(self) -> str:
        """In the exchange's words, where that matters now and the sentence does not hold it already."""
        error = self.status.health.last_error if self.status.health else ""
        return "" if error and error in self.status.sentence else error

    @property
    def typical_ms(self) -> float | None:
        """Typical answer of the last hour; before there are figures, the average of the checks."""
        if self.figures.latency.p50 is not None:
            return self.figures.latency.p50
        return self.status.health.latency_ewma_ms if self.status.health else None

    @property
    def band(self) -> str:
        """Which bound its typical answer keeps."""
        return band(self.typical_ms)

    @property
    def band_number(self) -> int:
        """1 is the fastest; 0 is not known."""
        typical = self.typical_ms
        return 0 if typical is None else 1 + sum(typical > bound for bound in BANDS_MS)

    @property
    def channels(self) -> list[tuple[str, ChannelHealth]]:
        """Data, trade, cancel."""
        return [(channel.value, self.figures.channels.get(channel, ChannelHealth())) for channel in Channel]


@dataclass(frozen=True, slots=True)
class StatusPage:
    """One look at all exchanges."""

    at: datetime
    rows: tuple[Row, ...]
    failovers: tuple[Failover, ...]
    tones: Mapping[str, int] = field(default_factory=dict)


def status_page(policy: Policy, facts: Facts, budgets: Mapping[str, float]) -> StatusPage:
    """Six queries, however many exchanges and failovers there are."""
    now = timezone.now()
    figures, load, feeds = all_figures(), loads(), feeds_now()
    books: dict[str, datetime | None] = dict(ExchangeHealth.objects.values_list("exchange_id", "book_at"))
    rows = [
        Row(
            status=status,
            mode=policy.exchanges[status.slug].mode,
            figures=figures.get(status.slug, Figures()),
            load=load.get(status.slug, Load()),
            max_in_flight=policy.exchanges[status.slug].max_in_flight,
            budget=budgets.get(status.slug),
            book_age_s=age_of(books.get(status.slug), now),
            feed=feeds.get(status.slug),
        )
        for status in all_statuses(policy, facts, now)
    ]
    rows.sort(key=lambda row: (_WORST_FIRST.index(row.status.tone), row.status.slug))
    return StatusPage(now, tuple(rows), tuple(newest_failovers()), Counter(row.status.tone.value for row in rows))


def age_of(at: datetime | None, now: datetime) -> float | None:
    """Seconds since then, never negative; None if it never was."""
    return None if at is None else max(0.0, (now - at).total_seconds())
