"""The Desk: the admin's first page, a part of it that refreshes itself, and the lists behind its tiles."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from execution.admin.charts import minutes_chart
from execution.admin.pages import needs, part
from execution.selectors.attention import Item
from execution.selectors.desk import Desk, desk_snapshot, signals_per_minute
from execution.selectors.shared import shared
from policies.selectors.changes import PolicyChange

SEES_DESK = "execution.view_signal"
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


def _shown(request: HttpRequest, desk: Desk) -> dict[str, Any]:
    return {
        "desk": desk,
        "items": visible(request, desk.attention),
        "changes": [change for change in desk.changes if may_see(request, change)],
        "may_halt": request.user.has_perm("policies.halt"),
    }


def visible(request: HttpRequest, items: "tuple[Item, ...] | list[Item]") -> list[Item]:
    """Without what is about rows that this person may not see."""
    return [item for item in items if may_see_item(request, item)]


def may_see_item(request: HttpRequest, item: Item) -> bool:
    """Whether this person may look at the row that the item is about."""
    return may_see_page(request, item.page)


def may_see_page(request: HttpRequest, page_name: str) -> bool:
    """`execution_order`: whether this person may look at orders. '': everybody may."""
    app, _, model = page_name.partition("_")
    return not page_name or request.user.has_perm(f"{app}.view_{model}")


def may_see(request: HttpRequest, change: PolicyChange) -> bool:
    """Whether this person may look at the row that changed."""
    return request.user.has_perm(f"policies.view_{change.model}")
