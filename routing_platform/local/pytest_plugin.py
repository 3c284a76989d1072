"""Loaded with `-p` before Django's settings: gives the tests a real PostgreSQL and a real Valkey.

Servers named by DATABASE_URL and REDIS_URL are used as they are; else the embedded ones run for the session. Lanes that
run side by side share PostgreSQL, where each has a database of its own; the first uses that Valkey, others have theirs.
"""

import os
from contextlib import ExitStack

from routing_platform.local.secrets import ensure_env_file
from routing_platform.local.services import running_services, running_valkey

os.environ.setdefault("LOG_LEVEL", "CRITICAL")  # what goes wrong on purpose is not worth reading
_stack = ExitStack()
ensure_env_file()
_lane = os.environ.get("PYTEST_XDIST_WORKER")
if _lane is None:
    os.environ.update(_stack.enter_context(running_services(survives_power_cut=False)))
elif _lane != "gw0":
    os.environ["REDIS_URL"] = _stack.enter_context(running_valkey(f"valkey-{_lane}"))


def pytest_unconfigure() -> None:
    """Stop what this session started."""
    _stack.close()
