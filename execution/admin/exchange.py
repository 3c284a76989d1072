"""Exchanges: how each is now, and how it may be used."""

from typing import Any

from django.contrib import admin
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from execution.admin.breaker import BreakerActions, BreakerFilter
from execution.admin.charts import latency_chart
from execution.display.words import breaker_word, exchange_word
from execution.domain.health import HealthStatus
from execution.selectors.exchange_page import Load, exchange_page, loads
from execution.selectors.exchange_status import exchange_status
from execution.selectors.facts import current_facts
from policies import fee_sources
from policies.admin.base import PolicyAdmin, PolicyInline
from policies.admin.dialogs import HaltRow
from policies.display.formats import fee, latency
from policies.display.words import mode_label, number, since_tag
from policies.domain.policy import Scope
from policies.models import Exchange, FeeTier
from policies.snapshot import current_policy

_WORST_FIRST = Case(
    When(health__status=HealthStatus.DOWN, then=Value(0)),
    When(health__status=HealthStatus.DEGRADED, then=Value(1)),
    When(health__status=HealthStatus.MAINTENANCE, then=Value(2)),
    default=Value(3),
    output_field=IntegerField(),
)


class HealthFilter(DropdownFilter):  # type: ignore[misc]
    title = "health"
    parameter_name = "health"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, status.value) for status in HealthStatus]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Exchange]) -> QuerySet[Exchange]:
        return queryset.filter(health__status=self.value()) if self.value() else queryset


class FeeTierInline(PolicyInline):
    model = FeeTier
    fields = ("from_volume", "maker_bps", "taker_bps")
    verbose_name_plural = "fee tiers by volume, for accounts whose rate the exchange does not tell"


@admin.register(Exchange)
class ExchangeAdmin(BreakerActions, HaltRow, PolicyAdmin):
    can_be_tried = True
    halt_scope = Scope.EXCHANGE
    empty_text = "No exchange matches."
    list_display = ("exchange", "state", "since", "answers_in", "fees", "in_flight", "in_mode", "circuit")
    list_display_links = ("exchange",)
    list_filter = (
        ("enabled", BooleanRadioFilter),
        ("mode", ChoicesDropdownFilter),
        HealthFilter,
        BreakerFilter,
    )
    search_fields = ("slug", "name")
    search_help_text = "Name"
    ordering = (_WORST_FIRST.asc(), "slug")
    actions_row = ("halt", "open_breaker", "close_breaker", "let_go")
    actions_detail = ("open_breaker", "close_breaker", "let_go")
    change_form_outer_before_template = "desk/exchange_now.html"
    inlines = (FeeTierInline,)
    fieldsets = (
        ("Identity", {"fields": ("slug", "name", "region")}),
        ("Routing", {"fields": ("enabled", "mode", "max_in_flight")}),
        ("Fees", {"fields": ("maker_fee_bps", "taker_fee_bps")}),
        ("Health", {"fields": ("health_interval_s", "stale_after_s", "degraded_above_ms")}),
        (
            "Breaker",
            {
                "fields": (
                    "breaker_failures",
                    "breaker_failure_percent",
                    "breaker_slow_percent",
                    "breaker_first_open_s",
                    "breaker_longest_open_s",
                    "breaker_probes",
                    "breaker_successes",
                )
            },
        ),
        ("Maintenance", {"fields": ("maintenance_from", "maintenance_to", "maintenance_note")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """An exchange comes with its adapter, that is with a release."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("slug",)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The fees with where they are from."""
        if obj is None:
            return self.fieldsets
        source = {"description": fee_sources.told(obj, obj.fee_tiers.all())}
        return [(name, {**options, **source} if name == "Fees" else options) for name, options in self.fieldsets]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Exchange]:
        rows: QuerySet[Exchange] = super().get_queryset(request)
        return rows.select_related("health")

    def prepare(self, rows: list[Any]) -> None:
        policy, facts, now, load = current_policy(), current_facts(), timezone.now(), loads()
        for row in rows:
            row.load = load.get(row.slug, Load())
            row.status = exchange_status(policy, facts, row.slug, now)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        policy, facts = current_policy(), current_facts()
        extra = {}
        if object_id in policy.exchanges:
            found = exchange_page(policy, object_id)
            extra = {
                "status": exchange_status(policy, facts, object_id, timezone.now()),
                "exchange": policy.exchanges[object_id],
                "now": found,
                "chart": latency_chart(found.slots),
                "halt_mark": f"{Scope.EXCHANGE}:{object_id}",
            }
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    @display(description="Exchange", ordering="slug")  # type: ignore[untyped-decorator]
    def exchange(self, row: Exchange) -> SafeString:
        slug = "" if row.name.lower() == row.slug else f" {row.slug}"
        return format_html('<strong>{}</strong><span class="quiet">{}</span>', row.name, slug)

    @display(description="State", ordering=_WORST_FIRST)  # type: ignore[untyped-decorator]
    def state(self, row: Exchange) -> SafeString:
        return exchange_word(row.status)  # type: ignore[attr-defined]

    @display(description="Since")  # type: ignore[untyped-decorator]
    def since(self, row: Exchange) -> SafeString | str:
        return since_tag(row.status.since)  # type: ignore[attr-defined]

    @display(description="Latency", ordering="health__latency_ewma_ms")  # type: ignore[untyped-decorator]
    def answers_in(self, row: Exchange) -> SafeString:
        health = getattr(row, "health", None)
        return number(latency(health.latency_ewma_ms if health else None))

    @display(description="Fee maker / taker")  # type: ignore[untyped-decorator]
    def fees(self, row: Exchange) -> SafeString:
        return number(f"{fee(row.maker_fee_bps).removesuffix(' bps')} / {fee(row.taker_fee_bps)}")

    @display(description="In flight")  # type: ignore[untyped-decorator]
    def in_flight(self, row: Exchange) -> SafeString:
        load: Load = row.load  # type: ignore[attr-defined]
        queued = f" + {load.queued} queued" if load.queued else ""
        return number(f"{load.in_flight} / {row.max_in_flight}{queued}")

    @display(description="Mode", ordering="mode")  # type: ignore[untyped-decorator]
    def in_mode(self, row: Exchange) -> SafeString:
        return mode_label(row.mode)

    @display(description="Breaker")  # type: ignore[untyped-decorator]
    def circuit(self, row: Exchange) -> SafeString:
        return breaker_word(row.status)  # type: ignore[attr-defined]
