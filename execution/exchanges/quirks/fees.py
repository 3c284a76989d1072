"""What each exchange tells of an account's own fees. Rates differ between pairs only where an exchange makes
exceptions, so its main pair stands for all.
"""

from decimal import Decimal
from typing import Any

from execution.exchanges.base import AccountFees
from execution.exchanges.reading import number

MAIN_PAIRS = ("BTC/USDT", "BTC/USD", "BTC/USDC", "BTC/EUR", "ETH/USDT")
_LARGEST = Decimal("0.1")
_LARGEST_REBATE = Decimal("-0.01")
_PERCENT = Decimal("0.01")


def main_pair(client: Any) -> str:
    """The exchange's name of the pair that is asked for. Raises LookupError where none of them is listed."""
    pair = next((symbol for symbol in MAIN_PAIRS if symbol in client.markets), None)
    if pair is None:
        raise LookupError("no main pair")
    return str(client.market(pair)["id"])


async def binance(client: Any) -> AccountFees:
    """Binance wallet docs, "Trade Fee". The discount for paying in BNB is not in it."""
    told = await client.sapi_get_asset_tradefee({"symbol": main_pair(client)})
    return _fees(told[0]["makerCommission"], told[0]["takerCommission"])


async def bybit(client: Any) -> AccountFees:
    """Bybit v5 docs, "Get Fee Rate"."""
    told = await client.private_get_v5_account_fee_rate({"category": "spot", "symbol": main_pair(client)})
    row = told["result"]["list"][0]
    return _fees(row["makerFeeRate"], row["takerFeeRate"])


async def okx(client: Any) -> AccountFees:
    """OKX v5 docs, "Get fee rates": what is paid is negative there, and a rebate positive."""
    told = await client.private_get_account_trade_fee({"instType": "SPOT", "instId": main_pair(client)})
    row = told["data"][0]
    return _fees(-number(row["maker"]), -number(row["taker"]), tier=str(row.get("level") or ""))


async def kucoin(client: Any) -> AccountFees:
    """KuCoin docs, "Get Actual Fee - Spot/Margin"."""
    row = (await client.private_get_trade_fees({"symbols": main_pair(client)}))["data"][0]
    return _fees(row["makerFeeRate"], row["takerFeeRate"])


async def kraken(client: Any) -> AccountFees:
    """Kraken REST docs, "Get Trade Volume": rates in percent, the volume in USD."""
    pair = main_pair(client)
    told = (await client.private_post_tradevolume({"pair": pair}))["result"]
    maker, taker = (number(told[side][pair]["fee"]) * _PERCENT for side in ("fees_maker", "fees"))
    return _fees(maker, taker, volume=number(told["volume"]) if told.get("currency") == "ZUSD" else None)


async def coinbase(client: Any) -> AccountFees:
    """Coinbase Advanced Trade API reference, "Get Transaction Summary"."""
    told = await client.v3_private_get_brokerage_transaction_summary({"product_type": "SPOT"})
    tier = told["fee_tier"]
    volume = told.get("total_volume")
    return _fees(
        tier["maker_fee_rate"],
        tier["taker_fee_rate"],
        volume=None if volume is None else number(volume),
        tier=str(tier.get("pricing_tier") or ""),
    )


def _fees(maker: Any, taker: Any, *, volume: Decimal | None = None, tier: str = "") -> AccountFees:
    """Raises ValueError for rates that cannot be meant: a wrong one would send orders to the wrong exchange."""
    rates = number(maker), number(taker)
    for rate in rates:
        if not _LARGEST_REBATE <= rate <= _LARGEST:
            raise ValueError(f"{rate} is no fee")
    return AccountFees(*rates, volume, tier[:40])
