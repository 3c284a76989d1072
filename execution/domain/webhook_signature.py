"""Signatures of webhooks: `X-Signature: t=<unix>,v1=<hex hmac-sha256(secret, t + "." + raw body)>`. Pure."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

TOLERANCE_S = 300
"""How far a signature's time may be from ours, either way."""

ACTIVE_SECRETS = 2
MAX_SIGNATURES = 5
MAX_HEADER_LENGTH = 1_000
MAX_NONCE_LENGTH = 128

_TIME = re.compile(r"[0-9]{1,12}")
_MAC = re.compile(r"[0-9a-f]{64}")
_NOBODYS_SECRET = "of no webhook: keeps the work the same when a webhook or a secret does not exist"


@dataclass(frozen=True, slots=True)
class Signature:
    """A header that has the right form. `t`: unix seconds as they were written, for they are what was signed."""

    t: str
    macs: tuple[str, ...]
    nonce: str = ""

    def age_s(self, now: float) -> float:
        """Seconds since it was made; negative when it was made by a clock that is ahead."""
        return now - int(self.t)


def parse_header(header: str) -> Signature | None:
    """`t=…,v1=…[,v1=…][,n=…]`, in any order; None for anything else. Unknown parts (`v0=…`) are passed over."""
    if len(header) > MAX_HEADER_LENGTH:
        return None
    found: dict[str, list[str]] = {}
    for part in header.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals:
            return None
        found.setdefault(name, []).append(value)
    times, macs, nonces = found.get("t", []), found.get("v1", []), found.get("n", [""])
    well_formed = (
        len(times) == 1
        and _TIME.fullmatch(times[0]) is not None
        and 1 <= len(macs) <= MAX_SIGNATURES
        and all(_MAC.fullmatch(mac) for mac in macs)
        and len(nonces) == 1
        and len(nonces[0]) <= MAX_NONCE_LENGTH
    )
    return Signature(times[0], tuple(macs), nonces[0]) if well_formed else None


def sign(secret: str, t: str, body: bytes) -> str:
    """The hexadecimal HMAC-SHA256 of `t`, a point and the raw body."""
    return hmac.new(secret.encode(), t.encode() + b"." + body, hashlib.sha256).hexdigest()


def is_signed(signature: Signature, secrets: Sequence[str], body: bytes) -> bool:
    """Whether any signature of the header was made with any of the secrets.

    Costs the same for any outcome and any number of secrets, none included.
    """
    padded = [*secrets, *[""] * ACTIVE_SECRETS][: max(ACTIVE_SECRETS, len(secrets))]
    signed = False
    for secret in padded:
        expected = sign(secret or _NOBODYS_SECRET, signature.t, body)
        for mac in signature.macs:
            signed |= hmac.compare_digest(expected, mac) and bool(secret)
    return signed


def nonces(signature: Signature, body: bytes, extra: str = "") -> list[str]:
    """What must be new within the tolerance: the signed message itself, and the sender's own nonces if it has any.

    The message, not the MAC: with two secrets in use a request has two MACs, and a copy of it that leaves one out is
    still the same request. The sender's nonces are not signed, so they can only refuse more, never let anything pass.
    """
    message = hashlib.sha256(signature.t.encode() + b"." + body).hexdigest()
    own = {nonce for nonce in (signature.nonce, extra) if nonce}
    return [f"m{message}", *sorted(f"n{hashlib.sha256(nonce.encode()).hexdigest()}" for nonce in own)]
