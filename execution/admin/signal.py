"""Signals: the list, and the page that says what became of one and why."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    MultipleChoicesDropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
    TextFilter,
)
from unfold.decorators import display

from execution.admin.pages import page
from execution.admin.route_charts import book_chart
from execution.admin.searching import BigTableAdmin, ReasonFilter, id_begins, recently, user_named, with_key
from execution.display.explained import Panel, panel
from execution.display.words import SIGNAL_WORDS, order_tone, signal_word
from execution.models import Signal
from execution.selectors.signal_page import CandidateRow, as_api_call, read_signal_page
from policies.admin.dialogs import find_or_404
from policies.display.formats import NOTHING, amount, latency, money
from policies.display.words import number, short_id, side_label, time_tag
from policies.domain.reasons import ReasonCode


def _is_list(request: HttpRequest) -> bool:
    return request.resolver_match is not None and str(request.resolver_match.url_name).endswith("_changelist")


class StrategyFilter(TextFilter):  # type: ignore[misc]
    """By the whole name: its beginning finds the search box."""

    title = "strategy"
    parameter_name = "strategy_id"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Signal]) -> QuerySet[Signal]:
        return queryset.filter(strategy_id=self.value()) if self.value() else queryset


@admin.register(Signal)
class SignalAdmin(BigTableAdmin):
    empty_text = "No signals here. Clients send them to POST /api/signals."
    list_display = ("received", "ident", "what", "size", "strategy", "went_to", "outcome", "to_ack")
    list_display_links = ("received",)
    list_filter = (
        ("status", MultipleChoicesDropdownFilter),
        ReasonFilter,
        ("received_at", RangeDateTimeFilter),
        StrategyFilter,
        ("user", RelatedDropdownFilter),
        ("exchange", RelatedDropdownFilter),
    )
    list_select_related = ("user",)
    search_help_text = "Beginning of the id, key, pair, code, user, strategy of this week"
    ordering = ("-received_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Signal]:
        """The list is of whole signals; a part has its page all the same."""
        rows: QuerySet[Signal] = super().get_queryset(request)
        return rows.filter(parent=None) if _is_list(request) else rows

    def find(self, rows: QuerySet[Signal], term: str) -> QuerySet[Signal]:
        if "/" in term:
            return rows.filter(symbol=term.upper())
        if term.upper() in ReasonCode.__members__:
            return rows.filter(reason_code=term.upper())
        if (user_id := user_named(term)) is not None:
            return rows.filter(user=user_id)
        for found in (rows.filter(id_begins("pk", term)), rows.filter(with_key(term))):
            if found.exists():
                return found
        return rows.filter(recently("received_at"), strategy_id__startswith=term)

    def prepare(self, rows: list[Signal]) -> None:
        """The first answer of an exchange, for the rows of this page only."""
        acks = Signal.objects.filter(pk__in=[row.pk for row in rows]).annotate(ack=Min("orders__acked_at"))
        first = dict(acks.values_list("pk", "ack"))
        for row in rows:
            row.first_ack = first.get(row.pk)  # type: ignore[attr-defined]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A signal has no form: this page tells its story."""
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.get_queryset(request).select_related("user", "exchange", "api_token")
        signal = find_or_404(rows, object_id)
        told = read_signal_page(signal)
        now = timezone.now()
        panels = {made.decision.pk: panel(made.decision.explanation) for made in told.decisions}
        charts = {pk: book_chart(shown) for pk, shown in panels.items() if shown is not None}
        text, tone = SIGNAL_WORDS[signal.status] if told.doubtful is None else order_tone(told.doubtful, now)
        return page(
            request,
            "desk/signal.html",
            f"{signal.side.upper()} {signal.symbol}",
            opts=self.opts,
            original=signal,
            signal=signal,
            base=signal.symbol.partition("/")[0],
            quote=signal.symbol.partition("/")[2],
            told=told,
            panels=panels,
            charts=charts,
            beside={made.decision.pk: _beside(made.rows, panels[made.decision.pk]) for made in told.decisions},
            word=text,
            tone=tone,
            api_call=as_api_call(signal, request.build_absolute_uri("/api/signals")),
            now=now,
            may_cancel=request.user.has_perm("execution.change_order"),
        )

    @display(description="Received", ordering="received_at")  # type: ignore[untyped-decorator]
    def received(self, row: Signal) -> SafeString | str:
        return time_tag(row.received_at)

    @display(description="Id")  # type: ignore[untyped-decorator]
    def ident(self, row: Signal) -> SafeString:
        return short_id(row.pk)

    @display(description="Signal")  # type: ignore[untyped-decorator]
    def what(self, row: Signal) -> SafeString:
        return format_html("{} {}", side_label(row.side), row.symbol)

    @display(description="Size")  # type: ignore[untyped-decorator]
    def size(self, row: Signal) -> SafeString:
        base, _, quote = row.symbol.partition("/")
        if row.notional is not None:
            return number(f"{money(row.notional)} {quote}")
        return number(f"{amount(row.amount)} {base}")

    @display(description="Strategy · user")  # type: ignore[untyped-decorator]
    def strategy(self, row: Signal) -> SafeString:
        return format_html('{} <span class="quiet">{}</span>', row.strategy_id or NOTHING, row.user.get_username())

    @display(description="Went to")  # type: ignore[untyped-decorator]
    def went_to(self, row: Signal) -> str:
        return row.exchange_id or NOTHING

    @display(description="Outcome", ordering="status")  # type: ignore[untyped-decorator]
    def outcome(self, row: Signal) -> SafeString:
        code = format_html(' <code title="{}">{}</code>', row.reason_detail, row.reason_code) if row.reason_code else ""
        return format_html("{}{}", signal_word(row.status), code)

    @display(description="To answer")  # type: ignore[untyped-decorator]
    def to_ack(self, row: Signal) -> SafeString:
        ack = row.first_ack  # type: ignore[attr-defined]
        took = None if ack is None else (ack - row.received_at).total_seconds() * 1000
        return number(latency(took))


def _beside(rows: Sequence[CandidateRow], shown: Panel | None) -> list[CandidateRow]:
    """The exchanges that no book was compared of; without a comparison all of them."""
    return [row for row in rows if shown is None or row.exchange not in shown.exchanges]
