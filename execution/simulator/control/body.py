"""Reading control requests; every failure is {"code", "detail"} with a 4xx status."""

import orjson

from execution.simulator.engine.market import Market
from execution.simulator.http import Request, Response, json_response
from execution.simulator.numbers import MalformedNumber, TooPrecise, parse_scaled
from execution.simulator.simulator import SimulatedExchange, Simulator


class ControlError(Exception):
    """Ends a control request with an error answer."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.response: Response = json_response({"code": code, "detail": detail}, status)


class Body:
    """The JSON object of a request, with checked access. Raises `ControlError`."""

    def __init__(self, request: Request) -> None:
        try:
            fields = orjson.loads(request.body) if request.body else {}
        except orjson.JSONDecodeError as e:
            raise ControlError(400, "INVALID_BODY", f"the body is not JSON: {e}") from e
        if not isinstance(fields, dict):
            raise ControlError(400, "INVALID_BODY", "the body must be a JSON object")
        self.fields: dict[str, object] = fields

    def allow(self, *names: str) -> None:
        """Refuse fields nobody would read: a misspelt option must not be ignored in silence."""
        unknown = [name for name in self.fields if name not in names]
        if unknown:
            raise ControlError(400, "UNKNOWN_FIELD", f"unknown {', '.join(unknown)}; known: {', '.join(names)}")

    def text(self, name: str, default: str | None = None) -> str:
        """A string."""
        value = self.fields.get(name, default)
        if not isinstance(value, str) or (not value and default is None):
            raise ControlError(400, "INVALID_FIELD", f"{name} must be a string")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self.fields.get(name, default)
        if not isinstance(value, bool):
            raise ControlError(400, "INVALID_FIELD", f"{name} must be true or false")
        return value

    def count(self, name: str, default: int | None = None) -> int:
        """A whole number >= 0."""
        value = self.fields.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ControlError(400, "INVALID_FIELD", f"{name} must be a whole number >= 0")
        return value

    def levels(self, name: str, market: Market) -> list[tuple[int, int]]:
        """A list of [price, amount] pairs, best first."""
        rows = self.fields.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 2 for row in rows):
            raise ControlError(400, "INVALID_FIELD", f"{name} must be a list of [price, amount] pairs")
        spec = market.spec
        pairs = [
            (decimal(price, spec.price_decimals, name), decimal(amount, spec.base_decimals, name))
            for price, amount in rows
        ]
        return sorted(pairs, reverse=name == "bids")


def decimal(value: object, decimals: int, name: str) -> int:
    """Return a positive decimal string in scaled units."""
    if not isinstance(value, str):
        raise ControlError(400, "INVALID_FIELD", f'numbers are strings, like "0.5"; {name} has {value!r}')
    try:
        return parse_scaled(value, decimals)
    except MalformedNumber as e:
        raise ControlError(400, "INVALID_FIELD", f"{name}: {value!r} is not a decimal number") from e
    except TooPrecise as e:
        raise ControlError(400, "INVALID_FIELD", f"{name}: {value!r} has more than {decimals} decimals") from e


def find_exchange(simulator: Simulator, slug: str) -> SimulatedExchange:
    """Return a simulated exchange."""
    exchange = simulator.exchanges.get(slug)
    if exchange is None:
        raise ControlError(404, "UNKNOWN_EXCHANGE", f"{slug!r} is not one of {', '.join(simulator.exchanges)}")
    return exchange


def asked_exchanges(simulator: Simulator, request: Request) -> list[SimulatedExchange]:
    """Return the exchange of `?exchange=`, or all of them."""
    slug = request.query_params.get("exchange")
    return list(simulator.exchanges.values()) if slug is None else [find_exchange(simulator, slug)]


def find_market(exchange: SimulatedExchange, symbol: str) -> Market:
    """Return a market by its unified symbol."""
    market = exchange.engine.markets.get(symbol)
    if market is None:
        known = ", ".join(exchange.engine.markets)
        raise ControlError(404, "UNKNOWN_SYMBOL", f"{symbol!r} is not one of {known} on {exchange.slug}")
    return market
