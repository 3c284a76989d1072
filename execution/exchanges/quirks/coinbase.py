"""Coinbase Advanced Trade: ack only, a JWT that lives 120 s, no look-up by our id, failures with HTTP 200.

Sources: Coinbase Advanced Trade API reference ("Create Order", "List Orders", "List Fills"); Coinbase App docs, "API
key authentication"; ccxt 4.5.90.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from execution.domain.orders import OrderStatus
from execution.exchanges import ccxt_parse
from execution.exchanges.base import KeyPermissions, OrderRequest, SeenOrder
from execution.exchanges.errors import ExchangeError
from execution.exchanges.listing import Listing, cursor_pages, incomplete, seen
from execution.exchanges.outcomes import Verdict, rule
from execution.exchanges.quirks import fees
from execution.exchanges.quirks.base import Params, PublicTrades, Quirks, RawOrder
from policies.domain.reasons import ReasonCode

R = ReasonCode
S = OrderStatus
_PAGE = 100
_MOST_OPEN = 1_000
# Coinbase Advanced Trade API reference, "List Orders", status. UNKNOWN_ORDER_STATUS tells nothing.
_STATES: Mapping[str, OrderStatus] = {
    "PENDING": S.OPEN,
    "QUEUED": S.OPEN,
    "OPEN": S.OPEN,
    "EDIT_QUEUED": S.OPEN,
    "CANCEL_QUEUED": S.OPEN,
    "FILLED": S.FILLED,
    "CANCELLED": S.CANCELLED,
    "EXPIRED": S.EXPIRED,
    "FAILED": S.REJECTED,
}
_MOST_PAGES = 30  # more than one key may place while one order is valid
_MARGIN_MS = 10_000
# Where a failed order names its reason; `error` and `preview_failure_reason` are deprecated and still sent.
_REASON = r'"(?:error|preview_failure_reason|new_order_failure_reason)":\s*'


def _no_validity(_: OrderRequest, __: int) -> Params:
    return {}  # the end of the signature is the end of the order


async def _coinbase_find(client: Any, request: OrderRequest) -> Sequence[RawOrder]:
    """List what was placed while our order could be, newest first, until it is there."""
    ahead_ms = int(client.options.get("timeDifference") or 0)
    since = int(request.sent_at * 1000) - ahead_ms - _MARGIN_MS
    query: Params = {"until": int(request.valid_until * 1000) - ahead_ms + _MARGIN_MS}
    for _ in range(_MOST_PAGES):
        page: Sequence[RawOrder] = await client.fetch_orders(request.symbol, since, _PAGE, query)
        ours = [order for order in page if order["clientOrderId"] == request.client_order_id]
        cursor = _next_page(page)
        if ours or not cursor:
            return ours
        query["cursor"] = cursor
    raise ExchangeError(R.EXCHANGE_UNAVAILABLE, "Its list of orders does not end.")


async def _coinbase_trades(client: Any, order: RawOrder) -> Sequence[RawOrder]:
    """List the order's fills until they add up to what it says is filled."""
    filled = ccxt_parse.decimal(order["filled"])
    trades: list[RawOrder] = []
    query: Params = {"order_ids": [order["id"]]}
    for _ in range(_MOST_PAGES):
        page: Sequence[RawOrder] = await client.fetch_my_trades(order["symbol"], None, _PAGE, query)
        trades += [trade for trade in page if trade["order"] == order["id"]]
        cursor = _next_page(page)
        if not cursor or ccxt_parse.total(trades) >= filled:
            return trades
        query["cursor"] = cursor
    raise ExchangeError(R.EXCHANGE_UNAVAILABLE, "Its list of fills does not end.")


async def _coinbase_list(listing: Listing) -> Sequence[SeenOrder]:
    """Open orders, then all, newest first, of every product.

    A list of open orders that names no product ends after one page without saying so, so it is asked for in one; and
    a full page that claims to be the last is followed by what is older (seen by others, 2026).
    """
    call = listing.client.v3_private_get_brokerage_orders_historical_batch
    begin = {"start_date": listing.client.iso8601(listing.since_ms)}
    rows = (await listing.ask(call, {**begin, "order_status": "OPEN", "limit": _MOST_OPEN}))["orders"]
    if len(rows) >= _MOST_OPEN:
        raise incomplete(f"It has {len(rows)} open orders or more.")
    known: set[str] = set()

    async def page_from(more: Mapping[str, Any]) -> tuple[list[RawOrder], Mapping[str, Any]]:
        answer = await listing.ask(call, {**begin, "limit": _PAGE, **more})
        page = answer["orders"]
        is_news = not known.issuperset(row["order_id"] for row in page)
        known.update(row["order_id"] for row in page)
        if answer.get("cursor"):
            return page, {**more, "cursor": answer["cursor"]}
        if len(page) < _PAGE:
            return page, {}
        if not is_news:
            raise incomplete("More of its orders share an instant than fit a page.")
        oldest = listing.client.parse8601(page[-1]["created_time"])
        return page, {"end_date": listing.client.iso8601(oldest + 1)}

    rows += [row async for page in cursor_pages(page_from) for row in page]
    spot = [row for row in rows if row.get("product_type") in (None, "", "SPOT", "UNKNOWN_PRODUCT_TYPE")]
    return [_seen(listing.client.parse_order(row)) for row in spot]


def _seen(order: RawOrder) -> SeenOrder:
    raw = order["info"]
    # ccxt does not know every kind of order; all write the same two fields.
    terms = next(iter(raw["order_configuration"].values()))
    return seen(
        order, raw["status"], _STATES, client_order_id=raw.get("client_order_id"),
        amount=terms.get("base_size"), price=terms.get("limit_price"),
    )  # fmt: skip


def _next_page(page: Sequence[RawOrder]) -> str:
    """The cursor of a list, which ccxt hides in one of its items."""
    return next((str(item["info"]["cursor"]) for item in page if item["info"].get("cursor")), "")


async def _key_permissions(client: Any) -> KeyPermissions:
    """Coinbase Advanced Trade API reference, "Get API Key Permissions". A transfer may leave Coinbase (App docs, "API
    Scopes and Permissions"); whether the key is bound to addresses is not told.
    """
    told = await client.v3_private_get_brokerage_key_permissions()
    return KeyPermissions(trade=bool(told["can_trade"]), withdraw=bool(told["can_transfer"]))


COINBASE = Quirks(
    slug="coinbase",
    paths=frozenset(
        {
            "time",
            "brokerage/market/products",
            "brokerage/market/product_book",
            "brokerage/market/products/{product_id}/ticker",
            # Asked for with the products by a client that has keys.
            "brokerage/transaction_summary",
            "brokerage/accounts",
            "brokerage/key_permissions",
            "brokerage/orders",
            "brokerage/orders/batch_cancel",
            "brokerage/orders/historical/batch",
            "brokerage/orders/historical/fills",
            "brokerage/orders/historical/{order_id}",
        }
    ),
    # The default, /v2/accounts, does not tell what open orders hold.
    options={"fetchBalance": "v3PrivateGetBrokerageAccounts"},
    fetches_currencies=False,
    validity=_no_validity,
    find_by_client_id=_coinbase_find,
    fetch_trades=_coinbase_trades,
    list_orders=_coinbase_list,
    public_trades=PublicTrades(1_000),
    key_permissions=_key_permissions,
    account_fees=fees.coinbase,
    # ccxt drops the unified `clientOrderId` and sends an id of its own.
    client_id_param="client_order_id",
    acknowledges_only=True,
    signature_lives_s=120,
    arrives_late_s=1.0,  # the token counts whole seconds
    market_orders=False,  # a buy would be by cost: decision 0010
    rules=(
        rule(_REASON + '"DUPLICATE_CLIENT_ORDER_ID"', Verdict.ALREADY_PLACED, R.OUTCOME_UNKNOWN),
        rule(_REASON + r'"(PREVIEW_)?INSUFFICIENT_\w+"', Verdict.REJECTED, R.INSUFFICIENT_FUNDS),
        rule(
            _REASON + r'"(PREVIEW_)?(INVALID_PRODUCT_ID|INELIGIBLE_PAIR|UNTRADABLE_PRODUCT)"',
            Verdict.REJECTED,
            R.PAIR_NOT_LISTED,
        ),
        rule(
            _REASON + r'"(PREVIEW_)?(ORDER_ENTRY_DISABLED|TRADING_DISABLED|PRODUCT_TRADING_HALTED'
            r'|NOT_ALLOWED_BY_MARKET_STATE)"',
            Verdict.REJECTED,
            R.EXCHANGE_MAINTENANCE,
        ),
        # What fails the preview is never created; the others are the documented reasons that a spot order can have.
        rule(
            _REASON + r'"(PREVIEW_\w+|INVALID_\w+|UNSUPPORTED_ORDER_CONFIGURATION|COMMANDER_REJECTED_NEW_ORDER'
            r"|GEOFENCING_RESTRICTION|FOK_DISABLED|POST_ONLY_NOT_ALLOWED_WITH_FOK|LIMIT_PRICE_TOO_FAR_FROM_MARKET"
            r'|LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_\w+|BREACHED_RISK_LIMIT)"',
            Verdict.REJECTED,
            R.EXCHANGE_REJECTED,
        ),
    ),
)
