"""The process's exchange connections: one public client per exchange, one per set of keys, all on one event loop."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

from execution.domain.sizing import Capabilities
from execution.exchanges import registry
from execution.exchanges.base import Exchange
from execution.exchanges.errors import NotSent
from execution.services.observing import ObservedExchange, Watch
from policies import crypto
from policies.domain.policy import CredentialRef, ExchangePolicy, Mode
from policies.domain.reasons import ReasonCode
from policies.models import ExchangeCredential
from policies.services import read_secrets

MAX_CLIENTS = 1000

RunInThread = Callable[..., Awaitable[dict[str, str]]]


class Connections:
    """Adapters by exchange and keys. Used from one event loop only."""

    def __init__(self, pool: registry.AdapterPool, run_in_thread: RunInThread, watch: Watch) -> None:
        self._pool = pool
        self._watch = watch
        self._public: dict[str, Exchange] = {}
        self._run_in_thread = run_in_thread
        self._private: OrderedDict[tuple[str, int], Exchange] = OrderedDict()
        self._opening: dict[tuple[str, int], asyncio.Lock] = {}

    def public(self, slug: str) -> Exchange:
        """The adapter for public data."""
        if slug not in self._public:
            self._public[slug] = ObservedExchange(self._pool.public(slug), self._watch)
        return self._public[slug]

    async def for_order(self, exchange: ExchangePolicy, mode: Mode, credential: CredentialRef | None) -> Exchange:
        """The adapter that sends an order. Raises NotSent when the keys cannot be used."""
        if mode == Mode.PAPER:
            return self._pool.paper(
                exchange.slug, taker_fee_bps=exchange.taker_fee_bps, maker_fee_bps=exchange.maker_fee_bps
            )
        if credential is None:
            raise NotSent(ReasonCode.NO_CREDENTIAL, f"No {mode} keys for {exchange.slug}.")
        key = (credential.id, credential.version)
        adapter = self._private.get(key)
        if adapter is None:
            adapter = await self._open(key, credential)
        self._private.move_to_end(key)
        return adapter

    async def close(self) -> None:
        """Close every connection."""
        self._private.clear()
        self._public.clear()
        await self._pool.close()

    async def _open(self, key: tuple[str, int], credential: CredentialRef) -> Exchange:
        async with self._opening.setdefault(key, asyncio.Lock()):
            if key in self._private:
                return self._private[key]
            try:
                secrets = await self._run_in_thread(load_secrets, credential)
                sandbox = credential.mode == Mode.SANDBOX
                adapter = self._pool.private(credential.exchange, secrets, key_name=credential.id, sandbox=sandbox)
            except (crypto.Unreadable, ValueError) as e:
                raise NotSent(ReasonCode.CREDENTIAL_UNREADABLE, str(e)) from None
            self._private[key] = adapter = ObservedExchange(adapter, self._watch, credential.id)
            while len(self._private) > MAX_CLIENTS:
                self._private.popitem(last=False)
        self._opening.pop(key, None)
        return adapter


def load_secrets(credential: CredentialRef) -> Mapping[str, str]:
    """Read and decrypt; runs in a database thread. Raises crypto.Unreadable."""
    row = ExchangeCredential.objects.filter(pk=credential.id, version=credential.version, frozen=False).first()
    if row is None:
        raise crypto.Unreadable("the keys were replaced or frozen at this moment")
    return read_secrets(row)


def capabilities(slug: str) -> Capabilities:
    """What an exchange can do."""
    return registry.traits(slug).capabilities
