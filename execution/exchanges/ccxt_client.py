"""ccxt clients, guarded: only listed paths, no retries, no throttle of their own, exact numbers, shared markets."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from http import HTTPStatus
from itertools import count
from typing import Any

import ccxt.async_support as ccxt

from execution.exchanges.ccxt_shortcuts import Shortcuts
from execution.exchanges.metering import Meter, Unmetered, leave
from execution.exchanges.outcomes import HttpAnswer, Rule, classify, last_answer
from execution.exchanges.quirks.base import Quirks
from execution.exchanges.transport import MARKETS_TIMEOUT_S, Transport, tls_context
from policies.domain.reasons import ReasonCode

_signed_at_ms: ContextVar[int | None] = ContextVar("signed_at_ms", default=None)
_nonces: ContextVar[Iterator[int] | None] = ContextVar("nonces", default=None)
_headers: ContextVar[Mapping[str, str] | None] = ContextVar("headers", default=None)
_options: ContextVar[Mapping[str, Any] | None] = ContextVar("options", default=None)
_patience_ms: ContextVar[int] = ContextVar("patience_ms", default=0)


@contextmanager
def signing(*, at_s: float | None, headers: Mapping[str, str], options: Mapping[str, Any]) -> Iterator[None]:
    """Calls inside are signed as if it were `at_s` (epoch seconds; None: now), and carry these headers.

    options: ccxt options that hold for these signatures only, though the client is shared by concurrent calls.
    """
    at = _signed_at_ms.set(None if at_s is None else int(at_s * 1000))
    extra = _headers.set(headers)
    scoped = _options.set(options)
    try:
        yield
    finally:
        _signed_at_ms.reset(at)
        _headers.reset(extra)
        _options.reset(scoped)


@contextmanager
def nonces_from(first: int | None) -> Iterator[None]:
    """Calls inside carry this nonce, the next one, and so on; None leaves it to ccxt's clock."""
    token = _nonces.set(None if first is None else count(first))
    try:
        yield
    finally:
        _nonces.reset(token)


@contextmanager
def unhurried() -> Iterator[None]:
    """Calls inside wait for their answers as long as a list of all pairs may take."""
    token = _patience_ms.set(int(MARKETS_TIMEOUT_S * 1000))
    try:
        yield
    finally:
        _patience_ms.reset(token)


class PathNotAllowed(Exception):
    """A call outside the exchange's list of paths: a fault of ours, stopped before anything is sent."""


class Guard(Shortcuts):
    """The exchange's client, which refuses every path that is not listed."""

    allowed_paths: frozenset[str] = frozenset()
    meter: Meter
    rules: tuple[Rule, ...] = ()
    retry_after_s: Callable[[Mapping[str, str]], float | None]
    options: dict[str, Any]
    _timeout_ms: int = 10_000

    @property
    def timeout(self) -> int:
        """Milliseconds to wait for one answer; see `unhurried`."""
        return max(self._timeout_ms, _patience_ms.get())

    @timeout.setter
    def timeout(self, value: int) -> None:
        self._timeout_ms = value

    async def fetch2(
        self, path: str, api: Any = "public", method: str = "GET", params: Any = None, config: Any = None
    ) -> Any:
        """Every request passes here: it is counted before, and what the exchange says of our pace is kept."""
        await leave(self.meter, f"{method} {path}")
        try:
            return await super().fetch2(path, api, method, params or {}, config or {})
        except (ccxt.RateLimitExceeded, ccxt.DDoSProtection) as e:
            found = classify(e, self.rules)
            if found.code == ReasonCode.RATE_LIMITED:
                self.meter.refused(found.retry_after_s)
            raise

    def sign(self, path: str, api: Any = "public", method: str = "GET", params: Any = None, *rest: Any) -> Any:
        if path not in self.allowed_paths:
            raise PathNotAllowed(f"{self.id} {method} {path}")
        scoped = _options.get() or {}
        usual = {name: self.options[name] for name in scoped}
        self.options.update(scoped)  # in place, because ccxt keeps the last nonce in there
        try:
            signed = super().sign(path, api, method, params if params is not None else {}, *rest)
        except ValueError:
            # Keys that cannot sign at all (broken base64 or PEM); the message could hold them.
            raise ccxt.AuthenticationError(f"{self.id}: nothing can be signed with these keys") from None
        finally:
            self.options.update(usual)
        if extra := _headers.get():
            signed["headers"] = {**(signed.get("headers") or {}), **extra}
        return signed

    def milliseconds(self) -> int:
        """The clock that nonces and timestamps come from; see `signing`."""
        at = _signed_at_ms.get()
        return at if at is not None else int(super().milliseconds())

    def nonce(self) -> int:
        """See `nonces_from`."""
        given = _nonces.get()
        return next(given) if given is not None else int(super().nonce())

    def seconds(self) -> int:
        """The same in seconds."""
        return self.milliseconds() // 1000

    def __del__(self) -> None:
        """ccxt asks for an explicit close here; there is nothing of its own to close, the transport is shared."""

    def on_rest_response(self, code: int, *args: Any) -> Any:
        last_answer.set(HttpAnswer(code, args[3], self.retry_after_s(args[3])))
        self.meter.answered(args[3])
        return super().on_rest_response(code, *args)

    def handle_errors(
        self, code: int, reason: str, url: str, method: str, headers: Any, body: str, response: Any, *rest: Any
    ) -> Any:
        """A page instead of JSON is no answer, though ccxt would read an empty list out of it.

        Some exchanges quote the API key they were sent; it does not get into any error text.
        """
        if response is None and code == HTTPStatus.OK:
            raise ccxt.BadResponse(f"{self.id} {method} answered {code} without JSON")
        if self.apiKey:
            body = body.replace(self.apiKey, "***")
        return super().handle_errors(code, reason, url, method, headers, body, response, *rest)


@cache
def _guarded_class(name: str) -> type[Any]:
    return type(f"Guarded{name.capitalize()}", (Guard, getattr(ccxt, name)), {})


_NEVER_CHANGED = ("api", "exceptions")
"""Tables that ccxt builds anew for each client and only ever reads: four fifths of a client's size."""

_shared: dict[tuple[type[Any], str], Any] = {}


def new_client(
    quirks: Quirks,
    transport: Transport,
    *,
    timeout_s: float,
    secrets: Mapping[str, str] | None = None,
    sandbox: bool = False,
    meter: Meter | None = None,
    streams: type[Any] | None = None,
) -> Any:
    """A ccxt client on our transport, without markets. `secrets` by our field names; None for public data.

    streams: the class to make instead of the guarded REST client; it keeps order books, whose numbers must be floats.
    """
    config: dict[str, Any] = {
        "session": transport,
        "timeout": int(timeout_s * 1000),
        "enableRateLimit": False,
        # Every number of an order or trade stays the exchange's own string.
        "number": float if streams else str,
        "options": dict(quirks.options),
        "has": {} if quirks.fetches_currencies else {"fetchCurrencies": False},
    }
    for ours, theirs in quirks.credentials.items():
        if secrets and secrets.get(ours):
            config[theirs] = secrets[ours]
    client = (streams or _guarded_class(quirks.slug))(config)
    for name in _NEVER_CHANGED:
        setattr(client, name, _shared.setdefault((type(client), name), getattr(client, name)))
    client.allowed_paths = quirks.paths
    client.meter = meter or Unmetered()
    client.rules = quirks.rules
    client.retry_after_s = quirks.retry_after_s
    client.ssl_context = tls_context()  # else every client makes its own at its first order, and the loop waits
    if sandbox:
        client.set_sandbox_mode(True)
    return client


def share_markets(source: Any, target: Any) -> None:
    """Let a user's client use the public client's markets: no copy, no call."""
    target.set_markets_from_exchange(source)
