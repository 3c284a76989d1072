"""KuCoin: ack only; a request is good for 5 s from its signed timestamp (KuCoin docs, "Authentication")."""

from collections.abc import Mapping, Sequence
from typing import Any

from execution.exchanges.base import KeyPermissions, OrderRequest
from execution.exchanges.outcomes import Verdict, rule
from execution.exchanges.quirks.base import Params, Quirks, RawOrder
from policies.domain.reasons import ReasonCode

R = ReasonCode
_LARGEST_PAGE = 100


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
            "accounts",
            "user/api-key",
            "hf/orders",
            "hf/orders/{orderId}",
            "hf/orders/client-order/{clientOid}",
            "hf/fills",
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
    key_permissions=_key_permissions,
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
