"""The page of all exchanges: what is wrong, how they did, and which signals went elsewhere. It refreshes itself."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from execution.admin.desk import SEES_DESK
from execution.admin.pages import needs, page, part
from execution.admin.status_charts import day_of, history, sparkline
from execution.selectors.facts import current_facts
from execution.selectors.figures import all_series
from execution.selectors.shared import shared
from execution.selectors.status_page import StatusPage, status_page
from execution.services.budgets import budgets_left
from policies.domain.policy import Policy
from policies.snapshot import current_policy

SHARED_S = 1


@needs(SEES_DESK)
def exchange_status(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    return page(request, "desk/status/page.html", "Exchange status", **_shown(request), **_histories())


@needs(SEES_DESK)
def exchange_status_part(request: HttpRequest) -> HttpResponse:
    """The part that is swapped every three seconds."""
    return part(request, "desk/status/part.html", **_shown(request))


@needs(SEES_DESK)
def exchange_status_history(request: HttpRequest) -> HttpResponse:
    """The charts below it, swapped every minute."""
    return part(request, "desk/status/history.html", **_histories())


def _shown(request: HttpRequest) -> dict[str, Any]:
    now, series = timezone.now(), all_series()
    found = shared("exchange-status", SHARED_S, _read)
    return {
        "found": found,
        "rows": [(row, sparkline(day_of(series.get(row.status.slug, {}), now))) for row in found.rows],
        "may_halt": request.user.has_perm("policies.halt"),
    }


def _read() -> StatusPage:
    policy = current_policy()
    return status_page(policy, current_facts(), known_budgets(policy))


def known_budgets(policy: Policy) -> dict[str, float]:
    """What is left of each exchange's request limits."""
    return budgets_left(settings.REDIS_URL, policy.exchanges, share=settings.ENV["RATE_LIMIT_SHARE"])


def _histories() -> dict[str, Any]:
    now, series, exchanges = timezone.now(), all_series(), current_policy().exchanges
    days = {slug: day_of(series.get(slug, {}), now) for slug in sorted(exchanges)}
    shown = [history(exchanges[slug].name, slug, day) for slug, day in days.items() if any(day)]
    return {"histories": shown, "silent": [exchanges[slug].name for slug, day in days.items() if not any(day)]}
