"""How requests to Firi are signed (developers.firi.com, "Authentication"; checked against public clients).

Two schemes: an access key in a header, or an HMAC over timestamp, validity and body. Only the second bounds how long
Firi accepts a request, so it is the one to use for trading.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """Headers and query parameters to add."""

    headers: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)


class FiriKeyAuth:
    """`firi-access-key`. Nothing bounds how late a request may arrive."""

    bounds_validity = False

    def __init__(self, api_key: str) -> None:
        self._headers = {"firi-access-key": api_key}

    def sign(self, body: Mapping[str, str] | None, *, timestamp_s: int, validity_ms: int) -> SignedRequest:
        """The key header; time and validity are not used."""
        return SignedRequest(self._headers)


class FiriHmacAuth:
    """`firi-user-clientid` and `firi-user-signature`; Firi refuses the request after timestamp + validity.

    The signed text is compact JSON: timestamp and validity first, both as strings, then the body's fields in order.
    """

    bounds_validity = True

    def __init__(self, client_id: str, secret: str) -> None:
        self._client_id = client_id
        self._secret = secret.encode()

    def sign(self, body: Mapping[str, str] | None, *, timestamp_s: int, validity_ms: int) -> SignedRequest:
        """timestamp_s: epoch seconds of Firi's clock. validity_ms: milliseconds."""
        params = {"timestamp": str(timestamp_s), "validity": str(validity_ms)}
        message = json.dumps({**params, **(body or {})}, separators=(",", ":"))
        signature = hmac.new(self._secret, message.encode(), hashlib.sha256).hexdigest()
        headers = {"firi-user-clientid": self._client_id, "firi-user-signature": signature}
        return SignedRequest(headers, params)


FiriAuth = FiriKeyAuth | FiriHmacAuth


def auth_for(secrets: Mapping[str, str]) -> FiriAuth:
    """The stronger scheme that these secrets allow."""
    if secrets.get("secret") and secrets.get("client_id"):
        return FiriHmacAuth(secrets["client_id"], secrets["secret"])
    return FiriKeyAuth(secrets["api_key"])
