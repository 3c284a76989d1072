"""The health log, and the pairs each exchange lists."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import display

from execution.admin.searching import BigTableAdmin
from execution.display.words import event_word
from execution.models import HealthEvent, Market
from execution.selectors.health_log import ended_at
from policies.admin.base import AtExchange
from policies.display.formats import age, amount
from policies.display.words import ago_tag, number, on_off, time_tag


class WhoFilter(DropdownFilter):  # type: ignore[misc]
    title = "who"
    parameter_name = "by_whom"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("person", "a person"), ("platform", "the platform")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[HealthEvent]) -> QuerySet[HealthEvent]:
        return queryset.filter(by__isnull=self.value() == "platform") if self.value() else queryset


@admin.register(HealthEvent)
class HealthEventAdmin(AtExchange, BigTableAdmin):
    empty_text = "No change in this time: good."
    list_display = ("when", "at_exchange", "what", "change", "lasted", "who", "why")
    list_display_links = None
    list_select_related = ("by", "credential__user")
    list_filter = (
        ("exchange", RelatedDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        WhoFilter,
        ("at", RangeDateTimeFilter),
    )
    search_help_text = "Exchange, status or person"
    ordering = ("-at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[HealthEvent]:
        rows: QuerySet[HealthEvent] = super().get_queryset(request)
        return rows.defer("credential__ciphertext")

    def find(self, rows: QuerySet[HealthEvent], term: str) -> QuerySet[HealthEvent]:
        word = term.lower().replace(" ", "_")
        return rows.filter(Q(exchange_id=word) | Q(new_status=word) | Q(old_status=word) | Q(by__username=term))

    def prepare(self, rows: list[Any]) -> None:
        ends, now = ended_at([row.pk for row in rows]), timezone.now()
        for row in rows:
            end = ends.get(row.pk)
            row.lasts = end is None
            row.lasted_s = ((end or now) - row.at).total_seconds()

    @display(description="Time", ordering="at")  # type: ignore[untyped-decorator]
    def when(self, row: HealthEvent) -> SafeString | str:
        return time_tag(row.at)

    @display(description="What", ordering="kind")  # type: ignore[untyped-decorator]
    def what(self, row: HealthEvent) -> SafeString | str:
        if row.credential is None:
            return row.get_kind_display()
        return format_html("{} of {}’s {} keys", row.get_kind_display(), row.credential.user, row.credential.mode)

    @display(description="Change")  # type: ignore[untyped-decorator]
    def change(self, row: HealthEvent) -> SafeString:
        return format_html("{} → {}", event_word(row.old_status), event_word(row.new_status))

    @display(description="Lasted")  # type: ignore[untyped-decorator]
    def lasted(self, row: Any) -> SafeString:
        return number(f"{age(row.lasted_s)}, still" if row.lasts else age(row.lasted_s))

    @display(description="Who", ordering="by")  # type: ignore[untyped-decorator]
    def who(self, row: HealthEvent) -> str:
        return row.by.get_username() if row.by else "the platform"

    @display(description="Why")  # type: ignore[untyped-decorator]
    def why(self, row: HealthEvent) -> SafeString | str:
        return format_html('<span class="wraps">{}</span>', row.detail) if row.detail else "–"


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
