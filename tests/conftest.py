"""Fixtures every test may use."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection

from execution.selectors import facts
from execution.services import installation
from execution.simulator.facts import EXCHANGES
from policies import defaults, snapshot
from policies.models import Exchange, FailoverChain, FailoverStep, FeeTier, RoutingSettings, RoutingStrategy

# Hashing passwords well takes a third of a second; no test needs that.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# No test may reach a real exchange, wherever it runs: who wants one starts the simulator.
settings.ENV["EXCHANGE_BASE_URLS"] = dict.fromkeys(EXCHANGES, "http://127.0.0.1:9")


FIRST = "tests/chaos/"
"""Databases of its own, and long: it begins while the others do what is short."""

ONE_AT_A_TIME = "tests/stack/"
"""Whole platforms: never two of them side by side."""


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Say what must stay together when lanes run side by side: a file, and all that starts whole platforms.

    Those that commit come behind those that roll back, because they leave empty tables: so the two kinds of a file are
    two groups.
    """
    for item in items:
        together = next((name for name in (FIRST, ONE_AT_A_TIME) if item.nodeid.startswith(name)), "")
        file = item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(together or f"{file}{' commits' if _commits(item) else ''}"))
    yield
    if len({item.nodeid for item in items}) < len(items):
        raise pytest.UsageError("Two tests share an id: lanes would run only one of them.")
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """Files of a minute come last, so that all lanes end together."""
    if item.nodeid.startswith(FIRST):
        return 0
    if item.nodeid.startswith(ONE_AT_A_TIME):
        return 3
    if _commits(item):
        return 4
    fixtures = getattr(item, "fixturenames", ())
    return 2 if "db" in fixtures or item.get_closest_marker("django_db") else 1


def _commits(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    marker = item.get_closest_marker("django_db")
    return not {"transactional_db", "live_server"}.isdisjoint(fixtures) or bool(
        marker and marker.kwargs.get("transaction")
    )


@pytest.fixture(autouse=True)
def _fresh_process_state() -> Iterator[None]:
    """What a process remembers about policy, exchanges and itself must not outlive a test's database."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    for memory in (snapshot, installation, facts):
        memory.forget()


@pytest.fixture
def transactional_db(transactional_db: None) -> Iterator[None]:
    """A really committing database, with the installed defaults that the flush of the last test removed."""
    with connection.cursor() as cursor:
        cursor.execute("RESET statement_timeout")
    defaults.install(Exchange, RoutingSettings, FailoverChain, FailoverStep, settings.ENV["DEFAULT_EXCHANGE"])
    defaults.install_fee_tiers(FeeTier)
    defaults.install_strategies(RoutingStrategy)
    cache.clear()
    yield
    # All tables are emptied in one statement now, which may take a busy machine longer than the platform grants any.
    with suppress(DatabaseError), connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")


@pytest.fixture
def user(db: None, django_user_model: Any) -> Any:
    """An ordinary client user."""
    return django_user_model.objects.create_user("algo1", password="correct horse battery staple")


@pytest.fixture
def risk_manager(db: None, django_user_model: Any) -> Any:
    """A person who may do everything in the admin."""
    return django_user_model.objects.create_superuser("risk.two", password="correct horse battery staple")
