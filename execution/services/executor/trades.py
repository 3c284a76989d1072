"""Goes on with arbitrage as soon as one of its orders has ended, and once more with every sweep."""

from collections.abc import Callable

import structlog
from django.db import Error as DatabaseError

from execution.services.arbitrage_trades import advance
from execution.services.executor.threads import DatabaseThreads

logger = structlog.get_logger(__name__)


class Trades:
    """One per worker; costs nothing while no arbitrage is under way. `moved` is called when there are new orders."""

    def __init__(self, database: DatabaseThreads, moved: Callable[[], None]) -> None:
        self._database = database
        self._moved = moved
        self._running = False
        self._again = False

    async def turn(self) -> None:
        """Move what can move. While one turn runs another is remembered, not started."""
        self._again = True
        if self._running:
            return
        self._running = True
        try:
            while self._again:
                self._again = False
                if await self._database.run(advance):
                    self._again = True
                    self._moved()
        except DatabaseError as e:
            logger.warning("arbitrage_not_advanced", error=str(e))  # the next sweep goes on
        finally:
            self._running = False
