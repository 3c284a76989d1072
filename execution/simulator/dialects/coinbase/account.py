"""Coinbase's account endpoints: balances, fees and what a key may do."""

from uuid import NAMESPACE_DNS, uuid5

from execution.simulator.dialects.base import Call
from execution.simulator.engine.exchange import Exchange
from execution.simulator.facts import PPM
from execution.simulator.http import Response, json_response
from execution.simulator.numbers import format_scaled

_FIAT = frozenset({"USD"})
_SINCE = "2024-01-01T00:00:00Z"


def list_accounts(exchange: Exchange, call: Call) -> Response:
    """GET /accounts: one per asset, what is free and what open orders hold. All fit in one page."""
    rows = []
    for asset, balance in call.account.balances.items():
        decimals = exchange.facts.asset_decimals[asset]
        rows.append(
            {
                "uuid": str(uuid5(NAMESPACE_DNS, f"{call.account.api_key} {asset}")),
                "name": f"{asset} Wallet",
                "currency": asset,
                "available_balance": {"value": format_scaled(balance.available, decimals), "currency": asset},
                "default": False,
                "active": True,
                "created_at": _SINCE,
                "updated_at": _SINCE,
                "deleted_at": None,
                "type": "ACCOUNT_TYPE_FIAT" if asset in _FIAT else "ACCOUNT_TYPE_CRYPTO",
                "ready": True,
                "hold": {"value": format_scaled(balance.held, decimals), "currency": asset},
                "retail_portfolio_id": "",
            }
        )
    return json_response({"accounts": rows, "has_next": False, "cursor": "", "size": len(rows)})


def transaction_summary(exchange: Exchange, call: Call) -> Response:
    """GET /transaction_summary: the account's fee rates."""
    facts = exchange.facts
    tier = {
        "pricing_tier": "Intro 1",
        "usd_from": "0",
        "usd_to": "1000",
        "taker_fee_rate": f"{facts.taker_ppm / PPM:g}",
        "maker_fee_rate": f"{facts.maker_ppm / PPM:g}",
    }
    return json_response({"total_volume": 0, "total_fees": 0, "fee_tier": tier})


def key_permissions(exchange: Exchange, call: Call) -> Response:
    """GET /key_permissions: what the key may do (Advanced Trade API reference, "Get API Key Permissions")."""
    account = call.account
    return json_response(
        {
            "can_view": True,
            "can_trade": True,
            "can_transfer": account.may_withdraw,
            "portfolio_uuid": str(uuid5(NAMESPACE_DNS, account.api_key)),
            "portfolio_type": "DEFAULT",
        }
    )
