"""How Firi writes numbers, times and orders."""

from datetime import UTC, datetime

from execution.simulator.engine.orders import Order, Status
from execution.simulator.markets import MarketSpec
from execution.simulator.numbers import format_scaled, format_trimmed

_CURRENCY_DECIMALS = {"NOK": 2, "DKK": 2}


def price_text(spec: MarketSpec, price: int) -> str:
    """A price with the market's decimals."""
    return format_scaled(price, spec.price_decimals)


def amount_text(spec: MarketSpec, amount: int) -> str:
    """An amount of the base currency, always with eight decimals however the client wrote it."""
    return format_scaled(amount, spec.base_decimals)


def quote_text(spec: MarketSpec, notional: int) -> str:
    """An amount of the quote currency."""
    return currency_text(spec.quote, notional, spec.quote_decimals)


def currency_text(currency: str, units: int, decimals: int) -> str:
    """A balance: two decimals for fiat, eight for crypto, more only where the number has more."""
    return format_trimmed(units, decimals, keep=_CURRENCY_DECIMALS.get(currency, 8))


def iso(at: int) -> str:
    """Microseconds as ISO 8601 with milliseconds and Z."""
    text = datetime.fromtimestamp(at // 1000 / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def order_info(order: Order) -> dict[str, object]:
    """An order as every order endpoint shows it; "bid" buys."""
    spec = order.market.spec
    cancelled = order.remaining if order.status in (Status.CANCELLED, Status.EXPIRED) else 0
    return {
        "id": order.number,
        "market": spec.facts.wire_id,
        "type": "bid" if order.is_buy else "ask",
        "price": price_text(spec, order.price or 0),
        "amount": amount_text(spec, order.amount),
        "remaining": amount_text(spec, order.remaining - cancelled),
        "matched": amount_text(spec, order.filled),
        "cancelled": amount_text(spec, cancelled),
        "created_at": iso(order.placed_at),
    }
