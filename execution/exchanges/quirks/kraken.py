"""Kraken: ack only, growing nonce per key, `deadline` (Kraken REST docs, "Add order")."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from execution.exchanges.base import KeyPermissions, OrderRequest
from execution.exchanges.outcomes import Verdict, rule
from execution.exchanges.quirks.base import Params, Quirks, RawOrder
from policies.domain.reasons import ReasonCode

R = ReasonCode


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
            "AddOrder",
            "CancelOrder",
            "QueryOrders",
            "OpenOrders",
            "ClosedOrders",
            "QueryTrades",
            "BalanceEx",
            "GetApiKeyInfo",
        }
    ),  # fmt: skip
    options={"fetchMarkets": {"types": ["spot"]}},
    validity=_kraken_validity,
    find_by_client_id=_kraken_find,
    fetch_trades=_kraken_trades,
    key_permissions=_key_permissions,
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
