"""Alpaca's account endpoints: cash is US dollars, everything else is a position valued in them."""

from execution.simulator.dialects.alpaca.parameters import find_market
from execution.simulator.dialects.alpaca.shapes import asset_id
from execution.simulator.dialects.base import Call
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Response, json_response
from execution.simulator.numbers import format_trimmed, rescale

_CASH = "USD"


def get_account(exchange: Exchange, call: Call) -> Response:
    """GET /v2/account. `cash` is what no open order holds; `equity` counts held cash and all positions too."""
    cash = call.account.balance(_CASH)
    value = sum(_value(exchange, asset, total) for asset, total in _holdings(call))
    free = _dollars(exchange, cash.available)
    return json_response(
        {
            "id": asset_id(call.account.api_key),
            "account_number": "PA0SIMULATED",
            "status": "ACTIVE",
            "crypto_status": "ACTIVE",
            "currency": _CASH,
            "buying_power": free,
            "non_marginable_buying_power": free,
            "cash": free,
            "accrued_fees": "0",
            "portfolio_value": _dollars(exchange, cash.total + value),
            "pattern_day_trader": False,
            "trading_blocked": False,
            "transfers_blocked": False,
            "account_blocked": False,
            "trade_suspended_by_user": False,
            "multiplier": "1",
            "shorting_enabled": False,
            "equity": _dollars(exchange, cash.total + value),
            "long_market_value": _dollars(exchange, value),
            "short_market_value": "0",
            "position_market_value": _dollars(exchange, value),
            "crypto_tier": 1,
        }
    )


def list_positions(exchange: Exchange, call: Call) -> Response:
    """GET /v2/positions. Symbols are written without the slash. What was paid is not kept: it equals the value."""
    rows = []
    for asset, total in _holdings(call):
        decimals = exchange.facts.asset_decimals[asset]
        value = _dollars(exchange, _value(exchange, asset, total))
        price = _dollars(exchange, _value(exchange, asset, 10**decimals))
        rows.append(
            {
                "asset_id": asset_id(f"{asset}/{_CASH}"),
                "symbol": f"{asset}{_CASH}",
                "exchange": "CRYPTO",
                "asset_class": "crypto",
                "asset_marginable": False,
                "qty": format_trimmed(total, decimals),
                "avg_entry_price": price,
                "side": "long",
                "market_value": value,
                "cost_basis": value,
                "unrealized_pl": "0",
                "unrealized_plpc": "0",
                "current_price": price,
                "qty_available": format_trimmed(call.account.balance(asset).available, decimals),
            }
        )
    return json_response(rows)


def _holdings(call: Call) -> list[tuple[str, int]]:
    """Assets other than cash with what is owned of them; empty ones are no positions."""
    balances = call.account.balances.items()
    return [(asset, balance.total) for asset, balance in balances if asset != _CASH and balance.total]


def _value(exchange: Exchange, asset: str, amount: int) -> int:
    """Units of cash at the last price; a stablecoin, which has no pair of its own here, is worth a dollar."""
    market = find_market(exchange, f"{asset}/{_CASH}")
    if market is not None:
        return market.spec.notional(market.last_price, amount)
    decimals = exchange.facts.asset_decimals
    return rescale(amount, decimals[asset], decimals[_CASH])


def _dollars(exchange: Exchange, amount: int) -> str:
    return format_trimmed(amount, exchange.facts.asset_decimals[_CASH])
