"""A process that has loaded everything and forks platform processes: a mutant starts in a tenth of a second."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos.platform import Process
from routing_platform.local import children, paths


@dataclass(frozen=True, slots=True)
class Forked:
    """A grandchild: it is reaped by its own parent, so only its existence is known."""

    pid: int

    def poll(self) -> int | None:
        """None while it runs."""
        return None if Path(f"/proc/{self.pid}").exists() else -1

    def wait(self) -> int:
        """Until it has ended."""
        while self.poll() is None:
            time.sleep(0.01)
        return -1

    def terminate(self) -> None:
        """SIGTERM."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)


class Zygote:
    """Starts processes by forking; `launch` fits `chaos.platform.Process.launch`."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._child = child

    def launch(self, process: Process) -> Forked:
        """Fork one process with its patches, environment and command (`python -m …`)."""
        order = {
            "patches": list(process.patches),
            "command": list(process.command[2:]),
            "environment": dict(process.environment),
            "log": str(process.log),
        }
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(order).encode() + b"\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError("the process that forks mutants has ended")
        return Forked(int(line))


@contextmanager
def running_zygote(environment: Mapping[str, str]) -> Iterator[Zygote]:
    """Load everything once; servers must be those of all processes that are to be forked."""
    child = subprocess.Popen(
        [sys.executable, "-m", "chaos.mutated", "--serve"],
        cwd=paths.BASE_DIR,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=children.die_with_parent(signal.SIGKILL),
    )
    try:
        yield Zygote(child)
    finally:
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()
