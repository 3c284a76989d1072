"""What the exchanges are and list: health as the router sees it, and the pairs orders are checked against."""

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from execution.api import documented, query
from execution.api import serializers as out
from execution.models import Market
from execution.selectors.facts import glued_symbols
from execution.selectors.status_report import exchange_reports
from execution.services.budgets import budgets_left
from policies.domain.symbols import normalise
from policies.snapshot import current_policy


class ExchangeStatusView(APIView):
    """Exchanges."""

    scopes = {"GET": "read"}

    @extend_schema(responses={200: out.ExchangeStatusOut(many=True)})
    def get(self, request: Request) -> Response:
        """Health and breaker of every exchange as the router sees them now, and how it did lately."""
        share = settings.ENV["RATE_LIMIT_SHARE"]
        budgets = budgets_left(settings.REDIS_URL, current_policy().exchanges, share=share)
        return Response(out.ExchangeStatusOut(exchange_reports(budgets), many=True).data)


class MarketsView(APIView):
    """Pairs."""

    scopes = {"GET": "read"}
    pagination_class = query.BySymbol

    @extend_schema(
        parameters=[
            OpenApiParameter("exchange", str),
            OpenApiParameter("symbol", str, description="In any spelling a signal may use."),
            *documented.PAGES,
        ],
        responses={200: out.MarketOut(many=True)},
    )
    def get(self, request: Request) -> Response:
        """The pairs the exchanges list, with their steps and minimums, as last read from them."""
        markets = Market.objects.filter(active=True)
        if exchange := query.exchange(request):
            markets = markets.filter(exchange_id=exchange)
        if text := query.text(request, "symbol"):
            symbol = normalise(text, glued_symbols())
            if symbol is None:
                raise ValidationError({"symbol": ["Must be a spot pair such as BTC/USDT, or a glued name we list."]})
            markets = markets.filter(symbol=symbol)
        return query.page(request, self, markets, out.MarketOut)
