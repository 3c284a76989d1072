"""Signed requests. Binance REST API docs, "SIGNED (TRADE and USER_DATA) endpoint security"."""

import hmac
import re

from execution.simulator.dialects.binance import errors
from execution.simulator.dialects.binance.parameters import integer
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request

_KEY_FORMAT = re.compile(r"[A-Za-z0-9_-]{1,128}")
_DEFAULT_WINDOW_MS = 5_000
_LARGEST_WINDOW_MS = 60_000
_TOLERATED_LEAD_MS = 1_000


def find_account(exchange: Exchange, request: Request, now: int) -> Account:
    """Return the account that signed the request. Raises `WireError`: -2014, -2015, -1102, -1021, -1022."""
    key = request.headers.get("x-mbx-apikey", "")
    if not _KEY_FORMAT.fullmatch(key):
        raise errors.fail(errors.BAD_KEY_FORMAT)
    check_window(request, now)
    signature = request.params.get("signature")
    if not signature:
        raise errors.fail(errors.missing("signature"))
    account = exchange.accounts.get(key)
    if account is None:
        raise errors.fail(errors.UNKNOWN_KEY)
    expected = hmac.digest(account.secret.encode(), signed_payload(request), "sha256").hex()
    if not hmac.compare_digest(expected.encode(), signature.lower().encode()):
        raise errors.fail(errors.BAD_SIGNATURE)
    return account


def check_window(request: Request, now: int) -> None:
    """Raise `WireError` unless timestamp < server time + 1 s and server time - timestamp <= recvWindow."""
    timestamp = integer(request.params, "timestamp")
    if timestamp is None:
        raise errors.fail(errors.missing("timestamp"))
    window = integer(request.params, "recvWindow")
    window = _DEFAULT_WINDOW_MS if window is None else window
    if window > _LARGEST_WINDOW_MS:
        raise errors.fail(errors.WINDOW_TOO_LARGE)
    server_time = now // 1000
    if timestamp >= server_time + _TOLERATED_LEAD_MS:
        raise errors.fail(errors.AHEAD_OF_SERVER)
    if server_time - timestamp > window:
        raise errors.fail(errors.OUTSIDE_WINDOW)


def signed_payload(request: Request) -> bytes:
    """The query string followed directly by the body, both without the signature parameter."""
    return _unsigned(request.query).encode() + _unsigned(request.body.decode("utf-8", "replace")).encode()


def _unsigned(text: str) -> str:
    head, found, tail = text.rpartition("signature=")
    if not found or (head and not head.endswith("&")):
        return text
    _, _, rest = tail.partition("&")
    return f"{head}{rest}" if rest else head[:-1]
