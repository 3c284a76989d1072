"""Strategies: where the signals of each go, and where they would go now."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import action, display

from execution.display.chains import answer_word
from execution.selectors.chains import strategy_now
from execution.selectors.facts import current_facts
from execution.selectors.usage import Day, strategies_today
from policies.admin.base import PolicyAdmin
from policies.admin.changed import ChangedColumn
from policies.admin.dialogs import HaltRow, find_or_404
from policies.display.words import mode_label, number, on_off
from policies.domain.policy import Mode, RouteBy, Scope
from policies.forms.strategy import StrategyForm
from policies.models import StrategyPolicy
from policies.snapshot import current_policy


@admin.register(StrategyPolicy)
class StrategyPolicyAdmin(HaltRow, ChangedColumn, PolicyAdmin):
    can_be_tried = True
    form = StrategyForm
    halt_scope = Scope.STRATEGY
    list_display = ("strategy_id", "goes_to", "answer_now", "in_mode", "switch", "signals", "denied", "changed")
    list_filter = (
        ("enabled", BooleanRadioFilter),
        ("mode", ChoicesDropdownFilter),
        ("exchange", RelatedDropdownFilter),
        ("route_by", ChoicesDropdownFilter),
    )
    search_fields = ("strategy_id", "notes")
    search_help_text = "Strategy or notes"
    ordering = ("strategy_id",)
    actions_row = ("halt", "preview", "its_signals")
    actions_detail = ("preview", "its_signals")
    fieldsets = (
        ("What", {"fields": ("strategy_id", "enabled", "notes")}),
        ("Where and how", {"fields": ("exchange", "route_by", "balanced_over", "mode", "execution_method")}),
    )
    conditional_fields = {"balanced_over": "route_by != 'one_exchange'"}

    @property
    def empty_text(self) -> str:  # type: ignore[override]
        default = current_policy().rules.default_exchange
        return f"No strategy is mapped. Unmapped signals go to {default} (Routing settings)."

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Clients send the name: another name is another strategy.
        return ("strategy_id",) if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[StrategyPolicy]:
        rows: QuerySet[StrategyPolicy] = super().get_queryset(request)
        return rows.select_related("exchange")

    def prepare(self, rows: list[Any]) -> None:
        policy, facts, now, days = current_policy(), current_facts(), timezone.now(), strategies_today()
        for row in rows:
            rule = policy.strategies.get(row.strategy_id)
            row.answer = strategy_now(policy, facts, rule, now) if rule else None
            row.day = days.get(row.strategy_id, Day())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        name = StrategyPolicy.objects.filter(pk=object_id).values_list("strategy_id", flat=True).first()
        extra = {"halt_mark": f"{Scope.STRATEGY}:{name}", **(extra_context or {})}
        return super().change_view(request, object_id, form_url, extra)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if obj.mode == Mode.LIVE and not obj.exchange.credentials.filter(mode=Mode.LIVE, frozen=False).exists():
            messages.warning(
                request,
                f"Nobody has usable live keys for {obj.exchange_id} yet: live signals skip it with NO_CREDENTIAL.",
            )
        chain = current_policy().chain(obj.exchange_id)
        if len(chain) == 1:
            messages.warning(
                request, f"No chain goes on after {obj.exchange_id}: when it is down, nothing else is tried."
            )

    @action(description="Preview", permissions=["view"], icon="travel_explore")  # type: ignore[untyped-decorator]
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The route preview, for an order of this strategy."""
        row = find_or_404(self.get_queryset(request), object_id)
        return redirect(f"{reverse('admin:route_preview')}?{urlencode({'strategy_id': row.strategy_id})}")

    @action(description="Its signals", permissions=["view"], icon="bolt")  # type: ignore[untyped-decorator]
    def its_signals(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The list of signals, filtered."""
        row = find_or_404(self.get_queryset(request), object_id)
        query = urlencode({"strategy_id": row.strategy_id})
        return redirect(f"{reverse('admin:execution_signal_changelist')}?{query}")

    def halt_target(self, row: StrategyPolicy) -> str:
        return row.strategy_id

    @display(description="Goes to", ordering="exchange")  # type: ignore[untyped-decorator]
    def goes_to(self, row: StrategyPolicy) -> str:
        if row.route_by == RouteBy.ONE_EXCHANGE:
            return row.exchange_id
        if RouteBy(row.route_by).is_smart and not row.balanced_over:
            return f"{row.route_by.replace('_', ' ')}: all exchanges"
        return f"{row.route_by.replace('_', ' ')}: {', '.join(sorted(row.balanced_over))}"

    @display(description="Answer now")  # type: ignore[untyped-decorator]
    def answer_now(self, row: StrategyPolicy) -> SafeString:
        return answer_word(row.answer)  # type: ignore[attr-defined]

    @display(description="Mode", ordering="mode")  # type: ignore[untyped-decorator]
    def in_mode(self, row: StrategyPolicy) -> SafeString:
        return mode_label(row.mode)

    @display(description="Enabled", ordering="enabled")  # type: ignore[untyped-decorator]
    def switch(self, row: StrategyPolicy) -> SafeString:
        return on_off(row.enabled)

    @display(description="Signals 24 h")  # type: ignore[untyped-decorator]
    def signals(self, row: StrategyPolicy) -> SafeString:
        return number(str(row.day.signals))  # type: ignore[attr-defined]

    @display(description="Denied 24 h")  # type: ignore[untyped-decorator]
    def denied(self, row: StrategyPolicy) -> SafeString:
        return number(str(row.day.denied))  # type: ignore[attr-defined]
