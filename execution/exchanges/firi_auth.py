"""How requests to Firi are signed (developers.firi.com, "Authentication"; checked against public clients).

Two schemes: an access key in a header, or an HMAC over timestamp, validity and body. Only the second bounds how long
Firi accepts a request, so it is the one to use for trading.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """Headers and query parameters to add."""

    headers: Mapping[str, str]
    params: Mapping[str, str] = field(default_factory=dict)


class FieldOrder(StrEnum):
    """Where timestamp and validity stand in the signed text. Firi's clients disagree, and its docs do not say."""

    FIRST = "first"
    LAST = "last"
    SORTED = "sorted"


@dataclass(frozen=True, slots=True)
class FiriSigning:
    """What is uncertain about Firi's signatures, as settings. validity_unit: "ms" or "s"."""

    order: FieldOrder = FieldOrder.FIRST
    validity_unit: str = "ms"

    def text(self, timing: Mapping[str, str], body: Mapping[str, str]) -> str:
        """The compact JSON that is signed."""
        fields = {**body, **timing} if self.order is FieldOrder.LAST else {**timing, **body}
        return json.dumps(fields, separators=(",", ":"), sort_keys=self.order is FieldOrder.SORTED)

    def validity(self, milliseconds: int) -> str:
        """In Firi's unit; whole seconds are rounded down, so that it never ends later than asked."""
        return str(milliseconds if self.validity_unit == "ms" else max(1, milliseconds // 1000))


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

    The signed text is compact JSON: timestamp and validity, both as strings, and the body's fields (see `FiriSigning`).
    """

    bounds_validity = True

    def __init__(self, client_id: str, secret: str, signing: FiriSigning = FiriSigning()) -> None:  # noqa: B008
        self._client_id = client_id
        self._secret = secret.encode()
        self._signing = signing

    def sign(self, body: Mapping[str, str] | None, *, timestamp_s: int, validity_ms: int) -> SignedRequest:
        """timestamp_s: epoch seconds of Firi's clock. validity_ms: milliseconds."""
        params = {"timestamp": str(timestamp_s), "validity": self._signing.validity(validity_ms)}
        message = self._signing.text(params, body or {})
        signature = hmac.new(self._secret, message.encode(), hashlib.sha256).hexdigest()
        headers = {"firi-user-clientid": self._client_id, "firi-user-signature": signature}
        return SignedRequest(headers, params)


FiriAuth = FiriKeyAuth | FiriHmacAuth


def auth_for(secrets: Mapping[str, str], signing: FiriSigning) -> FiriAuth:
    """The stronger scheme that these secrets allow."""
    if secrets.get("secret") and secrets.get("client_id"):
        return FiriHmacAuth(secrets["client_id"], secrets["secret"], signing)
    return FiriKeyAuth(secrets["api_key"])
