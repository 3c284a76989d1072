"""Signed requests, and the deadline of an order. OKX v5 docs, "Overview": REST Authentication and Request expiry."""

import base64
import hmac
from datetime import datetime

from execution.simulator.dialects.okx import errors
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request
from execution.simulator.numbers import parse_whole

_TOLERANCE_US = 30_000_000
_HEADERS = ("OK-ACCESS-KEY", "OK-ACCESS-PASSPHRASE", "OK-ACCESS-SIGN", "OK-ACCESS-TIMESTAMP")


def find_account(exchange: Exchange, request: Request, now: int) -> Account:
    """Return the account that signed the request. Raises `WireError`: 50102 to 50107, 50111 to 50113.

    OK-ACCESS-SIGN = base64(HMAC-SHA256(secret, timestamp + method + path with query + body)); the timestamp is ISO 8601
    and within 30 s of the server's clock.
    """
    key, passphrase, signature, timestamp = (_header(request, name) for name in _HEADERS)
    _check_timestamp(timestamp, now)
    account = exchange.accounts.get(key)
    if account is None:
        raise errors.fail(errors.UNKNOWN_KEY)
    target = f"{request.path}?{request.query}" if request.query else request.path
    message = f"{timestamp}{request.method}{target}".encode() + request.body
    expected = base64.b64encode(hmac.digest(account.secret.encode(), message, "sha256"))
    if not hmac.compare_digest(expected, signature.encode()):
        raise errors.fail(errors.BAD_SIGNATURE)
    if not hmac.compare_digest(account.passphrase.encode(), passphrase.encode()):
        raise errors.fail(errors.WRONG_PASSPHRASE)
    return account


def has_expired(request: Request, now: int) -> bool:
    """Whether the request's `expTime` header (ms) has passed. Raises `WireError`: 51000 if it is not a number."""
    text = request.headers.get("exptime", "")
    if not text:
        return False
    deadline = parse_whole(text)
    if deadline is None:
        raise errors.fail(errors.malformed("expTime"))
    return now // 1000 > deadline


def _header(request: Request, name: str) -> str:
    value = request.headers.get(name.lower(), "")
    if not value:
        raise errors.fail(errors.missing_header(name))
    return value


def _check_timestamp(text: str, now: int) -> None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as e:
        raise errors.fail(errors.BAD_TIMESTAMP) from e
    if at.tzinfo is None:
        raise errors.fail(errors.BAD_TIMESTAMP)
    if abs(int(at.timestamp() * 1_000_000) - now) > _TOLERANCE_US:
        raise errors.fail(errors.TIMESTAMP_EXPIRED)
