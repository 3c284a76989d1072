"""Bybit: ack only; validity by the signed timestamp + X-BAPI-RECV-WINDOW (Bybit v5 docs, "Integration Guidance")."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from execution.domain.orders import OrderStatus
from execution.exchanges.base import KeyPermissions, OrderRequest, SeenOrder
from execution.exchanges.listing import DAY_MS, Listing, cursor_pages, seen
from execution.exchanges.outcomes import Verdict, rule
from execution.exchanges.quirks import fees
from execution.exchanges.quirks.base import Params, PublicTrades, Quirks, RawOrder
from policies.domain.reasons import ReasonCode

R = ReasonCode
S = OrderStatus
_LARGEST_PAGE = 100
_LARGEST_ORDER_PAGE = 50
_LONGEST_PERIOD_MS = 7 * DAY_MS
# Bybit v5 docs, "Enums Definitions", orderStatus.
_STATES: Mapping[str, OrderStatus] = {
    "New": S.OPEN,
    "PartiallyFilled": S.OPEN,
    "Untriggered": S.OPEN,
    "Triggered": S.OPEN,
    "Filled": S.FILLED,
    "Cancelled": S.CANCELLED,
    "PartiallyFilledCanceled": S.CANCELLED,
    "Deactivated": S.CANCELLED,
    "Rejected": S.REJECTED,
}


def _bybit_validity(_: OrderRequest, __: int) -> Params:
    return {}  # all of it is in the signed headers


def _bybit_window(request: OrderRequest) -> Mapping[str, Any]:
    # Counted from the committed instant, which is the timestamp of the signature.
    return {"recvWindow": int((request.valid_until - request.sent_at) * 1000)}


async def _bybit_find(client: Any, request: OrderRequest) -> Sequence[RawOrder]:
    # ccxt's fetch_order would send the unified client id as an unknown parameter and take whatever comes first. It also
    # knows the recent orders only, and Bybit forgets those at a restart; the history has the closed ones.
    if request.exchange_order_id:
        key = {"orderId": request.exchange_order_id}
    else:
        key = {"orderLinkId": request.client_order_id}
    found: Sequence[RawOrder] = await client.fetch_open_orders(request.symbol, params=key)
    return found or await client.fetch_canceled_and_closed_orders(request.symbol, params=key)


async def _bybit_trades(client: Any, order: RawOrder) -> Sequence[RawOrder]:
    trades: list[RawOrder] = []
    params: Params = {}
    while True:
        page = await client.fetch_order_trades(order["id"], order["symbol"], None, _LARGEST_PAGE, params)
        trades += [_in_the_charged_asset(client, trade) for trade in page]
        # ccxt leaves the cursor in one of the raw trades.
        cursor = next((c for trade in page if (c := trade["info"].get("nextPageCursor"))), None)
        if cursor is None or len(page) < _LARGEST_PAGE:
            return trades
        params = {"cursor": cursor}


async def _bybit_list(listing: Listing) -> Sequence[SeenOrder]:
    """Bybit v5 docs, "Get Open & Closed Orders" and "Get Order History".

    The history may lag, so what closed just now is asked for where the open orders are.
    """
    realtime, history = listing.client.private_get_v5_order_realtime, listing.client.private_get_v5_order_history
    rows = await _order_pages(listing, realtime, {"openOnly": 0})
    for begin, end in listing.windows(_LONGEST_PERIOD_MS):
        # A begin alone is good for seven days from there.
        rows += await _order_pages(listing, history, {"startTime": begin} | ({} if end is None else {"endTime": end}))
    rows += await _order_pages(listing, realtime, {"openOnly": 1})
    client = listing.client
    orders = [client.parse_order(row, client.safe_market(row["symbol"], None, None, "spot")) for row in rows]
    return [
        seen(order, order["info"]["orderStatus"], _STATES, client_order_id=order["info"].get("orderLinkId"))
        for order in orders
    ]


async def _order_pages(listing: Listing, call: Any, query: Params) -> list[RawOrder]:
    async def page_from(more: Mapping[str, Any]) -> tuple[list[RawOrder], Mapping[str, Any]]:
        asked = {"category": "spot", "limit": _LARGEST_ORDER_PAGE, **query, **more}
        result = (await listing.ask(call, asked))["result"]
        # A cursor may come with the last page too; what it leads to is empty.
        cursor = result.get("nextPageCursor") if result["list"] else ""
        return result["list"], {"cursor": cursor} if cursor else {}

    return [row async for page in cursor_pages(page_from) for row in page]


def _in_the_charged_asset(client: Any, trade: RawOrder) -> RawOrder:
    # ccxt guesses the fee's asset from side and sign, which is wrong for who pays in Bybit's own coin.
    asset = trade["info"].get("feeCurrency")
    if asset:
        trade["fee"] = {**trade["fee"], "currency": client.safe_currency_code(asset)}
    return trade


def _bybit_retry_after(headers: Mapping[str, str]) -> float | None:
    # Every answer names a reset time; it is a wait only where nothing remains of the limit.
    if headers.get("X-Bapi-Limit-Status") != "0":
        return None
    return max(0.0, int(headers["X-Bapi-Limit-Reset-Timestamp"]) / 1000 - time.time())


async def _key_permissions(client: Any) -> KeyPermissions:
    """Bybit v5 docs, "Get API Key Information"; keys of any address have the one address "*"."""
    told = (await client.private_get_v5_user_query_api())["result"]
    return KeyPermissions(
        trade=int(told["readOnly"]) == 0 and "SpotTrade" in told["permissions"]["Spot"],
        withdraw="Withdraw" in told["permissions"]["Wallet"],
        ip_restricted=bool(told["ips"]) and "*" not in told["ips"],
    )


BYBIT = Quirks(
    slug="bybit",
    paths=frozenset(
        {
            "v5/market/time",
            "v5/market/instruments-info",
            "v5/market/orderbook",
            "v5/market/recent-trade",
            "v5/order/create",
            "v5/order/cancel",
            "v5/order/realtime",
            "v5/order/history",
            "v5/execution/list",
            "v5/account/wallet-balance",
            "v5/user/query-api",
            "v5/account/fee-rate",
        }
    ),
    options={
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        # Else ccxt asks which kind of account the key has before its first private call.
        "enableUnifiedAccount": True,
        "enableUnifiedMargin": False,
        "unifiedMarginStatus": 6,
    },
    validity=_bybit_validity,
    signs_at_commit=True,
    signing_options=_bybit_window,
    fetches_currencies=False,
    find_by_client_id=_bybit_find,
    find_by_exchange_id=_bybit_find,
    fetch_trades=_bybit_trades,
    list_orders=_bybit_list,
    public_trades=PublicTrades(60),
    lists_back_s=730 * 86_400.0,
    key_permissions=_key_permissions,
    account_fees=fees.bybit,
    client_id_param="orderLinkId",
    sandbox=True,
    acknowledges_only=True,
    retry_after_s=_bybit_retry_after,
    rules=(
        rule(r'"retCode":\s*(170141|110072|12141|10014)\b', Verdict.ALREADY_PLACED, R.OUTCOME_UNKNOWN),
        # ccxt takes these for refusals, but the order may be on its way.
        rule(r'"retCode":\s*(170146|170035)\b', Verdict.UNKNOWN, R.OUTCOME_UNKNOWN),
        rule(r'"retCode":\s*-1\b.*request expired', Verdict.NOT_SENT, R.CLOCK_SKEW),
        rule(r'"retCode":\s*(10429|170005|10009)\b', Verdict.NOT_SENT, R.RATE_LIMITED),
        rule(r'"retCode":\s*(170121|170151|170157|10029)\b', Verdict.REJECTED, R.PAIR_NOT_LISTED),
        # What the account may not do says nothing about its key.
        rule(r'"retCode":\s*(10024|10027|170201|170209|170224)\b', Verdict.REJECTED, R.EXCHANGE_REJECTED),
    ),
)
