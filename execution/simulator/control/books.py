"""Time and books: stepping, setting an exact book, moving a market."""

from execution.simulator.control.body import Body, ControlError, decimal, find_exchange, find_market
from execution.simulator.engine.market import Market
from execution.simulator.http import Response, json_response
from execution.simulator.ledger import amount_text, price_text
from execution.simulator.simulator import SimulatedExchange, Simulator

_LARGEST_STEP = 100_000
_SHOWN_LEVELS = 50


def step(simulator: Simulator, body: Body) -> Response:
    """POST /control/step: move the books of all exchanges, or of one alone, by a number of time steps."""
    body.allow("exchange", "steps")
    steps = body.count("steps", 1)
    if steps > _LARGEST_STEP:
        raise ControlError(400, "INVALID_FIELD", f"steps must be <= {_LARGEST_STEP}")
    exchange = find_exchange(simulator, body.text("exchange")) if "exchange" in body.fields else None
    simulator.step(steps, exchange)
    return json_response({"steps": {slug: each.engine.step for slug, each in simulator.exchanges.items()}})


def set_book(simulator: Simulator, body: Body) -> Response:
    """POST /control/book: pin exact levels (`bids`, `asks`), or move the `mid` and let the market live on from there.

    Resting orders that the new book crosses are filled. With neither, the book is only shown.
    """
    body.allow("exchange", "symbol", "mid", "bids", "asks")
    exchange = find_exchange(simulator, body.text("exchange"))
    market = find_market(exchange, body.text("symbol"))
    now = simulator.clock()
    simulator.advance(exchange, now)
    has_levels = "bids" in body.fields or "asks" in body.fields
    if "mid" in body.fields:
        mid = decimal(body.fields["mid"], market.spec.price_decimals, "mid")
        if has_levels or not mid:
            raise ControlError(400, "INVALID_FIELD", "give either a mid above 0 or bids and asks")
        exchange.engine.move_mid(market, mid, now)
    elif has_levels:
        _set_levels(exchange, market, body, now)
    return json_response(_entry(exchange, market))


def _set_levels(exchange: SimulatedExchange, market: Market, body: Body, now: int) -> None:
    bids, asks = body.levels("bids", market), body.levels("asks", market)
    spec = market.spec
    if any(price <= 0 or price % spec.tick or amount <= 0 or amount % spec.lot for price, amount in bids + asks):
        facts = spec.facts
        raise ControlError(400, "INVALID_FIELD", f"prices are multiples of {facts.tick}, amounts of {facts.lot}")
    if bids and asks and bids[0][0] >= asks[0][0]:
        raise ControlError(400, "INVALID_FIELD", "the best bid must be below the best ask")
    exchange.engine.set_book(market, bids, asks, now)


def _entry(exchange: SimulatedExchange, market: Market) -> dict[str, object]:
    spec = market.spec
    sides = {"bids": market.book.buys, "asks": market.book.sells}
    return {
        "exchange": exchange.slug,
        "symbol": spec.symbol,
        "pinned": market.is_pinned,
        **{
            name: [[price_text(spec, price), amount_text(spec, amount)] for price, amount in side.depth(_SHOWN_LEVELS)]
            for name, side in sides.items()
        },
    }
