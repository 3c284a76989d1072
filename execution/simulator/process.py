"""Starting a simulator as a child process on free ports, for tests, the demo and benchmarks."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from execution.simulator.client import SimulatorControl

_PROJECT = Path(__file__).resolve().parents[2]
_READY_WITHIN_S = 20
_STOP_WITHIN_S = 5


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that is ready. `base_urls` has scheme, host and port of each exchange."""

    control: SimulatorControl
    base_urls: dict[str, str]
    pid: int


@contextlib.contextmanager
def running_simulator(**options: object) -> Iterator[RunningSimulator]:
    """Run a simulator for the length of a `with` block.

    Options are those of the command line with underscores: `running_simulator(seed=7, tick_ms=0)`. Ports are free ones
    unless `port` says otherwise. Raises RuntimeError if it does not become ready.
    """
    child = subprocess.Popen(_command({"port": 0, "quiet": True, **options}), cwd=_PROJECT, stdout=subprocess.PIPE)
    try:
        control_url, base_urls = _read_addresses(child)
        yield RunningSimulator(SimulatorControl(control_url), base_urls, child.pid)
    finally:
        child.terminate()
        try:
            child.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()


def _command(options: dict[str, object]) -> list[str]:
    command = [sys.executable, "-m", "execution.simulator"]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            command.append(flag)
        elif value is not False:
            command += [flag, str(value)]
    return command


def _read_addresses(child: "subprocess.Popen[bytes]") -> tuple[str, dict[str, str]]:
    """Wait for the line the simulator prints when it is ready: the control URL and the exchanges' base URLs."""
    watchdog = threading.Timer(_READY_WITHIN_S, child.kill)
    watchdog.start()
    try:
        line = child.stdout.readline() if child.stdout else b""
    finally:
        watchdog.cancel()
    if not line:
        raise RuntimeError("the simulator ended before it was ready; its error is on stderr")
    addresses = json.loads(line)
    return addresses["control"], addresses["exchanges"]
