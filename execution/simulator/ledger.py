"""What was really placed: every order with its trades, as JSON. All amounts are decimal strings."""

from collections import defaultdict
from datetime import UTC, datetime

from execution.simulator.engine.orders import Order, Status, Trade
from execution.simulator.markets import MarketSpec
from execution.simulator.numbers import format_trimmed


def order_entry(slug: str, order: Order) -> dict[str, object]:
    """One order in the exchange-independent words of the platform."""
    spec = order.market.spec
    return {
        "exchange": slug,
        "api_key": order.account.api_key,
        "client_order_id": order.client_order_id,
        "exchange_order_id": order.id,
        "symbol": spec.symbol,
        "side": order.side,
        "type": "market" if order.is_market else "limit",
        "time_in_force": order.time_in_force.value,
        "amount": amount_text(spec, order.amount),
        "budget": None if order.budget is None else quote_text(spec, order.budget),
        "price": None if order.price is None else price_text(spec, order.price),
        "status": _status(order),
        "filled": amount_text(spec, order.filled),
        "notional": quote_text(spec, order.notional),
        "fees": _fees(order),
        "placed_at": iso(order.placed_at),
        "trades": [_trade_entry(trade) for trade in order.trades],
    }


def amount_text(spec: MarketSpec, amount: int) -> str:
    """Base units as a decimal."""
    return format_trimmed(amount, spec.base_decimals)


def quote_text(spec: MarketSpec, notional: int) -> str:
    """Quote units as a decimal."""
    return format_trimmed(notional, spec.quote_decimals)


def price_text(spec: MarketSpec, price: int) -> str:
    """A price as a decimal."""
    return format_trimmed(price, spec.price_decimals)


def iso(at: int) -> str:
    """Microseconds since the epoch as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at / 1_000_000, UTC).isoformat(timespec="microseconds")


def _status(order: Order) -> str:
    return "partially_filled" if order.status is Status.OPEN and order.filled else order.status.value


def _trade_entry(trade: Trade) -> dict[str, object]:
    spec = trade.order.market.spec
    return {
        "id": trade.id,
        "amount": amount_text(spec, trade.amount),
        "price": price_text(spec, trade.price),
        "fee": _fee_text(trade),
        "fee_asset": trade.fee_asset,
        "maker": trade.is_maker,
        "at": iso(trade.at),
    }


def _fees(order: Order) -> dict[str, str]:
    units: defaultdict[str, int] = defaultdict(int)
    for trade in order.trades:
        units[trade.fee_asset] += trade.fee
    decimals = order.market.spec.exchange.asset_decimals
    return {asset: format_trimmed(fee, decimals[asset]) for asset, fee in units.items()}


def _fee_text(trade: Trade) -> str:
    return format_trimmed(trade.fee, trade.order.market.spec.exchange.asset_decimals[trade.fee_asset])
