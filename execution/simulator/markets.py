"""The rules of one market in scaled integers, compiled from the table of facts."""

from dataclasses import dataclass, field

from execution.simulator.facts import EXCHANGES, PPM, ExchangeFacts, MarketFacts
from execution.simulator.numbers import decimals_of, parse_scaled


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
