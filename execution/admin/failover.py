"""The failover editor: the order of a chain, with each exchange's state beside it and the effect before saving."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter, RelatedDropdownFilter
from unfold.decorators import display

from execution.display.chains import answer_sentence, answer_word, order_sentence, step_fate
from execution.display.words import exchange_word
from execution.selectors.chains import all_chains_now, chain_now
from execution.selectors.exchange_status import exchange_status
from execution.selectors.facts import current_facts
from execution.selectors.usage import failovers_today
from policies.admin.base import PolicyAdmin, PolicyInline
from policies.admin.changed import ChangedColumn
from policies.display.formats import age_since, latency
from policies.display.words import number, on_off
from policies.domain.policy import ChainOrder, ChainOrdering, Policy
from policies.forms.failover import StepForm, StepFormSet
from policies.models import Exchange, FailoverChain, FailoverStep
from policies.models.failover import check_chain
from policies.snapshot import current_policy


class FailoverStepInline(PolicyInline):
    model = FailoverStep
    form = StepForm
    formset = StepFormSet
    fields = ("exchange", "state_now", "fate_now", "move", "position")
    readonly_fields = ("state_now", "fate_now", "move")
    ordering = ("position",)
    ordering_field = "position"
    hide_ordering_field = True
    verbose_name_plural = "order"
    template_before = "desk/chain_answer.html"

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        # One list of exchanges for all rows, instead of a query per row.
        if not hasattr(request, "exchange_choices"):
            request.exchange_choices = list(field.choices)  # type: ignore[attr-defined]
        field.choices = request.exchange_choices  # type: ignore[attr-defined]
        return field

    def get_queryset(self, request: HttpRequest) -> QuerySet[FailoverStep]:
        rows: QuerySet[FailoverStep] = super().get_queryset(request)
        return rows.select_related("exchange")

    # The script fills these cells and keeps them fresh; they stand empty until it has.
    @display(description="State")  # type: ignore[untyped-decorator]
    def state_now(self, row: FailoverStep) -> SafeString:
        return SafeString('<span data-step="state"></span>')

    @display(description="Now")  # type: ignore[untyped-decorator]
    def fate_now(self, row: FailoverStep) -> SafeString:
        return SafeString('<span data-step="fate"></span>')

    @display(description="Move")  # type: ignore[untyped-decorator]
    def move(self, row: FailoverStep) -> SafeString:
        buttons = (("up", "earlier", "↑"), ("down", "later", "↓"))
        return format_html_join(
            "",
            '<button type="button" class="move" data-move="{}" title="Try {}" aria-label="Try {}">{}</button>',
            ((direction, words, words, arrow) for direction, words, arrow in buttons),
        )


@admin.register(FailoverChain)
class FailoverChainAdmin(ChangedColumn, PolicyAdmin):
    empty_text = "No chain: when an exchange is out, nothing else is tried."
    list_display = ("primary_slug", "order", "answer_now", "failovers", "switch", "changed")
    list_filter = (("enabled", BooleanRadioFilter), ("primary", RelatedDropdownFilter))
    search_fields = ("primary__slug", "steps__exchange__slug")
    search_help_text = "Exchange"
    ordering = ("primary",)
    inlines = (FailoverStepInline,)
    fieldsets = (("Chain", {"fields": ("primary", "ordering", "region", "enabled", "notes")}),)
    conditional_fields = {"region": "ordering == 'own_region_first'"}

    def get_urls(self) -> list[Any]:
        preview = self.admin_site.admin_view(self.preview)
        return [path("preview/", preview, name="policies_failoverchain_preview"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[FailoverChain]:
        rows: QuerySet[FailoverChain] = super().get_queryset(request)
        return rows.prefetch_related("steps")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("primary",) if obj else ()

    def prepare(self, rows: list[Any]) -> None:
        chains, failovers = all_chains_now(current_policy(), current_facts(), timezone.now()), failovers_today()
        for row in rows:
            row.answer = chains.get(row.primary_id)
            row.failovers_today = failovers.get(row.primary_id, 0)

    def preview(self, request: HttpRequest) -> JsonResponse:
        """What the order on the screen would answer now. Reads only."""
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        policy = current_policy()
        primary = request.GET.get("primary", "")
        steps = [slug for slug in request.GET.get("steps", "").split(",") if slug in policy.exchanges]
        if primary not in policy.exchanges or len(steps) > len(policy.exchanges):
            return JsonResponse({"answer": "", "problem": "", "steps": {}})
        ordering = request.GET.get("ordering", "")
        order = ChainOrder(ChainOrdering(ordering), request.GET.get("region", "")) if ordering in _ORDERINGS else None
        return JsonResponse(preview(policy, primary, steps, order))

    @display(description="Primary", ordering="primary")  # type: ignore[untyped-decorator]
    def primary_slug(self, row: FailoverChain) -> str:
        return row.primary_id

    @display(description="Order")  # type: ignore[untyped-decorator]
    def order(self, row: FailoverChain) -> str:
        how = "" if row.ordering == ChainOrdering.AS_LISTED else f" ({row.get_ordering_display().lower()})"
        return " → ".join(row.slugs()) + how

    @display(description="Answer now")  # type: ignore[untyped-decorator]
    def answer_now(self, row: FailoverChain) -> SafeString:
        return answer_word(row.answer)  # type: ignore[attr-defined]

    @display(description="Failovers 24 h")  # type: ignore[untyped-decorator]
    def failovers(self, row: FailoverChain) -> SafeString:
        return number(str(row.failovers_today))  # type: ignore[attr-defined]

    @display(description="Enabled", ordering="enabled")  # type: ignore[untyped-decorator]
    def switch(self, row: FailoverChain) -> SafeString:
        return on_off(row.enabled)


_ORDERINGS = frozenset(ChainOrdering)


def preview(policy: Policy, primary: str, steps: list[str], order: ChainOrder | None = None) -> dict[str, Any]:
    """The answer line, what is wrong with the order, and the cells of every step."""
    now, facts = timezone.now(), current_facts()
    answer = chain_now(policy, facts, primary, now, steps, order)
    checked = [health.checked_at for slug in steps if (health := facts.health.get(slug)) and health.checked_at]
    age = f" Oldest check {age_since(min(checked), now)} ago." if checked else ""
    alone = " A chain of one cannot fail over." if len(steps) == 1 else ""
    return {
        "answer": answer_sentence(answer) + order_sentence(answer, steps) + age + alone,
        "problem": _problem(primary, steps),
        "steps": {
            slug: {
                "state": _state(policy, slug),
                "fate": step_fate(step, answer.exchange) if (step := answer.step(slug)) else "",
            }
            for slug in steps
        },
    }


def _state(policy: Policy, slug: str) -> SafeString:
    facts = current_facts()
    health = facts.health.get(slug)
    took = latency(health.latency_ewma_ms) if health else ""
    status = exchange_status(policy, facts, slug, timezone.now())
    return format_html('{} <span class="quiet num">{}</span>', exchange_word(status), took)


def _problem(primary: str, steps: list[str]) -> str:
    enabled = list(Exchange.objects.filter(enabled=True).values_list("slug", flat=True))
    try:
        check_chain(primary, steps, enabled)
    except ValidationError as e:
        return str(e.messages[0])
    return ""
