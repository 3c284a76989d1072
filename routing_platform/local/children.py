"""Child processes that end when their parent ends, and that PostgreSQL accepts (it refuses to run as root)."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_NOBODY = 65534


def die_with_parent(signum: int = signal.SIGTERM) -> Callable[[], None]:
    """A `preexec_fn` that makes Linux send `signum` to the child when its parent dies, even by SIGKILL."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    libc = ctypes.CDLL(None, use_errno=True)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signum)


@dataclass(frozen=True, slots=True)
class Unprivileged:
    """How to start a program that must not be root: a command prefix and, or, another user id."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None

    def popen(self, command: Sequence[str], log: IO[bytes] | int) -> subprocess.Popen[bytes]:
        """Start `command` in its own process group; it gets SIGINT when this process dies."""
        bind_to_parent = die_with_parent(signal.SIGINT)

        def before_exec() -> None:
            os.setpgid(0, 0)  # a Ctrl+C in the terminal must reach the supervisor, not the database
            if self.uid is not None:
                os.setgid(self.uid)
                os.setuid(self.uid)
            bind_to_parent()  # after setuid, which clears it

        return subprocess.Popen(
            [*self.prefix, *command],
            cwd="/",
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            preexec_fn=before_exec,
        )


def unprivileged_for(*paths: Path) -> Unprivileged:
    """The way to run a server that refuses root, able to reach `paths`.

    As root: user `nobody` where the paths may be traversed by it, else an unmapped user namespace.
    """
    if os.geteuid() != 0:
        _require_passwd_entry()
        return Unprivileged()
    if all(_traversable_by_others(path) for path in paths):
        return Unprivileged(uid=_NOBODY)
    if shutil.which("unshare"):
        return Unprivileged(prefix=("unshare", "-U"))
    raise RuntimeError(
        "PostgreSQL refuses to run as root, and user 'nobody' cannot reach this folder. Run as an ordinary user, "
        "move the checkout out of a private folder, or set DATABASE_URL to an existing server."
    )


def _require_passwd_entry() -> None:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError as e:
        raise RuntimeError(
            f"User id {os.geteuid()} has no entry in /etc/passwd, which PostgreSQL needs. Add one, or set DATABASE_URL."
        ) from e


def _traversable_by_others(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def stop(process: subprocess.Popen[bytes], signum: int, timeout_s: float) -> None:
    """Ask a child to end, then kill it."""
    if process.poll() is not None:
        return
    process.send_signal(signum)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
