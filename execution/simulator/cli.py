"""The command line: options, start, stop. Shared by `python -m execution.simulator` and the Django command."""

import argparse
import asyncio
import contextlib
import errno
import gc
import logging
import signal
import sys
from collections.abc import Callable

import orjson
import uvloop

from execution.simulator.control import ControlPort
from execution.simulator.dialects import DIALECTS
from execution.simulator.facts import PORT_OFFSETS
from execution.simulator.faults import FaultKind
from execution.simulator.http import Connection, Request
from execution.simulator.numbers import parse_whole
from execution.simulator.port import ExchangePort
from execution.simulator.settings import ExchangeSettings
from execution.simulator.simulator import Simulator

logger = logging.getLogger(__name__)

Handler = Callable[[Request, Connection], None]

DESCRIPTION = "Serve the REST protocols of " + ", ".join(DIALECTS) + " locally, with a matching order book and faults."
EPILOG = (
    "When ready, one line of JSON on stdout tells the addresses: "
    '{"control": "http://127.0.0.1:9100", "exchanges": {"binance": "http://127.0.0.1:9101", ...}}. '
    "Accounts, faults, time and books are controlled over HTTP: see GET /control/health and the paths it sits beside."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    offsets = ", ".join(f"{slug} +{offset}" for slug, offset in PORT_OFFSETS.items())
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=_whole("port", 0, 65_000),
        default=9100,
        help=f"control port; the exchanges follow: {offsets}. 0: any free ports (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=_whole("seed", 0, 2**63),
        default=1,
        help="makes prices, books and faults repeatable (default: 1)",
    )
    parser.add_argument(
        "--tick-ms",
        type=_whole("tick-ms", 0, 3_600_000),
        default=250,
        help="how often the books move; 0: only when stepped through the control endpoint (default: %(default)s)",
    )
    milliseconds = _number("milliseconds", 0, 3_600_000)
    parser.add_argument("--latency-ms", type=milliseconds, default=0.0, help="added to every answer (default: 0)")
    parser.add_argument("--jitter-ms", type=milliseconds, default=0.0, help="how much the latency varies (default: 0)")
    parser.add_argument(
        "--fault-rate",
        type=_number("fault-rate", 0, 1),
        default=0.0,
        help=f"share of order placements that fail, as one of: {', '.join(FaultKind)} (default: 0)",
    )
    parser.add_argument(
        "--hold-ms",
        type=milliseconds,
        default=15_000.0,
        help="how long a timed-out request is held before it is cut (default: 15000)",
    )
    parser.add_argument(
        "--late-ms",
        type=milliseconds,
        default=2_000.0,
        help="how long a late request is held before the exchange acts on it (default: 2000)",
    )
    parser.add_argument("--quiet", action="store_true", help="log warnings and errors only")


def main(arguments: list[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m execution.simulator", description=DESCRIPTION, epilog=EPILOG)
    add_options(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    run(options)


def run(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT. Raises SystemExit with advice if a port is taken."""
    logging.getLogger("execution.simulator").setLevel(logging.WARNING if options.quiet else logging.INFO)
    uvloop.run(_serve(options))


async def _serve(options: argparse.Namespace) -> None:
    settings = ExchangeSettings().patched(
        {name: getattr(options, name) for name in ("latency_ms", "jitter_ms", "fault_rate", "hold_ms", "late_ms")}
    )
    simulator = Simulator(seed=options.seed, tick_ms=options.tick_ms, settings=settings)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        urls: dict[str, str] = {}
        for slug in simulator.exchanges:
            port = options.port and options.port + PORT_OFFSETS[slug]
            urls[slug] = await _listen(stack, options.host, port, ExchangePort(simulator, slug, loop).handle, slug)
        control = await _listen(stack, options.host, options.port, ControlPort(simulator, urls).handle, "control")
        # The ledger only grows. Without this the collector would walk all of it again and again.
        gc.freeze()
        gc.set_threshold(100_000, 50, 1_000)
        sys.stdout.write(orjson.dumps({"control": control, "exchanges": urls}).decode() + "\n")
        sys.stdout.flush()
        logger.info("serving %s; seed %s; control at %s", ", ".join(urls), options.seed, control)
        await stop.wait()


async def _listen(stack: contextlib.AsyncExitStack, host: str, port: int, handler: Handler, name: str) -> str:
    """Listen until the stack closes; return the address for clients on this machine."""
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(lambda: Connection(handler, connections), host, port)
    except OSError as e:
        if e.errno == errno.EADDRINUSE:
            raise SystemExit(
                f"port {port} ({name}) is in use: stop what listens there (perhaps another simulator), "
                "choose another --port, or let the system choose with --port 0"
            ) from e
        raise SystemExit(f"cannot listen on {host}:{port} ({name}): {e.strerror}; choose another --host") from e
    stack.callback(_close, server, connections)
    reachable = "127.0.0.1" if host in ("0.0.0.0", "") else host  # noqa: S104 - compared, not bound
    return f"http://{reachable}:{server.sockets[0].getsockname()[1]}"


def _close(server: asyncio.Server, connections: set[Connection]) -> None:
    server.close()
    for connection in list(connections):
        connection.drop()


def _whole(name: str, low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = parse_whole(text)
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{name} must be a whole number from {low} to {high}, was {text!r}")
        return value

    return parse


def _number(name: str, low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{name} must be a number from {low} to {high}, was {text!r}")
        return value

    return parse
