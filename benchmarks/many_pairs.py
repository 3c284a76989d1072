"""The simulator with twenty pairs at each exchange, for `benchmarks.market_data`; options as `execution.simulator`."""

from dataclasses import replace

from execution.simulator import facts
from execution.simulator.cli import main
from execution.simulator.engine import prices

PAIRS = 20
"""At each exchange."""

BASES = tuple(f"T{chr(ord('A') + number)}Z" for number in range(PAIRS))
_WIRE_IDS = {"alpaca": "{}/{}", "coinbase": "{}-{}", "kucoin": "{}-{}", "okx": "{}-{}"}


def symbols(slug: str) -> list[str]:
    """What an exchange lists here."""
    quote = "NOK" if slug == "firi" else "USDT"
    return [f"{base}/{quote}" for base in BASES]


def widen() -> None:
    """Let every exchange list twenty pairs as liquid as its first one, instead of its own."""
    prices.ANCHOR_USD.update(dict.fromkeys(BASES, prices.ANCHOR_USD["BTC"]))
    for slug, exchange in list(facts.EXCHANGES.items()):
        markets = tuple(
            replace(exchange.markets[0], symbol=symbol, wire_id=_WIRE_IDS.get(slug, "{}{}").format(*symbol.split("/")))
            for symbol in symbols(slug)
        )
        decimals = {"USDT": 10, **exchange.asset_decimals, **dict.fromkeys(BASES, exchange.asset_decimals["BTC"])}
        facts.EXCHANGES[slug] = replace(exchange, markets=markets, asset_decimals=decimals)


if __name__ == "__main__":
    widen()
    main()
