"""Django's database settings from one DATABASE_URL."""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

_SESSION = "-c statement_timeout=5000 -c idle_in_transaction_session_timeout=10000 -c lock_timeout=3000"


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
    options.setdefault("pool", {"min_size": 1, "max_size": pool_size, "timeout": 1.5, "max_idle": 300})
    config["CONN_HEALTH_CHECKS"] = True
    config["CONN_MAX_AGE"] = 0  # the pool keeps connections, not the request
    return config
