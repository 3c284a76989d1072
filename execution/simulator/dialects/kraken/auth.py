"""Signed requests. Kraken REST API docs, "Authentication": API-Sign and the nonce."""

import base64
import binascii
import hashlib
import hmac

import orjson

from execution.simulator.dialects.kraken import errors
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request
from execution.simulator.numbers import parse_whole


def find_account(exchange: Exchange, request: Request) -> Account:
    """Return the account that signed the request and use its nonce up. Raises `WireError`: key, signature, nonce.

    API-Sign = base64(HMAC-SHA512(base64-decoded secret, path + SHA256(nonce + body))). The nonce must grow with every
    request of a key, in the order the requests arrive here.
    """
    account = exchange.accounts.get(request.headers.get("api-key", ""))
    if account is None:
        raise errors.fail(errors.INVALID_KEY)
    nonce = read_params(request).get("nonce", "")
    digest = hashlib.sha256(nonce.encode() + request.body).digest()
    expected = hmac.digest(_decoded(account.secret), request.path.encode() + digest, "sha512")
    if not hmac.compare_digest(base64.b64encode(expected), request.headers.get("api-sign", "").encode()):
        raise errors.fail(errors.INVALID_SIGNATURE)
    number = parse_whole(nonce)
    if number is None or number <= account.last_nonce:
        raise errors.fail(errors.INVALID_NONCE)
    account.last_nonce = number
    return account


def read_params(request: Request) -> dict[str, str]:
    """Return the parameters of a form or JSON body as text."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        return request.params
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise errors.fail("EGeneral:Invalid arguments")
    return {key: value if isinstance(value, str) else orjson.dumps(value).decode() for key, value in body.items()}


def _decoded(secret: str) -> bytes:
    """A secret that is not base64 cannot sign anything, so no signature of it is valid."""
    try:
        return base64.b64decode(secret, validate=True)
    except binascii.Error as e:
        raise errors.fail(errors.INVALID_SIGNATURE) from e
