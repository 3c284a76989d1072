"""Books and offers for tests of smart routing."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

from execution.domain.book import OrderBook
from execution.domain.choosing import Ask, Choice, choose
from execution.domain.orders import Side
from execution.domain.prepared import Depths
from execution.domain.scoring import Offer
from policies.domain.policy import RouteBy
from policies.domain.smart import INSTALLED
from tests.domain.builders import BTC


def a_book(bid: str = "99", ask: str = "101", size: str = "5", **more: Any) -> OrderBook:
    """One level on each side."""
    return OrderBook("BTC/USDT", [(D(bid), D(size))], [(D(ask), D(size))], 1000.0, **more)


def deep(*asks: tuple[str, str], bid: str = "99") -> OrderBook:
    """A book with these asks and one bid."""
    return OrderBook("BTC/USDT", [(D(bid), D(50))], [(D(price), D(size)) for price, size in asks], 1000.0)


def offer(exchange: str, book: OrderBook | None = None, fee: str = "0.001", **changes: Any) -> Offer:
    """An exchange with one level, 40 ms away."""
    market = replace(BTC, **changes.pop("market", {}))
    balance = changes.pop("balance", None)
    made = Offer(exchange, book or a_book(), market, D(fee), None if balance is None else D(balance), latency_ms=40.0)
    return replace(made, **changes)


def ask(by: RouteBy = RouteBy.OPTIMAL_SPLIT, amount: str | None = "1", **changes: Any) -> Ask:
    """A buy at market with the strategy's installed terms; expected costs beyond the fee switched off."""
    terms = replace(
        INSTALLED[by.value], late_factor=D(0), stale_factor=D(0), reject_bps=D(0), leg_bps=D(0), min_liquidity=D(0)
    )
    terms = replace(terms, **changes.pop("terms", {}))
    basic = Ask(by, terms, Side.BUY, None if amount is None else D(amount), None, slippage_bps=D(500))
    return replace(basic, **changes)


def chosen(asked: Ask, *offers: Offer) -> Choice:
    """The choice over these offers, in order of rank."""
    return choose(asked, offers, Depths())


def amounts(choice: Choice) -> dict[str, D]:
    """What each exchange gets."""
    return {part.exchange: part.amount for part in choice.parts}


def codes(choice: Choice) -> dict[str, str]:
    """Why the others get nothing."""
    return {verdict.exchange: str(verdict.code.value) for verdict in choice.verdicts if verdict.code is not None}
