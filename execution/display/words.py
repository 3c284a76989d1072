"""The words for the states of signals, orders and exchanges, each with what it asks of the reader."""

from datetime import datetime, timedelta

from django.utils.safestring import SafeString

from execution.domain.arbitrage_trade import TradeState
from execution.domain.breaker import BreakerState
from execution.domain.feeds import FeedState
from execution.domain.health import HealthStatus
from execution.domain.orders import OrderStatus, SignalStatus
from execution.models import Order
from execution.selectors.attention import STALE_UNKNOWN_S
from execution.selectors.exchange_status import ExchangeStatus
from policies.display.formats import age
from policies.display.words import Tone, word

ORDER_WORDS: dict[str, tuple[str, Tone]] = {
    OrderStatus.QUEUED: ("QUEUED", Tone.BUSY),
    OrderStatus.SUBMITTING: ("SENDING", Tone.BUSY),
    OrderStatus.UNKNOWN: ("UNKNOWN", Tone.WATCH),
    OrderStatus.NEEDS_ATTENTION: ("NEEDS ATTENTION", Tone.ACT),
    OrderStatus.OPEN: ("OPEN", Tone.BUSY),
    OrderStatus.PARTIALLY_FILLED: ("PARTIAL", Tone.WATCH),
    OrderStatus.FILLED: ("FILLED", Tone.OK),
    OrderStatus.CANCELLED: ("CANCELLED", Tone.OFF),
    OrderStatus.REJECTED: ("REJECTED", Tone.OFF),
    OrderStatus.NOT_PLACED: ("NOT PLACED", Tone.OFF),
    OrderStatus.EXPIRED: ("EXPIRED", Tone.OFF),
}
SIGNAL_WORDS: dict[str, tuple[str, Tone]] = {
    SignalStatus.PENDING: ("WAITING", Tone.BUSY),
    SignalStatus.ROUTING: ("ROUTING", Tone.BUSY),
    SignalStatus.QUEUED: ("QUEUED", Tone.BUSY),
    SignalStatus.EXECUTING: ("EXECUTING", Tone.BUSY),
    SignalStatus.FILLED: ("FILLED", Tone.OK),
    SignalStatus.PARTIAL_FILL: ("PARTIAL FILL", Tone.WATCH),
    SignalStatus.REJECTED: ("REJECTED", Tone.OFF),
    SignalStatus.DENIED: ("DENIED", Tone.OFF),
    SignalStatus.FAILED: ("FAILED", Tone.ACT),
    SignalStatus.CANCELLED: ("CANCELLED", Tone.OFF),
    SignalStatus.EXPIRED: ("EXPIRED", Tone.OFF),
}
HEALTH_WORDS: dict[str, tuple[str, Tone]] = {
    HealthStatus.OK: ("OK", Tone.OK),
    HealthStatus.DEGRADED: ("DEGRADED", Tone.WATCH),
    HealthStatus.DOWN: ("DOWN", Tone.ACT),
    HealthStatus.MAINTENANCE: ("MAINTENANCE", Tone.BUSY),
    HealthStatus.UNKNOWN: ("UNCHECKED", Tone.WATCH),
}
BREAKER_WORDS: dict[str, tuple[str, Tone]] = {
    BreakerState.CLOSED: ("CLOSED", Tone.OK),
    BreakerState.HALF_OPEN: ("HALF OPEN", Tone.WATCH),
    BreakerState.OPEN: ("OPEN", Tone.ACT),
}
TRADE_WORDS: dict[str, tuple[str, Tone]] = {
    TradeState.FIRST: ("FIRST ORDER", Tone.BUSY),
    TradeState.SECOND: ("SECOND ORDER", Tone.BUSY),
    TradeState.REPAIR: ("TRADING THE REST", Tone.WATCH),
    TradeState.HELD: ("ONE-LEGGED", Tone.ACT),
    TradeState.DONE: ("DONE", Tone.OK),
    TradeState.NOTHING: ("NOTHING TRADED", Tone.OFF),
    TradeState.ACCEPTED: ("ACCEPTED", Tone.OFF),
}
BAN_WORDS: dict[str, tuple[str, Tone]] = {"allowed": ("ALLOWED", Tone.OK), "banned": ("BANNED", Tone.ACT)}
_EVENT_WORDS = {**HEALTH_WORDS, **BREAKER_WORDS, **BAN_WORDS}


def order_tone(order: Order, now: datetime) -> tuple[str, Tone]:
    """An order in doubt turns from amber to red after five minutes."""
    text, tone = ORDER_WORDS[order.status]
    sent = order.submitted_at or order.created_at
    if order.status == OrderStatus.UNKNOWN and now - sent > timedelta(seconds=STALE_UNKNOWN_S):
        tone = Tone.ACT
    return text, tone


def order_word(order: Order, now: datetime) -> SafeString:
    """The order's state as shape, word and colour."""
    text, tone = order_tone(order, now)
    return word(text, tone)


def books_word(feed: FeedState | None) -> str:
    """How an exchange's order books come, in a word or two."""
    if feed is None or not feed.followed:
        return "–"
    if not feed.streamed:
        return "asked"
    return "stream" if feed.streamed == feed.followed else f"stream {feed.streamed}/{feed.followed}"


def books_sentence(feed: FeedState | None) -> str:
    """The same in full."""
    if feed is None or not feed.followed:
        return "Nobody follows its order books just now: each order asks for those it needs."
    books = f"{feed.followed} order book{'s' if feed.followed > 1 else ''}"
    if not feed.streams:
        told = f"{books}, asked for in turn: there is no stream of them here."
    elif feed.streamed == feed.followed:
        told = f"{books}, all over its stream."
    else:
        told = f"{books}, {feed.streamed or 'none'} over its stream; the others are asked for in turn until it is back."
    if feed.missing:
        told += f" {feed.missing} {'have' if feed.missing > 1 else 'has'} not come yet."
    return told if feed.oldest_s is None else f"{told} The oldest is {age(feed.oldest_s)} old."


def trade_tone(state: str) -> tuple[str, Tone]:
    """An arbitrage's state."""
    return TRADE_WORDS[state]


def trade_word(state: str) -> SafeString:
    """An arbitrage's state as shape, word and colour."""
    return word(*TRADE_WORDS[state])


def signal_word(status: str) -> SafeString:
    """The signal's state as shape, word and colour."""
    return word(*SIGNAL_WORDS[status])


def health_word(status: str) -> SafeString:
    """A health status as stored."""
    return word(*HEALTH_WORDS.get(status, ("UNCHECKED", Tone.WATCH)))


def event_word(status: str) -> SafeString:
    """A state in the health log: of health, of a breaker, or of a ban."""
    return word(*_EVENT_WORDS.get(status, (status.upper() or "–", Tone.WATCH)))


def breaker_word(status: ExchangeStatus) -> SafeString:
    """The breaker's state, with its sentence in the tooltip. What a person holds says so."""
    text, tone = BREAKER_WORDS[status.breaker.state]
    return word(f"{text}, held" if status.breaker.forced else text, tone, status.breaker_text)


def exchange_word(status: ExchangeStatus) -> SafeString:
    """The exchange's state, with its sentence in the tooltip."""
    return word(status.word, status.tone, status.sentence)
