"""ccxt clients, guarded: only listed paths, no retries, no throttle of their own, exact numbers, shared markets."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import ccxt.async_support as ccxt

from execution.exchanges.outcomes import HttpAnswer, last_answer
from execution.exchanges.quirks.base import Quirks
from execution.exchanges.transport import Transport, tls_context

_signed_at_ms: ContextVar[int | None] = ContextVar("signed_at_ms", default=None)
_headers: ContextVar[Mapping[str, str] | None] = ContextVar("headers", default=None)


@contextmanager
def signing(*, at_s: float | None, headers: Mapping[str, str]) -> Iterator[None]:
    """Calls inside are signed as if it were `at_s` (epoch seconds; None: now), and carry these headers."""
    at = _signed_at_ms.set(None if at_s is None else int(at_s * 1000))
    extra = _headers.set(headers)
    try:
        yield
    finally:
        _signed_at_ms.reset(at)
        _headers.reset(extra)


class PathNotAllowed(Exception):
    """A call outside the exchange's list of paths: a fault of ours, stopped before anything is sent."""


@cache
def _guarded_class(name: str) -> type[Any]:
    base = getattr(ccxt, name)

    class Guarded(base):  # type: ignore[misc, valid-type]
        """The exchange's client, which refuses every path that is not listed."""

        allowed_paths: frozenset[str] = frozenset()

        def sign(self, path: str, api: Any = "public", method: str = "GET", params: Any = None, *rest: Any) -> Any:
            if path not in self.allowed_paths:
                raise PathNotAllowed(f"{name} {method} {path}")
            signed = super().sign(path, api, method, params if params is not None else {}, *rest)
            if extra := _headers.get():
                signed["headers"] = {**(signed.get("headers") or {}), **extra}
            return signed

        def milliseconds(self) -> int:
            """The clock that nonces and timestamps come from; see `signing`."""
            at = _signed_at_ms.get()
            return at if at is not None else int(super().milliseconds())

        def seconds(self) -> int:
            """The same in seconds."""
            return self.milliseconds() // 1000

        def __del__(self) -> None:
            """ccxt asks for an explicit close here; there is nothing of its own to close, the transport is shared."""

        def on_rest_response(self, code: int, *args: Any) -> Any:
            last_answer.set(HttpAnswer(code, args[3]))
            return super().on_rest_response(code, *args)

    Guarded.__name__ = Guarded.__qualname__ = f"Guarded{name.capitalize()}"
    return Guarded


def new_client(
    quirks: Quirks,
    transport: Transport,
    *,
    timeout_s: float,
    secrets: Mapping[str, str] | None = None,
    sandbox: bool = False,
) -> Any:
    """A ccxt client on our transport, without markets. `secrets` by our field names; None for public data."""
    config: dict[str, Any] = {
        "session": transport,
        "timeout": int(timeout_s * 1000),
        "enableRateLimit": False,
        "number": str,  # every number of an order or trade stays the exchange's own string
        "options": dict(quirks.options),
    }
    for ours, theirs in quirks.credentials.items():
        if secrets and secrets.get(ours):
            config[theirs] = secrets[ours]
    client = _guarded_class(quirks.slug)(config)
    client.allowed_paths = quirks.paths
    client.ssl_context = tls_context()  # else every client makes its own at its first order, and the loop waits
    if sandbox:
        client.set_sandbox_mode(True)
    return client


def share_markets(source: Any, target: Any) -> None:
    """Let a user's client use the public client's markets and clock: no copy, no call."""
    target.set_markets_from_exchange(source)
    target.options["timeDifference"] = source.options.get("timeDifference") or 0
