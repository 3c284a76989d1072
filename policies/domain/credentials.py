"""Which secrets each exchange needs and what they must look like. Pure; never echoes a secret."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CredentialFields:
    """Names of the secrets an exchange needs and those it may have."""

    required: tuple[str, ...] = ("api_key", "secret")
    optional: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return self.required + self.optional


FIELDS: Mapping[str, CredentialFields] = {
    "okx": CredentialFields(("api_key", "secret", "passphrase")),
    "kucoin": CredentialFields(("api_key", "secret", "passphrase")),
    # Firi: an API key alone, or client id and secret for signed requests, whose validity the exchange bounds.
    "firi": CredentialFields(("api_key",), ("secret", "client_id")),
}
FIELD_NAMES = ("api_key", "secret", "passphrase", "client_id")
MAX_SECRET_LENGTH = 4096


def fields_of(exchange: str) -> CredentialFields:
    """The secrets of one exchange; most need key and secret."""
    return FIELDS.get(exchange, CredentialFields())


def check_secrets(exchange: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with these secrets: field name -> sentence. Empty when they have the right form."""
    fields = fields_of(exchange)
    problems = {}
    for name in fields.required:
        if not secrets.get(name):
            problems[name] = f"{exchange} needs a {name.replace('_', ' ')}."
    for name, value in secrets.items():
        if value and name not in fields.all:
            problems[name] = f"{exchange} has no {name.replace('_', ' ')}. Leave it empty."
        elif len(value) > MAX_SECRET_LENGTH:
            problems[name] = "This is longer than any key. Paste it again."
        elif value != value.strip():
            problems[name] = "There are spaces or line breaks around it. Paste it again."
    if exchange == "firi" and bool(secrets.get("secret")) != bool(secrets.get("client_id")):
        problems["client_id"] = "Signed requests need both the client id and the secret. Enter both or neither."
    form_problem = _FORM_CHECKS.get(exchange, _any_form)(secrets.get("secret", ""))
    if form_problem:
        problems.setdefault("secret", form_problem)
    return problems


def _any_form(_: str) -> str:
    return ""


def _base64_form(secret: str) -> str:
    """Kraken's private key is base64 (Kraken REST docs, authentication)."""
    try:
        base64.b64decode(secret, validate=True)
    except binascii.Error:
        return "A Kraken private key is base64: letters, digits, + and /, usually ending in ==. Paste all of it."
    return ""


def _pem_form(secret: str) -> str:
    """Coinbase Advanced keys are EC private keys in PEM."""
    if "-----BEGIN EC PRIVATE KEY-----" not in secret or "-----END EC PRIVATE KEY-----" not in secret:
        return "A Coinbase secret is a PEM text from '-----BEGIN EC PRIVATE KEY-----' to '-----END…'. Paste all of it."
    return ""


_FORM_CHECKS = {"kraken": _base64_form, "coinbase": _pem_form}
