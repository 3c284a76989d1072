"""How the order books of each exchange are followed just now, as the market data process tells it to the others. Pure.

{"at": epoch seconds, "feeds": {exchange: [streams, followed, streamed, missing, oldest, youngest]}}
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import orjson

KEY = "book:feeds"

EXPECTED_S = 10.0
"""Told every second: what is older than this says that nobody follows any book."""


@dataclass(frozen=True, slots=True)
class FeedState:
    """One exchange's books. Ages in seconds, None while there is no book.

    streams: whether books are streamed here at all. followed: how many books. streamed: those of them whose stream is
    alive; the others are asked for. missing: those that have not come yet.
    """

    streams: bool
    followed: int
    streamed: int
    missing: int
    oldest_s: float | None = None
    youngest_s: float | None = None


def encode(states: Mapping[str, FeedState], at: float) -> bytes:
    """The text of what was so at a moment (epoch seconds)."""
    rows = {
        slug: [state.streams, state.followed, state.streamed, state.missing, state.oldest_s, state.youngest_s]
        for slug, state in states.items()
    }
    return orjson.dumps({"at": at, "feeds": rows})


def decode(data: bytes | str, now: float) -> dict[str, FeedState]:
    """What a text says, its ages as of now; empty for what is none or too old to be true."""
    try:
        raw = orjson.loads(data)
        since = max(0.0, now - float(raw["at"]))
        states = {str(slug): FeedState(*row) for slug, row in raw["feeds"].items()}
    except (ValueError, TypeError, LookupError, AttributeError):
        return {}
    if since > EXPECTED_S:
        return {}
    return {
        slug: replace(state, oldest_s=_later(state.oldest_s, since), youngest_s=_later(state.youngest_s, since))
        for slug, state in states.items()
    }


def _later(age_s: float | None, since: float) -> float | None:
    return None if age_s is None else age_s + since
