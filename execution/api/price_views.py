"""Prices over all exchanges, from the order books that are followed."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from execution.api import query
from execution.api.serializers import exact
from execution.api.signal_input import AmountField
from execution.domain.book import BookSource
from execution.domain.orders import Side
from execution.selectors.facts import glued_symbols, is_listed_somewhere
from execution.services.prices import best_prices
from policies.domain.reasons import ReasonCode, sentence
from policies.domain.symbols import normalise


class PriceOut(serializers.Serializer[Any]):
    """One exchange's price; the figures are null without an order book."""

    exchange = serializers.CharField()
    code = serializers.CharField(allow_blank=True, help_text="Why it cannot be the best; empty: it can.")
    detail = serializers.CharField(allow_blank=True)
    fee_bps = exact("Taker fee that was added or taken off.")
    price = exact("Average over the levels it takes, before the fee.", source="quote.price")
    worst_price = exact("The last level it takes.", source="quote.worst")
    net_price = exact("After the fee: what a base unit really costs or brings.", source="quote.net_price")
    notional = exact("Quote units before the fee.", source="quote.notional")
    total = exact("Quote units a buyer pays or a seller gets, after the fee.", source="quote.total")
    available = exact("Base units of the amount that the known levels hold.", source="quote.available")
    age_s = serializers.FloatField(allow_null=True, help_text="Seconds since the book was true.")
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=[source.value for source in BookSource],
        allow_null=True,
        help_text="How the book came: over the exchange's stream, or by asking (rest).",
    )
    exchange_time = serializers.FloatField(allow_null=True, help_text="Epoch seconds by the exchange's clock.")
    sequence = serializers.IntegerField(allow_null=True, help_text="Number of the book's state.")


class BestPriceOut(serializers.Serializer[Any]):
    """The answer, the best first."""

    symbol = serializers.CharField()
    side = serializers.ChoiceField(choices=[side.value for side in Side])
    amount = exact("Base units asked for; null: what each best level holds.")
    best = serializers.CharField(allow_blank=True, help_text="The exchange to prefer; empty: none has a usable price.")
    prices = PriceOut(many=True)


class BestPriceView(APIView):
    """Prices."""

    scopes = {"GET": "read"}

    @extend_schema(
        parameters=[
            OpenApiParameter("symbol", str, required=True, description="In any spelling a signal may use."),
            OpenApiParameter("side", str, required=True, enum=[side.value for side in Side]),
            OpenApiParameter("amount", str, description="Base units; without it what each best level holds."),
        ],
        responses={200: BestPriceOut},
    )
    def get(self, request: Request) -> Response:
        """What an amount costs at every exchange that lists the pair, your taker fee included. No exchange is asked."""
        side = query.choice(request, "side", [side.value for side in Side])
        if side is None:
            raise ValidationError({"side": ["This parameter is required."]})
        found = best_prices(_symbol(request), Side(side), _amount(request), user_id=request.user.pk)
        return Response(BestPriceOut(found).data)


def _symbol(request: Request) -> str:
    text = query.text(request, "symbol")
    if text is None:
        raise ValidationError({"symbol": ["This parameter is required."]})
    symbol = normalise(text, glued_symbols())
    if symbol is None or not is_listed_somewhere(symbol):
        code = ReasonCode.UNKNOWN_SYMBOL
        raise ValidationError({"symbol": [ErrorDetail(sentence(code), code.value)]})
    return symbol


def _amount(request: Request) -> Decimal | None:
    text = request.query_params.get("amount")
    if not text:
        return None
    try:
        amount: Decimal = AmountField().run_validation(text)
    except ValidationError as e:
        raise ValidationError({"amount": e.detail}) from None
    return amount
