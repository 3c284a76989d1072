"""What becomes of a request to a webhook, and what is kept of it. Pure."""

import re
from collections.abc import Iterable
from enum import StrEnum

EXCERPT_BYTES = 2_048
_REMOVED = "[removed]"
# Senders put passwords into bodies although nobody asks for them.
_SECRET_PAIR = re.compile(
    # Every repetition is bounded: bodies are other people's, and this must stay linear.
    r"(?i)((?:api[-_]?key|secret|signature|password|passphrase|passwd|authorization|token)[\w-]{0,40}[\"']?"
    r"\s{0,5}[:=]\s{0,5})(\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|[^\s,;}&\"']+)"
)


class DeliveryOutcome(StrEnum):
    """`duplicate`: the alert had given its signal before."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


def excerpt(body: bytes, secrets: Iterable[str] = ()) -> str:
    """The beginning of a body as text that can be stored and shown: what is or looks like a secret is taken out.

    It is taken out before the cut, so that no half of a secret stays at the end.
    """
    text = body.decode("utf-8", "replace").replace("\x00", "\ufffd")
    for secret in secrets:
        if secret:
            text = text.replace(secret, _REMOVED)
    text = _SECRET_PAIR.sub(rf"\1{_REMOVED}", text)
    return text.encode()[:EXCERPT_BYTES].decode("utf-8", "ignore")
