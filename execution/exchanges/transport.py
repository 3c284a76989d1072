"""HTTP for adapters: one connection pool per exchange and process, optionally redirected to another host."""

import ssl
from functools import cache
from typing import Any

import aiohttp
import certifi
import yarl

_CONNECTIONS = 500
_KEEPALIVE_S = 60

MARKETS_TIMEOUT_S = 15.0
"""For one answer when all pairs are listed: megabytes at some exchanges, and not urgent like an order or a book."""


@cache
def tls_context() -> ssl.SSLContext:
    """Who may answer as an exchange: the system's authorities and certifi's. One for all: making it takes 50 ms."""
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=certifi.where())
    return context


class Transport:
    """A session whose requests go to `base_url` instead of the exchange's own host, if one is given.

    The adapters build and sign the exchange's real URLs; only the socket goes elsewhere (a simulator, a proxy). So an
    exchange's error tables, which look at the URL, and signatures over the host stay exactly as in production. It has
    the few parts of aiohttp.ClientSession that ccxt uses.
    """

    def __init__(self, base_url: str | None = None) -> None:
        self._base = base_url.rstrip("/") if base_url else None
        connector = aiohttp.TCPConnector(
            limit=_CONNECTIONS, keepalive_timeout=_KEEPALIVE_S, ttl_dns_cache=300, ssl=tls_context()
        )
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=True)

    @property
    def headers(self) -> Any:
        """Headers sent with every request."""
        return self._session.headers

    def get(self, url: yarl.URL | str, **kwargs: Any) -> Any:
        """As aiohttp."""
        return self._session.get(self._redirected(url), **kwargs)

    def post(self, url: yarl.URL | str, **kwargs: Any) -> Any:
        """As aiohttp."""
        return self._session.post(self._redirected(url), **kwargs)

    def delete(self, url: yarl.URL | str, **kwargs: Any) -> Any:
        """As aiohttp."""
        return self._session.delete(self._redirected(url), **kwargs)

    def ws_connect(self, url: yarl.URL | str, **kwargs: Any) -> Any:
        """As aiohttp."""
        return self._session.ws_connect(self._redirected(url), **kwargs)

    async def close(self) -> None:
        """Close all pooled connections."""
        await self._session.close()

    def _redirected(self, url: yarl.URL | str) -> yarl.URL:
        original = url if isinstance(url, yarl.URL) else yarl.URL(url, encoded=True)
        if self._base is None:
            return original
        return yarl.URL(self._base + original.raw_path_qs, encoded=True)
