"""Small charts as SVG, drawn here: they are part of pages that replace themselves, and no script has to draw again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from execution.selectors.figures import SLOT_S, SLOTS, Slot
from policies.display.formats import latency, percent

POOR, BAD = 0.995, 0.9
"""Shares of answered calls below which a quarter of an hour is marked."""

Day = Sequence[Slot | None]


def day_of(slots: Mapping[datetime, Slot], now: datetime) -> Day:
    """The last 96 quarters of an hour, oldest first; None where nothing was asked."""
    newest = datetime.fromtimestamp(now.timestamp() // SLOT_S * SLOT_S, UTC)
    return [slots.get(newest - timedelta(seconds=SLOT_S * back)) for back in range(SLOTS - 1, -1, -1)]


def sparkline(day: Day) -> SafeString:
    """A day of typical latencies, with a mark below every quarter of an hour in which calls failed."""
    tops = [slot.p50 for slot in day if slot is not None and slot.p50 is not None]
    if not tops and not any(day):
        return SafeString('<span class="quiet">–</span>')
    # Below 100 ms a wave is no news: the scale does not blow it up.
    line = "".join(f'<path d="{path}"/>' for path in _paths([slot.p50 if slot else None for slot in day], 100.0, 18))
    label = f"Latency over 24 hours, at most {latency(max(tops, default=None))}"
    return format_html(
        '<svg class="spark" viewBox="0 0 96 22" preserveAspectRatio="none" role="img" aria-label="{}">{}{}</svg>',
        *(label, mark_safe(line), _marks(day, 19, 3)),  # noqa: S308 - numbers only
    )


@dataclass(frozen=True, slots=True)
class History:
    """One exchange's day."""

    name: str
    slug: str
    chart: SafeString
    highest: str
    answered: str
    poor: bool


def history(name: str, slug: str, day: Day) -> History:
    """Typical and slow answers, and below them the quarters of an hour in which calls failed."""
    slow = [slot.p95 for slot in day if slot is not None and slot.p95 is not None]
    calls = sum(slot.calls for slot in day if slot is not None)
    failures = sum(slot.failures for slot in day if slot is not None)
    top = max(slow, default=100.0)
    lines = "".join(
        f'<path class="{css}" d="{path}"/>'
        for css, pick in (("slow", "p95"), ("typical", "p50"))
        for path in _paths([getattr(slot, pick) if slot else None for slot in day], max(top, 10.0), 62)
    )
    share = None if not calls else 1 - failures / calls
    chart = format_html(
        '<svg class="history-chart" viewBox="0 0 96 72" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="grid" d="M0 0H96M0 31H96M0 62H96M24 0V62M48 0V62M72 0V62"/>{}{}</svg>',
        f"{name}, 24 hours: at most {latency(max(slow, default=None))}, {percent(share)} answered",
        mark_safe(lines),  # noqa: S308 - numbers only
        _marks(day, 65, 7),
    )
    return History(name, slug, chart, latency(max(slow, default=None)), percent(share), bool(share and share < POOR))


def _paths(values: Sequence[float | None], at_least: float, height: int) -> Iterator[str]:
    """One path per stretch without a gap; a single point is a short dash."""
    top = max([at_least, *(value for value in values if value is not None)])
    stretch: list[str] = []
    for number, value in enumerate([*values, None]):
        if value is not None:
            stretch.append(f"{number + 0.5:g} {height - value / top * (height - 1):.1f}")
        elif stretch:
            yield f"M{stretch[0]}h.9" if len(stretch) == 1 else "M" + "L".join(stretch)
            stretch = []


def _marks(day: Day, top: int, height: int) -> SafeString:
    """A grey floor where somebody asked, amber and red where calls failed; nothing where nobody asked."""
    kinds = [None if slot is None or slot.success is None else _mark(slot.success) for slot in day]
    found = {"calm": "", "poor": "", "bad": ""}
    number = 0
    for css, run in groupby(kinds):
        width = len(list(run))
        if css is not None:
            found[css] += f"M{number} {top}h{width}v{height}h-{width}z"
        number += width
    paths = "".join(f'<path class="mark-{css}" d="{path}"/>' for css, path in found.items() if path)
    return mark_safe(paths)  # noqa: S308 - numbers only


def _mark(success: float) -> str:
    return "bad" if success < BAD else "poor" if success < POOR else "calm"
