"""Signed requests. Bybit v5 docs, "Integration Guidance": the X-BAPI headers."""

import hmac

from execution.simulator.dialects.bybit import errors
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request
from execution.simulator.numbers import parse_whole

_DEFAULT_WINDOW_MS = 5_000
_TOLERATED_LEAD_MS = 1_000


def find_account(exchange: Exchange, request: Request, now: int) -> Account:
    """Return the account that signed the request. Raises `WireError`: HTTP 401, 10003, 10002, 10004.

    X-BAPI-SIGN = hex(HMAC-SHA256(secret, timestamp + key + recv_window + query or body)), the texts as they were sent.
    """
    headers = request.headers
    key, signature = headers.get("x-bapi-api-key"), headers.get("x-bapi-sign")
    if not key or not signature or "x-bapi-timestamp" not in headers:
        raise errors.unauthenticated()
    account = exchange.accounts.get(key)
    if account is None:
        raise errors.fail(errors.UNKNOWN_KEY)
    check_window(request, now)
    payload = request.body.decode("utf-8", "replace") if request.method == "POST" else request.query
    signed = headers["x-bapi-timestamp"] + key + headers.get("x-bapi-recv-window", "") + payload
    expected = hmac.digest(account.secret.encode(), signed.encode(), "sha256").hex()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise errors.fail(errors.bad_signature(signed))
    return account


def check_window(request: Request, now: int) -> None:
    """Raise `WireError` 10002 unless server time - recv_window <= timestamp < server time + 1 s."""
    given_at = request.headers.get("x-bapi-timestamp", "")
    given_window = request.headers.get("x-bapi-recv-window", str(_DEFAULT_WINDOW_MS))
    timestamp, window, server_time = parse_whole(given_at), parse_whole(given_window), now // 1000
    if timestamp is None or window is None:
        raise errors.fail(errors.outside_window(given_at, server_time, given_window))
    if not server_time - window <= timestamp < server_time + _TOLERATED_LEAD_MS:
        raise errors.fail(errors.outside_window(given_at, server_time, given_window))
