"""How the exchanges behave: settings, queued faults, and starting over."""

from dataclasses import asdict

from execution.simulator.control.body import Body, ControlError, find_exchange
from execution.simulator.faults import FaultKind
from execution.simulator.http import Response, json_response
from execution.simulator.simulator import SimulatedExchange, Simulator
from execution.simulator.streams.watching import Tampering

_DISCONNECT = "disconnect"


def read(simulator: Simulator) -> Response:
    """GET /control/exchanges."""
    return json_response({"exchanges": {slug: _entry(each) for slug, each in simulator.exchanges.items()}})


def patch(simulator: Simulator, exchange: SimulatedExchange, body: Body) -> Response:
    """POST /control/exchanges/{slug}: change the given settings."""
    # Time up to now has passed under the old settings.
    simulator.advance(exchange, simulator.clock())
    try:
        exchange.settings = exchange.settings.patched(body.fields)
    except ValueError as e:
        raise ControlError(400, "INVALID_SETTING", str(e)) from e
    return json_response(_entry(exchange))


def queue_fault(simulator: Simulator, body: Body) -> Response:
    """POST /control/faults: let the next `count` requests of an operation fail in one way, `after` others."""
    body.allow("exchange", "operation", "kind", "count", "after")
    exchange = find_exchange(simulator, body.text("exchange"))
    kind, operation, count = body.text("kind"), body.text("operation", "create_order"), body.count("count", 1)
    if kind not in set(FaultKind):
        raise ControlError(400, "UNKNOWN_FAULT", f"{kind!r} is not one of {', '.join(FaultKind)}")
    exchange.faults.queue(operation, FaultKind(kind), count, after=body.count("after", 0))
    return json_response({"exchange": exchange.slug, "operation": operation, "kind": kind, "count": count})


def streams(simulator: Simulator, body: Body) -> Response:
    """POST /control/streams: cut an exchange's websockets, or let the next update of every subscription go wrong."""
    body.allow("exchange", "kind")
    exchange, kind = find_exchange(simulator, body.text("exchange")), body.text("kind")
    if kind == _DISCONNECT:
        exchange.streams_to_drop = True
    elif kind in set(Tampering):
        exchange.tampering.append(Tampering(kind))
    else:
        known = ", ".join((_DISCONNECT, *Tampering))
        raise ControlError(400, "UNKNOWN_FAULT", f"{kind!r} is not one of {known}")
    return json_response({"exchange": exchange.slug, "kind": kind})


def age(simulator: Simulator, body: Body) -> Response:
    """POST /control/age: everything placed so far looks `seconds` older."""
    body.allow("exchange", "seconds")
    exchange, seconds = find_exchange(simulator, body.text("exchange")), body.count("seconds")
    exchange.engine.age(seconds * 1_000_000)
    return json_response({"exchange": exchange.slug, "orders": len(exchange.engine.orders)})


def reset(simulator: Simulator, body: Body) -> Response:
    """POST /control/reset: forget everything; the same seed again unless another is given."""
    body.allow("seed")
    simulator.reset(body.count("seed", simulator.seed))
    return json_response({"seed": simulator.seed})


def _entry(exchange: SimulatedExchange) -> dict[str, object]:
    return {**asdict(exchange.settings), "step": exchange.engine.step, "symbols": list(exchange.engine.markets)}
