"""A smart choice in words and figures: what each exchange offered, what it got, and what it should cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from policies.display.formats import NOTHING, amount, money, percent
from policies.domain.numbers import rounded
from policies.models.choices import SmartRouteChoices

_NAMES = {"late": "late arrival", "stale": "old book", "reject": "rejects"}


@dataclass(frozen=True, slots=True)
class OfferRow:
    """One exchange. share: of the order, 0 to 1. All texts are ready to be shown."""

    exchange: str
    code: str
    detail: str
    amount: str
    share: float
    price: str
    limit: str
    fee: str
    cost: str
    score: str
    takes: str
    book: str
    terms: str

    @property
    def percent(self) -> str:
        """The share as text; empty for nothing."""
        return percent(self.share) if self.share else ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One choice. levels: price and amount of all books for this side, best first, with what is taken of each."""

    by: str
    sentence: str
    alternative: str
    router: str
    cached: bool
    rows: tuple[OfferRow, ...]
    levels: tuple[tuple[Decimal, Decimal, Decimal, str], ...]
    side: str
    base: str
    quote: str
    scored: bool
    books_dropped: bool
    passive: bool = False

    @property
    def exchanges(self) -> frozenset[str]:
        """Those it says something of."""
        return frozenset(row.exchange for row in self.rows)


def panel(explanation: Mapping[str, Any] | None) -> Panel | None:
    """What the page shows of a stored explanation; None where nothing was compared."""
    if not explanation or "asked" not in explanation:
        return None
    asked, expected = explanation["asked"], explanation["expected"]
    base, _, quote = asked["symbol"].partition("/")
    offers = {offer["exchange"]: offer for offer in explanation["offers"]}
    parts = {part["exchange"]: part for part in explanation["parts"]}
    total = Decimal(expected["amount"])
    fee = "maker" if asked.get("passive") else "fee"
    rows = [_row(verdict, offers.get(verdict["exchange"]), parts, total, fee) for verdict in explanation["verdicts"]]
    return Panel(
        by=SmartRouteChoices(explanation["by"]).label,
        sentence=_sentence(explanation, base, quote),
        alternative=_alternative(explanation),
        router=explanation["router"],
        cached=explanation["cached"],
        rows=tuple(sorted(rows, key=lambda row: (-row.share, row.code != "", row.exchange))),
        levels=_levels(asked["side"], offers, {} if asked.get("passive") else parts),
        side=asked["side"],
        base=base,
        quote=quote,
        scored=any(row.score != NOTHING for row in rows),
        books_dropped=bool(explanation.get("books_dropped")),
        passive=bool(asked.get("passive")),
    )


def _sentence(explanation: Mapping[str, Any], base: str, quote: str) -> str:
    expected, parts = explanation["expected"], explanation["parts"]
    if not parts:
        return f"Nothing can be had now ({expected['reason'] or 'no usable exchange'})."
    if explanation["asked"].get("passive"):
        return (
            f"{amount(Decimal(expected['amount']))} {base} would rest on {parts[0]['exchange']} at "
            f"{money(Decimal(expected['price']))} {quote}. Filled there it costs {_bps(expected['cost_bps'])} beyond "
            f"the middle of all books, with the maker fee of {money(Decimal(expected['fees']))} {quote}; what is not "
            "filled in time takes what there is."
        )
    where = f"{len(parts)} exchanges" if len(parts) > 1 else parts[0]["exchange"]
    text = (
        f"{amount(Decimal(expected['amount']))} {base} on {where} at {money(Decimal(expected['price']))} {quote} on "
        f"average, fees {money(Decimal(expected['fees']))} {quote}: {_bps(expected['cost_bps'])} beyond the middle of "
        "all books, with fees."
    )
    if expected["unfilled"] not in (None, "0"):
        text += f" {expected['unfilled']} {base} stay unfilled ({expected['reason']})."
    return text


def _alternative(explanation: Mapping[str, Any]) -> str:
    single = explanation["best_single"]
    if not explanation["parts"]:
        return ""
    if explanation["asked"].get("passive"):
        return "It has the lowest maker fee of those where the order can rest; of equals it answers soonest."
    if single["extra_bps"] is None:
        return "No exchange could take all of it alone."
    chosen = [part["exchange"] for part in explanation["parts"]]
    if chosen == [single["exchange"]]:
        return "That is the cheapest exchange that can take all of it alone."
    extra = float(single["extra_bps"])
    than = "more" if extra >= 0 else "less"
    return f"{single['exchange']} alone, the cheapest single exchange, would cost {abs(extra):.2f} bps {than}."


def _row(
    verdict: Mapping[str, Any], offer: Mapping[str, Any] | None, parts: Mapping[str, Any], total: Decimal, fee: str
) -> OfferRow:
    part = parts.get(verdict["exchange"])
    terms = [f"{_NAMES.get(name, name)} {value:g}" for name, value in verdict["terms"].items()]
    low, high = verdict["lower"], verdict["upper"]
    return OfferRow(
        exchange=verdict["exchange"],
        code=verdict["code"],
        detail=verdict["detail"],
        amount=part["amount"] if part else "",
        share=float(Decimal(part["amount"]) / total) if part and total else 0.0,
        price=money(Decimal(part["price"])) if part else NOTHING,
        limit=part["limit_price"] if part else NOTHING,
        fee=f"{float(offer[fee] or offer['fee']) * 10_000:g} bps" if offer else NOTHING,
        cost=_bps(verdict["cost_bps"]),
        score=NOTHING if verdict["score"] is None else f"{verdict['score']:.1f}",
        takes=NOTHING if low is None else f"{low} – {high}",
        book=_book(offer),
        terms=", ".join(terms),
    )


def _book(offer: Mapping[str, Any] | None) -> str:
    if offer is None:
        return NOTHING
    number = "" if offer["sequence"] is None else f" · no. {offer['sequence']}"
    return f"{offer['age_ms']} ms old{number}"


def _bps(value: float | None) -> str:
    return NOTHING if value is None else f"{rounded(Decimal(str(value)), 2)} bps"


def _levels(
    side: str, offers: Mapping[str, Any], parts: Mapping[str, Any]
) -> tuple[tuple[Decimal, Decimal, Decimal, str], ...]:
    """Price, amount, and what of it is taken, by exchange; best price first."""
    found = []
    for slug, offer in offers.items():
        left = Decimal(parts[slug]["amount"]) if slug in parts else Decimal(0)
        for price, size in offer.get("asks" if side == "buy" else "bids", ()):
            taken = min(left, Decimal(size))
            left -= taken
            found.append((Decimal(price), Decimal(size), taken, slug))
    return tuple(sorted(found, key=lambda level: level[0] if side == "buy" else -level[0]))
