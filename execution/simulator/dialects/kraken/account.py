"""Kraken's balance and fee endpoints."""

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.kraken import names
from execution.simulator.dialects.kraken.auth import read_params
from execution.simulator.dialects.kraken.shapes import result
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.memory import DAY
from execution.simulator.http import Response
from execution.simulator.numbers import format_scaled


def balance(exchange: Exchange, call: Call) -> Response:
    """Balance: totals."""
    decimals = exchange.facts.asset_decimals
    return result(
        {names.asset_id(asset): format_scaled(b.total, decimals[asset]) for asset, b in call.account.balances.items()}
    )


def balance_ex(exchange: Exchange, call: Call) -> Response:
    """BalanceEx: totals, and what open orders hold of them."""
    decimals = exchange.facts.asset_decimals
    return result(
        {
            names.asset_id(asset): {
                "balance": format_scaled(b.total, decimals[asset]),
                "hold_trade": format_scaled(b.held, decimals[asset]),
            }
            for asset, b in call.account.balances.items()
        }
    )


def trade_volume(exchange: Exchange, call: Call) -> Response:
    """TradeVolume: the fee percentages of the asked pairs, and what was traded against dollars in 30 days."""
    pairs = read_params(call.request).get("pair")
    ids = [market.spec.facts.wire_id for market in names.find_markets(exchange, pairs)] if pairs else []
    return result(
        {
            "currency": "ZUSD",
            "volume": _volume(call),
            "fees": {wire_id: _fee_tier(exchange.facts.taker_ppm) for wire_id in ids},
            "fees_maker": {wire_id: _fee_tier(exchange.facts.maker_ppm) for wire_id in ids},
        }
    )


def api_key_info(exchange: Exchange, call: Call) -> Response:
    """GetApiKeyInfo: what the key may do."""
    account = call.account
    permissions = ["query-funds", "query-open-trades", "query-closed-trades", "modify-trades", "close-trades"]
    return result(
        {
            "api_key_name": "trading",
            "api_key": account.api_key,
            "nonce": str(account.last_nonce),
            "nonce_window": 0,
            "permissions": permissions + (["withdraw-funds"] if account.may_withdraw else []),
            "iban": "",
            "valid_until": "0",
            "created_time": "1700000000",
            "ip_allowlist": ["203.0.113.7"] if account.ip_restricted else [],
        }
    )


def _volume(call: Call) -> str:
    since = call.now - 30 * DAY
    trades = [t for t in call.account.trades if t.at > since and t.order.market.spec.quote in {"USD", "USDT"}]
    return f"{sum(t.notional / 10**t.order.market.spec.quote_decimals for t in trades):.4f}"


def _fee_tier(ppm: int) -> dict[str, object]:
    percent = f"{ppm / 10_000:.4f}"
    return {
        "fee": percent,
        "minfee": percent,
        "maxfee": percent,
        "nextfee": None,
        "nextvolume": None,
        "tiervolume": "0.0000",
    }
