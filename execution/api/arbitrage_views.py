"""What would earn money at the books as they are."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from execution.api.auth import Client
from execution.api.errors import ApiError
from execution.api.serializers import exact
from execution.selectors.arbitrage import opportunities
from policies.domain.reasons import ReasonCode
from policies.snapshot import current_policy


class OpportunityLegOut(serializers.Serializer[Any]):
    """One order it takes."""

    exchange = serializers.CharField()
    symbol = serializers.CharField()
    side = serializers.CharField()
    amount = serializers.CharField(help_text="Base units.")
    price = serializers.CharField(help_text="The worst price that was counted with; of a triangle the best.")
    book_age_s = serializers.CharField(help_text="Seconds since its book was true, when it was seen last.")


class OpportunityOut(serializers.Serializer[Any]):
    """One opportunity. Orders are not atomic: the profit is there only if all of them fill."""

    id = serializers.IntegerField(source="row.pk")
    kind = serializers.CharField(source="row.kind", help_text="cross (two exchanges) or triangle.")
    symbol = serializers.CharField(source="row.symbol", help_text="Of two exchanges.")
    cycle = serializers.CharField(source="row.cycle", help_text="Of a triangle.")
    buy_exchange = serializers.CharField(source="row.buy_exchange")
    sell_exchange = serializers.CharField(source="row.sell_exchange")
    currency = serializers.CharField(source="row.currency", help_text="Of cost and profit.")
    amount = exact("Base units; of a triangle what it starts with.", source="row.amount")
    cost = exact("After fees.", source="row.cost")
    profit = exact("After all fees.", source="row.profit")
    profit_bps = exact("Of the cost.", source="row.profit_bps")
    funded_amount = exact("What your live accounts could pay for; null: not known.", source="amount")
    funded_profit = exact("What that earns at the least.", source="profit")
    legs = OpportunityLegOut(source="row.legs", many=True)
    first_seen_at = serializers.DateTimeField(source="row.first_seen_at")
    last_seen_at = serializers.DateTimeField(source="row.last_seen_at")


class OpportunitiesView(APIView):
    """Arbitrage."""

    scopes = {"GET": "read"}

    @extend_schema(responses={200: OpportunityOut(many=True)})
    def get(self, request: Request) -> Response:
        """What is there now, the most profitable first. For staff and for users who may trade."""
        client = cast("Client", request.user)
        permission = current_policy().permissions.get(client.pk)
        if not client.sees_all and (permission is None or not permission.enabled):
            raise ApiError(403, ReasonCode.NO_PERMISSION)
        return Response(OpportunityOut(opportunities(client.pk, ended=False), many=True).data)
