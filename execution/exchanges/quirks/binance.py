"""Binance: full answers; validity by timestamp + recvWindow (Binance spot REST docs, "Timing security")."""

from collections.abc import Sequence
from typing import Any

from execution.exchanges.base import KeyPermissions, OrderRequest
from execution.exchanges.outcomes import Verdict, rule
from execution.exchanges.quirks.base import Params, Quirks, RawOrder
from policies.domain.reasons import ReasonCode

R = ReasonCode


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
            "order",
            "openOrders",
            "myTrades",
            "account",
            "account/apiRestrictions",
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
    key_permissions=_key_permissions,
    sandbox=True,
    rules=(
        rule(r"Duplicate order sent", Verdict.ALREADY_PLACED, R.OUTCOME_UNKNOWN),
        # After one good call ccxt reads -2015 as a network ban; it is one user's revoked key.
        rule(r'"code":\s*-201[45]\b', Verdict.REJECTED, R.AUTHENTICATION_FAILED),
        rule(r'"code":\s*-1022\b', Verdict.REJECTED, R.AUTHENTICATION_FAILED),
    ),
)
