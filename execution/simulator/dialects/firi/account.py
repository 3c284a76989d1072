"""Firi's balances and transaction history."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.firi import errors
from execution.simulator.dialects.firi.markets import read_count
from execution.simulator.dialects.firi.shapes import currency_text, iso
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.orders import Trade
from execution.simulator.http import Response, json_response
from execution.simulator.numbers import parse_whole


def balances(exchange: Exchange, call: Call) -> Response:
    """GET /v2/balances."""
    rows = []
    for currency, decimals in exchange.facts.asset_decimals.items():
        balance = call.account.balance(currency)
        numbers = {"balance": balance.total, "hold": balance.held, "available": balance.available}
        texts = {name: currency_text(currency, units, decimals) for name, units in numbers.items()}
        rows.append({"currency": currency, **texts})
    return json_response(rows)


def transactions(exchange: Exchange, call: Call) -> Response:
    """GET /v2/history/transactions[/{year}|/{month}/{year}]?direction=start|end&count=.

    One row per currency a match moved, newest first unless `direction=start`. Clients read id, currency, amount, type
    and date; that the fee is part of the quote row, and the name inside `details`, are our choice.
    """
    period = tuple(parse_whole(argument) for argument in call.path_args)
    if None in period:
        raise errors.fail(errors.NOT_FOUND)
    is_oldest_first = call.request.query_params.get("direction", "end") == "start"
    trades = call.account.trades if is_oldest_first else reversed(call.account.trades)
    rows = (row for trade in trades if _in_period(trade, period) for row in _movements(trade))
    return json_response(list(islice(rows, read_count(call))))


def _in_period(trade: Trade, period: tuple[int | None, ...]) -> bool:
    at = datetime.fromtimestamp(trade.at / 1_000_000, UTC)
    return period in ((), (at.year,), (at.month, at.year))


def _movements(trade: Trade) -> Iterator[dict[str, object]]:
    spec, sign = trade.order.market.spec, 1 if trade.order.is_buy else -1
    moved = (
        (spec.base, sign * trade.amount, spec.base_decimals),
        (spec.quote, -sign * trade.notional - trade.fee, spec.quote_decimals),
    )
    for currency, units, decimals in moved:
        yield {
            "id": f"{trade.id}-{currency}",
            "amount": currency_text(currency, units, decimals),
            "currency": currency,
            "type": "Match",
            "date": iso(trade.at),
            "details": {"match_id": trade.id},
        }
