"""Bybit's wallet endpoint, and what a key may do."""

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.bybit import errors
from execution.simulator.dialects.bybit.parameters import find_market, require_spot
from execution.simulator.dialects.bybit.shapes import result
from execution.simulator.engine.accounts import Balance
from execution.simulator.engine.exchange import Exchange
from execution.simulator.facts import PPM
from execution.simulator.http import Response
from execution.simulator.numbers import format_trimmed


def wallet_balance(exchange: Exchange, call: Call) -> Response:
    """GET /v5/account/wallet-balance of the unified account: coins that are not zero, or the asked ones."""
    params = call.request.query_params
    if params.get("accountType") != "UNIFIED":
        raise errors.fail(errors.invalid("accountType"))
    asked = {coin for coin in params.get("coin", "").split(",") if coin}
    decimals, balances = exchange.facts.asset_decimals, call.account.balances
    coins = [
        _coin(asset, b, decimals[asset]) for asset, b in balances.items() if (asset in asked or not asked) and b.total
    ]
    return result({"list": [{"accountType": "UNIFIED", "totalEquity": "", "coin": coins}]}, call.now)


def fee_rate(exchange: Exchange, call: Call) -> Response:
    """GET /v5/account/fee-rate of one symbol or all (Bybit v5 docs, "Get Fee Rate")."""
    params = call.request.query_params
    require_spot(params)
    asked = params.get("symbol")
    markets = [find_market(exchange, asked, errors.invalid("symbol"))] if asked else exchange.markets.values()
    rates = {
        "takerFeeRate": f"{exchange.facts.taker_ppm / PPM:g}",
        "makerFeeRate": f"{exchange.facts.maker_ppm / PPM:g}",
    }
    rows = [{"symbol": market.spec.facts.wire_id, "baseCoin": "", **rates} for market in markets]
    return result({"category": "spot", "list": rows}, call.now)


def api_key_info(exchange: Exchange, call: Call) -> Response:
    """GET /v5/user/query-api: what the key may do (Bybit v5 docs, "Get API Key Information")."""
    account = call.account
    permissions: dict[str, list[str]] = {
        "ContractTrade": [],
        "Spot": ["SpotTrade"],
        "Wallet": ["Withdraw"] if account.may_withdraw else [],
        "Options": [],
        "Derivatives": [],
        "Exchange": [],
        "Earn": [],
        "Affiliate": [],
        "BlockTrade": [],
    }
    return result(
        {
            "id": "1",
            "note": "trading",
            "apiKey": account.api_key,
            "readOnly": 0,
            "secret": "",
            "permissions": permissions,
            "ips": ["203.0.113.7"] if account.ip_restricted else ["*"],
            "type": 1,
            "deadlineDay": -2 if account.ip_restricted else 83,
            "expiredAt": "1970-01-01T00:00:00Z",
            "createdAt": "2023-11-14T22:13:20Z",
            "uta": 1,
            "userID": 1,
            "inviterID": 0,
            "vipLevel": "No VIP",
            "mktMakerLevel": "0",
            "affiliateID": 0,
            "rsaPublicKey": "",
            "isMaster": True,
            "parentUid": "0",
        },
        call.now,
    )


def _coin(asset: str, balance: Balance, decimals: int) -> dict[str, object]:
    total = format_trimmed(balance.total, decimals)
    return {
        "coin": asset,
        "equity": total,
        "walletBalance": total,
        "locked": format_trimmed(balance.held, decimals),
        # Empty for unified accounts since January 2025 (Bybit v5 docs, "Get Wallet Balance").
        "availableToWithdraw": "",
        "totalOrderIM": "0",
        "totalPositionIM": "0",
        "totalPositionMM": "0",
        "borrowAmount": "0",
        "spotBorrow": "0",
        "accruedInterest": "0",
        "bonus": "0",
        "unrealisedPnl": "0",
        "cumRealisedPnl": "0",
        "usdValue": "",
        "marginCollateral": True,
        "collateralSwitch": True,
    }
