"""Key and secret travel in plain headers (Alpaca docs, "Authentication"); nothing is signed and nothing is dated."""

import hmac

from execution.simulator.dialects.alpaca import errors
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request


def find_account(exchange: Exchange, request: Request) -> Account:
    """Return the account of the request's keys. Raises `WireError`: 403 without keys, 401 40110000 with wrong ones."""
    key, secret = request.headers.get("apca-api-key-id"), request.headers.get("apca-api-secret-key")
    if not key or not secret:
        raise errors.fail(errors.FORBIDDEN)
    account = exchange.accounts.get(key)
    if account is None or not hmac.compare_digest(account.secret.encode(), secret.encode()):
        raise errors.fail(errors.NOT_AUTHORIZED)
    return account
