"""Webhooks as requests find them: all of them in memory for as long as the policy version stands.

So a flood of wrong addresses asks the database nothing, and switching off, rotating and retiring work within a second.
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

import structlog

from policies import crypto
from policies.domain.webhook_body import BodyRules
from policies.models import Webhook, WebhookSecret
from policies.models.webhook import WebhookKind
from policies.services import token_digest
from policies.snapshot import current_policy
from policies.webhooks import body_rules, read_secret

logger = structlog.get_logger(__name__)

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(slots=True)
class Hook:
    """A webhook that is switched on and whose owner is active. Only `last_used_at` changes."""

    pk: int
    name: str
    owner_id: int
    rules: BodyRules
    networks: tuple[_Network, ...]
    symbols: tuple[str, ...]
    per_minute: int
    window_s: int
    last_used_at: datetime | None
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def is_from(self, address: str) -> bool:
        """Whether a request may come from this address. No list means any."""
        return not self.networks or is_in(self.networks, address)

    def permits(self, symbol: str) -> bool:
        """Whether it may trade this pair. No list means any."""
        return not self.symbols or any(fnmatchcase(symbol, pattern) for pattern in self.symbols)


@dataclass(frozen=True, slots=True)
class _Address:
    """A digest of a token that leads to a hook; `until`: the end of the grace period of a rotated one."""

    hook: Hook
    until: datetime | None


@dataclass(frozen=True, slots=True)
class _Known:
    """All webhooks under one policy version. Replaced as a whole, so no reader sees half of it."""

    version: int
    by_digest: Mapping[str, _Address]
    signed: Mapping[str, Hook]


class _Cache:
    known = _Known(-1, {}, {})


def find_by_token(token: str, now: datetime) -> Hook | None:
    """The webhook at a secret address; None when it is unknown, rotated away, switched off or its owner is."""
    address = _current().by_digest.get(token_digest(token))
    if address is None or (address.until is not None and now >= address.until):
        return None
    return address.hook


def find_signed(name: str) -> Hook | None:
    """The signed webhook of that name; None when it is unknown, switched off or its owner is."""
    return _current().signed.get(name)


def is_in(networks: Iterable[_Network], address: str) -> bool:
    """Whether an address, as a socket or a proxy writes it, is in one of the networks. What is no address is not.

    A socket that takes both families writes IPv4 addresses as `::ffff:203.0.113.7`.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return any((mapped or found) in network for network in networks)


def _current() -> _Known:
    version = current_policy().version
    if _Cache.known.version != version:
        _Cache.known = _load(version)
    return _Cache.known


def _load(version: int) -> _Known:
    """Two queries. Read after the version was: rows that are newer than it are read again with the next one."""
    rows = Webhook.objects.filter(enabled=True, owner__is_active=True)
    secrets: dict[int, list[WebhookSecret]] = {}
    for secret in WebhookSecret.objects.filter(retired_at=None, webhook__in=rows):
        secrets.setdefault(secret.webhook_id, []).append(secret)
    by_digest: dict[str, _Address] = {}
    signed: dict[str, Hook] = {}
    for row in rows:
        hook = hook_of(row, secrets.get(row.pk, ()))
        if row.kind == WebhookKind.SIGNED:
            signed[row.name] = hook
            continue
        if row.old_token_digest is not None:
            by_digest[row.old_token_digest] = _Address(hook, row.old_token_until)
        if row.token_digest is not None:
            by_digest[row.token_digest] = _Address(hook, None)
    return _Known(version, by_digest, signed)


def hook_of(row: Webhook, secrets: Sequence[WebhookSecret] = ()) -> Hook:
    """The webhook as a request would find it, with those of its secrets that are wanted."""
    return Hook(
        pk=row.pk,
        name=row.name,
        owner_id=row.owner_id,
        rules=body_rules(row),
        networks=tuple(ipaddress.ip_network(network) for network in row.allowed_ips),
        symbols=tuple(row.allowed_symbols),
        per_minute=row.per_minute,
        window_s=row.window_s,
        last_used_at=row.last_used_at,
        secrets=tuple(filter(None, (_clear(secret, row.owner_id) for secret in secrets))),
    )


def _clear(secret: WebhookSecret, owner_id: int) -> str:
    """In clear, and now: reading it at every request would tell by its time whether a webhook exists."""
    try:
        return read_secret(secret, owner_id)
    except crypto.Unreadable as e:
        logger.error("webhook_secret_unreadable", fingerprint=secret.fingerprint, error=str(e))
        return ""
