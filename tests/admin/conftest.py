"""Fixtures of the admin's tests."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from execution.selectors import facts
from policies import snapshot
from tests.admin import world


@pytest.fixture(autouse=True)
def _fresh_admin_state(settings: Any) -> None:
    """Nothing that pages share may outlive a test. There is no folder of collected static files in tests."""
    settings.STATIC_ROOT = None
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()


@pytest.fixture
def staff(db: None) -> Callable[[str], User]:
    """Makes a person with one role."""
    call_command("create_roles", stdout=StringIO())

    def make(role: str) -> User:
        person = world.user(role.replace(" ", "."), is_staff=True)
        person.groups.add(Group.objects.get(name=role))
        return person

    return make


@pytest.fixture
def boss(client: Client, risk_manager: User) -> Client:
    """A browser in which somebody who may do everything is logged in."""
    client.force_login(risk_manager)
    return client


@pytest.fixture
def now_read() -> Callable[[], None]:
    """Forget what this process read, as if the caches had run out."""

    def forget() -> None:
        snapshot.forget()
        facts.forget()
        cache.clear()

    return forget
