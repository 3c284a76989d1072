"""The Desk: the admin's first page, a part of it that refreshes itself, and the lists behind its tiles."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from execution.admin.charts import minutes_chart
from execution.admin.pages import needs, page, part
from execution.selectors.attention import Item, attention
from execution.selectors.desk import Desk, desk_snapshot, signals_per_minute
from execution.selectors.facts import current_facts
from execution.selectors.shared import shared
from policies.selectors.changes import PolicyChange
from policies.snapshot import current_policy

SEES_DESK = "execution.view_signal"
_ALL = 200
_CHART_SHARED_S = 5


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The context of the admin's index (UNFOLD's DASHBOARD_CALLBACK)."""
    if not request.user.has_perm(SEES_DESK):
        return context
    return {**context, **_shown(request, desk_snapshot())}


@needs(SEES_DESK)
def desk_part(request: HttpRequest) -> HttpResponse:
    """The part that is swapped every three seconds."""
    return part(request, "desk/desk_part.html", **_shown(request, desk_snapshot()))


@needs(SEES_DESK)
def desk_chart(request: HttpRequest) -> HttpResponse:
    """The bars below it. They refresh on their own: a swapped canvas is not drawn again."""
    data = shared("desk-chart", _CHART_SHARED_S, lambda: minutes_chart(signals_per_minute()))
    return JsonResponse(data, headers={"Cache-Control": "no-store"})


@needs(SEES_DESK)
def needs_attention(request: HttpRequest) -> HttpResponse:
    """Everything that needs a person."""
    now = timezone.now()
    items = attention(current_policy(), current_facts(), now, _ALL)
    return page(request, "desk/attention.html", "Needs attention", items=visible(request, items), now=now)


def _shown(request: HttpRequest, desk: Desk) -> dict[str, Any]:
    return {
        "desk": desk,
        "items": visible(request, desk.attention),
        "changes": [change for change in desk.changes if may_see(request, change)],
        "may_halt": request.user.has_perm("policies.halt"),
    }


def visible(request: HttpRequest, items: "tuple[Item, ...] | list[Item]") -> list[Item]:
    """Without what is about rows that this person may not see."""
    return [item for item in items if not item.page or request.user.has_perm(_view(item.page))]


def _view(page_name: str) -> str:
    app, _, model = page_name.partition("_")
    return f"{app}.view_{model}"


def may_see(request: HttpRequest, change: PolicyChange) -> bool:
    """Whether this person may look at the row that changed."""
    return request.user.has_perm(f"policies.view_{change.model}")
