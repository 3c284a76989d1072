"""Which exchanges and markets are simulated: our own compact table of facts, rendered by each dialect in its shape.

Sources of the trading rules: each exchange's public instrument endpoint and fee page as of 2025-2026. A wrong or
missing number belongs here and nowhere else.
"""

from dataclasses import dataclass, field

from execution.simulator.numbers import decimals_of, parse_scaled

PPM = 1_000_000

# Fixed places on the port range, so that a base port is enough to know every exchange's address.
PORT_OFFSETS = {
    "binance": 1,
    "bybit": 2,
    "okx": 3,
    "kucoin": 4,
    "kraken": 5,
    "firi": 6,
    "coinbase": 7,
    "alpaca": 8,
}


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """Trading rules of one market and how liquid its simulated book is."""

    symbol: str
    wire_id: str
    tick: str
    lot: str
    min_amount: str
    min_notional: str
    spread_bps: float
    depth_usd: int
    """Average value of one synthetic price level; 0 leaves the book empty."""


@dataclass(frozen=True, slots=True)
class ExchangeFacts:
    """What differs between exchanges in how they keep the books. Fees in parts per million."""

    slug: str
    maker_ppm: int
    taker_ppm: int
    fee_asset: str
    """"received": the fee is cut from what the trade brings in; "quote": it is paid in the quote asset on top."""
    fee_decimals: int
    asset_decimals: dict[str, int]
    markets: tuple[MarketFacts, ...]
    unique_client_ids: bool
    """Refuse a client order id that an OPEN order of the same account carries. Closed orders free their id."""
    rejects_crossing_post_only: bool
    """True: a post-only order that would take is refused. False: it is accepted and cancelled at once."""
    shares_trade_ids: bool
    """True: buyer and seller see the same trade id. False: each side of a trade has an id of its own."""


EXCHANGES: dict[str, ExchangeFacts] = {
    "binance": ExchangeFacts(
        slug="binance",
        maker_ppm=1_000,
        taker_ppm=1_000,
        fee_asset="received",
        fee_decimals=8,
        asset_decimals={"BTC": 8, "ETH": 8, "SOL": 8, "USDT": 8},
        markets=(
            MarketFacts("BTC/USDT", "BTCUSDT", "0.01", "0.00001", "0.00001", "5", 0.6, 60_000),
            MarketFacts("ETH/USDT", "ETHUSDT", "0.01", "0.0001", "0.0001", "5", 0.8, 40_000),
            MarketFacts("SOL/USDT", "SOLUSDT", "0.01", "0.001", "0.001", "5", 1.5, 20_000),
            MarketFacts("ETH/BTC", "ETHBTC", "0.00001", "0.0001", "0.0001", "0.0001", 3.0, 20_000),
        ),
        unique_client_ids=True,
        rejects_crossing_post_only=True,
        shares_trade_ids=True,
    ),
    "kraken": ExchangeFacts(
        slug="kraken",
        maker_ppm=2_500,
        taker_ppm=4_000,
        fee_asset="quote",
        fee_decimals=5,
        # Ten decimals hold price x volume exactly (2 + 8), so cash always equals the sum of the reported fills.
        asset_decimals={"BTC": 8, "ETH": 8, "SOL": 8, "USD": 10, "USDT": 10},
        markets=(
            MarketFacts("BTC/USD", "XXBTZUSD", "0.1", "0.00000001", "0.00005", "0.5", 0.8, 40_000),
            MarketFacts("BTC/USDT", "XBTUSDT", "0.1", "0.00000001", "0.00005", "0.5", 1.5, 20_000),
            MarketFacts("ETH/USD", "XETHZUSD", "0.01", "0.00000001", "0.001", "0.5", 1.2, 25_000),
            MarketFacts("ETH/USDT", "ETHUSDT", "0.01", "0.00000001", "0.001", "0.5", 2.0, 15_000),
            MarketFacts("SOL/USD", "SOLUSD", "0.01", "0.00000001", "0.02", "0.5", 2.0, 12_000),
        ),
        unique_client_ids=True,
        rejects_crossing_post_only=False,
        shares_trade_ids=False,
    ),
    "firi": ExchangeFacts(
        slug="firi",
        maker_ppm=5_000,
        taker_ppm=5_000,
        fee_asset="quote",
        fee_decimals=10,
        asset_decimals={"BTC": 8, "ETH": 8, "NOK": 10, "DKK": 10},
        markets=(
            MarketFacts("BTC/NOK", "BTCNOK", "0.01", "0.00000001", "0.0001", "0", 50.0, 4_000),
            MarketFacts("ETH/NOK", "ETHNOK", "0.01", "0.00000001", "0.001", "0", 60.0, 3_000),
            MarketFacts("BTC/DKK", "BTCDKK", "0.01", "0.00000001", "0.0001", "0", 80.0, 0),
        ),
        unique_client_ids=False,
        rejects_crossing_post_only=True,
        shares_trade_ids=False,
    ),
}


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """The rules of one market in scaled integers.

    Prices are integers of 10**-price_decimals quote per base, amounts of 10**-base_decimals, notionals and fees of
    10**-quote_decimals (fees in base of 10**-base_decimals).
    """

    facts: MarketFacts
    exchange: ExchangeFacts
    base: str
    quote: str
    price_decimals: int
    amount_decimals: int
    base_decimals: int
    quote_decimals: int
    tick: int
    lot: int
    min_amount: int
    min_notional: int
    _multiplier: int = field(repr=False)
    _divisor: int = field(repr=False)
    _fee_step: int = field(repr=False)

    @classmethod
    def of(cls, exchange: ExchangeFacts, facts: MarketFacts) -> "MarketSpec":
        """Compile a table row."""
        base, quote = facts.symbol.split("/")
        price_decimals = decimals_of(facts.tick)
        base_decimals, quote_decimals = exchange.asset_decimals[base], exchange.asset_decimals[quote]
        surplus = price_decimals + base_decimals - quote_decimals
        return cls(
            facts=facts,
            exchange=exchange,
            base=base,
            quote=quote,
            price_decimals=price_decimals,
            amount_decimals=decimals_of(facts.lot),
            base_decimals=base_decimals,
            quote_decimals=quote_decimals,
            tick=parse_scaled(facts.tick, price_decimals),
            lot=parse_scaled(facts.lot, base_decimals),
            min_amount=parse_scaled(facts.min_amount, base_decimals),
            min_notional=parse_scaled(facts.min_notional, quote_decimals),
            _multiplier=10 ** max(0, -surplus),
            _divisor=10 ** max(0, surplus),
            _fee_step=10 ** (quote_decimals - exchange.fee_decimals),
        )

    @property
    def symbol(self) -> str:
        """The unified symbol, "BTC/USDT"."""
        return self.facts.symbol

    def notional(self, price: int, amount: int) -> int:
        """Quote units that `amount` costs at `price`, rounded down: both sides of a trade book the same number."""
        return price * amount * self._multiplier // self._divisor

    def affordable(self, price: int, budget: int) -> int:
        """The largest whole number of lots whose notional at `price` fits in `budget` quote units."""
        amount = budget * self._divisor // (price * self._multiplier)
        return amount - amount % self.lot

    def fee(self, ppm: int, *, notional: int, amount: int, is_buy: bool) -> int:
        """The fee of one trade in units of `fee_asset(is_buy)`, rounded down to what the exchange can charge."""
        if self.exchange.fee_asset == "quote":
            return notional * ppm // (PPM * self._fee_step) * self._fee_step
        return (amount if is_buy else notional) * ppm // PPM

    def fee_asset(self, *, is_buy: bool) -> str:
        """The asset a trade's fee is charged in."""
        return self.base if self.exchange.fee_asset == "received" and is_buy else self.quote

    def hold(self, price: int, amount: int, *, is_buy: bool) -> int:
        """What an open limit order blocks: base units, or quote units with the dearer fee on top if paid in quote.

        Everything is rounded down, so however the order is filled, its trades never cost more than this.
        """
        if not is_buy:
            return amount
        held = self.notional(price, amount)
        if self.exchange.fee_asset == "quote":
            held += held * max(self.exchange.maker_ppm, self.exchange.taker_ppm) // PPM
        return held


def market_specs(slug: str) -> dict[str, MarketSpec]:
    """Return the markets of an exchange by unified symbol, in table order."""
    exchange = EXCHANGES[slug]
    return {facts.symbol: MarketSpec.of(exchange, facts) for facts in exchange.markets}
