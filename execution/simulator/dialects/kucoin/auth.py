"""Signed requests. KuCoin docs, "Authentication": KC-API-SIGN, KC-API-PASSPHRASE and the timestamp."""

import base64
import hmac

from execution.simulator.dialects.kucoin import errors
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request
from execution.simulator.numbers import parse_whole

_TOLERANCE_MS = 5_000
_REQUIRED = ("kc-api-key", "kc-api-sign", "kc-api-timestamp", "kc-api-passphrase")
# Since version 2 the passphrase is not sent as it is, but signed with the secret. Version 3 signs alike.
_VERSIONS = frozenset({"2", "3"})


def find_account(exchange: Exchange, request: Request, now: int) -> Account:
    """Return the account that signed the request. Raises `WireError`: 400001 to 400005, 400009.

    KC-API-SIGN = base64(HMAC-SHA256(secret, timestamp + method + path with query + body)), KC-API-PASSPHRASE =
    base64(HMAC-SHA256(secret, passphrase)).
    """
    headers = request.headers
    if not all(headers.get(name) for name in _REQUIRED):
        raise errors.fail(errors.MISSING_HEADER)
    check_timestamp(request, now)
    account = exchange.accounts.get(headers["kc-api-key"])
    if account is None:
        raise errors.fail(errors.UNKNOWN_KEY)
    if headers.get("kc-api-key-version") not in _VERSIONS:
        raise errors.fail(errors.BAD_KEY_VERSION)
    if not _is_signed(account, account.passphrase.encode(), headers["kc-api-passphrase"]):
        raise errors.fail(errors.BAD_PASSPHRASE)
    if not _is_signed(account, _payload(request), headers["kc-api-sign"]):
        raise errors.fail(errors.BAD_SIGNATURE)
    return account


def check_timestamp(request: Request, now: int) -> None:
    """Raise `WireError` 400002 if the signed time is 5 s or more away from the server's ("Timestamps")."""
    timestamp = parse_whole(request.headers.get("kc-api-timestamp", ""))
    if timestamp is None or abs(now // 1000 - timestamp) >= _TOLERANCE_MS:
        raise errors.fail(errors.BAD_TIMESTAMP)


def _payload(request: Request) -> bytes:
    target = f"{request.path}?{request.query}" if request.query else request.path
    return f"{request.headers['kc-api-timestamp']}{request.method}{target}".encode() + request.body


def _is_signed(account: Account, message: bytes, signature: str) -> bool:
    expected = base64.b64encode(hmac.digest(account.secret.encode(), message, "sha256"))
    return hmac.compare_digest(expected, signature.encode())
