"""Envelope encryption of the secrets of exchanges, webhooks and alert channels.

The only file that sees the key-encryption keys.

Every secret has a random data key (AES-256-GCM); the data key is wrapped by a key-encryption key from CREDENTIAL_KEYS.
Both are bound to row, user, exchange and mode (or webhook) as associated data, so a ciphertext moved to another row
does not decrypt. Layout: JSON `{"v": 1, "kek": id, "wrapped": …, "wrapped_nonce": …, "nonce": …, "ciphertext": …}`, in
base64.
"""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_NONCE_BYTES = 12


class Unreadable(Exception):
    """A stored secret could not be decrypted; the text says why, never what."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What a ciphertext belongs to."""

    credential_id: str
    user_id: int
    exchange: str
    mode: str

    def associated_data(self) -> bytes:
        """Canonical bytes for AES-GCM."""
        return f"exchange-credential|{self.credential_id}|{self.user_id}|{self.exchange}|{self.mode}".encode()


@dataclass(frozen=True, slots=True)
class WebhookBinding:
    """What the ciphertext of a webhook's secret belongs to."""

    secret_id: str
    webhook_id: int
    owner_id: int

    def associated_data(self) -> bytes:
        """Canonical bytes for AES-GCM."""
        return f"webhook-secret|{self.secret_id}|{self.webhook_id}|{self.owner_id}".encode()


@dataclass(frozen=True, slots=True)
class ChannelBinding:
    """What the ciphertext of an alert channel belongs to."""

    channel_id: str
    kind: str

    def associated_data(self) -> bytes:
        """Canonical bytes for AES-GCM."""
        return f"alert-channel|{self.channel_id}|{self.kind}".encode()


AnyBinding = Binding | WebhookBinding | ChannelBinding


def encrypt(secrets: Mapping[str, str], binding: AnyBinding) -> bytes:
    """Encrypt named secrets under the newest key-encryption key."""
    key_id, kek = next(iter(_key_ring().items()))
    data_key, nonce, wrap_nonce = AESGCM.generate_key(256), os.urandom(_NONCE_BYTES), os.urandom(_NONCE_BYTES)
    aad = binding.associated_data()
    plaintext = json.dumps(dict(secrets)).encode()
    envelope = {
        "v": 1,
        "kek": key_id,
        "wrapped_nonce": _text(wrap_nonce),
        "wrapped": _text(AESGCM(kek).encrypt(wrap_nonce, data_key, aad)),
        "nonce": _text(nonce),
        "ciphertext": _text(AESGCM(data_key).encrypt(nonce, plaintext, aad)),
    }
    return json.dumps(envelope).encode()


def decrypt(stored: bytes, binding: AnyBinding) -> dict[str, str]:
    """What was encrypted. Raises Unreadable."""
    try:
        envelope = json.loads(bytes(stored))
        kek = _key_ring()[envelope["kek"]]
        aad = binding.associated_data()
        data_key = AESGCM(kek).decrypt(_bytes(envelope["wrapped_nonce"]), _bytes(envelope["wrapped"]), aad)
        plaintext = AESGCM(data_key).decrypt(_bytes(envelope["nonce"]), _bytes(envelope["ciphertext"]), aad)
    except InvalidTag as e:
        raise Unreadable("the stored keys do not belong to this row, or were changed") from e
    except KeyError as e:
        raise Unreadable(f"CREDENTIAL_KEYS has no key {e}") from e
    except ValueError as e:
        raise Unreadable("the stored keys are damaged") from e
    return dict(json.loads(plaintext))


def rewrap(stored: bytes, binding: AnyBinding) -> bytes:
    """The same secrets with their data key wrapped by the newest key-encryption key. Raises Unreadable."""
    return encrypt(decrypt(stored, binding), binding)


def key_id_of(stored: bytes) -> str:
    """Which key-encryption key a stored secret needs; empty when it is damaged."""
    try:
        return str(json.loads(stored)["kek"])
    except (ValueError, KeyError, TypeError):
        return ""


def newest_key_id() -> str:
    """The key-encryption key that new secrets are wrapped by."""
    return next(iter(_key_ring()))


def new_key() -> str:
    """A fresh key-encryption key, base64."""
    return base64.b64encode(AESGCM.generate_key(256)).decode()


def _key_ring() -> dict[str, bytes]:
    """Key id -> key, newest first, from CREDENTIAL_KEYS."""
    ring = {}
    for item in settings.ENV["CREDENTIAL_KEYS"]:
        key_id, colon, encoded = item.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not colon or len(key) != 32:
            raise ImproperlyConfigured("Each of CREDENTIAL_KEYS must be `id:base64 of 32 bytes`.")
        ring[key_id] = key
    if not ring:
        raise ImproperlyConfigured("CREDENTIAL_KEYS is empty. Make one with `manage.py new_credential_key`.")
    return ring


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(value: str) -> bytes:
    return base64.b64decode(value)
