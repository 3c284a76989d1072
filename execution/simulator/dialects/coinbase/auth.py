"""Signed requests: a JWT per request, ES256 (Coinbase App docs, "API key authentication").

The key's name is `kid` and `sub`; the account's secret is an EC private key in PEM, of which only the public half is
used here, as the exchange would.
"""

import base64
import binascii
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from execution.simulator.dialects.coinbase import errors
from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request

HOST = "api.coinbase.com"
LONGEST_LIFE_S = 120
_ISSUERS = frozenset({"coinbase-cloud", "cdp"})
_COORDINATE = 32


class _Token(NamedTuple):
    """A JWT, taken apart. `signed` is what its signature covers."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def find_account(exchange: Exchange, request: Request, now: int) -> Account:
    """Return the account that signed the request. Raises `WireError`: 401, which never says what was wrong.

    Every token is for one method, host and path (`uri`) and is good from `nbf` until before `exp`, both in seconds,
    which may be 120 s apart at most.
    """
    token = _read_token(request)
    account = exchange.accounts.get(str(token.header.get("kid")))
    if account is None or not _is_for(token, request, account):
        raise errors.unauthorized()
    _check_life(token, now)
    key = _public_key(account.secret)
    if key is None or not _is_signed_by(token, key):
        raise errors.unauthorized()
    return account


def check_window(request: Request, now: int) -> None:
    """Raise `WireError` if the token of a request that was held has ended meanwhile."""
    _check_life(_read_token(request), now)


def _read_token(request: Request) -> _Token:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    signed, _, signature = text.rpartition(".")
    header, _, claims = signed.partition(".")
    if scheme != "Bearer":
        raise errors.unauthorized()
    try:
        parts = orjson.loads(_decoded(header)), orjson.loads(_decoded(claims))
        raw = _decoded(signature)
    except (orjson.JSONDecodeError, binascii.Error) as e:
        raise errors.unauthorized() from e
    if not all(isinstance(part, dict) for part in parts):
        raise errors.unauthorized()
    return _Token(*parts, signed.encode(), raw)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _is_for(token: _Token, request: Request, account: Account) -> bool:
    claims = token.claims
    return (
        token.header.get("alg") == "ES256"
        and claims.get("sub") == account.api_key
        and claims.get("iss") in _ISSUERS
        and claims.get("uri") == f"{request.method} {HOST}{request.path}"
    )


def _check_life(token: _Token, now: int) -> None:
    begins, ends = token.claims.get("nbf"), token.claims.get("exp")
    if not isinstance(begins, int) or not isinstance(ends, int) or ends - begins > LONGEST_LIFE_S:
        raise errors.unauthorized()
    if not begins * 1_000_000 <= now < ends * 1_000_000:
        raise errors.unauthorized()


@lru_cache(maxsize=1024)
def _public_key(secret: str) -> ec.EllipticCurvePublicKey | None:
    """The public half of an account's key; None if the secret is no key, so that no signature of it is valid."""
    try:
        key = load_pem_private_key(secret.encode(), None)
    except ValueError:
        return None
    return key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _is_signed_by(token: _Token, key: ec.EllipticCurvePublicKey) -> bool:
    """Verify r and s, the two halves of a JWT's ES256 signature."""
    if len(token.signature) != 2 * _COORDINATE:
        return False
    r, s = (int.from_bytes(half) for half in (token.signature[:_COORDINATE], token.signature[_COORDINATE:]))
    try:
        key.verify(encode_dss_signature(r, s), token.signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
