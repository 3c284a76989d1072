"""The whole platform as child processes of one parent: simulator, web, worker, beat.

For `make run`, the demo, tests and benchmarks.

Production runs the same commands under its own supervisor (docker-compose.yml has them).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from execution.domain.queues import QUEUES
from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator, running_simulator
from routing_platform.local import children, paths

READY_WITHIN_S = 40.0
STOP_WITHIN_S = 35.0


class StartFailed(RuntimeError):
    """A process did not come up; the text holds the end of its log."""


@dataclass
class Stack:
    """A running platform. `environment` points Django commands at the same database, Redis and exchanges."""

    url: str
    environment: Mapping[str, str]
    simulator: RunningSimulator | None
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def manage(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a management command against this platform; its output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=paths.BASE_DIR,
            env=dict(self.environment),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StartFailed(f"manage.py {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def check_alive(self) -> None:
        """Raises StartFailed with the log's end if a process has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise StartFailed(f"{name} ended with exit code {process.returncode}:\n{log_tail(name)}")


@contextmanager
def running_stack(
    *,
    port: int = 0,
    environment: Mapping[str, str] | None = None,
    simulator: Mapping[str, object] | None = None,
    workers: int = 1,
    beat: bool = True,
    market_data: bool = False,
    web_processes: int = 2,
    before_start: Callable[[SimulatorControl], None] | None = None,
) -> Iterator[Stack]:
    """Run web, worker(s) and beat, and with `simulator` (its options) the exchanges too. The database must exist.

    market_data: also the process that follows order books; without it everybody asks the exchanges, which costs less
    where the machine is small and the run short.
    `before_start` may open accounts at the simulator before anything of the platform runs.
    Ports are free ones unless given. Ends everything on the way out, the worker gracefully.
    """
    env = {**os.environ, **(environment or {}), "PYTHONUNBUFFERED": "1"}
    with ExitStack() as stack:
        running = None
        if simulator is not None:
            running = stack.enter_context(running_simulator(**simulator))
            env["EXCHANGE_BASE_URLS"] = json.dumps(running.base_urls)
            env.setdefault("RATE_LIMIT_SHARE", "1000")  # it has no limits, unless it is told to
            env.setdefault("PUBLIC_KEYS", json.dumps(_public_keys(running.control)))
            if before_start is not None:
                before_start(running.control)
        port = port or free_port()
        env |= {"WEB_BIND": f"127.0.0.1:{port}", "WEB_PROCESSES": str(web_processes)}
        env.setdefault("PROMETHEUS_MULTIPROC_DIR", str(paths.LOCAL_DIR / f"metrics-{port}"))
        platform = Stack(f"http://127.0.0.1:{port}", env, running)
        for name, command in commands(workers=workers, beat=beat, market_data=market_data).items():
            process_env = {k: v for k, v in env.items() if name == "web" or k != "PROMETHEUS_MULTIPROC_DIR"}
            platform.processes[name] = stack.enter_context(_child(name, command, process_env))
        _wait_until_ready(platform, beat=beat)
        yield platform


def _public_keys(control: SimulatorControl) -> dict[str, dict[str, str]]:
    """Keys of our own where market data wants keys."""
    keys = {"api_key": "platform", "secret": "market-data-only"}
    control.upsert_account("alpaca", keys["api_key"], keys["secret"], {})
    return {"alpaca": keys}


def commands(*, workers: int, beat: bool, market_data: bool = False) -> dict[str, list[str]]:
    """Process name -> command."""
    celery = [sys.executable, "-m", "celery", "-A", "routing_platform"]
    found = {
        "web": [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "routing_platform.wsgi"],
    }
    for number in range(1, workers + 1):
        queues = ",".join(QUEUES)
        found[f"worker{number}"] = [*celery, "worker", "-P", "threads", "-c", "4", "-Q", queues, "-n", f"w{number}@%h"]
    if beat:
        found["beat"] = [*celery, "beat"]
    if market_data:
        found["market-data"] = [sys.executable, "manage.py", "run_market_data"]
    return found


@contextmanager
def _child(name: str, command: Sequence[str], env: Mapping[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    paths.LOG_DIR.mkdir(parents=True, exist_ok=True)
    with (paths.LOG_DIR / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=paths.BASE_DIR,
            env=dict(env),
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=children.die_with_parent(),
        )
    try:
        yield process
    finally:
        children.stop(process, signal.SIGTERM, STOP_WITHIN_S)


def _wait_until_ready(platform: Stack, *, beat: bool) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    wanted = {"database", "worker"} | ({"beat"} if beat else set())
    checks: dict[str, str] = {}
    while time.monotonic() < deadline:
        platform.check_alive()
        checks = ready_checks(platform.url)
        if wanted <= {name for name, value in checks.items() if value == "ok"}:
            return
        time.sleep(0.1)
    raise StartFailed(f"The platform was not ready within {READY_WITHIN_S:.0f} s: {checks}\n{log_tail('worker1')}")


def ready_checks(url: str) -> dict[str, str]:
    """What /ready says, or nothing if it does not answer."""
    try:
        with urllib.request.urlopen(f"{url}/ready", timeout=2) as answer:  # noqa: S310 - our own address
            checks: dict[str, str] = json.load(answer)["checks"]
            return checks
    except (urllib.error.URLError, OSError, ValueError):
        return {}


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def log_tail(name: str, lines: int = 25) -> str:
    """The end of a process's log."""
    path: Path = paths.LOG_DIR / f"{name}.log"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""
