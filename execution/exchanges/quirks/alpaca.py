"""Alpaca crypto: keys in plain headers, nothing dated or signed; a placement is answered before it is matched.

A fee is cut from the asset a trade brings in. Neither the order nor its fills tell it, and the rate depends on the
account's volume: it is only booked at the end of the day, as an activity (CFEE) of the account (Alpaca docs, "Crypto
Trading Fees"). So executions are reported with a fee of 0 in no asset, and an account holds slightly less than it
bought.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import ccxt.async_support as ccxt

from execution.domain.orders import OrderStatus, TimeInForce
from execution.exchanges import ccxt_parse
from execution.exchanges.base import OrderRequest, SeenOrder
from execution.exchanges.errors import ExchangeError
from execution.exchanges.listing import Listing, cursor_pages, seen
from execution.exchanges.outcomes import Verdict, rule
from execution.exchanges.quirks.base import Params, PublicTrades, Quirks, RawOrder
from policies.domain.reasons import ReasonCode

R = ReasonCode
S = OrderStatus
_LARGEST_ORDER_PAGE = 500
# Alpaca docs, "Order Lifecycle".
_STATES: Mapping[str, OrderStatus] = {
    **dict.fromkeys(
        (
            "new", "accepted", "pending_new", "accepted_for_bidding", "partially_filled", "pending_cancel",
            "pending_replace", "stopped", "suspended", "held", "done_for_day", "calculated",
        ),
        S.OPEN,
    ),
    "filled": S.FILLED,
    "canceled": S.CANCELLED,
    "replaced": S.CANCELLED,
    "expired": S.EXPIRED,
    "rejected": S.REJECTED,
}  # fmt: skip
_PRIVATE = ["trader", "private"]
_PAGE = 100
_MOST_PAGES = 30
_MARGIN_MS = 1_000
_NO_SUCH_ORDER = '"code":40410000'


def _no_validity(_: OrderRequest, __: int) -> Params:
    return {}  # there is nothing that would make it refuse a late order


async def _alpaca_find_by_client_id(client: Any, request: OrderRequest) -> Sequence[RawOrder]:
    # ccxt's fetch_order would ask for an order named "None".
    return await _find(client, request, "v2/orders:by_client_order_id", {"client_order_id": request.client_order_id})


async def _alpaca_find_by_exchange_id(client: Any, request: OrderRequest) -> Sequence[RawOrder]:
    return await _find(client, request, "v2/orders/{order_id}", {"order_id": request.exchange_order_id})


async def _find(client: Any, request: OrderRequest, path: str, params: Params) -> Sequence[RawOrder]:
    try:
        raw = await client.request(path, _PRIVATE, "GET", params)
    except ccxt.InvalidOrder as e:
        # What ccxt makes of "order not found".
        if _NO_SUCH_ORDER in str(e).replace(" ", ""):
            return []
        raise
    market = client.market(request.symbol)
    # Some answers write the pair without its slash, which ccxt does not know.
    compressed = raw.get("symbol") == market["id"].replace("/", "")
    return [client.parse_order(raw, market if compressed else None)]


async def _alpaca_trades(client: Any, order: RawOrder) -> Sequence[RawOrder]:
    """List the account's fills since the order was placed, oldest first, until its own add up to what it says.

    They cannot be asked for by order or pair, and pages go on from the id of the last fill as Alpaca sorted them.
    """
    filled = ccxt_parse.decimal(order["filled"])
    trades: list[RawOrder] = []
    query: Params = {
        "activity_type": "FILL",
        "after": client.iso8601(order["timestamp"] - _MARGIN_MS),
        "direction": "asc",
        "page_size": _PAGE,
    }
    for _ in range(_MOST_PAGES):
        page = await client.request("v2/account/activities/{activity_type}", _PRIVATE, "GET", query)
        # ccxt calls everybody a taker, which nobody has said.
        trades += [{**client.parse_trade(raw), "takerOrMaker": None} for raw in page if raw["order_id"] == order["id"]]
        if len(page) < _PAGE or ccxt_parse.total(trades) >= filled:
            return trades
        query["page_token"] = page[-1]["id"]
    raise ExchangeError(R.EXCHANGE_UNAVAILABLE, "Its list of fills does not end.")


async def _alpaca_list(listing: Listing) -> Sequence[SeenOrder]:
    """Alpaca docs, "All Orders": oldest first; pages go on from an id, because several orders may share an instant."""
    client, since = listing.client, {"after": listing.client.iso8601(listing.since_ms)}

    async def page_from(more: Mapping[str, Any]) -> tuple[list[RawOrder], Mapping[str, Any]]:
        query = {"status": "all", "direction": "asc", "limit": _LARGEST_ORDER_PAGE, **(more or since)}
        page = await listing.ask(client.request, "v2/orders", _PRIVATE, "GET", query)
        return page, {"after_order_id": page[-1]["id"]} if len(page) == _LARGEST_ORDER_PAGE else {}

    rows = [row async for page in cursor_pages(page_from) for row in page]
    by_compressed = {market["id"].replace("/", ""): market for market in client.markets.values()}
    # The account may hold shares too.
    orders = [
        client.parse_order(row, by_compressed.get(row["symbol"])) for row in rows if row["asset_class"] == "crypto"
    ]
    return [seen(order, order["info"]["status"], _STATES, client_order_id=order["clientOrderId"]) for order in orders]


def _alpaca_retry_after(headers: Mapping[str, str]) -> float | None:
    # Every answer tells when the limit is full again (epoch seconds); it is a wait only where nothing is left.
    told = {name.lower(): value for name, value in headers.items()}
    reset = told.get("x-ratelimit-reset", "")
    if told.get("x-ratelimit-remaining") != "0" or not reset.isdigit():
        return None
    return max(0.0, int(reset) - time.time())


ALPACA = Quirks(
    slug="alpaca",
    paths=frozenset(
        {
            "v2/clock",
            "v2/assets",
            "v1beta3/crypto/{loc}/latest/orderbooks",
            "v1beta3/crypto/{loc}/trades",
            "v2/account",
            "v2/positions",
            "v2/orders",
            "v2/orders/{order_id}",
            "v2/orders:by_client_order_id",
            "v2/account/activities/{activity_type}",
        }
    ),
    options={},
    validity=_no_validity,
    arrives_late_s=60.0,
    find_by_client_id=_alpaca_find_by_client_id,
    find_by_exchange_id=_alpaca_find_by_exchange_id,
    fetch_trades=_alpaca_trades,
    list_orders=_alpaca_list,
    public_trades=PublicTrades(1_000, {"sort": "desc"}, back_s=3600.0),
    sandbox=True,
    acknowledges_only=True,
    # ccxt would pass "postOnly" on, which Alpaca does not know: the order would take.
    times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC}),
    retry_after_s=_alpaca_retry_after,
    rules=(
        rule(r"(?i)client[ _]order[ _]id (must be unique|already exists)", Verdict.ALREADY_PLACED, R.OUTCOME_UNKNOWN),
        rule(r"(?i)insufficient (balance|buying power|qty available)", Verdict.REJECTED, R.INSUFFICIENT_FUNDS),
        rule(
            r'asset \\?"[^"]*" (not found|is not (active|tradable))|could not find asset',
            Verdict.REJECTED,
            R.PAIR_NOT_LISTED,
        ),
        # Its owner has suspended trading, which says nothing about the key.
        rule(r"orders are rejected by user request", Verdict.REJECTED, R.EXCHANGE_REJECTED),
        # ccxt takes most of these for an outage, and 40010000 for anything: the request was read and refused.
        rule(r'"code":\s*(4031\d{4}|40010000)\b', Verdict.REJECTED, R.EXCHANGE_REJECTED),
    ),
)
