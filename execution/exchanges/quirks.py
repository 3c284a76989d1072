"""What each ccxt exchange does differently, as a table. Shared code asks the table and never the name.

Facts: observed with ccxt 4.5.90 against recorded answers, and the exchanges' API documentation.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from execution.domain.orders import TimeInForce
from execution.exchanges.base import OrderRequest
from execution.exchanges.outcomes import Rule, Verdict, rule
from policies.domain.reasons import ReasonCode

R = ReasonCode
Params = dict[str, Any]
RawOrder = dict[str, Any]
ALL_TIMES = frozenset(TimeInForce)


@dataclass(frozen=True, slots=True)
class Quirks:
    """One row of the table.

    options: passed to ccxt so that only spot is loaded and no hidden calls are made.
    paths: the only REST paths this client may ever call; nothing that withdraws or transfers is in reach.
    credentials: our field -> ccxt attribute.
    validity: params that make the exchange refuse the order when it arrives after `request.valid_until`.
    find_by_client_id: all orders, open or closed, that the exchange has under our id.
    fetch_trades: the executions of an order as ccxt trades.
    acknowledges_only: the answer to a placement holds an id but no outcome.
    serial: private calls of one key must arrive one after the other (nonces).
    rules: error texts that prove more than their ccxt class does.
    """

    slug: str
    paths: frozenset[str]
    options: Mapping[str, Any]
    validity: Callable[[OrderRequest, int], Params]
    find_by_client_id: Callable[[Any, OrderRequest], Awaitable[Sequence[RawOrder]]]
    fetch_trades: Callable[[Any, RawOrder], Awaitable[Sequence[RawOrder]]]
    credentials: Mapping[str, str] = field(default_factory=lambda: {"api_key": "apiKey", "secret": "secret"})
    sandbox: bool = False
    acknowledges_only: bool = False
    serial: bool = False
    market_orders: bool = True
    times_in_force: frozenset[TimeInForce] = ALL_TIMES
    rules: tuple[Rule, ...] = ()


# --- Binance: full answers; validity by timestamp + recvWindow (Binance spot REST docs, "Timing security") ----------


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


BINANCE = Quirks(
    slug="binance",
    paths=frozenset({"time", "system/status", "exchangeInfo", "depth", "order", "openOrders", "myTrades", "account"}),
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
    sandbox=True,
    rules=(
        rule(r"Duplicate order sent", Verdict.ALREADY_PLACED, R.OUTCOME_UNKNOWN),
        # After one good call ccxt reads -2015 as a network ban; it is one user's revoked key.
        rule(r'"code":\s*-201[45]\b', Verdict.REJECTED, R.AUTHENTICATION_FAILED),
        rule(r'"code":\s*-1022\b', Verdict.REJECTED, R.AUTHENTICATION_FAILED),
    ),
)


# --- Kraken: ack only, growing nonce per key, `deadline` (Kraken REST docs, "Add order") -----------------------------


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
        }
    ),  # fmt: skip
    options={"fetchMarkets": {"types": ["spot"]}},
    validity=_kraken_validity,
    find_by_client_id=_kraken_find,
    fetch_trades=_kraken_trades,
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

QUIRKS: Mapping[str, Quirks] = {quirks.slug: quirks for quirks in (BINANCE, KRAKEN)}
