"""What a worker does for the platform besides orders, on the same connections: health checks, keys, lists of pairs."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

from execution.domain.market import Market
from execution.selectors import facts
from execution.services import credential_checks, health
from execution.services.claims import WorkingOrder
from execution.services.connections import Connections
from execution.services.executor.threads import DatabaseThreads
from policies.domain.policy import CredentialRef, Mode, Policy

Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Duties:
    """Each is asked for by a task, a command or the executor; all run on the executor's loop."""

    def __init__(
        self,
        database: DatabaseThreads,
        connections: Connections,
        policy: Callable[[], Policy],
        refresh_policy: Callable[[], Awaitable[None]],
        spawn: Spawn,
    ) -> None:
        self._database = database
        self._connections = connections
        self._policy = policy
        self._refresh_policy = refresh_policy
        self._spawn = spawn

    async def refresh_health(self, slugs: Iterable[str]) -> None:
        """Check these exchanges now, together, and read the result."""
        await health.check_and_store(slugs, self._connections, self._database.run, self._policy())
        await self._database.run(facts.refresh_facts)

    async def poll(self, slugs: Iterable[str]) -> None:
        """The scheduled health check: as `refresh_health`, with a longer patience."""
        await self._refresh_policy()
        await health.check_and_store(
            slugs, self._connections, self._database.run, self._policy(), timeout_s=health.PING_TIMEOUT_S
        )

    async def markets(self, slug: str) -> Sequence[Market]:
        """The pairs an exchange lists now. Raises ExchangeError."""
        return await self._connections.public(slug).markets()

    async def check_due_keys(self) -> int:
        """Ask the exchanges about the keys that are due; how many were."""
        due = await self._database.run(credential_checks.due)
        await self._refresh_policy()
        policy = self._policy()
        found = [policy.credentials.get((user_id, slug, Mode(mode))) for user_id, slug, mode in due]
        await asyncio.gather(*(self._check_keys(keys) for keys in found if keys is not None and not keys.frozen))
        return len(due)

    def keys_refused(self, order: WorkingOrder) -> None:
        """An order was refused for its keys: if they are refused once more they are frozen."""
        keys = self._policy().credentials.get((order.user_id, order.exchange, order.mode))
        if keys is not None and not keys.frozen:
            self._spawn(self._check_keys(keys))

    async def _check_keys(self, keys: CredentialRef) -> None:
        await credential_checks.check(self._connections, self._database.run, self._policy(), keys)
