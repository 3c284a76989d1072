"""Orders: the list, the page with the evidence, and cancelling."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    MultipleChoicesDropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import display

from execution.admin.attention import Card, order_card, rights
from execution.admin.pages import page
from execution.admin.resolve import ACTIONS, ResolveActions
from execution.admin.searching import BigTableAdmin, ReasonFilter, id_begins, recently, user_named
from execution.display.words import order_tone, order_word
from execution.domain.orders import FINAL, OrderStatus
from execution.models import Order
from execution.selectors.attention import ALL, order_item
from execution.selectors.evidence import evidence_for
from execution.selectors.questions import open_questions
from execution.selectors.signal_page import manual_entry
from execution.selectors.timeline import order_timeline
from execution.services.cancel import cancel_order
from policies.admin.dialogs import find_or_404, reason_action
from policies.display.formats import NOTHING, amount, money
from policies.display.words import mode_label, number, short_id, side_label, time_tag

_DOUBTFUL = (OrderStatus.UNKNOWN.value, OrderStatus.NEEDS_ATTENTION.value)


def _doubt(order: Order, now: datetime) -> Card | None:
    """What is known of an order in doubt, as the page of such orders shows it."""
    if order.status not in _DOUBTFUL:
        return None
    here = [row for row in open_questions(ALL).differences if row.account.credential_id == str(order.credential_id)]
    return order_card(order_item(order, now), order, evidence_for([order], here)[order.pk])


class LiveFilter(DropdownFilter):  # type: ignore[misc]
    title = "what is open"
    parameter_name = "live"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("doubt", "Outcome in doubt"), ("live", "Not over yet")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        if self.value() == "doubt":
            return queryset.filter(status__in=_DOUBTFUL)
        return queryset.exclude(status__in=FINAL) if self.value() == "live" else queryset


@admin.register(Order)
class OrderAdmin(ResolveActions, BigTableAdmin):
    empty_text = "No orders match."
    list_display = ("created", "ident", "what", "where", "state", "filled", "average_price", "in_mode")
    list_display_links = ("created",)
    list_filter = (
        LiveFilter,
        ("status", MultipleChoicesDropdownFilter),
        ReasonFilter,
        ("created_at", RangeDateTimeFilter),
        ("exchange", RelatedDropdownFilter),
        ("user", RelatedDropdownFilter),
        ("mode", ChoicesDropdownFilter),
    )
    list_select_related = ("user",)
    search_help_text = "Beginning of our id or the signal's, pair, user, exchange's id of this week"
    ordering = ("-created_at",)
    actions_detail = ("cancel", *ACTIONS)

    def find(self, rows: QuerySet[Order], term: str) -> QuerySet[Order]:
        if "/" in term:
            return rows.filter(symbol=term.upper())
        if (user_id := user_named(term)) is not None:
            return rows.filter(user=user_id)
        for condition in (id_begins("pk", term), id_begins("signal__id", term)):
            if (found := rows.filter(condition)).exists():
                return found
        return rows.filter(recently("created_at"), exchange_order_id=term)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """An order has no form: this page shows what is known of it and how."""
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.get_queryset(request).select_related("user", "exchange", "signal", "credential", "taken_by")
        order = find_or_404(rows.defer("credential__ciphertext").prefetch_related("events", "fills"), object_id)
        now = timezone.now()
        text, tone = order_tone(order, now)
        return page(
            request,
            "desk/order.html",
            f"{order.side.upper()} {order.symbol} at {order.exchange_id}",
            opts=self.opts,
            original=order,
            order=order,
            word=text,
            tone=tone,
            manual=manual_entry(order.reason_code),
            timeline=order_timeline(order),
            start=min([order.created_at, *(event.at for event in order.events.all())]),
            average=order.filled_notional / order.filled_amount if order.filled_amount else None,
            final=order.status in FINAL,
            doubt=_doubt(order, now),
            now=now,
            may=rights(request),
            may_cancel=self.has_cancel_permission(request),
        )

    def has_cancel_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Orders have no form; the right to change them is the right to cancel them."""
        return request.user.has_perm("execution.change_order")

    @reason_action(
        description="Cancel…",
        permissions=["cancel"],
        title="Cancel this order",
        text="A queued order ends at once; one at the exchange is cancelled there. What was filled stays filled.",
        submit="Cancel the order",
        icon="cancel",
    )
    def cancel(self, request: HttpRequest, row: Order, reason: str) -> str:
        if not cancel_order(row.pk, by=request.user, reason=reason):
            raise ValidationError("This order is over already; there is nothing to cancel.")
        return f"Order {row.client_order_id[:8]}… is being cancelled."

    @display(description="Made", ordering="created_at")  # type: ignore[untyped-decorator]
    def created(self, row: Order) -> SafeString | str:
        return time_tag(row.created_at)

    @display(description="Our id")  # type: ignore[untyped-decorator]
    def ident(self, row: Order) -> SafeString:
        return short_id(row.client_order_id)

    @display(description="Order")  # type: ignore[untyped-decorator]
    def what(self, row: Order) -> SafeString:
        return format_html("{} {}", side_label(row.side), row.symbol)

    @display(description="Exchange · user", ordering="exchange")  # type: ignore[untyped-decorator]
    def where(self, row: Order) -> SafeString:
        attempt = f" · attempt {row.attempt}" if row.attempt > 1 else ""
        return format_html('{} <span class="quiet">{}{}</span>', row.exchange_id, row.user.get_username(), attempt)

    @display(description="State", ordering="status")  # type: ignore[untyped-decorator]
    def state(self, row: Order) -> SafeString:
        code = format_html(' <code title="{}">{}</code>', row.reason_detail, row.reason_code) if row.reason_code else ""
        return format_html("{}{}", order_word(row, timezone.now()), code)

    @display(description="Filled / amount")  # type: ignore[untyped-decorator]
    def filled(self, row: Order) -> SafeString:
        return number(f"{amount(row.filled_amount)} / {amount(row.amount)}")

    @display(description="Average price")  # type: ignore[untyped-decorator]
    def average_price(self, row: Order) -> SafeString:
        if not row.filled_amount:
            return number(NOTHING)
        return number(f"{money(row.filled_notional / row.filled_amount)} {row.symbol.partition('/')[2]}")

    @display(description="Mode", ordering="mode")  # type: ignore[untyped-decorator]
    def in_mode(self, row: Order) -> SafeString:
        return mode_label(row.mode)
