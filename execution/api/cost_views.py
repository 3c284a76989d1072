"""What accounts pay, and what executions cost."""

from datetime import datetime

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from execution.api import cost_out as out
from execution.api import documented, query
from execution.api.auth import client_of
from execution.selectors import owned
from execution.selectors.costs import USUAL_WINDOW, WINDOWS, By, Which, groups
from execution.selectors.fees import accounts
from policies.domain.policy import Mode
from policies.snapshot import current_policy

MOST_ACCOUNTS = 500


class FeesView(APIView):
    """Fees of accounts."""

    scopes = {"GET": "read"}

    @extend_schema(parameters=[OpenApiParameter("exchange", str)], responses={200: out.AccountFeesOut(many=True)})
    def get(self, request: Request) -> Response:
        """What each of your accounts pays, and how far it is to its next fee tier."""
        rows = owned.credentials(client_of(request))
        if exchange := query.exchange(request):
            rows = rows.filter(exchange_id=exchange)
        found = accounts(current_policy(), rows, MOST_ACCOUNTS)
        return Response(out.AccountFeesOut(found, many=True).data)


_FILTERS = [
    OpenApiParameter("exchange", str),
    OpenApiParameter("strategy_id", str),
    documented.words("mode", Mode),
    OpenApiParameter("since", datetime, description="Ended at or after this instant."),
]


class TcaView(APIView):
    """Costs of orders."""

    scopes = {"GET": "read"}
    pagination_class = query.ByEnd

    @extend_schema(parameters=[*_FILTERS, *documented.PAGES], responses={200: out.OrderCostOut(many=True)})
    def get(self, request: Request) -> Response:
        """What your orders cost to execute, the last that ended first. They appear some seconds after their end."""
        rows = owned.costs(client_of(request))
        for name, value in _wanted(request).items():
            rows = rows.filter(**{name: value})
        if since := query.instant(request, "since"):
            rows = rows.filter(at__gte=since)
        return query.page(request, self, rows, out.OrderCostOut)


class TcaSummaryView(APIView):
    """Costs by exchange or strategy."""

    scopes = {"GET": "read"}

    @extend_schema(parameters=[documented.words("by", By), *_FILTERS], responses={200: out.CostGroupOut(many=True)})
    def get(self, request: Request) -> Response:
        """What your orders cost by exchange (or strategy), the busiest first; of the last 7 days unless `since` says
        otherwise.
        """
        client = client_of(request)
        since = query.instant(request, "since") or timezone.now() - WINDOWS[USUAL_WINDOW]
        wanted = _wanted(request)
        which = Which(
            since,
            user_id=None if client.sees_all else client.pk,
            exchange=wanted.get("exchange_id", ""),
            strategy_id=wanted.get("strategy_id", ""),
            mode=wanted.get("mode", ""),
        )
        by = By(query.choice(request, "by", list(By)) or By.EXCHANGE)
        return Response(out.CostGroupOut(groups(by, which), many=True).data)


def _wanted(request: Request) -> dict[str, str]:
    found = {
        "exchange_id": query.exchange(request),
        "strategy_id": query.text(request, "strategy_id"),
        "mode": query.choice(request, "mode", list(Mode)),
    }
    return {name: value for name, value in found.items() if value}
