"""OKX's account endpoints: balance, fees and what a key may do."""

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.okx.parameters import asked_market, required
from execution.simulator.dialects.okx.shapes import milliseconds, result
from execution.simulator.engine.exchange import Exchange
from execution.simulator.facts import PPM
from execution.simulator.http import Response
from execution.simulator.numbers import format_trimmed


def balance(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/account/balance of an account in spot mode: what it owns, without valuations in USD."""
    asked = [asset for asset in call.request.query_params.get("ccy", "").split(",") if asset]
    at, decimals = milliseconds(call.now), exchange.facts.asset_decimals
    details = []
    for asset, owned in call.account.balances.items():
        if owned.total and (not asked or asset in asked):
            total, held = format_trimmed(owned.total, decimals[asset]), format_trimmed(owned.held, decimals[asset])
            details.append(
                {
                    "availBal": format_trimmed(owned.available, decimals[asset]),
                    # Equity that may be used is told in the margin modes only.
                    "availEq": "",
                    "cashBal": total,
                    "ccy": asset,
                    "eq": total,
                    "eqUsd": "",
                    "frozenBal": held,
                    "liab": "",
                    "ordFrozen": held,
                    "uTime": at,
                    "upl": "0",
                }
            )
    return result([{"adjEq": "", "details": details, "isoEq": "", "ordFroz": "", "totalEq": "", "uTime": at}])


def trade_fee(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/account/trade-fee: negative rates are what the account pays."""
    params = call.request.query_params
    required(params, "instType")
    if params.get("instId"):
        asked_market(exchange, params)
    facts = exchange.facts
    return result(
        [
            {
                "category": "1",
                "instType": params["instType"],
                "level": "Lv1",
                "maker": f"-{facts.maker_ppm / PPM:g}",
                "taker": f"-{facts.taker_ppm / PPM:g}",
                "ts": milliseconds(call.now),
            }
        ]
    )


def config(exchange: Exchange, call: Call) -> Response:
    """GET /api/v5/account/config: an account in spot mode, and what the key may do (OKX docs, "Get account config")."""
    account = call.account
    return result(
        [
            {
                "acctLv": "1",
                "acctStpMode": "cancel_maker",
                "autoLoan": False,
                "ctIsoMode": "automatic",
                "enableSpotBorrow": False,
                "feeType": "0",
                "greeksType": "PA",
                "ip": "203.0.113.7" if account.ip_restricted else "",
                "kycLv": "2",
                "label": "trading",
                "level": "Lv1",
                "levelTmp": "",
                "mainUid": "1",
                "mgnIsoMode": "automatic",
                "opAuth": "0",
                "perm": "read_only,withdraw,trade" if account.may_withdraw else "read_only,trade",
                "posMode": "net_mode",
                "roleType": "0",
                "spotBorrowAutoRepay": False,
                "spotOffsetType": "",
                "spotRoleType": "0",
                "spotTraderInsts": [],
                "traderInsts": [],
                "type": "0",
                "uid": "1",
            }
        ]
    )
