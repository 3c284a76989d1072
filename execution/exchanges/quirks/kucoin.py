"""KuCoin: ack only; a request is good for 5 s from its signed timestamp (KuCoin docs, "Authentication")."""

from collections.abc import Mapping, Sequence
from typing import Any

from execution.domain.orders import OrderStatus
from execution.exchanges import ccxt_parse
from execution.exchanges.base import KeyPermissions, OrderRequest, SeenOrder
from execution.exchanges.listing import DAY_MS, MOST_PAGES, Listing, cursor_pages, incomplete, seen
from execution.exchanges.outcomes import Verdict, rule
from execution.exchanges.quirks import fees
from execution.exchanges.quirks.base import Params, PublicTrades, Quirks, RawOrder
from policies.domain.reasons import ReasonCode

R = ReasonCode
S = OrderStatus
_LARGEST_PAGE = 100
_LONGEST_PERIOD_MS = 7 * DAY_MS
_READINGS = 3
_PRIVATE = ["private"]
_STATES: Mapping[str, OrderStatus] = {"active": S.OPEN, "done": S.FILLED, "cancelled": S.CANCELLED}


def _kucoin_validity(_: OrderRequest, __: int) -> Params:
    return {}  # it is in the signed timestamp


async def _kucoin_find(client: Any, request: OrderRequest) -> Sequence[RawOrder]:
    # Open orders and, for three days, closed ones. A clientOid is unique among open orders only: this is the latest.
    return [await client.fetch_order(None, request.symbol, {"clientOrderId": request.client_order_id})]


async def _kucoin_trades(client: Any, order: RawOrder) -> Sequence[RawOrder]:
    trades: dict[str, RawOrder] = {}
    params: Params = {}
    while True:
        page = await client.fetch_order_trades(order["id"], order["symbol"], None, _LARGEST_PAGE, params)
        known = len(trades)
        trades |= {trade["id"]: trade for trade in page}
        if len(page) < _LARGEST_PAGE or len(trades) == known:
            return list(trades.values())
        # Pages are newest first; whether the named fill itself comes again does not matter.
        params = {"lastId": min(int(trade["info"]["id"]) for trade in page)}


async def _kucoin_list(listing: Listing) -> Sequence[SeenOrder]:
    """KuCoin docs, "Get Open Orders By Page" and "Get Closed Orders"."""

    async def of(market: RawOrder) -> Sequence[SeenOrder]:
        rows = await _open_orders(listing, market["id"])
        for begin, end in listing.windows(_LONGEST_PERIOD_MS):
            # By the time of the last change, which is never before the creation.
            period = {"startAt": begin} if end is None else {"startAt": begin, "endAt": end}
            rows += await _closed_orders(listing, market["id"], period)
        return [_seen(listing.client.parse_order(row, market)) for row in rows]

    return await listing.of_each_symbol(of)


async def _open_orders(listing: Listing, symbol: str) -> list[RawOrder]:
    """Pages are numbered, and an order that closes between two of them moves another across: then all is read anew."""
    for _ in range(_READINGS):
        rows: dict[str, RawOrder] = {}
        totals = set()
        for number in range(1, MOST_PAGES):
            query = {"symbol": symbol, "pageNum": number, "pageSize": _LARGEST_PAGE}
            answer = await listing.ask(listing.client.request, "hf/orders/active/page", _PRIVATE, "GET", query)
            page = answer["data"]
            rows |= {row["id"]: row for row in page["items"]}
            totals.add(int(page["totalNum"]))
            if number >= int(page["totalPage"]):
                break
        if totals == {len(rows)}:
            return list(rows.values())
    raise incomplete("Its list of open orders changes faster than it can be read.")


async def _closed_orders(listing: Listing, symbol: str, period: Params) -> list[RawOrder]:
    async def page_from(more: Mapping[str, Any]) -> tuple[list[RawOrder], Mapping[str, Any]]:
        query = {"symbol": symbol, "limit": _LARGEST_PAGE, **period, **more}
        page = (await listing.ask(listing.client.private_get_hf_orders_done, query))["data"]
        return page["items"], {"lastId": page["lastId"]} if len(page["items"]) == _LARGEST_PAGE else {}

    return [row async for page in cursor_pages(page_from) for row in page]


def _seen(order: RawOrder) -> SeenOrder:
    raw = order["info"]
    word = {True: "active", False: "cancelled" if raw.get("cancelExist") else "done"}.get(raw.get("active"))
    by_value = {"amount": None} if not ccxt_parse.decimal(raw["size"]) else {}
    return seen(order, word, _STATES, client_order_id=raw.get("clientOid"), **by_value)


async def _key_permissions(client: Any) -> KeyPermissions:
    """KuCoin docs, "Get Apikey Info"; "Transfer" is what withdraws ("API Key Upgrade Guideline", permissions)."""
    told = (await client.private_get_user_api_key())["data"]
    permissions = {permission.strip() for permission in told["permission"].split(",")}
    return KeyPermissions(
        # Keys from before there were markets besides spot say "Trade".
        trade=not permissions.isdisjoint({"Spot", "Trade"}),
        withdraw=not permissions.isdisjoint({"Transfer", "Withdrawal"}),
        ip_restricted=bool(told.get("ipWhitelist")),
    )


def _kucoin_retry_after(headers: Mapping[str, str]) -> float | None:
    # Every answer tells in milliseconds when its pool is full again; it is a wait only where nothing is left.
    reset = headers.get("gw-ratelimit-reset", "")
    return int(reset) / 1000 if headers.get("gw-ratelimit-remaining") == "0" and reset.isdecimal() else None


KUCOIN = Quirks(
    slug="kucoin",
    paths=frozenset(
        {
            "timestamp",
            "symbols",
            "market/orderbook/level{level}_{limit}",
            "market/histories",
            "accounts",
            "user/api-key",
            "hf/orders",
            "hf/orders/{orderId}",
            "hf/orders/active/page",
            "hf/orders/done",
            "hf/orders/client-order/{clientOid}",
            "hf/fills",
            "trade-fees",
        }
    ),
    options={
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"], "fetchTickersFees": False},
        # Else ccxt asks which kind of account the key has before its first private call.
        "hf": True,
        "uta": False,
    },
    validity=_kucoin_validity,
    signs_at_commit=True,
    # The 5 s cannot be changed: an order whose validity is shorter may still be accepted after it.
    arrives_late_s=5.0,
    fetches_currencies=False,
    markets_params={"marginables": False},  # else, with keys, ccxt asks what can be traded on margin
    find_by_client_id=_kucoin_find,
    fetch_trades=_kucoin_trades,
    list_orders=_kucoin_list,
    public_trades=PublicTrades(100),
    lists_by_symbol=True,
    lists_back_s=3 * 86_400.0,
    key_permissions=_key_permissions,
    account_fees=fees.kucoin,
    credentials={"api_key": "apiKey", "secret": "secret", "passphrase": "password"},
    acknowledges_only=True,
    retry_after_s=_kucoin_retry_after,
    rules=(
        rule(
            r'(?i)clientOid\W{0,3}(is )?duplicate|"code":\s*"(126033|126044)"',
            Verdict.ALREADY_PLACED,
            R.OUTCOME_UNKNOWN,
        ),
        # ccxt takes "Network timeout, please try again later" for a refusal.
        rule(r'"code":\s*"408000"|(?i:time.?out)', Verdict.UNKNOWN, R.OUTCOME_UNKNOWN),
        rule(r'"code":\s*"(200001|600203|126007|126009)"', Verdict.REJECTED, R.EXCHANGE_MAINTENANCE),
        rule(r'"code":\s*"(900001|126004|126006)"', Verdict.REJECTED, R.PAIR_NOT_LISTED),
        rule(r"account\.available\.amount", Verdict.REJECTED, R.INSUFFICIENT_FUNDS),
        # ccxt reads "Funds below the minimum requirement" as a lack of funds.
        rule(r'"code":\s*"600100"', Verdict.REJECTED, R.EXCHANGE_REJECTED),
        # Key versions, key permissions and the session of a key.
        rule(r'"code":\s*"4000(08|09|10|11|12)"', Verdict.REJECTED, R.AUTHENTICATION_FAILED),
        # The order limit, identity checks, partner and region: the gateway or the exchange said no.
        rule(
            r'"code":\s*"(200003|200009|400700|40020[12]|4003\d\d|126002|126011|126015|126037)"',
            Verdict.REJECTED,
            R.EXCHANGE_REJECTED,
        ),
    ),
)
