"""The health log, and the pairs each exchange lists."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import display

from execution.admin.searching import BigTableAdmin
from execution.display.words import health_word
from execution.models import HealthEvent, Market
from policies.admin.base import AtExchange
from policies.display.formats import amount
from policies.display.words import ago_tag, number, on_off, time_tag


@admin.register(HealthEvent)
class HealthEventAdmin(AtExchange, BigTableAdmin):
    empty_text = "No change in this time: good."
    list_display = ("when", "at_exchange", "change", "why")
    list_display_links = None
    list_filter = (("exchange", RelatedDropdownFilter), ("at", RangeDateTimeFilter))
    search_help_text = "Exchange or status"
    ordering = ("-at",)

    def find(self, rows: QuerySet[HealthEvent], term: str) -> QuerySet[HealthEvent]:
        word = term.lower()
        return rows.filter(Q(exchange_id=word) | Q(new_status=word) | Q(old_status=word))

    @display(description="Time", ordering="at")  # type: ignore[untyped-decorator]
    def when(self, row: HealthEvent) -> SafeString | str:
        return time_tag(row.at)

    @display(description="Change")  # type: ignore[untyped-decorator]
    def change(self, row: HealthEvent) -> SafeString:
        return format_html("{} → {}", health_word(row.old_status), health_word(row.new_status))

    @display(description="Why")  # type: ignore[untyped-decorator]
    def why(self, row: HealthEvent) -> str:
        return row.detail or "–"


@admin.register(Market)
class MarketAdmin(AtExchange, BigTableAdmin):
    empty_text = "No pair matches. Lists are loaded from the exchanges by the worker."
    list_display = ("at_exchange", "symbol", "listed", "price_step", "amount_step", "smallest", "worth", "read")
    list_display_links = None
    list_filter = (("exchange", RelatedDropdownFilter), ("active", BooleanRadioFilter))
    search_help_text = "Pair, or beginning of it"
    ordering = ("exchange", "symbol")

    def find(self, rows: QuerySet[Market], term: str) -> QuerySet[Market]:
        return rows.filter(symbol__startswith=term.upper())

    @display(description="Listed", ordering="active")  # type: ignore[untyped-decorator]
    def listed(self, row: Market) -> SafeString:
        return on_off(row.active, "YES", "NO")

    @display(description="Tick")  # type: ignore[untyped-decorator]
    def price_step(self, row: Market) -> SafeString:
        return number(amount(row.tick))

    @display(description="Lot")  # type: ignore[untyped-decorator]
    def amount_step(self, row: Market) -> SafeString:
        return number(amount(row.lot))

    @display(description="Smallest amount")  # type: ignore[untyped-decorator]
    def smallest(self, row: Market) -> SafeString:
        return number(amount(row.min_amount))

    @display(description="Smallest value")  # type: ignore[untyped-decorator]
    def worth(self, row: Any) -> SafeString:
        return number(amount(row.min_notional))

    @display(description="Read", ordering="refreshed_at")  # type: ignore[untyped-decorator]
    def read(self, row: Market) -> SafeString | str:
        return ago_tag(row.refreshed_at)
