"""Whether this worker may take work at all: it has begun, its heartbeat is heard, its code fits the tables."""

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from os import getpid

from execution.selectors import facts
from execution.services.executor.clock import Clock
from execution.services.executor.threads import DatabaseThreads
from execution.services.heartbeat import beat
from execution.services.reconcile import epoch
from execution.services.reconcile.witness import Witness
from execution.services.schema import schema_fits
from policies import snapshot


class Standing:
    """One per worker. `in_flight` tells the heartbeat how busy it is."""

    def __init__(self, database: DatabaseThreads, redis_url: str, in_flight: Callable[[], int]) -> None:
        self.name = f"{socket.gethostname()}:{getpid()}"
        self._started_at = datetime.now(UTC)
        self._database = database
        self._witness = Witness(redis_url)
        self._in_flight = in_flight
        self._position = 0
        self._fits = False
        self.clock = Clock(database)
        self.begun = False

    @property
    def may_claim(self) -> bool:
        """False while this code does not know what the database's rows mean, and before `begin`."""
        return self.begun and self._fits

    async def begin(self) -> None:
        """Read the policy, and commit what must be reconciled before anything is claimed. Raises django.db.Error."""
        await self._database.run(snapshot.refresh)
        self._fits = await self._database.run(schema_fits)
        if not self._fits:
            return
        await self._database.run(epoch.begin, self.name, self._started_at, self._witness)
        await self._database.run(facts.refresh_facts)
        await self.clock.begin()
        self.begun = True

    async def beat(self) -> None:
        """I am alive, and the ledger has come this far. Raises django.db.Error."""
        if not self.begun:
            return
        await self._database.run(
            beat, self.name, kind="worker", started_at=self._started_at, in_flight=self._in_flight()
        )
        await self.clock.store()
        self._position = await self._database.run(epoch.advance, self._position, self._witness)
        self._fits = await self._database.run(schema_fits)

    def close(self) -> None:
        """Give the witness's connections back."""
        self._witness.close()
