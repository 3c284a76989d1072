"""Small pieces of HTML that every page uses: a state is always shape + word + colour, in this one place."""

import uuid
from datetime import datetime
from enum import StrEnum

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from policies.display import formats
from policies.domain.policy import Mode, TradingStatus


class Tone(StrEnum):
    """What a state asks of the reader. Red is kept for "act now", so that it keeps its power."""

    OK = "ok"
    WATCH = "watch"
    ACT = "act"
    BUSY = "busy"
    OFF = "off"


SHAPES = {Tone.OK: "●", Tone.WATCH: "▲", Tone.ACT: "■", Tone.BUSY: "◆", Tone.OFF: "○"}
TRADING_TONES = {TradingStatus.ACTIVE: Tone.OK, TradingStatus.REDUCING: Tone.WATCH, TradingStatus.HALTED: Tone.ACT}
TRADING_WORDS = {
    TradingStatus.ACTIVE: "ACTIVE",
    TradingStatus.REDUCING: "REDUCE ONLY",
    TradingStatus.HALTED: "HALTED",
}


def word(text: str, tone: Tone, title: str = "") -> SafeString:
    """`● OK`: the shape repeats what the colour says, for those who do not see it."""
    return format_html(
        '<span class="word word-{}"{}><span aria-hidden="true">{}</span> {}</span>',
        tone,
        format_html(' title="{}"', title) if title else "",
        SHAPES[tone],
        text,
    )


def trading_word(status: str) -> SafeString:
    """ACTIVE, REDUCE ONLY or HALTED."""
    known = TradingStatus(status)
    return word(TRADING_WORDS[known], TRADING_TONES[known])


def on_off(value: bool, on: str = "ON", off: str = "OFF") -> SafeString:
    """A switch. Off is not an alarm."""
    return word(on, Tone.OK) if value else word(off, Tone.OFF)


def mode_label(mode: str) -> SafeString:
    """LIVE solid, SANDBOX outlined, PAPER dashed: how real an order is, without an alarm colour."""
    return format_html('<span class="mode mode-{}">{}</span>', mode, mode.upper()) if mode else SafeString("")


def side_label(side: str) -> SafeString:
    """BUY ▲ or SELL ▼, in the colour of the text: neither is good or bad."""
    shape = "▲" if side == "buy" else "▼"
    return format_html('{} <span aria-hidden="true">{}</span>', side.upper(), shape)


def time_tag(at: datetime | None, now: datetime | None = None) -> SafeString | str:
    """The short time, with the whole instant in the tooltip."""
    if at is None:
        return formats.NOTHING
    short = formats.clock(at, now or timezone.now())
    return format_html('<time datetime="{}" title="{} UTC">{}</time>', at.isoformat(), formats.instant(at), short)


def since_tag(at: datetime | None, now: datetime | None = None) -> SafeString | str:
    """How long ago, with the instant in the tooltip."""
    if at is None:
        return formats.NOTHING
    text = formats.age_since(at, now or timezone.now())
    return format_html('<time datetime="{}" title="{} UTC">{}</time>', at.isoformat(), formats.instant(at), text)


def ago_tag(at: datetime | None, now: datetime | None = None) -> SafeString | str:
    """`3 min 12 s ago`, with the instant in the tooltip."""
    return formats.NOTHING if at is None else format_html("{} ago", since_tag(at, now))


def short_id(value: uuid.UUID | str, copy: str = "") -> SafeString:
    """The first eight characters; the whole id in the tooltip and on the copy button."""
    text = str(value)
    return format_html(
        '<span class="id" title="{}">{}…</span>{}', text, text[:8], copy_button(copy or text, "Copy the id")
    )


def copy_button(text: str, label: str) -> SafeString:
    """A button that puts `text` on the clipboard."""
    return format_html(
        '<button type="button" class="copy" data-copy="{}" aria-label="{}" title="{}">'
        '<span class="material-symbols-outlined" aria-hidden="true">content_copy</span></button>',
        text,
        label,
        label,
    )


def number(text: str) -> SafeString:
    """A figure: to the right, digits of one width."""
    return format_html('<span class="num">{}</span>', text)


def quoted(text: str) -> str:
    """Somebody's own words."""
    return f"“{text}”"


def is_real(mode: str) -> bool:
    """Whether orders of this mode cost money."""
    return mode == Mode.LIVE
