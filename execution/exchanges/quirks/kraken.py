"""Kraken: ack only, growing nonce per key, `deadline` (Kraken REST docs, "Add order")."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from execution.domain.orders import OrderStatus
from execution.exchanges.base import KeyPermissions, OrderRequest, SeenOrder
from execution.exchanges.ccxt_parse import decimal
from execution.exchanges.listing import MOST_PAGES, Listing, incomplete, seen
from execution.exchanges.outcomes import Verdict, rule
from execution.exchanges.quirks import fees
from execution.exchanges.quirks.base import Params, PublicTrades, Quirks, RawOrder
from policies.domain.reasons import ReasonCode

R = ReasonCode
S = OrderStatus
# Kraken REST docs, "Get Closed Orders", status.
_STATES: Mapping[str, OrderStatus] = {
    "pending": S.OPEN,
    "open": S.OPEN,
    "closed": S.FILLED,
    "canceled": S.CANCELLED,
    "expired": S.EXPIRED,
}
_PAGE = 50
_SMALLEST = Decimal("0.00000001")


def _kraken_validity(request: OrderRequest, _: int) -> Params:
    until = datetime.fromtimestamp(request.valid_until, UTC)
    return {"deadline": until.strftime("%Y-%m-%dT%H:%M:%S.") + f"{until.microsecond // 1000:03d}Z"}


async def _kraken_find(client: Any, request: OrderRequest) -> Sequence[RawOrder]:
    # fetch_order would send our id as `userref`. Unique among open orders only, so closed ones are asked as well.
    query = {"clientOrderId": request.client_order_id, "trades": True}
    found: Sequence[RawOrder] = await client.fetch_open_orders(request.symbol, params=query)
    return found or await client.fetch_closed_orders(request.symbol, params=query)


async def _kraken_trades(client: Any, order: RawOrder) -> Sequence[RawOrder]:
    ids = order["info"].get("trades") or []
    if not ids:
        return []
    trades: Sequence[RawOrder] = await client.fetch_order_trades(order["id"], order["symbol"], params={"trades": ids})
    return trades


async def _kraken_list(listing: Listing) -> Sequence[SeenOrder]:
    """Kraken REST docs, "Get Open Orders" and "Get Closed Orders"."""
    answer = await listing.ask(listing.client.private_post_openorders, {})
    rows: dict[str, RawOrder] = answer["result"]["open"] | await _closed_orders(listing)
    return [_seen(listing.client.parse_order({"id": txid, **row})) for txid, row in rows.items()]


async def _closed_orders(listing: Listing) -> dict[str, RawOrder]:
    """By offset, newest first: an order that closes meanwhile only makes others come twice.

    Chosen by the time they closed, which is never before they were opened.
    """
    rows: dict[str, RawOrder] = {}
    start, count = listing.since_ms // 1000, 0
    for number in range(MOST_PAGES):
        query = {"start": start, "closetime": "close", "ofs": _PAGE * number}
        result = (await listing.ask(listing.client.private_post_closedorders, query))["result"]
        rows |= result["closed"]
        count = count or int(result["count"])
        if len(result["closed"]) < _PAGE:
            if len(rows) < count:
                raise incomplete(f"It showed {len(rows)} of {count} closed orders.")
            return rows
    raise incomplete("Its list of orders does not end.")


def _seen(order: RawOrder) -> SeenOrder:
    raw = order["info"]
    known: Params = {"symbol": order["symbol"] or raw["descr"]["pair"]}  # ccxt has no name for a pair that is gone
    if "viqc" in (raw.get("oflags") or ""):
        # Ordered by value, and so are its volumes.
        price = decimal(raw["price"])
        filled = (decimal(raw["cost"]) / price).quantize(_SMALLEST, ROUND_DOWN) if price else Decimal(0)
        known |= {"amount": None, "filled": filled}
    # ccxt would give `userref` for our id.
    return seen(order, raw["status"], _STATES, client_order_id=raw.get("cl_ord_id"), **known)


async def _key_permissions(client: Any) -> KeyPermissions:
    """Kraken REST docs, "Get API Key Info"."""
    told = (await client.private_post_getapikeyinfo())["result"]
    permissions = set(told["permissions"])
    return KeyPermissions(
        trade="modify-trades" in permissions or "add-orders" in permissions,
        withdraw="withdraw-funds" in permissions,
        ip_restricted=bool(told.get("ip_allowlist")),
    )


KRAKEN = Quirks(
    slug="kraken",
    paths=frozenset(
        {
            "Time",
            "SystemStatus",
            "Assets",
            "AssetPairs",
            "Depth",
            "Trades",
            "AddOrder",
            "CancelOrder",
            "QueryOrders",
            "OpenOrders",
            "ClosedOrders",
            "QueryTrades",
            "BalanceEx",
            "GetApiKeyInfo",
            "TradeVolume",
        }
    ),  # fmt: skip
    options={"fetchMarkets": {"types": ["spot"]}},
    validity=_kraken_validity,
    find_by_client_id=_kraken_find,
    fetch_trades=_kraken_trades,
    list_orders=_kraken_list,
    public_trades=PublicTrades(1_000),
    key_permissions=_key_permissions,
    account_fees=fees.kraken,
    acknowledges_only=True,
    serial=True,
    rules=(
        rule(r"cl_ord_id not unique", Verdict.ALREADY_PLACED, R.OUTCOME_UNKNOWN),
        rule(r"EService:Deadline elapsed", Verdict.NOT_SENT, R.EXCHANGE_UNAVAILABLE),
        rule(r"EService:Market in \w+ mode", Verdict.REJECTED, R.EXCHANGE_MAINTENANCE),
        rule(r"EOrder:Orders limit exceeded", Verdict.NOT_SENT, R.RATE_LIMITED),
        rule(r"EAPI:Invalid (key|signature)", Verdict.REJECTED, R.AUTHENTICATION_FAILED),
        rule(r"EGeneral:Permission denied", Verdict.REJECTED, R.AUTHENTICATION_FAILED),
    ),
)
