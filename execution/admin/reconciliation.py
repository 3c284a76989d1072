"""Accounts compared with their exchanges: what was compared, orders nobody knows of, money that does not add up."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    DropdownFilter,
    FieldTextFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import display

from execution.models import BookBreak, Orphan, Reconciliation
from execution.services import resolve
from execution.services.reconcile import balances
from execution.services.reconcile.again import compare_orders_now
from policies.admin.base import ReadOnlyAdmin
from policies.admin.dialogs import PlainDialog, ReasonDialog, dialog_action, reason_action
from policies.display.formats import NOTHING, age_since, amount, signed_amount
from policies.display.words import Tone, ago_tag, copy_button, mode_label, number, side_label, since_tag, word


class OpenFilter(DropdownFilter):  # type: ignore[misc]
    """What still waits for a person."""

    title = "what is open"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Open"), ("no", "Explained")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(resolved_at__isnull=self.value() == "yes")


def account_tag(row: Any) -> SafeString:
    """Where, whose, and how real."""
    return format_html(
        '{} <span class="quiet">{}</span> {}', row.exchange_id, row.user.get_username(), mode_label(row.credential.mode)
    )


def resolution(row: Any) -> SafeString | str:
    """Who said what it was, and when; what closed by itself has no person."""
    if row.resolved_at is None:
        return NOTHING
    who = f"{row.resolved_by}: " if row.resolved_by else ""
    said = f"{who}{row.resolution}"
    return format_html('<span class="cut cell" title="{}">{}</span>', said, said)


@admin.register(Orphan)
class OrphanAdmin(ReadOnlyAdmin):
    empty_text = "No exchange ever showed an order that we do not know."
    list_display = ("seen", "state", "whose", "what", "filled", "theirs", "placed", "said")
    list_display_links = ("seen",)
    list_filter = (
        OpenFilter,
        ("exchange", RelatedDropdownFilter),
        ("user", RelatedDropdownFilter),
        ("symbol", FieldTextFilter),
        ("seen_at", RangeDateTimeFilter),
    )
    list_select_related = ("user", "credential", "resolved_by")
    search_fields = ("exchange_order_id__startswith", "client_order_id__startswith")
    search_help_text = "Beginning of the exchange's id or of ours"
    list_before_template = "desk/attention/orphans_note.html"
    ordering = ("-resolved_at", "-seen_at")
    actions_row = actions_detail = ("explain",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Orphan]:
        rows: QuerySet[Orphan] = super().get_queryset(request)
        return rows.defer("credential__ciphertext")

    def has_explain_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Orphans have no form; the right to change them is the right to say what they are."""
        return request.user.has_perm("execution.change_orphan")

    @reason_action(
        description="Explain…",
        permissions=["explain"],
        title="Say what this order is",
        text="It stays at the exchange as it is: nothing is sent or cancelled. Signals that waited go on.",
        submit="That is what it is",
        icon="edit_note",
    )
    def explain(self, request: HttpRequest, row: Orphan, reason: str) -> str:
        resolve.explain_orphan(row.pk, by=request.user, reason=reason)  # type: ignore[arg-type]
        return f"{row} is explained."

    @display(description="Seen", ordering="seen_at")  # type: ignore[untyped-decorator]
    def seen(self, row: Orphan) -> SafeString | str:
        return ago_tag(row.seen_at)

    @display(description="State", ordering="resolved_at")  # type: ignore[untyped-decorator]
    def state(self, row: Orphan) -> SafeString:
        if row.resolved_at is not None:
            return word("EXPLAINED", Tone.OFF)
        return word("ORPHAN ORDER", Tone.ACT) if row.client_order_id else word("WHOSE ORDER?", Tone.WATCH)

    @display(description="Exchange · user", ordering="exchange")  # type: ignore[untyped-decorator]
    def whose(self, row: Orphan) -> SafeString:
        return account_tag(row)

    @display(description="Order")  # type: ignore[untyped-decorator]
    def what(self, row: Orphan) -> SafeString:
        return format_html("{} {}", side_label(row.side), row.symbol)

    @display(description="Filled / amount")  # type: ignore[untyped-decorator]
    def filled(self, row: Orphan) -> SafeString:
        return number(f"{amount(row.filled_amount)} / {amount(row.amount)}")

    @display(description="The exchange's id", ordering="exchange_order_id")  # type: ignore[untyped-decorator]
    def theirs(self, row: Orphan) -> SafeString:
        return format_html(
            '<span class="id">{}</span>{}', row.exchange_order_id, copy_button(row.exchange_order_id, "Copy the id")
        )

    @display(description="Placed", ordering="placed_at")  # type: ignore[untyped-decorator]
    def placed(self, row: Orphan) -> SafeString | str:
        return ago_tag(row.placed_at)

    @display(description="Explained")  # type: ignore[untyped-decorator]
    def said(self, row: Orphan) -> SafeString | str:
        return resolution(row)


@admin.register(BookBreak)
class BookBreakAdmin(ReadOnlyAdmin):
    empty_text = "No difference was ever found: the exchanges hold what our fills explain."
    list_display = ("seen", "state", "whose", "asset", "ought", "holds", "difference", "said")
    list_display_links = ("seen",)
    list_filter = (
        OpenFilter,
        ("exchange", RelatedDropdownFilter),
        ("user", RelatedDropdownFilter),
        ("asset", FieldTextFilter),
        ("first_seen_at", RangeDateTimeFilter),
    )
    list_select_related = ("user", "credential", "resolved_by")
    search_fields = ("asset__startswith", "user__username")
    search_help_text = "Asset or user"
    list_before_template = "desk/attention/differences_note.html"
    ordering = ("-resolved_at", "-first_seen_at")
    actions_row = actions_detail = ("accept", "compare_now")

    def get_queryset(self, request: HttpRequest) -> QuerySet[BookBreak]:
        """What a second look did not confirm is not shown: it was a matter of timing."""
        rows: QuerySet[BookBreak] = super().get_queryset(request)
        return rows.exclude(confirmed_at=None).defer("credential__ciphertext")

    def has_accept_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Differences have no form; the right to change them is the right to say where they come from."""
        return request.user.has_perm("execution.change_bookbreak")

    @reason_action(
        description="Accept…",
        permissions=["accept"],
        title="Accept this difference",
        text="Say where it comes from. The account counts from what it holds now; positions stay as they are.",
        submit="Accept",
        icon="check",
    )
    def accept(self, request: HttpRequest, row: BookBreak, reason: str) -> str:
        balances.accept(row.pk, by=request.user, reason=reason)  # type: ignore[arg-type]
        return f"The difference in {row.asset} at {row.exchange_id} is accepted."

    @dialog_action(
        description="Compare now",
        permissions=["accept"],
        title="Compare this account's balances now",
        text="The exchange is asked as soon as a worker can. Asking changes nothing there.",
        submit="Compare",
        icon="refresh",
        form_class=PlainDialog,
    )
    def compare_now(self, request: HttpRequest, row: BookBreak, answers: dict[str, Any]) -> str:
        balances.due_now(row.credential)
        return f"The balances of {row.user} at {row.exchange_id} are compared now."

    @display(description="Since", ordering="first_seen_at")  # type: ignore[untyped-decorator]
    def seen(self, row: BookBreak) -> SafeString | str:
        return ago_tag(row.first_seen_at)

    @display(description="State", ordering="resolved_at")  # type: ignore[untyped-decorator]
    def state(self, row: BookBreak) -> SafeString:
        if row.resolved_at is not None:
            return word("CLOSED", Tone.OFF)
        return word("MONEY MISSING", Tone.ACT) if row.actual < row.expected else word("DIFFERENCE", Tone.WATCH)

    @display(description="Exchange · user", ordering="exchange")  # type: ignore[untyped-decorator]
    def whose(self, row: BookBreak) -> SafeString:
        return account_tag(row)

    @display(description="Should hold")  # type: ignore[untyped-decorator]
    def ought(self, row: BookBreak) -> SafeString:
        return number(amount(row.expected))

    @display(description="Holds")  # type: ignore[untyped-decorator]
    def holds(self, row: BookBreak) -> SafeString:
        return number(amount(row.actual))

    @display(description="Difference")  # type: ignore[untyped-decorator]
    def difference(self, row: BookBreak) -> SafeString:
        return number(signed_amount(row.actual - row.expected))

    @display(description="Explained")  # type: ignore[untyped-decorator]
    def said(self, row: BookBreak) -> SafeString | str:
        return resolution(row)


class ComparedFilter(DropdownFilter):  # type: ignore[misc]
    title = "compared"
    parameter_name = "compared"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Not yet"), ("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("yes", "no"):
            return queryset
        return queryset.filter(clean_at__isnull=self.value() == "no")


class TrustDialog(ReasonDialog):
    """Says what may go wrong."""

    form_before_template = "desk/attention/trust.html"

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        rows = Reconciliation.objects.select_related("user").filter(pk=object_id)
        return {"account": rows.first()}


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    empty_text = "No account was compared yet. A worker does it within ten minutes after keys are stored."
    list_display = ("whose", "state", "compared", "why", "orders", "answer", "next")
    list_display_links = ("whose",)
    list_filter = (ComparedFilter, ("exchange", RelatedDropdownFilter), ("user", RelatedDropdownFilter))
    list_select_related = ("user", "credential")
    search_fields = ("user__username", "exchange__slug__startswith")
    search_help_text = "User or exchange"
    ordering = ("-clean_at", "exchange", "user__username")
    list_before_template = "desk/attention/accounts_note.html"
    actions_row = actions_detail = ("try_again", "trust")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reconciliation]:
        rows: QuerySet[Reconciliation] = super().get_queryset(request)
        return rows.defer("credential__ciphertext")

    def has_compare_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Asking once more is harmless."""
        return request.user.has_perm("execution.change_reconciliation")

    def has_trust_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """It makes things looser, as resuming does."""
        return request.user.has_perm("policies.resume")

    @dialog_action(
        description="Try again now",
        permissions=["compare"],
        title="Compare this account's orders now",
        text="The exchange is asked as soon as a worker can. Asking changes nothing there.",
        submit="Compare",
        icon="refresh",
        form_class=PlainDialog,
    )
    def try_again(self, request: HttpRequest, row: Reconciliation, answers: dict[str, Any]) -> str:
        compare_orders_now(row.pk, by=request.user)  # type: ignore[arg-type]
        return f"The orders of {row.user} at {row.exchange_id} are compared now."

    @reason_action(
        description="Trust…",
        permissions=["trust"],
        title="Trust this account without comparing it",
        text="Its waiting signals and orders are sent at once.",
        submit="Trust this account",
        icon="gpp_maybe",
        form_class=TrustDialog,
    )
    def trust(self, request: HttpRequest, row: Reconciliation, reason: str) -> str:
        resolve.trust_account(row.pk, by=request.user, reason=reason)  # type: ignore[arg-type]
        return f"The account of {row.user} at {row.exchange_id} is used again without having been compared."

    @display(description="Exchange · user", ordering="exchange")  # type: ignore[untyped-decorator]
    def whose(self, row: Reconciliation) -> SafeString:
        return account_tag(row)

    @display(description="State", ordering="clean_at")  # type: ignore[untyped-decorator]
    def state(self, row: Reconciliation) -> SafeString:
        if row.clean_at is None:
            return word("NOT COMPARED", Tone.ACT if row.last_error else Tone.WATCH)
        trusted = row.last_error.startswith("Not compared; trusted")
        return word("TRUSTED", Tone.WATCH, row.last_error) if trusted else word("COMPARED", Tone.OK)

    @display(description="Compared", ordering="clean_at")  # type: ignore[untyped-decorator]
    def compared(self, row: Reconciliation) -> SafeString | str:
        return ago_tag(row.clean_at)

    @display(description="Last needed because", ordering="required_at")  # type: ignore[untyped-decorator]
    def why(self, row: Reconciliation) -> SafeString:
        needed = since_tag(row.required_at)
        return format_html('<span class="cut cell" title="{}">{} ago: {}</span>', row.reason, needed, row.reason)

    @display(description="Orders there", ordering="orders_seen")  # type: ignore[untyped-decorator]
    def orders(self, row: Reconciliation) -> SafeString:
        adopted = f", {row.orders_adopted} adopted" if row.orders_adopted else ""
        return number(f"{row.orders_seen}{adopted}")

    @display(description="Last answer")  # type: ignore[untyped-decorator]
    def answer(self, row: Reconciliation) -> SafeString | str:
        if not row.last_error:
            return NOTHING
        return format_html('<span class="cut cell" title="{}">{}</span>', row.last_error, row.last_error)

    @display(description="Next", ordering="next_at")  # type: ignore[untyped-decorator]
    def next(self, row: Reconciliation) -> str:
        if row.credential.frozen:
            return "keys frozen"
        return (
            "now"
            if row.next_at is None or row.next_at <= timezone.now()
            else f"in {age_since(timezone.now(), row.next_at)}"
        )
