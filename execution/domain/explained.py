"""A smart choice as it is stored: what it was made from, what it says of every exchange, and what it should cost.

`read` gives back the question, so that a stored choice can be made again, under the same rules or others. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from functools import lru_cache
from typing import Any

from execution.domain.book import Level, OrderBook
from execution.domain.choosing import ROUTER_VERSION, Ask, Choice, Verdict
from execution.domain.market import Market
from execution.domain.orders import Side
from execution.domain.scoring import Offer, Record
from policies.domain.numbers import ceil_to, floor_to, plain
from policies.domain.policy import RouteBy
from policies.domain.smart import StrategyTerms

DEPTH_TIMES = 3
"""Levels that hold this many times the order are kept one by one; the rest of the book is added up."""

_TERMS = {field.name for field in fields(StrategyTerms)}


def explain(
    symbol: str, ask: Ask, offers: Sequence[Offer], out: Mapping[str, Verdict], choice: Choice, *, cached: bool = False
) -> dict[str, Any]:
    """The JSON of a choice. out: exchanges that could offer nothing. cached: made a moment ago from the same books."""
    verdicts = [*choice.verdicts, *out.values()]
    return {
        "router": ROUTER_VERSION,
        "by": ask.by.value,
        "cached": cached,
        "asked": _ask_body(symbol, ask),
        "offers": [_offer_body(offer, ask, choice) for offer in offers],
        "verdicts": [_verdict_body(verdict) for verdict in verdicts],
        "parts": [
            {
                "exchange": part.exchange,
                "amount": plain(part.amount),
                "price": plain(_short(part.notional / part.amount)),
                "notional": plain(_short(part.notional)),
                "fee": plain(_short(part.fee)),
                "limit_price": plain(part.limit_price),
            }
            for part in choice.parts
        ],
        "expected": _expected_body(choice),
        "best_single": {"exchange": choice.best_single, "extra_bps": _bps(choice.extra_bps)},
    }


def books_used(books: Mapping[str, OrderBook], now_s: float) -> dict[str, Any]:
    """The explanation of an order that was not chosen by comparing: the books that priced it."""
    return {"router": ROUTER_VERSION, "offers": [_book_body(slug, book, now_s) for slug, book in books.items()]}


def read(body: Mapping[str, Any]) -> tuple[Ask, list[Offer]]:
    """The question and the offers of a stored choice. Raises KeyError or ValueError when they were not stored."""
    asked = body["asked"]
    terms = {name: _term(value) for name, value in asked["terms"].items() if name in _TERMS}
    ask = Ask(
        by=RouteBy(body["by"]),
        terms=StrategyTerms(**terms),
        side=Side(asked["side"]),
        amount=_decimal(asked["amount"]),
        notional=_decimal(asked["notional"]),
        slippage_bps=Decimal(asked["slippage_bps"]),
        limit_price=_decimal(asked["limit_price"]),
        rests=asked["rests"],
        may_split=asked["may_split"],
        passive=asked.get("passive", False),
    )
    return ask, [_offer(offer, asked["symbol"]) for offer in body["offers"]]


def _ask_body(symbol: str, ask: Ask) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "side": ask.side.value,
        "amount": _text(ask.amount),
        "notional": _text(ask.notional),
        "limit_price": _text(ask.limit_price),
        "slippage_bps": plain(ask.slippage_bps),
        "rests": ask.rests,
        "may_split": ask.may_split,
        "passive": ask.passive,
        "terms": {name: _term_body(getattr(ask.terms, name)) for name in sorted(_TERMS)},
    }


def _offer_body(offer: Offer, ask: Ask, choice: Choice) -> dict[str, Any]:
    market = offer.market
    return {
        "exchange": offer.exchange,
        "fee": plain(offer.fee),
        "maker": _text(offer.maker),
        "balance": _text(offer.balance),
        "latency_ms": offer.latency_ms,
        "age_ms": round(offer.age_s * 1000),
        "record": [offer.record.orders, offer.record.accepted],
        "pair_record": [offer.pair_record.orders, offer.pair_record.accepted],
        "in_flight": offer.in_flight,
        "max_in_flight": offer.max_in_flight,
        "preferred": offer.preferred,
        "market": {
            "tick": plain(market.tick),
            "lot": plain(market.lot),
            "min_amount": _text(market.min_amount),
            "max_amount": _text(market.max_amount),
            "min_notional": _text(market.min_notional),
        },
        **_levels_body(offer, ask, choice),
    }


def _levels_body(offer: Offer, ask: Ask, choice: Choice) -> dict[str, Any]:
    book, wanted = offer.book, ask.amount
    if wanted is None:
        assert ask.notional is not None
        wanted = ask.notional / (choice.middle or book.best(ask.side))
    near = _near(offer, ask, choice, wanted * DEPTH_TIMES)
    far = [_level(level) for level in book.levels(Side.SELL if ask.side == Side.BUY else Side.BUY)[:1]]
    bids, asks = (far, near) if ask.side == Side.BUY else (near, far)
    return {"sequence": book.sequence, "received_at": book.received_at, "bids": bids, "asks": asks}


def _near(offer: Offer, ask: Ask, choice: Choice, enough: Decimal) -> list[list[str]]:
    """The levels up to `enough`; what lies behind them and inside the limit becomes one level, at the limit."""
    kept, total, buys = [], Decimal(0), ask.side == Side.BUY
    for level in offer.book.levels(ask.side):
        if total >= enough:
            break
        kept.append(level)
        total += level[1]
    rest = choice.inside.get(offer.exchange, Decimal(0)) - total
    if rest > 0 and choice.limit_price is not None:
        limit = (floor_to if buys else ceil_to)(choice.limit_price, offer.market.tick)
        worst = kept[-1][0]
        if limit > worst if buys else limit < worst:
            kept.append((limit, rest))
    return [_level(level) for level in kept]


def _book_body(slug: str, book: OrderBook, now_s: float) -> dict[str, Any]:
    return {
        "exchange": slug,
        "sequence": book.sequence,
        "received_at": book.received_at,
        "age_ms": max(0, round((now_s - book.received_at) * 1000)),
        "bids": [_level(book.bids[0])],
        "asks": [_level(book.asks[0])],
    }


def _verdict_body(verdict: Verdict) -> dict[str, Any]:
    return {
        "exchange": verdict.exchange,
        "code": verdict.code.value if verdict.code else "",
        "detail": verdict.detail,
        "cost_bps": verdict.cost_bps,
        "score": verdict.score,
        "lower": _text(verdict.lower),
        "upper": _text(verdict.upper),
        "terms": dict(verdict.terms),
    }


def _expected_body(choice: Choice) -> dict[str, Any]:
    amount, notional = choice.amount, sum((part.notional for part in choice.parts), Decimal(0))
    return {
        "amount": plain(amount),
        "price": plain(_short(notional / amount)) if amount else None,
        "notional": plain(_short(notional)),
        "fees": plain(_short(sum((part.fee for part in choice.parts), Decimal(0)))),
        "middle": _text(choice.middle),
        "cost_bps": _bps(choice.cost_bps),
        "gap_bps": plain(_short(choice.gap_bps)),
        "unfilled": _text(choice.unfilled),
        "reason": choice.reason.value if choice.reason else "",
    }


def _offer(body: Mapping[str, Any], symbol: str) -> Offer:
    rules = body["market"]
    book = OrderBook(symbol, _levels(body["bids"]), _levels(body["asks"]), body["received_at"], body["sequence"])
    market = Market(
        symbol,
        Decimal(rules["tick"]),
        Decimal(rules["lot"]),
        _decimal(rules["min_amount"]),
        _decimal(rules["max_amount"]),
        _decimal(rules["min_notional"]),
    )
    return Offer(
        exchange=body["exchange"],
        book=book,
        market=market,
        fee=Decimal(body["fee"]),
        balance=_decimal(body["balance"]),
        latency_ms=body["latency_ms"],
        age_s=body["age_ms"] / 1000,
        record=Record(*body["record"]),
        pair_record=Record(*body["pair_record"]),
        in_flight=body["in_flight"],
        max_in_flight=body["max_in_flight"],
        preferred=body["preferred"],
        maker=_decimal(body.get("maker")),
    )


def _levels(rows: Sequence[Sequence[str]]) -> list[Level]:
    return [(Decimal(price), Decimal(amount)) for price, amount in rows]


@lru_cache(maxsize=16_384)
def _level(level: Level) -> list[str]:
    return [plain(level[0]), plain(level[1])]


def _term(value: Any) -> Any:
    return Decimal(value) if isinstance(value, str) else value


def _term_body(value: Any) -> Any:
    return plain(value) if isinstance(value, Decimal) else value


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _short(value: Decimal) -> Decimal:
    """Twelve places: more say nothing and make rows long."""
    return value.quantize(Decimal(1).scaleb(-12)) if value.as_tuple().exponent < -12 else value  # type: ignore[operator]


def _bps(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
