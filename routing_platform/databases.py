"""Django's database settings from one DATABASE_URL."""

import select
import time
from typing import Any

import environ
import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.errors import _WaitTimeout

ANSWER_WITHIN_S = 7.0
"""Longer than PostgreSQL lets any statement take: a connection that is silent for so long leads nowhere."""

ALIVE_FOR_S = 1.0
"""A connection that answered so short a time ago, and that the server has not closed since, is not asked whether it
lives: the question is a round trip before every request, a fifth of what storing a signal costs."""

RECONNECT_WITHIN_S = 4.0
"""How long the pool tries by itself. Its pauses double each time, so left alone it would come back as late as the
outage was long; after this the next request asks again."""

_SESSION = "-c statement_timeout=5000 -c idle_in_transaction_session_timeout=10000 -c lock_timeout=3000 -c jit=off"
"""Without JIT: where PostgreSQL has LLVM it would compile some of these short statements, which takes longer."""


def database_config(url: str, *, pool_size: int) -> dict[str, Any]:
    """Settings of the `default` database. Only PostgreSQL: claims, locks and exact decimals depend on it."""
    config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    if config.get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured("DATABASE_URL must be a postgres:// URL; PostgreSQL is the only database.")
    options = config.setdefault("OPTIONS", {})
    if "host" in options:  # ?host=/socket/folder
        config["HOST"] = options.pop("host")
    options.setdefault("connect_timeout", 2)
    options.setdefault("options", _SESSION)
    pool: dict[str, Any] = {"min_size": 1, "max_size": pool_size, "timeout": 1.5, "max_idle": 300}
    pool |= {"connection_class": BoundedConnection, "reconnect_timeout": RECONNECT_WITHIN_S}
    options.setdefault("pool", pool)
    config["CONN_HEALTH_CHECKS"] = True
    config["CONN_MAX_AGE"] = 0  # the pool keeps connections, not the request
    return config


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is given up when nothing comes back.

    A firewall that forgot it, a host that vanished: without a bound of our own the thread that waits is lost for ever,
    and after a few of them the process.
    """

    _answered_at = float("-inf")

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """As psycopg's. An empty statement is the pool's question whether it lives; see `ALIVE_FOR_S`."""
        if query == "" and time.monotonic() - self._answered_at < ALIVE_FOR_S and not self._has_news():
            return self.cursor()
        return super().execute(query, params, **options)

    def _has_news(self) -> bool:
        """Whether the server has sent what nobody asked for: its end, mostly."""
        if self.closed:
            return True
        poll = select.poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return bool(poll.poll(0))

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg's, with a bound. Raises OperationalError, and the connection is closed."""
        try:
            answer = super().wait(gen, interval, ANSWER_WITHIN_S if timeout is None else timeout)
        except _WaitTimeout:
            if timeout is None:
                self.pgconn.finish()
            raise
        self._answered_at = time.monotonic()
        return answer
