"""Firi's two ways to authenticate: an access key, or a user's client id with an HMAC. Both header prefixes work."""

import hmac

import orjson

from execution.simulator.dialects.firi import errors
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request
from execution.simulator.numbers import parse_whole

# The unit of `validity` is not documented; clients that work send "2000" and mean milliseconds.
_VALIDITY_US = 1_000
_TOLERATED_LEAD_US = 60_000_000


def find_account(exchange: Exchange, request: Request, now: int) -> Account:
    """Return the account of a request. Raises `WireError`: ApiKeyNotFound, Invalid Signature, Expired Signature.

    A signature, where one is sent, must be right even if an access key comes with it.
    """
    signature = _header(request, "user-signature")
    if signature is None:
        account = exchange.accounts.get(_header(request, "access-key") or "")
        if account is None:
            raise errors.fail(errors.KEY_NOT_FOUND)
        return account
    account = exchange.accounts_by_client_id.get(_header(request, "user-clientid") or "")
    if account is None:
        raise errors.fail(errors.KEY_NOT_FOUND)
    expected = hmac.digest(account.secret.encode(), signed_message(request), "sha256").hex()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise errors.fail(errors.INVALID_SIGNATURE)
    check_window(request, now)
    return account


def check_window(request: Request, now: int) -> None:
    """Raise `WireError` if a signed request is older than its `validity` (milliseconds; timestamp in epoch seconds)."""
    if _header(request, "user-signature") is None:
        return
    query = request.query_params
    timestamp, validity = parse_whole(query.get("timestamp", "")), parse_whole(query.get("validity", ""))
    if timestamp is None or validity is None:
        raise errors.fail(errors.INVALID_SIGNATURE)
    signed_at = timestamp * 1_000_000
    if not signed_at - _TOLERATED_LEAD_US <= now <= signed_at + validity * _VALIDITY_US:
        raise errors.fail(errors.EXPIRED_SIGNATURE)


def signed_message(request: Request) -> bytes:
    """Compact JSON of timestamp, validity and then the body's fields in their own order, all as sent."""
    query = request.query_params
    message = {"timestamp": query.get("timestamp", ""), "validity": query.get("validity", "")}
    return orjson.dumps(message | read_body(request))


def read_body(request: Request) -> dict[str, object]:
    """Return the JSON object of the body, empty if there is none. Raises `WireError`."""
    if not request.body:
        return {}
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError as e:
        raise errors.fail(errors.INVALID_BODY) from e
    if not isinstance(body, dict):
        raise errors.fail(errors.INVALID_BODY)
    return body


def _header(request: Request, name: str) -> str | None:
    return request.headers.get(f"firi-{name}", request.headers.get(f"miraiex-{name}"))
