"""PostgreSQL and Valkey of the harness's own, that may be killed, frozen and started again.

Start and restart them from the thread that lives longest: the kernel ends a child when the thread that made it ends.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import redis

from routing_platform.local import binaries, children

START_WITHIN_S = 60.0
DATABASE = "routing"


class ServerFailed(RuntimeError):
    """A server did not come up."""


class Server:
    """One server process. `answers` says whether it can be used."""

    def __init__(
        self, command: Sequence[str], answers: Callable[[], bool], runner: children.Unprivileged | None = None
    ) -> None:
        self._command = list(command)
        self._answers = answers
        self._runner = runner or children.Unprivileged()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Start it, and by default wait until it answers. Raises ServerFailed."""
        self.process = self._runner.popen(self._command, subprocess.DEVNULL)
        deadline = time.monotonic() + START_WITHIN_S
        while wait and not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed(f"{Path(self._command[0]).name} did not start")
            time.sleep(0.03)

    @property
    def running(self) -> bool:
        """Whether its process is there, frozen or not."""
        return self.process is not None and self.process.poll() is None

    def kill(self, signum: int = signal.SIGKILL) -> None:
        """End it at once; for PostgreSQL SIGQUIT is the immediate stop, after which it recovers from its log."""
        if self.process is not None and self.running:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signum)
            self.process.wait(START_WITHIN_S)

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        if self.process is not None and self.running:
            self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        if self.process is not None and self.running:
            self.process.send_signal(signal.SIGCONT)


@contextmanager
def short_folder(prefix: str = "chaos-") -> Iterator[Path]:
    """A temporary folder with a path short enough for sockets, that an unprivileged server can reach."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_valkey(folder: Path) -> Iterator[tuple[Server, str]]:
    """A Valkey that keeps nothing (no AOF, no snapshots), and its URL: what it loses when killed is lost."""
    path = folder / "valkey.sock"
    command = [str(binaries.valkey_server()), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    command += ["--save", "", "--appendonly", "no", "--dir", str(folder)]
    server = Server(command, lambda: _valkey_answers(path))
    server.start()
    try:
        yield server, f"unix://{path}"
    finally:
        server.kill()


def _valkey_answers(path: Path) -> bool:
    client = redis.Redis(unix_socket_path=str(path), socket_timeout=1)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


@contextmanager
def running_postgres(folder: Path) -> Iterator[tuple[Server, str]]:
    """A PostgreSQL with an empty database, and the database's URL. Commits are as durable as in production."""
    bin_dir, data = binaries.postgres_bin_dir(), folder / "data"
    runner = children.unprivileged_for(bin_dir / "postgres", data)
    data.mkdir(mode=0o700)
    if runner.uid is not None:
        for path in (folder, data):
            os.chown(path, runner.uid, runner.uid)
    initdb = [str(bin_dir / "initdb"), "-D", str(data), "-U", "routing", "-A", "trust", "-E", "UTF8", "--no-locale"]
    if runner.popen([*initdb, "--no-sync"], subprocess.DEVNULL).wait(60) != 0:
        raise ServerFailed("initdb failed")
    command = [str(bin_dir / "postgres"), "-D", str(data), "-k", str(folder)]
    for setting in ("listen_addresses=", "max_connections=200", "shared_buffers=64MB"):
        command += ["-c", setting]
    server = Server(command, lambda: postgres_answers(postgres_url(folder, "postgres")), runner)
    server.start()
    try:
        with psycopg.connect(postgres_url(folder, "postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        yield server, postgres_url(folder)
    finally:
        server.kill(signal.SIGQUIT)


def postgres_url(folder: Path, database: str = DATABASE) -> str:
    """The URL of a database of the server in `folder`, over its unix socket."""
    return f"postgres://routing@/{database}?host={folder}"


def postgres_answers(url: str) -> bool:
    """Whether it accepts connections."""
    try:
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False
