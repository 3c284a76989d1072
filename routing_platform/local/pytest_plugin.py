"""Loaded with `-p` before Django's settings: gives the tests a real PostgreSQL and a real Valkey.

Servers named by DATABASE_URL and REDIS_URL are used as they are; else the embedded ones run for the session.
"""

import os
from contextlib import ExitStack

from routing_platform.local.secrets import ensure_env_file
from routing_platform.local.services import running_services

os.environ.setdefault("LOG_LEVEL", "CRITICAL")  # what goes wrong on purpose is not worth reading
_stack = ExitStack()
ensure_env_file()
os.environ.update(_stack.enter_context(running_services(survives_power_cut=False)))


def pytest_unconfigure() -> None:
    """Stop what this session started."""
    _stack.close()
