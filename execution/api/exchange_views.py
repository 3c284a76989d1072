"""What the exchanges are and list: health as the router sees it, and the pairs orders are checked against."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from execution.api import serializers as out
from execution.api.errors import ApiError
from execution.models import Market
from execution.selectors.facts import glued_symbols
from execution.selectors.status_report import exchange_reports
from policies.domain.reasons import ReasonCode
from policies.domain.symbols import normalise
from policies.snapshot import current_policy


class ExchangeStatusView(APIView):
    """Exchanges."""

    scopes = {"GET": "read"}

    @extend_schema(responses={200: out.ExchangeStatusOut(many=True)})
    def get(self, request: Request) -> Response:
        """Health of every exchange as the router sees it now."""
        return Response(out.ExchangeStatusOut(exchange_reports(), many=True).data)


class _BySymbol(CursorPagination):
    """Keyset pages; a pair's exchanges are together."""

    page_size = 200
    page_size_query_param = "limit"
    max_page_size = 1000
    ordering: Any = ("symbol", "exchange_id")


class MarketsView(APIView):
    """Pairs."""

    scopes = {"GET": "read"}

    @extend_schema(
        parameters=[
            OpenApiParameter("exchange", str),
            OpenApiParameter("symbol", str, description="In any spelling a signal may use."),
            OpenApiParameter("cursor", str),
            OpenApiParameter("limit", int, description="At most 1,000."),
        ],
        responses={200: out.MarketOut(many=True), "4XX": out.ErrorOut},
    )
    def get(self, request: Request) -> Response:
        """The pairs the exchanges list, with their steps and minimums, as last read from them."""
        markets = Market.objects.filter(active=True)
        if exchange := request.query_params.get("exchange"):
            if exchange not in current_policy().exchanges:
                raise ApiError(400, ReasonCode.UNKNOWN_EXCHANGE)
            markets = markets.filter(exchange_id=exchange)
        if text := request.query_params.get("symbol"):
            symbol = normalise(text, glued_symbols())
            if symbol is None:
                raise ValidationError("symbol must be a spot pair such as BTC/USDT, or a glued name that is listed.")
            markets = markets.filter(symbol=symbol)
        paginator = _BySymbol()
        page = paginator.paginate_queryset(markets, request, self)
        return paginator.get_paginated_response(out.MarketOut(page, many=True).data)
