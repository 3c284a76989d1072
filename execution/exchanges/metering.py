"""How an adapter asks for leave to send a request, and tells what the exchange said about its limits."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Protocol


class Meter(Protocol):
    """Counts the requests of one adapter against the exchange's limits, shared with every other process."""

    async def take(self, endpoint: str) -> None:
        """Wait until `endpoint` ("GET path" as ccxt names it) may be called.

        Raises NotSent (RATE_LIMITED) at once when that would take too long, or while the exchange has banned us.
        """

    def turn(self) -> AbstractAsyncContextManager[int | None]:
        """One call of these keys at a time, in all processes; gives the first nonce of the turn."""

    def answered(self, headers: Mapping[str, str]) -> None:
        """Every answer: some exchanges tell how much they have counted."""

    def refused(self, retry_after_s: float | None) -> None:
        """The exchange said that we are too fast: nothing more is sent until then."""


_last_check: ContextVar[Callable[[], None] | None] = ContextVar("last_check", default=None)


@contextmanager
def checked_last(check: Callable[[], None]) -> Iterator[None]:
    """Requests inside call `check` after every wait, right before they leave. It raises NotSent to stop them."""
    token = _last_check.set(check)
    try:
        yield
    finally:
        _last_check.reset(token)


async def leave(meter: Meter, endpoint: str) -> None:
    """Every request passes here, and does nothing but leave after it. Raises NotSent."""
    await meter.take(endpoint)
    check = _last_check.get()
    if check is not None:
        check()


class Unmetered:
    """No limits: for tools and tests that talk to a simulator."""

    async def take(self, endpoint: str) -> None:
        """At once."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[int | None]:
        """Nobody else is there; the clock is the nonce."""
        yield None

    def answered(self, headers: Mapping[str, str]) -> None:
        """Nothing to learn."""

    def refused(self, retry_after_s: float | None) -> None:
        """Nothing to do."""


def unmetered(slug: str, key: str | None) -> Meter:
    """A meter that lets everything through."""
    return Unmetered()
