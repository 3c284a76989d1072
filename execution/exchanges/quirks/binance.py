"""Binance: full answers; validity by timestamp + recvWindow (Binance spot REST docs, "Timing security")."""

from collections.abc import Mapping, Sequence
from typing import Any

from execution.domain.orders import OrderStatus
from execution.exchanges import ccxt_parse
from execution.exchanges.base import KeyPermissions, OrderRequest, SeenOrder
from execution.exchanges.listing import DAY_MS, Listing, cursor_pages, seen
from execution.exchanges.outcomes import Verdict, rule
from execution.exchanges.quirks import fees
from execution.exchanges.quirks.base import Params, PublicTrades, Quirks, RawOrder
from policies.domain.reasons import ReasonCode

R = ReasonCode
S = OrderStatus
_LARGEST_PAGE = 1_000
# Binance spot REST docs, "ENUM Definitions", order status.
_STATES: Mapping[str, OrderStatus] = {
    "NEW": S.OPEN,
    "PENDING_NEW": S.OPEN,
    "PARTIALLY_FILLED": S.OPEN,
    "PENDING_CANCEL": S.OPEN,
    "FILLED": S.FILLED,
    "CANCELED": S.CANCELLED,
    "REJECTED": S.REJECTED,
    "EXPIRED": S.EXPIRED,
    "EXPIRED_IN_MATCH": S.EXPIRED,
}


def _binance_validity(request: OrderRequest, time_difference_ms: int) -> Params:
    # The committed instant, not the moment of signing: a process that was frozen in between cannot send late.
    return {
        "timestamp": int(request.sent_at * 1000) - time_difference_ms,
        "recvWindow": int((request.valid_until - request.sent_at) * 1000),
    }


async def _binance_find(client: Any, request: OrderRequest) -> Sequence[RawOrder]:
    return [await client.fetch_order(None, request.symbol, {"clientOrderId": request.client_order_id})]


async def _binance_trades(client: Any, order: RawOrder) -> Sequence[RawOrder]:
    trades: Sequence[RawOrder] = await client.fetch_my_trades(order["symbol"], params={"orderId": order["id"]})
    return trades


async def _binance_list(listing: Listing) -> Sequence[SeenOrder]:
    """Binance spot REST docs, "Current open orders" and "All orders".

    The list of all comes from a database that may lag behind, so the open ones are asked for as well.
    """

    async def of(market: RawOrder) -> Sequence[SeenOrder]:
        rows = await listing.ask(listing.client.private_get_openorders, {"symbol": market["id"]})
        rows += await _all_orders(listing, market["id"])
        return [_seen(listing.client.parse_order(row, market)) for row in rows]

    return await listing.of_each_symbol(of)


async def _all_orders(listing: Listing, symbol: str) -> list[RawOrder]:
    """A day at a time until one has more than a page; its ids, which grow, then lead to the end."""
    rows: list[RawOrder] = []

    async def page_from(more: Mapping[str, Any]) -> tuple[list[RawOrder], Mapping[str, Any]]:
        query = {"symbol": symbol, "limit": _LARGEST_PAGE, **(more or first)}
        page = await listing.ask(listing.client.private_get_allorders, query)
        return page, {"orderId": int(page[-1]["orderId"]) + 1} if len(page) == _LARGEST_PAGE else {}

    for begin, end in listing.windows(DAY_MS):
        first = {"startTime": begin} if end is None else {"startTime": begin, "endTime": end}
        pages = [page async for page in cursor_pages(page_from)]
        rows += [row for page in pages for row in page]
        if len(pages) > 1:
            break
    return rows


def _seen(order: RawOrder) -> SeenOrder:
    by_value = {"amount": None} if not ccxt_parse.decimal(order["info"]["origQty"]) else {}
    return seen(order, order["info"]["status"], _STATES, client_order_id=order["clientOrderId"], **by_value)


async def _key_permissions(client: Any) -> KeyPermissions:
    """Binance wallet docs, "Get API Key Permission"."""
    told = await client.sapi_get_account_apirestrictions()
    return KeyPermissions(
        trade=bool(told["enableSpotAndMarginTrading"]),
        withdraw=bool(told["enableWithdrawals"]),
        ip_restricted=bool(told["ipRestrict"]),
    )


BINANCE = Quirks(
    slug="binance",
    paths=frozenset(
        {
            "time",
            "system/status",
            "exchangeInfo",
            "depth",
            "aggTrades",
            "order",
            "openOrders",
            "allOrders",
            "myTrades",
            "account",
            "account/apiRestrictions",
            "asset/tradeFee",
        }
    ),
    options={
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "fetchCurrencies": False,
        "fetchMargins": False,
        "warnOnFetchOpenOrdersWithoutSymbol": False,
    },
    validity=_binance_validity,
    find_by_client_id=_binance_find,
    fetch_trades=_binance_trades,
    list_orders=_binance_list,
    public_trades=PublicTrades(1_000),
    lists_by_symbol=True,
    key_permissions=_key_permissions,
    account_fees=fees.binance,
    sandbox=True,
    rules=(
        rule(r"Duplicate order sent", Verdict.ALREADY_PLACED, R.OUTCOME_UNKNOWN),
        # After one good call ccxt reads -2015 as a network ban; it is one user's revoked key.
        rule(r'"code":\s*-201[45]\b', Verdict.REJECTED, R.AUTHENTICATION_FAILED),
        rule(r'"code":\s*-1022\b', Verdict.REJECTED, R.AUTHENTICATION_FAILED),
    ),
)
