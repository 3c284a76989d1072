"""Starts and stops the embedded PostgreSQL and Valkey."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psycopg
import redis

from routing_platform.local import binaries, children, paths

START_TIMEOUT_S = 30.0


class StartFailed(RuntimeError):
    """A server did not come up; the text ends with its log."""


@contextmanager
def running_services(*, survives_power_cut: bool = True) -> Iterator[dict[str, str]]:
    """Run what DATABASE_URL and REDIS_URL do not already name; yields the environment that points at everything.

    A server of an earlier start that still answers is used as it is and left running. survives_power_cut: False only
    for data that nobody will miss. Killed servers lose nothing either way.
    """
    environment = {}
    with ExitStack() as stack:
        if not _is_external("DATABASE_URL", paths.database_url()):
            stack.enter_context(_running_postgres(survives_power_cut))
            environment["DATABASE_URL"] = paths.database_url()
        if not _is_external("REDIS_URL", paths.redis_url()):
            environment["REDIS_URL"] = stack.enter_context(running_valkey())
        yield environment


def postgres_answers() -> bool:
    """Whether the embedded PostgreSQL accepts connections."""
    try:
        with psycopg.connect(paths.database_url("postgres"), connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def valkey_answers(name: str = "valkey") -> bool:
    """Whether the embedded Valkey of this name answers."""
    client = redis.Redis.from_url(paths.redis_url(name), socket_timeout=1, socket_connect_timeout=1)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


@contextmanager
def running_valkey(name: str = "valkey") -> Iterator[str]:
    """Run an embedded Valkey with data, log and socket of this name; yields its URL."""
    if valkey_answers(name):
        yield paths.redis_url(name)
        return
    for folder in (paths.valkey_dir(name), paths.LOG_DIR, paths.socket_dir()):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [str(binaries.valkey_server()), "--port", "0", "--dir", str(paths.valkey_dir(name))]
    command += ["--unixsocket", str(paths.valkey_socket(name)), "--unixsocketperm", "700"]
    command += ["--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction"]
    with _child(children.Unprivileged(), command, name, signal.SIGTERM, partial(valkey_answers, name)):
        yield paths.redis_url(name)


def _is_external(variable: str, embedded_url: str) -> bool:
    return os.environ.get(variable, embedded_url) not in ("", embedded_url)


@contextmanager
def _running_postgres(survives_power_cut: bool) -> Iterator[None]:
    if postgres_answers():
        yield
        return
    bin_dir = binaries.postgres_bin_dir()
    runner = children.unprivileged_for(bin_dir / "postgres", paths.POSTGRES_DIR)
    _prepare_folders(runner)
    if not (paths.POSTGRES_DIR / "PG_VERSION").exists():
        _initdb(bin_dir, runner)
    command = [str(bin_dir / "postgres"), "-D", str(paths.POSTGRES_DIR), "-k", str(paths.socket_dir())]
    settings = ["listen_addresses=", "max_connections=200", "shared_buffers=128MB"]
    if not survives_power_cut:
        settings += ["fsync=off", "full_page_writes=off"]
    for setting in settings:
        command += ["-c", setting]
    with _child(runner, command, "postgres", signal.SIGINT, postgres_answers):
        _create_database("routing")
        yield


def _prepare_folders(runner: children.Unprivileged) -> None:
    for folder in (paths.LOCAL_DIR, paths.LOG_DIR):
        folder.mkdir(parents=True, exist_ok=True)
    for folder in (paths.POSTGRES_DIR, paths.socket_dir()):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if runner.uid is not None:
            os.chown(folder, runner.uid, runner.uid)


def _initdb(bin_dir: Path, runner: children.Unprivileged) -> None:
    command = [str(bin_dir / "initdb"), "-D", str(paths.POSTGRES_DIR), "-U", "routing", "-A", "trust"]
    log_path = paths.LOG_DIR / "initdb.log"
    with log_path.open("wb") as log:
        process = runner.popen([*command, "-E", "UTF8", "--no-locale", "--no-sync"], log)
        if process.wait() != 0:
            shutil.rmtree(paths.POSTGRES_DIR, ignore_errors=True)
            raise StartFailed(f"initdb failed:\n{_tail(log_path)}")


def _create_database(name: str) -> None:
    with psycopg.connect(paths.database_url("postgres"), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            connection.execute(f'CREATE DATABASE "{name}"')


@contextmanager
def _child(
    runner: children.Unprivileged, command: list[str], name: str, stop_signal: int, answers: Callable[[], bool]
) -> Iterator[None]:
    log_path = paths.LOG_DIR / f"{name}.log"
    with log_path.open("ab") as log:
        process = runner.popen(command, log)
    try:
        _wait_until(answers, process, name, log_path)
        yield
    finally:
        children.stop(process, stop_signal, timeout_s=10)


def _wait_until(answers: Callable[[], bool], process: subprocess.Popen[bytes], name: str, log_path: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not answers():
        if process.poll() is not None:
            raise StartFailed(f"{name} ended with exit code {process.returncode}:\n{_tail(log_path)}")
        if time.monotonic() > deadline:
            raise StartFailed(f"{name} did not answer within {START_TIMEOUT_S:.0f} s:\n{_tail(log_path)}")
        time.sleep(0.03)


def _tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
