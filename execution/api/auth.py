"""API tokens: looked up by hash, kept for as long as the policy version stands, checked for expiry, IP and scope."""

import ipaddress
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from execution.selectors.hooks import is_in
from policies.models import ApiToken
from policies.services import token_digest
from policies.snapshot import current_policy

LAST_USED_EVERY = timedelta(minutes=1)
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(slots=True)
class Client:
    """Who calls: a token and its user, as `request.user`. `sees_all`: staff see everybody's objects."""

    pk: int
    token_id: int
    username: str
    sees_all: bool
    user_active: bool
    scopes: frozenset[str]
    networks: tuple[_Network, ...]
    expires_at: datetime | None
    last_used_at: datetime | None
    is_authenticated: bool = True

    def __str__(self) -> str:
        return self.username


class _Cache:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.version = -1
        self.clients: dict[str, Client] = {}


_cache = _Cache()


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Token rp_…`. A revoked, expired or unknown token and a foreign address get 401."""

    def authenticate(self, request: Request) -> tuple[Any, Client] | None:
        """The client, or None without the header."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"token":
            return None
        if len(words) != 2:
            raise AuthenticationFailed("The header must read `Authorization: Token <token>`.")
        client = find_client(words[1].decode("latin-1"))
        now = timezone.now()
        if client is None or (client.expires_at is not None and now >= client.expires_at):
            raise AuthenticationFailed("The token is unknown, expired or revoked.")
        if not client.user_active:
            raise AuthenticationFailed("The user of this token is switched off.")
        _check_address(client, request)
        _note_use(client, now)
        return client, client

    def authenticate_header(self, request: Request) -> str:
        """Makes unauthenticated answers 401."""
        return "Token"


def find_client(plaintext: str) -> Client | None:
    """The client of a token; one query per token and policy version."""
    version = current_policy().version
    digest = token_digest(plaintext)
    with _cache.lock:
        if _cache.version != version:
            _cache.version, _cache.clients = version, {}
        client = _cache.clients.get(digest)
    if client is None:
        client = _load(digest)
        if client is not None:
            with _cache.lock:
                if _cache.version == version:
                    _cache.clients[digest] = client
    return client


def _load(digest: str) -> Client | None:
    token = ApiToken.objects.select_related("user").filter(digest=digest, revoked_at=None).first()
    if token is None:
        return None
    return Client(
        pk=token.user_id,
        token_id=token.pk,
        username=token.user.get_username(),
        sees_all=token.user.is_staff,
        user_active=token.user.is_active,
        scopes=frozenset(token.scopes),
        networks=tuple(ipaddress.ip_network(network) for network in token.allowed_ips),
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )


def client_address(request: Any) -> str:
    """The caller's IP address: the socket's, or the entry that the outermost trusted proxy added."""
    proxies: int = settings.ENV["TRUSTED_PROXY_COUNT"]
    if proxies:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        if len(hops) >= proxies:
            return str(hops[-proxies])
    return str(request.META.get("REMOTE_ADDR", ""))


def _check_address(client: Client, request: Request) -> None:
    if not client.networks:
        return
    if not is_in(client.networks, client_address(request)):
        raise AuthenticationFailed("This token may not be used from this address.")


def _note_use(client: Client, now: datetime) -> None:
    if client.last_used_at is None or now - client.last_used_at > LAST_USED_EVERY:
        client.last_used_at = now
        ApiToken.objects.filter(pk=client.token_id).update(last_used_at=now)


def client_of(request: Request) -> Client:
    """The authenticated client of a request that `HasScope` let through."""
    assert isinstance(request.auth, Client)
    return request.auth


class HasScope(BasePermission):
    """The view names the scope of each method in `scopes`."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raises PermissionDenied with the name of the missing scope."""
        if not isinstance(request.auth, Client):
            return False
        needed = view.scopes.get(request.method, "read")
        if needed not in request.auth.scopes:
            raise PermissionDenied(f"This token lacks the scope {needed}.")
        return True


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the token looks in the OpenAPI schema."""

    target_class = "execution.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """An API key in the Authorization header."""
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": "`Token <token>`"}
