"""The page of what would earn money at the books as they are. It refreshes itself."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from execution.admin.desk import SEES_DESK
from execution.admin.pages import needs, page, part
from execution.selectors.arbitrage import opportunities
from execution.selectors.shared import shared
from policies.snapshot import current_policy

SHARED_S = 1
SHOWN = 100


@needs(SEES_DESK)
def arbitrage(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    return page(request, "desk/arbitrage/page.html", "Arbitrage", **_shown())


@needs(SEES_DESK)
def arbitrage_part(request: HttpRequest) -> HttpResponse:
    """The part that is swapped every three seconds."""
    return part(request, "desk/arbitrage/part.html", **_shown())


def _shown() -> dict[str, Any]:
    found, at = shared("arbitrage", SHARED_S, lambda: (opportunities(None, limit=SHOWN), timezone.now()))
    return {
        "now": [each for each in found if each.row.ended_at is None],
        "gone": [each for each in found if each.row.ended_at is not None],
        "at": at,
        "rules": current_policy().rules,
    }
