"""Why a notice could not be sent, in words that hold no secret."""

from collections.abc import Iterable
from urllib.parse import quote

REMOVED = "[removed]"
_SHORTEST = 4


class SendError(Exception):
    """A notice was not accepted; the text is for people."""


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without any of the secrets, nor any longer part of one that stands between slashes or colons."""
    parts = {part for secret in secrets for part in (secret, *_pieces(secret))}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _SHORTEST:
            text = text.replace(part, REMOVED).replace(quote(part, safe=""), REMOVED)
    return text


def _pieces(secret: str) -> list[str]:
    whole = secret.replace("https://", "").replace(":", "/").replace("?", "/").replace("=", "/").split("/")
    return [piece for piece in whole[1 if "://" in secret else 0 :] if len(piece) >= 8]
