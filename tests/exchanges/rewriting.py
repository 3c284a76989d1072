"""An adapter whose answers from a real server are changed on their way."""

from collections.abc import Callable
from typing import Any

from execution.exchanges.base import Exchange
from execution.exchanges.registry import AdapterPool
from execution.exchanges.transport import Transport
from tests.exchanges.cases import Connected

Change = Callable[[str, str], str]


async def rewriting(connected: Connected, pool: AdapterPool, change: Change) -> Exchange:
    """An adapter of the same account; `change` gets a URL and the text of its answer."""
    slug = connected.case.slug
    if slug in pool._transports:
        await pool._transports[slug].close()
    pool._transports[slug] = Rewriting(connected.simulator.base_urls[slug], change)
    return pool.private(slug, connected.case.secrets)


class Rewriting(Transport):
    """Changes every answer to a GET or a POST."""

    def __init__(self, base_url: str, change: Change) -> None:
        super().__init__(base_url)
        self._change = change

    def get(self, url: Any, **kwargs: Any) -> Any:
        return _Rewritten(super().get(url, **kwargs), lambda text: self._change(str(url), text))

    def post(self, url: Any, **kwargs: Any) -> Any:
        return _Rewritten(super().post(url, **kwargs), lambda text: self._change(str(url), text))


class _Rewritten:
    def __init__(self, inner: Any, change: Callable[[str], str]) -> None:
        self._inner, self._changed = inner, change

    async def __aenter__(self) -> "_Rewritten":
        self._response = await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._inner.__aexit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    async def text(self, **kwargs: Any) -> str:
        return self._changed(await self._response.text(**kwargs))

    async def read(self) -> bytes:
        return self._changed((await self._response.read()).decode()).encode()
