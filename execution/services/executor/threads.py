"""Database calls of the event loop, in a few threads with a connection each."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 4


class DatabaseThreads:
    """Runs blocking database functions without blocking the loop."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="executor-db")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result. A broken connection is dropped, so the next call gets a new one."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, _call, lambda: function(*args, **kwargs))

    def close(self) -> None:
        """Give back the threads' connections and end them."""
        # The barrier keeps each thread at its task until all have one: otherwise one thread might take several.
        all_here = threading.Barrier(THREADS)

        def leave() -> None:
            connection.close()
            all_here.wait()

        for _ in range(THREADS):
            self._pool.submit(leave)
        self._pool.shutdown(wait=True)


def _call(function: Callable[[], T]) -> T:
    try:
        return function()
    except (OperationalError, InterfaceError):
        connection.close()
        raise
