"""A small proxy with one link per dependency, each of which can be broken while it runs.

Started as a process of its own (`python -m chaos.proxy CONTROL_SOCKET`, links as JSON on stdin); it prints the
addresses it listens on and is then controlled over a unix socket, one JSON object per line.
"""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

import uvloop

from routing_platform.local import children, paths

_PIECE = 256
"""Bytes per piece on a slow link."""


class Mode(StrEnum):
    """What a link does to its connections, those that exist and those that come."""

    PASS = "pass"
    LATENCY = "latency"
    """Every piece arrives `delay_s` later."""
    SLOW = "slow"
    """Bytes trickle, `_PIECE` of them every `delay_s`."""
    STALL = "stall"
    """Nothing moves until the mode changes; then everything goes on, as after lost packets."""
    CUT = "cut"
    """Every connection is reset at once."""
    BLACK_HOLE = "black_hole"
    """Connections are accepted and nothing is ever forwarded: those it swallowed stay silent for ever."""
    HALF_CLOSE = "half_close"
    """The caller sees the end of the stream, and what it sends is swallowed."""
    REFUSE = "refuse"
    """Nobody listens; what was open is reset."""


class _End(asyncio.Protocol):
    """One socket of a connection."""

    def __init__(self, connection: "_Connection") -> None:
        self.connection = connection
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.connection.opened(self)

    def data_received(self, data: bytes) -> None:
        self.connection.carry(self, data)

    def eof_received(self) -> bool:
        self.connection.carry(self, b"")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.connection.lost(self)

    def pause_writing(self) -> None:
        self.connection.other(self).pause(True)

    def resume_writing(self) -> None:
        self.connection.other(self).pause(False)

    def pause(self, paused: bool) -> None:
        """Stop or go on reading."""
        if self.transport is not None and not self.transport.is_closing():
            if paused:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def reset(self) -> None:
        """Close with a TCP reset."""
        if self.transport is None:
            return
        raw = self.transport.get_extra_info("socket")
        if raw is not None and raw.family != socket.AF_UNIX:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.transport.abort()


class _Connection:
    """A caller's socket and ours to the server. `dead`: swallowed; nothing is forwarded any more."""

    def __init__(self, link: "_Link") -> None:
        self.link = link
        self.caller, self.server = _End(self), _End(self)
        self.dead = False
        self._early: list[bytes] = []
        self._due = {self.caller: 0.0, self.server: 0.0}

    def other(self, end: _End) -> _End:
        """The opposite end."""
        return self.server if end is self.caller else self.caller

    def opened(self, end: _End) -> None:
        if end is self.caller:
            self.link.accepted(self)
            return
        early, self._early = self._early, []
        for data in early:
            self.carry(self.caller, data)
        if self.link.mode == Mode.STALL:
            self.caller.pause(True)

    def carry(self, end: _End, data: bytes) -> None:
        """Forward a piece as the mode says; empty is the end of the stream."""
        if self.dead:
            return
        if end is self.caller and self.server.transport is None:
            self._early.append(data)  # sent before the server was reached
            return
        loop, link = self.link.loop, self.link
        if link.mode == Mode.SLOW and len(data) > _PIECE:
            for start in range(0, len(data), _PIECE):
                self.carry(end, data[start : start + _PIECE])
            return
        now = loop.time()
        due = max(now, self._due[end])
        if link.mode == Mode.SLOW:
            due += link.delay_s
        elif link.mode == Mode.LATENCY:
            due = max(due, now + link.delay_s)
        self._due[end] = due
        if due > now:
            loop.call_at(due, self._write, self.other(end), data)
        else:
            self._write(self.other(end), data)

    def _write(self, end: _End, data: bytes) -> None:
        if self.dead or end.transport is None or end.transport.is_closing():
            return
        if data:
            end.transport.write(data)
        elif end.transport.can_write_eof():
            end.transport.write_eof()

    def lost(self, end: _End) -> None:
        """One socket is gone; so is the other, unless a black hole keeps the news from arriving."""
        other = self.other(end)
        if (end is self.caller or not self.dead) and other.transport is not None:
            other.transport.close()
        if end is self.caller:
            self.link.connections.discard(self)

    def reset(self) -> None:
        """Reset both ends."""
        self.dead = True
        self.caller.reset()
        self.server.reset()

    def swallow(self, *, end_of_stream: bool = False) -> None:
        """Forward nothing more, for ever."""
        if self.dead:
            return
        if end_of_stream:
            self._write(self.caller, b"")
        self.dead = True
        self.caller.pause(False)
        self.server.pause(False)


class _Link:
    """One listening address and where it leads."""

    def __init__(self, name: str, target: str, loop: asyncio.AbstractEventLoop) -> None:
        self.name, self.target, self.loop = name, target, loop
        self.mode, self.delay_s, self.port = Mode.PASS, 0.0, 0
        self.connections: set[_Connection] = set()
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        if self._listener is None:
            self._listener = await self.loop.create_server(
                lambda: _Connection(self).caller, "127.0.0.1", self.port, backlog=512, reuse_address=True
            )
            self.port = self._listener.sockets[0].getsockname()[1]

    def accepted(self, connection: _Connection) -> None:
        self.connections.add(connection)
        if self.mode == Mode.CUT:
            connection.reset()
        elif self.mode in {Mode.BLACK_HOLE, Mode.HALF_CLOSE}:
            connection.swallow(end_of_stream=self.mode == Mode.HALF_CLOSE)
        else:
            task = self.loop.create_task(self._connect(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self, connection: _Connection) -> None:
        try:
            if self.target.startswith("/"):
                await self.loop.create_unix_connection(lambda: connection.server, self.target)
            else:
                host, _, port = self.target.rpartition(":")
                await self.loop.create_connection(lambda: connection.server, host, int(port))
        except OSError:
            connection.caller.reset()  # nobody is there: a real server's host would refuse

    async def switch(self, mode: Mode, delay_s: float) -> None:
        """Break it, or mend it. What a black hole has swallowed stays swallowed."""
        stalled = self.mode == Mode.STALL
        self.mode, self.delay_s = mode, delay_s
        if mode == Mode.REFUSE and self._listener is not None:
            self._listener.close()
            self._listener = None
        elif mode != Mode.REFUSE:
            await self.listen()
        for connection in list(self.connections):
            self._treat(connection, stalled=stalled)

    def _treat(self, connection: _Connection, *, stalled: bool) -> None:
        if self.mode in {Mode.CUT, Mode.REFUSE}:
            connection.reset()
        elif self.mode in {Mode.BLACK_HOLE, Mode.HALF_CLOSE}:
            connection.swallow(end_of_stream=self.mode == Mode.HALF_CLOSE)
        elif stalled or self.mode == Mode.STALL:
            connection.caller.pause(self.mode == Mode.STALL)
            connection.server.pause(self.mode == Mode.STALL)


async def _serve(control: str, targets: Mapping[str, str]) -> None:
    loop = asyncio.get_running_loop()
    links = {name: _Link(name, target, loop) for name, target in targets.items()}
    for link in links.values():
        await link.listen()

    async def obey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            order = json.loads(line)
            await links[order["link"]].switch(Mode(order["mode"]), float(order["delay_s"]))
            writer.write(json.dumps({"open": len(links[order["link"]].connections)}).encode() + b"\n")
        writer.close()

    server = await asyncio.start_unix_server(obey, control)
    print(json.dumps({name: link.port for name, link in links.items()}), flush=True)
    await server.serve_forever()


class Proxy:
    """Controls a running proxy. `ports`: the port of each link on 127.0.0.1."""

    def __init__(self, control: Path, ports: Mapping[str, int]) -> None:
        self.ports = ports
        self.modes = dict.fromkeys(ports, Mode.PASS)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(5)
        self._socket.connect(str(control))
        self._answers = self._socket.makefile("rb")

    def switch(self, link: str, mode: Mode, delay_s: float = 0.0) -> None:
        """Set the mode of one link; it is in force when this returns."""
        order: dict[str, Any] = {"link": link, "mode": mode.value, "delay_s": delay_s}
        self._socket.sendall(json.dumps(order).encode() + b"\n")
        if not self._answers.readline():
            raise RuntimeError("the proxy has ended")
        self.modes[link] = mode

    def mend(self) -> None:
        """Let every link pass."""
        for link, mode in self.modes.items():
            if mode != Mode.PASS:
                self.switch(link, Mode.PASS)

    def close(self) -> None:
        """Close the control channel."""
        self._answers.close()
        self._socket.close()


@contextmanager
def running_proxy(folder: Path, targets: Mapping[str, str]) -> Iterator[Proxy]:
    """A proxy process. targets: link -> `host:port` or the path of a unix socket."""
    control = folder / "proxy.sock"
    child = subprocess.Popen(
        [sys.executable, "-m", "chaos.proxy", str(control)],
        cwd=paths.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=children.die_with_parent(),
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(dict(targets)).encode())
        child.stdin.close()
        line = child.stdout.readline()
        if not line:
            raise RuntimeError("the proxy did not start")
        proxy = Proxy(control, json.loads(line))
        yield proxy
        proxy.close()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1], json.load(sys.stdin)))
