"""What happened: health, counters and the ledger of orders really placed."""

from execution.simulator.control.body import ControlError, asked_exchanges
from execution.simulator.http import Request, Response, json_response
from execution.simulator.ledger import order_entry
from execution.simulator.numbers import parse_whole
from execution.simulator.simulator import Simulator


def health(simulator: Simulator, urls: dict[str, str]) -> Response:
    """GET /control/health."""
    return json_response({"status": "ok", "seed": simulator.seed, "exchanges": urls})


def stats(simulator: Simulator) -> Response:
    """GET /control/stats: requests by operation, injected faults by kind, and placed orders of every exchange."""
    return json_response(
        {
            "exchanges": {
                slug: {
                    "requests": dict(exchange.requests),
                    "faults": {kind.value: count for kind, count in exchange.injected.items()},
                    "orders": len(exchange.engine.orders),
                }
                for slug, exchange in simulator.exchanges.items()
            }
        }
    )


def ledger(simulator: Simulator, request: Request) -> Response:
    """GET /control/ledger?exchange=&since=: orders by time of placement.

    `since` is the `until` of an earlier answer (microseconds): only orders placed after it are listed.
    """
    since = parse_whole(request.query_params.get("since", "0"))
    if since is None:
        raise ControlError(400, "INVALID_FIELD", "since must be the `until` of an earlier answer")
    found = []
    for exchange in asked_exchanges(simulator, request):
        simulator.advance(exchange, simulator.clock())
        found += [(order.placed_at, exchange.slug, order) for order in exchange.engine.orders_since(since)]
    found.sort(key=lambda item: item[0])
    until = found[-1][0] if found else since
    return json_response({"until": until, "orders": [order_entry(slug, order) for _, slug, order in found]})
