"""Imports point down only, and the pure parts stay pure."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("policies", "execution", "routing_platform")
PURE = ("django", "rest_framework", "celery", "ccxt", "redis", "aiohttp", "structlog")
FORBIDDEN = {
    "policies/domain": (*PURE, "execution", "routing_platform", "policies.models", "policies.services"),
    "execution/domain": (*PURE, "routing_platform", "execution.models", "execution.services", "policies.models"),
    "execution/exchanges": (
        "django", "celery", "execution.models", "execution.services", "execution.selectors", "routing_platform",
        "policies.models", "policies.services", "policies.snapshot", "execution.simulator",
    ),
    "execution/simulator": (
        "django", "celery", "ccxt", "execution.models", "execution.services", "execution.exchanges",
        "execution.domain", "policies", "routing_platform",
    ),
    "policies": ("execution", "routing_platform"),
    "execution/models": ("execution.services", "execution.selectors", "execution.api", "execution.admin"),
    "execution/selectors": (
        "execution.services", "execution.api", "execution.admin", "execution.public", "execution.tasks",
    ),
    "execution/services": ("execution.api", "execution.admin", "execution.public", "rest_framework"),
    "execution/public": ("execution.admin", "execution.tasks", "execution.simulator"),
    "execution/api": ("execution.admin", "execution.tasks"),
}  # fmt: skip
ALLOWED = {
    # A wake-up is a Celery message; the import is late and in one place.
    ("execution/services/wake.py", "execution.tasks"),
    # The heartbeat carries the version.
    ("execution/services/heartbeat.py", "routing_platform.version"),
    # The command that wraps the simulator is Django's.
}


def imported_modules(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def files(folder: str) -> list[Path]:
    return [path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts]


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_point_inward(folder):
    offences = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files(folder)
        for module in sorted(imported_modules(path))
        for barred in FORBIDDEN[folder]
        if f"{module}.".startswith(f"{barred}.")
        and (str(path.relative_to(ROOT)), barred) not in ALLOWED
        and (str(path.relative_to(ROOT)), module) not in ALLOWED
    ]

    assert offences == []


def test_no_cycle_between_the_two_apps():
    assert not [path for path in files("policies") if any(m.startswith("execution") for m in imported_modules(path))]


@pytest.mark.parametrize("path", [p for name in OURS for p in files(name)], ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_grows_beyond_four_hundred_lines(path):
    assert len(path.read_text().splitlines()) <= 400


def test_the_project_stands_alone():
    """Nothing in it reads a folder beside it, but the extra step of CI."""
    places = [path for name in (*OURS, "tests", "benchmarks", "deploy") for path in (ROOT / name).rglob("*.py")]
    neighbour = "../" + "shared"
    assert not [path for path in places if neighbour in path.read_text() or f"/{'shared'}/" in path.read_text()]
