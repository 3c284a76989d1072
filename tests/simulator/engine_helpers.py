"""Shorthand for engine tests: exchanges with exact books, funded accounts, orders written as decimals."""

from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.engine.orders import Order, OrderRequest, TimeInForce
from execution.simulator.engine.prices import Universe
from execution.simulator.facts import EXCHANGES
from execution.simulator.numbers import format_trimmed, parse_scaled

NOW = 1_700_000_000_000_000
Levels = list[tuple[str, str]]


def make_exchange(slug: str, seed: int = 1) -> Exchange:
    """An exchange at step 0."""
    return Exchange(EXCHANGES[slug], Universe(seed))


def fund(exchange: Exchange, api_key: str, **balances: str) -> Account:
    """An account with these balances."""
    account = exchange.upsert_account(api_key, "secret")
    for asset, amount in balances.items():
        decimals = exchange.facts.asset_decimals[asset]
        exchange.settlement.set_balance(account, asset, parse_scaled(amount, decimals))
    return account


def set_book(exchange: Exchange, symbol: str, *, bids: Levels = (), asks: Levels = ()) -> Market:  # type: ignore[assignment]
    """Pin a market to exact levels."""
    market = exchange.markets[symbol]
    spec = market.spec
    rows = [
        [(parse_scaled(p, spec.price_decimals), parse_scaled(a, spec.base_decimals)) for p, a in side]
        for side in (bids, asks)
    ]
    exchange.set_book(market, rows[0], rows[1], NOW)
    return market


def place(
    exchange: Exchange,
    account: Account,
    symbol: str,
    side: str,
    amount: str = "0",
    price: str | None = None,
    *,
    budget: str | None = None,
    tif: str = "GTC",
    post_only: bool = False,
    client_order_id: str | None = None,
) -> Order:
    """Place an order written in decimals."""
    market = exchange.markets[symbol]
    spec = market.spec
    request = OrderRequest(
        market=market,
        side=side,
        amount=parse_scaled(amount, spec.base_decimals),
        price=None if price is None else parse_scaled(price, spec.price_decimals),
        budget=None if budget is None else parse_scaled(budget, spec.quote_decimals),
        time_in_force=TimeInForce(tif),
        post_only=post_only,
        client_order_id=client_order_id,
    )
    return exchange.place(account, request, NOW)


def total(exchange: Exchange, account: Account, asset: str) -> str:
    """What an account owns."""
    return format_trimmed(account.balance(asset).total, exchange.facts.asset_decimals[asset])


def held(exchange: Exchange, account: Account, asset: str) -> str:
    """What an account's open orders hold."""
    return format_trimmed(account.balance(asset).held, exchange.facts.asset_decimals[asset])


def fills(order: Order) -> list[tuple[str, str, bool]]:
    """(price, amount, maker) of an order's trades."""
    spec = order.market.spec
    return [
        (format_trimmed(t.price, spec.price_decimals), format_trimmed(t.amount, spec.base_decimals), t.is_maker)
        for t in order.trades
    ]
