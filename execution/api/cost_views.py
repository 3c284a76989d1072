"""What accounts pay, and what executions cost."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from execution.api import cost_out as out
from execution.api import query
from execution.api.auth import client_of
from execution.selectors import owned
from execution.selectors.fees import accounts
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
