"""Reading Binance's request parameters; every failure is Binance's own error."""

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.binance import errors
from execution.simulator.dialects.binance.shapes import WIRE_DECIMALS
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.numbers import MalformedNumber, TooPrecise, parse_scaled, parse_whole

_DECIMAL_RANGE = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_DEFAULT_PAGE, _LARGEST_PAGE = 500, 1_000


def find_market(exchange: Exchange, call: Call) -> Market:
    """Return the market of the `symbol` parameter. Raises `WireError`: -1102, -1121."""
    symbol = call.request.params.get("symbol")
    if not symbol:
        raise errors.fail(errors.missing("symbol"))
    return market_by_wire_id(exchange, symbol)


def market_by_wire_id(exchange: Exchange, symbol: str) -> Market:
    """Return the market Binance calls `symbol`. Raises `WireError`: -1121."""
    for market in exchange.markets.values():
        if market.spec.facts.wire_id == symbol:
            return market
    raise errors.fail(errors.BAD_SYMBOL)


def one_of(params: dict[str, str], name: str, allowed: tuple[str, ...], error: errors.Error) -> str:
    """Return a mandatory word. Raises `WireError`: -1102, or `error` for a word that is not allowed."""
    value = params.get(name)
    if not value:
        raise errors.fail(errors.missing(name))
    if value not in allowed:
        raise errors.fail(error)
    return value


def refuse(params: dict[str, str], *names: str) -> None:
    """Raise `WireError` -1106 if a parameter that does not belong is there."""
    for name in names:
        if name in params:
            raise errors.fail(errors.not_required(name))


def decimal(params: dict[str, str], name: str) -> int:
    """Return a mandatory number in units of 10**-8. Raises `WireError`: -1102, -1100, -1111."""
    text = params.get(name)
    if not text:
        raise errors.fail(errors.missing(name))
    try:
        return parse_scaled(text, WIRE_DECIMALS)
    except MalformedNumber as e:
        raise errors.fail(errors.illegal_characters(name, _DECIMAL_RANGE)) from e
    except TooPrecise as e:
        raise errors.fail(errors.too_precise(name)) from e


def integer(params: dict[str, str], name: str) -> int | None:
    """Return an optional integer. Raises `WireError`: -1100."""
    text = params.get(name)
    if text is None:
        return None
    value = parse_whole(text)
    if value is None:
        raise errors.fail(errors.illegal_characters(name, "^[0-9]{1,20}$"))
    return value


def page_size(call: Call) -> int:
    """Return the `limit` of a list: 500, at most 1000."""
    return min(integer(call.request.params, "limit") or _DEFAULT_PAGE, _LARGEST_PAGE)
