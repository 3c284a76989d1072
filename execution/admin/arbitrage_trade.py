"""Arbitrage that was traded: the list, each with its orders and its money, and what people decide about a rest."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    MultipleChoicesDropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import display
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from execution.admin.pages import page
from execution.admin.searching import BigTableAdmin, ReasonFilter, id_begins, user_named
from execution.display.words import trade_tone, trade_word
from execution.domain.arbitrage_trade import OVER, TradeState
from execution.models import ArbitrageTrade
from execution.selectors.arbitrage_trades import trade_page
from execution.selectors.signal_page import manual_entry
from execution.services.arbitrage_trades import accept, trade_rest
from execution.services.arbitrage_trades.deciding import MAX_LOSS_BPS
from policies.admin.dialogs import ReasonDialog, find_or_404, reason_action
from policies.display.formats import amount, signed_money
from policies.display.words import mode_label, number, short_id, time_tag
from policies.domain.numbers import plain
from policies.domain.policy import OneLegged
from policies.domain.reasons import ReasonCode


class RestDialog(ReasonDialog):
    """Asks why, and how much it may lose."""

    loss_bps = forms.DecimalField(
        label="Lose at most, basis points",
        min_value=Decimal(0),
        max_value=MAX_LOSS_BPS,
        max_digits=7,
        decimal_places=2,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"autocomplete": "off"}),
    )
    field_order = ("loss_bps", "reason")
    form_before_template = "desk/arbitrage/open.html"

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        trade = ArbitrageTrade.objects.filter(pk=object_id).first()
        if trade is not None and not self.is_bound:
            self.initial["loss_bps"] = plain(trade.loss_bps)
        return {"trade": trade}


class AcceptDialog(ReasonDialog):
    """Says what is kept."""

    form_before_template = "desk/arbitrage/open.html"

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return {"trade": ArbitrageTrade.objects.filter(pk=object_id).first()}


@admin.register(ArbitrageTrade)
class ArbitrageTradeAdmin(BigTableAdmin):
    empty_text = "No arbitrage was traded yet."
    list_display = ("begun", "ident", "what", "where", "now", "opened", "planned", "made")
    list_display_links = ("begun",)
    list_filter = (
        ("state", MultipleChoicesDropdownFilter),
        ReasonFilter,
        ("started_at", RangeDateTimeFilter),
        ("user", RelatedDropdownFilter),
        ("mode", ChoicesDropdownFilter),
    )
    list_select_related = ("user",)
    search_help_text = "Beginning of the id, pair or user"
    ordering = ("-started_at",)
    actions_detail = ("complete_now", "unwind_now", "accept_it")

    def find(self, rows: QuerySet[ArbitrageTrade], term: str) -> QuerySet[ArbitrageTrade]:
        if "/" in term:
            return rows.filter(symbol=term.upper())
        if (user_id := user_named(term)) is not None:
            return rows.filter(user=user_id)
        return rows.filter(id_begins("pk", term))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A trade has no form: this page shows its orders, its money and what can be done."""
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        trade = find_or_404(self.get_queryset(request).select_related("user"), object_id)
        text, tone = trade_tone(trade.state)
        return page(
            request,
            "desk/arbitrage/traded.html",
            f"{trade.symbol}: {trade.buy_exchange} → {trade.sell_exchange}",
            opts=self.opts,
            original=trade,
            trade=trade,
            word=text,
            tone=tone,
            manual=manual_entry(trade.reason_code),
            told=trade_page(trade),
            held=trade.state == TradeState.HELD,
            over=trade.state in OVER,
            may_decide=self.has_decide_permission(request),
        )

    def has_decide_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Trades have no form; the right to change them is the right to decide about what is open."""
        return request.user.has_perm("execution.change_arbitragetrade")

    @reason_action(
        description="Complete now…",
        permissions=["decide"],
        title="Complete what is open",
        text="It is sent again where the second order was, as any order: a halt or a limit stops it.",
        submit="Complete it",
        icon="task_alt",
        form_class=RestDialog,
    )
    def complete_now(self, request: HttpRequest, row: ArbitrageTrade, reason: str, loss_bps: Decimal) -> str:
        trade_rest(row.pk, OneLegged.COMPLETE, loss_bps, by=request.user.get_username(), reason=reason)
        return "What is open is being completed."

    @reason_action(
        description="Trade it back…",
        permissions=["decide"],
        title="Trade back what is open",
        text="It is traded back where the first order was, as any order: a halt or a limit stops it.",
        submit="Trade it back",
        icon="undo",
        form_class=RestDialog,
    )
    def unwind_now(self, request: HttpRequest, row: ArbitrageTrade, reason: str, loss_bps: Decimal) -> str:
        trade_rest(row.pk, OneLegged.UNWIND, loss_bps, by=request.user.get_username(), reason=reason)
        return "What is open is being traded back."

    @reason_action(
        description="Accept it…",
        permissions=["decide"],
        title="Accept what is open as a position",
        text="Nothing is sent. It stays in the account, and the trade is over.",
        submit="Accept it",
        icon="check",
        form_class=AcceptDialog,
    )
    def accept_it(self, request: HttpRequest, row: ArbitrageTrade, reason: str) -> str:
        accept(row.pk, by=request.user.get_username(), reason=reason)
        return "What is open is accepted as a position."

    @display(description="Begun", ordering="started_at")  # type: ignore[untyped-decorator]
    def begun(self, row: ArbitrageTrade) -> SafeString | str:
        return time_tag(row.started_at)

    @display(description="Id")  # type: ignore[untyped-decorator]
    def ident(self, row: ArbitrageTrade) -> SafeString:
        return short_id(row.pk)

    @display(description="Trade", ordering="symbol")  # type: ignore[untyped-decorator]
    def what(self, row: ArbitrageTrade) -> SafeString:
        return format_html("{} {}", row.symbol, number(amount(row.amount)))

    @display(description="Exchanges · user")  # type: ignore[untyped-decorator]
    def where(self, row: ArbitrageTrade) -> SafeString:
        return format_html(
            '{} → {} {} <span class="quiet">{}</span>',
            row.buy_exchange,
            row.sell_exchange,
            mode_label(row.mode),
            row.user.get_username(),
        )

    @display(description="State", ordering="state")  # type: ignore[untyped-decorator]
    def now(self, row: ArbitrageTrade) -> SafeString:
        told = row.reason_code in {"", ReasonCode.ARBITRAGE_ONE_LEGGED}  # the word says it
        code = "" if told else format_html(' <code title="{}">{}</code>', row.reason_detail, row.reason_code)
        return format_html("{}{}", trade_word(row.state), code)

    @display(description="Open")  # type: ignore[untyped-decorator]
    def opened(self, row: ArbitrageTrade) -> SafeString:
        return number(f"{amount(row.open_amount)} {row.symbol.partition('/')[0]}" if row.open_amount else "–")

    @display(description="Planned")  # type: ignore[untyped-decorator]
    def planned(self, row: ArbitrageTrade) -> SafeString:
        return number(f"{signed_money(row.planned_profit)} {row.symbol.partition('/')[2]}")

    @display(description="Made")  # type: ignore[untyped-decorator]
    def made(self, row: ArbitrageTrade) -> SafeString:
        """From the fills; a dash where a fee is not known."""
        return number(f"{signed_money(row.profit)} {row.symbol.partition('/')[2]}")
