"""Positions, profit and fees: what the platform's own fills add up to."""

from typing import Any

from django.contrib import admin
from django.db.models import F
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, FieldTextFilter, RelatedDropdownFilter
from unfold.decorators import display

from execution.models import FeeTotal, Position
from execution.selectors.agreement import LATE, Agreement, agreements
from policies.admin.base import AtExchange, ReadOnlyAdmin
from policies.display.formats import NOTHING, age_since, amount, instant, money, signed_amount, signed_money
from policies.display.words import Tone, ago_tag, mode_label, number, word


def quote(row: Position) -> str:
    """The currency the pair is priced in."""
    return row.symbol.partition("/")[2]


def reconciled_tag(agreement: Agreement | None) -> SafeString | str:
    """`12 s ago`, or the difference; a dash where there is no account to compare."""
    if agreement is None:
        return NOTHING
    if agreement.differences:
        text = ", ".join(f"{signed_amount(value)} {asset}" for asset, value in agreement.differences)
        missing = any(value < 0 for _, value in agreement.differences)
        return word(text, Tone.ACT if missing else Tone.WATCH, "What the account holds beyond our fills.")
    if agreement.agreed_at is None:
        return word("NEVER", Tone.WATCH, agreement.error or "Not compared yet.")
    late = bool(agreement.error) or timezone.now() - agreement.agreed_at > LATE
    age = f"{age_since(agreement.agreed_at, timezone.now())} ago"
    return word(age, Tone.WATCH if late else Tone.OK, agreement.error or f"{instant(agreement.agreed_at)} UTC")


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    empty_text = "Flat everywhere."
    list_display = ("user", "where", "symbol", "held", "average_buy", "pnl", "reconciled", "changed")
    list_display_links = None
    list_filter = (
        ("user", RelatedDropdownFilter),
        ("exchange", RelatedDropdownFilter),
        ("mode", ChoicesDropdownFilter),
        ("symbol", FieldTextFilter),
    )
    list_select_related = ("user",)
    search_fields = ("symbol__startswith", "user__username")
    search_help_text = "Pair or user"
    ordering = ("user__username", "exchange", "symbol")
    list_before_template = "desk/positions_note.html"

    def prepare(self, rows: list[Any]) -> None:
        found = agreements(rows)
        for row in rows:
            row.agreement = found.get(row.pk)

    @display(description="Exchange", ordering="exchange")  # type: ignore[untyped-decorator]
    def where(self, row: Position) -> SafeString:
        return format_html("{} {}", row.exchange_id, mode_label(row.mode))

    @display(description="Held", ordering=F("bought_amount") - F("sold_amount") - F("base_fees"))  # type: ignore[untyped-decorator]
    def held(self, row: Position) -> SafeString:
        return number(f"{amount(row.amount)} {row.symbol.partition('/')[0]}")

    @display(description="Average buy")  # type: ignore[untyped-decorator]
    def average_buy(self, row: Position) -> SafeString:
        price = row.average_buy_price
        return number(f"{money(price)} {quote(row)}" if price is not None else money(None))

    @display(description="Realised PnL")  # type: ignore[untyped-decorator]
    def pnl(self, row: Position) -> SafeString:
        value = row.realised_pnl
        if value is None:
            return format_html('<span class="num" title="{}">{}</span>', "More was sold than bought here.", money(None))
        return number(f"{signed_money(value)} {quote(row)}")

    @display(description="Reconciled")  # type: ignore[untyped-decorator]
    def reconciled(self, row: Position) -> SafeString | str:
        """Whether the account holds what our fills explain: since when, or how much it is off."""
        return reconciled_tag(row.agreement)  # type: ignore[attr-defined]

    @display(description="Last fill", ordering="updated_at")  # type: ignore[untyped-decorator]
    def changed(self, row: Position) -> SafeString | str:
        return ago_tag(row.updated_at)


@admin.register(FeeTotal)
class FeeTotalAdmin(AtExchange, ReadOnlyAdmin):
    empty_text = "No fees paid yet."
    list_display: Any = ("user", "at_exchange", "in_mode", "asset", "paid")
    list_display_links = None
    list_filter = (
        ("user", RelatedDropdownFilter),
        ("exchange", RelatedDropdownFilter),
        ("mode", ChoicesDropdownFilter),
    )
    list_select_related = ("user",)
    search_fields = ("asset", "user__username")
    search_help_text = "Asset or user"
    ordering = ("user__username", "exchange", "asset")

    @display(description="Mode", ordering="mode")  # type: ignore[untyped-decorator]
    def in_mode(self, row: FeeTotal) -> SafeString:
        return mode_label(row.mode)

    @display(description="Paid", ordering="amount")  # type: ignore[untyped-decorator]
    def paid(self, row: FeeTotal) -> SafeString:
        return number(amount(row.amount))
