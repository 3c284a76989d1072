"""What people may do with an exchange's breaker: open it, close it, let go of it. Each asks why first."""

from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from execution.domain.breaker import BreakerState
from execution.models import CircuitBreaker
from execution.selectors.facts import current_facts, refresh_facts
from execution.services import breakers
from policies.admin.dialogs import ReasonDialog, reason_action
from policies.models import Exchange
from policies.snapshot import current_policy

_HOLDS = (("", "Until somebody lets go"), ("15", "15 minutes"), ("60", "1 hour"), ("240", "4 hours"), ("1440", "1 day"))


class HoldDialog(ReasonDialog):
    """Asks why, and for how long."""

    minutes = forms.ChoiceField(label="For", choices=_HOLDS, required=False, widget=UnfoldAdminSelectWidget)
    field_order = ("reason", "minutes")


class BreakerFilter(DropdownFilter):  # type: ignore[misc]
    title = "breaker"
    parameter_name = "breaker"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        states = [(state.value, state.value.replace("_", " ")) for state in BreakerState]
        return [*states, ("forced", "held by a person")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Exchange]) -> QuerySet[Exchange]:
        mine = CircuitBreaker.objects.filter(exchange=OuterRef("pk"), credential=None)
        if not self.value():
            return queryset
        if self.value() == "forced":
            return queryset.filter(Exists(mine.filter(forced=True)))
        if self.value() == BreakerState.CLOSED:
            # One that never counted anything has no row.
            return queryset.exclude(Exists(mine.exclude(state=BreakerState.CLOSED)))
        return queryset.filter(Exists(mine.filter(state=self.value())))


class BreakerActions:
    """The dialogs, for the rows of the list and for the exchange's page.

    Opening stops orders, which whoever may halt may do; closing and letting go take the right to resume.
    """

    def has_open_breaker_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whether this person may keep orders away."""
        return request.user.has_perm("policies.halt")

    def has_close_breaker_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whether this person may send orders where the breaker would not."""
        return request.user.has_perm("policies.resume")

    def has_let_go_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """The same; there is nothing to let go of where nobody holds it."""
        known = current_facts().breakers.get((object_id or "", None))
        return request.user.has_perm("policies.resume") and (object_id is None or (known is not None and known.forced))

    @reason_action(
        description="Open breaker…",
        permissions=["open_breaker"],
        title="Open the breaker",
        text="New orders go elsewhere within a second. Cancels still pass, and so do questions about orders.",
        submit="Open the breaker",
        icon="flash_off",
        form_class=HoldDialog,
        variant=ActionVariant.DEFAULT,
    )
    def open_breaker(self, request: HttpRequest, row: Exchange, reason: str, minutes: str = "") -> str:
        return _hold(request, row, BreakerState.OPEN, reason, minutes)

    @reason_action(
        description="Close breaker…",
        permissions=["close_breaker"],
        title="Close the breaker",
        text="New orders go there although its calls fail, until you let go or the time is over.",
        submit="Close the breaker",
        icon="flash_on",
        form_class=HoldDialog,
        variant=ActionVariant.DEFAULT,
    )
    def close_breaker(self, request: HttpRequest, row: Exchange, reason: str, minutes: str = "") -> str:
        return _hold(request, row, BreakerState.CLOSED, reason, minutes)

    @reason_action(
        description="Let go…",
        permissions=["let_go"],
        title="Let go of the breaker",
        text="It decides by itself again. One that is open lets a few orders through first, to see whether they pass.",
        submit="Let go",
        icon="autorenew",
        variant=ActionVariant.DEFAULT,
    )
    def let_go(self, request: HttpRequest, row: Exchange, reason: str) -> str:
        breakers.release(row.pk, policy=current_policy(), reason=reason, by=request.user)  # type: ignore[arg-type]
        refresh_facts()
        return f"The breaker of {row.name} decides by itself again."


def _hold(request: HttpRequest, row: Exchange, state: BreakerState, reason: str, minutes: str) -> str:
    until = timezone.now() + timedelta(minutes=int(minutes)) if minutes else None
    breakers.force(row.pk, state, until=until, reason=reason, by=request.user)  # type: ignore[arg-type]
    refresh_facts()
    ends = f"until {until:%H:%M} UTC" if until else "until somebody lets go"
    return f"The breaker of {row.name} is {state.value}, {ends}."
