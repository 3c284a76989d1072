"""A real Chromium against a live server."""

import os
import shutil
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.core.management import call_command
from django.test import override_settings
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.admin import world

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 8_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks these tests and puts them last: from the first on, Playwright's event loop runs in the main thread."""
    for item in items:
        if "tests/browser" in item.nodeid:
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def find_chromium() -> str:
    """CHROMIUM, or one of the usual names on PATH."""
    named = os.environ.get("CHROMIUM", "")
    found = next(filter(None, map(shutil.which, (named, "chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.fail(
            "The browser tests need Chromium: install it (`apt-get install chromium`, `brew install chromium`), "
            "or name it with CHROMIUM=/path/to/chromium.",
            pytrace=False,
        )
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Playwright's event loop runs in this thread; the tests' own queries are plain calls beside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(autouse=True, scope="session")
def _no_collected_files() -> Iterator[None]:
    """Static files come from where they are written; the live server starts before any test's own settings."""
    with override_settings(STATIC_ROOT=None):
        yield


@pytest.fixture(autouse=True)
def _fresh_admin_state(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()


@pytest.fixture
def boss(transactional_db: None) -> User:
    """A person who may do everything."""
    return User.objects.create_superuser("risk.two", password="correct horse battery staple")


@pytest.fixture
def calm(boss: User) -> world.World:
    """A desk on a calm day."""
    return world.calm_day()


@pytest.fixture
def viewer(boss: User) -> User:
    """A person who may only look."""
    call_command("create_roles", stdout=StringIO())
    person = world.user("looks.only", is_staff=True)
    person.groups.add(Group.objects.get(name="viewer"))
    return person


@pytest.fixture
def open_as(browser: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    """Opens a page of the admin, logged in as somebody. Every error on the page's console fails the test."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_page(person: User | None, path: str = "/admin/", **options: Any) -> Page:
        context = browser.new_context(
            viewport=options.pop("viewport", {"width": 1440, "height": 900}),
            reduced_motion="reduce",
            permissions=["clipboard-read", "clipboard-write"],
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        if person is not None:
            context.add_cookies([{**session_cookie(person), "url": live_server.url}])
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(live_server.url + path)
        return page

    open_page.problems = problems  # type: ignore[attr-defined]
    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


def session_cookie(person: User) -> dict[str, str]:
    """A session as the login page makes it."""
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = django_settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.save()
    return {"name": django_settings.SESSION_COOKIE_NAME, "value": str(session.session_key)}
