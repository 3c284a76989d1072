"""The platform's processes under a supervisor that starts again what was killed, as systemd would.

Everything is driven by `tick` from one thread: the kernel ends children when the thread that made them ends.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Protocol

from routing_platform.local import children, paths, stack

RESTART_AFTER_S = (0.5, 1.0)


class Handle(Protocol):
    """What is needed of a running process (as of `subprocess.Popen`)."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self) -> int: ...
    def terminate(self) -> None: ...


@dataclass(slots=True)
class Process:
    """One supervised process and its own process group. launch: how it is started, if not as a new program."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    running: Handle | None = None
    launch: "Callable[[Process], Handle] | None" = None
    patches: Sequence[str] = ()
    restart_at: float | None = None
    starts: int = 0
    wanted: bool = True


@dataclass(slots=True)
class Platform:
    """Web, workers and beat. `killed` counts the processes that a fault has ended."""

    url: str
    processes: dict[str, Process] = field(default_factory=dict)
    random: Random = field(default_factory=Random)
    killed: int = 0

    def start(self, names: Iterable[str] | None = None) -> None:
        """Start all processes, or the named ones."""
        for name in names if names is not None else self.processes:
            self.processes[name].wanted = True
            _start(self.processes[name])

    def tick(self) -> None:
        """Notice what has ended, and start it again when its time has come."""
        now = time.monotonic()
        for process in self.processes.values():
            if not process.wanted or process.running is None or process.running.poll() is None:
                continue
            if process.restart_at is None:
                process.restart_at = now + self.random.uniform(*RESTART_AFTER_S)
            elif now >= process.restart_at:
                _start(process)

    def kill(self, name: str) -> None:
        """SIGKILL a process with all its children; the supervisor starts it again."""
        if self._signal_group(name, signal.SIGKILL):
            self.killed += 1

    def kill_child(self, name: str, number: int) -> None:
        """SIGKILL one child, which its own parent replaces (one of gunicorn's workers)."""
        found = self.children(name)
        if found:
            self.killed += 1
            _signal(found[number % len(found)], signal.SIGKILL)

    def children(self, name: str) -> list[int]:
        """Process ids of a process's children."""
        running = self.processes[name].running
        if running is None:
            return []
        try:
            return [int(pid) for pid in Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()]
        except OSError:
            return []

    def freeze(self, name: str) -> int | None:
        """SIGSTOP a process and its children; returns what `thaw` wants."""
        running = self.processes[name].running
        return running.pid if running is not None and self._signal_group(name, signal.SIGSTOP) else None

    def thaw(self, group: int) -> None:
        """SIGCONT a group that `freeze` stopped. It may have been killed meanwhile."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGCONT)

    def terminate(self, name: str) -> None:
        """SIGTERM, as a deployment does; the supervisor starts it again."""
        running = self.processes[name].running
        if running is not None and running.poll() is None:
            running.terminate()

    def end(self, names: Iterable[str] | None = None) -> None:
        """SIGKILL for good."""
        for name in names if names is not None else self.processes:
            self.processes[name].wanted = False
            self._signal_group(name, signal.SIGKILL)
            running = self.processes[name].running
            if running is not None:
                running.wait()

    def _signal_group(self, name: str, signum: int) -> bool:
        running = self.processes[name].running
        if running is None or running.poll() is not None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signum)
        return True


def _signal(pid: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signum)


def _start(process: Process) -> None:
    process.restart_at = None
    process.starts += 1
    if process.launch is not None:
        process.running = process.launch(process)
        return
    command = mutated(process.command, process.patches) if process.patches else process.command
    with process.log.open("ab") as log:
        process.running = subprocess.Popen(
            command,
            cwd=paths.BASE_DIR,
            env=dict(process.environment),
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=children.die_with_parent(signal.SIGKILL),
        )


def processes(
    folder: Path,
    *,
    web: Mapping[str, str],
    workers: Mapping[str, str],
    count: int = 2,
    beat: bool = True,
    patches: Sequence[str] = (),
) -> dict[str, Process]:
    """The commands of production, web and workers with an environment each.

    patches: names that `chaos.mutated` applies in the workers before anything runs.
    """
    found = {}
    for name, command in stack.commands(workers=count, beat=beat).items():
        environment = {**os.environ, **(web if name == "web" else workers), "PYTHONUNBUFFERED": "1"}
        if name == "beat":
            command = [*command, "-s", str(folder / "beat-schedule")]
        found[name] = Process(name, command, environment, folder / f"{name}.log")
        found[name].patches = patches if name.startswith("worker") else ()
    return found


def mutated(command: Sequence[str], patches: Sequence[str]) -> list[str]:
    """A `python -m module …` command with patches applied first."""
    assert list(command[1:2]) == ["-m"]
    return [sys.executable, "-m", "chaos.mutated", ",".join(patches), *command[2:]]
