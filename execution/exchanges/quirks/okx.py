"""OKX: ack only, passphrase, header `expTime` (OKX v5 docs, "Request expiry" and "Error Code").

A client order id is unique among pending orders only, and of several orders that share one the latest is found. A fully
cancelled order is forgotten after two hours: a look-up that comes later finds nothing, and nothing was filled.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from execution.domain.orders import OrderStatus, OrderType
from execution.exchanges import ccxt_parse
from execution.exchanges.base import KeyPermissions, OrderRequest, SeenOrder
from execution.exchanges.listing import DAY_MS, Listing, cursor_pages, seen
from execution.exchanges.outcomes import Rule, Verdict, rule
from execution.exchanges.quirks import fees
from execution.exchanges.quirks.base import Params, PublicTrades, Quirks, RawOrder
from policies.domain.reasons import ReasonCode

R = ReasonCode
S = OrderStatus
_PAGE = 100
_HISTORY_MS = 7 * DAY_MS
# OKX v5 docs, "Order details", state.
_STATES: Mapping[str, OrderStatus] = {
    "live": S.OPEN,
    "partially_filled": S.OPEN,
    "filled": S.FILLED,
    "canceled": S.CANCELLED,
    "mmp_canceled": S.CANCELLED,
}


def _okx_headers(request: OrderRequest, time_difference_ms: int) -> Mapping[str, str]:
    return {"expTime": str(int(request.valid_until * 1000) - time_difference_ms)}


def _okx_order_params(request: OrderRequest) -> Params:
    # Else OKX cuts a market order down to what the account can pay.
    return {"banAmend": True} if request.order_type == OrderType.MARKET else {}


async def _okx_find(client: Any, request: OrderRequest) -> Sequence[RawOrder]:
    return [await client.fetch_order(None, request.symbol, {"clientOrderId": request.client_order_id})]


async def _okx_trades(client: Any, order: RawOrder) -> Sequence[RawOrder]:
    # What ccxt's own fetch_order_trades asks reaches back three months but may be asked six times less often.
    trades = await _fills(client, client.private_get_trade_fills, order)
    if ccxt_parse.total(trades) == ccxt_parse.decimal(order["filled"]):
        return trades
    return await _fills(client, client.private_get_trade_fills_history, order)


async def _fills(client: Any, ask: Callable[[Params], Awaitable[Any]], order: RawOrder) -> Sequence[RawOrder]:
    """All pages, newest first."""
    market = client.market(order["symbol"])
    params = {"instType": "SPOT", "instId": market["id"], "ordId": order["id"]}
    rows: list[RawOrder] = []
    while True:
        page = (await ask(params))["data"]
        rows += page
        if len(page) < _PAGE:
            trades: Sequence[RawOrder] = client.parse_trades(rows, market)
            return trades
        params = {**params, "after": page[-1]["billId"]}


async def _okx_list(listing: Listing) -> Sequence[SeenOrder]:
    """OKX v5 docs, "Order List", "Order history (last 7 days)" and "(last 3 months)"."""
    client, begin = listing.client, {"begin": str(listing.since_ms)}
    rows = await _order_pages(listing, client.private_get_trade_orders_pending, {})
    if listing.since_ms < listing.now_ms - _HISTORY_MS:
        rows += await _order_pages(listing, client.private_get_trade_orders_history_archive, begin)
    rows += await _order_pages(listing, client.private_get_trade_orders_history, begin)
    return [_seen(client.parse_order(row)) for row in rows]


async def _order_pages(listing: Listing, call: Any, query: Params) -> list[RawOrder]:
    async def page_from(more: Mapping[str, Any]) -> tuple[list[RawOrder], Mapping[str, Any]]:
        page = (await listing.ask(call, {"instType": "SPOT", "limit": str(_PAGE), **query, **more}))["data"]
        return page, {"after": page[-1]["ordId"]} if len(page) == _PAGE else {}

    return [row async for page in cursor_pages(page_from) for row in page]


def _seen(order: RawOrder) -> SeenOrder:
    raw = order["info"]
    amount = None if raw["ordType"] == "market" and raw.get("tgtCcy") == "quote_ccy" else raw["sz"]
    return seen(order, raw["state"], _STATES, client_order_id=raw.get("clOrdId"), amount=amount)


async def _key_permissions(client: Any) -> KeyPermissions:
    """OKX v5 docs, "Get account configuration"."""
    told = (await client.private_get_account_config())["data"][0]
    permissions = {permission.strip() for permission in told["perm"].split(",")}
    return KeyPermissions(
        trade="trade" in permissions, withdraw="withdraw" in permissions, ip_restricted=bool(told["ip"])
    )


def _codes(codes: str, verdict: Verdict, code: ReasonCode) -> Rule:
    """A rule for OKX's codes, of the whole answer or of the order in it; some come with a sub-code (51008_1000)."""
    return rule(rf'"s?[cC]ode":\s*"(?:{codes})(?:_\d+)?"', verdict, code)


OKX = Quirks(
    slug="okx",
    paths=frozenset(
        {
            "public/time",
            "public/instruments",
            "market/books",
            "market/trades",
            "account/balance",
            "account/config",
            "trade/order",
            "trade/cancel-order",
            "trade/orders-pending",
            "trade/orders-history",
            "trade/orders-history-archive",
            "trade/fills",
            "trade/fills-history",
            "account/trade-fee",
        }
    ),
    options={
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        # ccxt's default is the batch endpoint with a list of one.
        "createOrder": "privatePostTradeOrder",
        # What a market buy's amount counts; OKX's own default is the quote asset.
        "tgtCcy": "base_ccy",
    },
    credentials={"api_key": "apiKey", "secret": "secret", "passphrase": "password"},
    validity=lambda _, __: {},
    headers=_okx_headers,
    order_params=_okx_order_params,
    find_by_client_id=_okx_find,
    fetch_trades=_okx_trades,
    list_orders=_okx_list,
    public_trades=PublicTrades(500),
    lists_back_s=90 * 86_400.0,
    key_permissions=_key_permissions,
    account_fees=fees.okx,
    fetches_currencies=False,
    sandbox=True,
    acknowledges_only=True,
    rules=(
        _codes("51016|50071", Verdict.ALREADY_PLACED, R.OUTCOME_UNKNOWN),
        # "Does not mean that the request was successful or failed", and system errors, wherever they are told.
        _codes("50004|50005|50013|50026|51054|51149", Verdict.UNKNOWN, R.OUTCOME_UNKNOWN),
        _codes("50001", Verdict.UNKNOWN, R.EXCHANGE_MAINTENANCE),
        _codes("50036|50037", Verdict.NOT_SENT, R.EXCHANGE_UNAVAILABLE),
        _codes("50011|50040|50061", Verdict.NOT_SENT, R.RATE_LIMITED),
        # Refused by the web server in front: ccxt reads OKX's 429 without JSON as an outage.
        rule(r"okx (?:GET|POST) \S+ 429 ", Verdict.NOT_SENT, R.RATE_LIMITED),
        _codes("50102|50112", Verdict.NOT_SENT, R.CLOCK_SKEW),
        _codes("50030|50035|50100|50119|50120|50121", Verdict.REJECTED, R.AUTHENTICATION_FAILED),
        _codes("51008|51119|51127|51131", Verdict.REJECTED, R.INSUFFICIENT_FUNDS),
        _codes("51001|51021|51087", Verdict.REJECTED, R.PAIR_NOT_LISTED),
        # Refusals of an account, a pair or an order that ccxt has no class for.
        _codes(
            "50012|50028|50029|50032|50033|50052|50059|50060|51025|51033|51150",
            Verdict.REJECTED,
            R.EXCHANGE_REJECTED,
        ),
    ),
)
