"""Trading an opportunity between two exchanges, and what became of it."""

from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from execution.api import documented, query
from execution.api import serializers as out
from execution.api.auth import client_of
from execution.api.errors import ApiError
from execution.api.serializers import exact
from execution.api.signal_input import AmountField
from execution.domain.arbitrage_trade import TradeState
from execution.models import ArbitrageTrade
from execution.selectors import owned
from execution.services.arbitrage_trades import Refused, start
from policies.domain.reasons import ReasonCode

_PATH: Final = "path"
_LARGEST_ID = 2**63 - 1
_STATUS = {ReasonCode.NOT_FOUND: 404, ReasonCode.IDEMPOTENCY_KEY_REUSE: 422, ReasonCode.NO_PERMISSION: 403}


class ExecuteIn(serializers.Serializer[Any]):
    """Which opportunity, and at most how much of it."""

    opportunity_id = serializers.IntegerField(
        min_value=1, max_value=_LARGEST_ID, help_text="`id` of GET /api/arbitrage/opportunities; of two exchanges."
    )
    idempotency_key = serializers.CharField(
        required=False, max_length=100, help_text="If the header is not sent. The same for retries of the same trade."
    )
    max_amount = AmountField(required=False, help_text="Base units. Never more than was found, is allowed or is there.")

    def to_internal_value(self, data: Any) -> Any:
        """Refuses unknown fields: a typo in max_amount must not trade more."""
        unknown = data.keys() - self.fields.keys() if isinstance(data, dict) else ()
        if unknown:
            raise serializers.ValidationError({str(name): ["Unknown field."] for name in sorted(unknown)})
        return super().to_internal_value(data)


class StepOut(serializers.Serializer[Any]):
    """One order of the trade: an ordinary signal."""

    kind = serializers.CharField(help_text="first, second, complete or unwind.")
    signal_id = serializers.UUIDField(help_text="GET /api/signals/{id} tells all of it.")
    exchange = serializers.CharField(source="signal.requested_exchange")
    side = serializers.CharField(source="signal.side")
    amount = exact("Base units.", source="signal.amount")
    limit_price = exact("The worst price that was allowed.", source="signal.limit_price")
    status = serializers.CharField(source="signal.status")
    reason_code = serializers.CharField(source="signal.reason_code", allow_blank=True)
    filled_amount = exact("Base units.", source="signal.filled_amount")
    filled_notional = exact("Quote units, before fees.", source="signal.filled_notional")


class TradeOut(out.RowOut[ArbitrageTrade]):
    """A trade. While `state` is first, second or repair it goes on by itself; held waits for a person."""

    amount = exact("Base units, as it was decided.")
    buy_limit = exact("The worst price that still earns.")
    sell_limit = exact("The worst price that still earns.")
    planned_cost = exact("Quote units, after fees.")
    planned_profit = exact("Had both orders filled at the books of then.")
    open_amount = exact("Base units that the first order got and nothing has traded back.")
    profit = exact("Quote units, from the fills, after fees; what is open is valued at its price. Null: not known.")
    steps = StepOut(many=True)

    class Meta:
        model = ArbitrageTrade
        fields = [
            "id", "idempotency_key", "opportunity_id", "symbol", "mode", "buy_exchange", "sell_exchange", "amount",
            "buy_limit", "sell_limit", "planned_cost", "planned_profit", "policy", "max_loss_bps", "first",
            "first_why", "state", "reason_code", "reason_detail", "open_amount", "profit", "started_at", "held_at",
            "final_at", "steps",
        ]  # fmt: skip

    opportunity_id = serializers.IntegerField(allow_null=True)


class ByStart(query.Newest):
    """Trades."""

    ordering: Any = ("-started_at", "pk")


_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 100},
    "header",
    description="New for every trade, the same for its retries. Else `idempotency_key` of the body is the key.",
)
_LOCATION = OpenApiParameter("Location", str, "header", description="Path of the trade.", response=[202], required=True)
_TRADE_ID = OpenApiParameter("trade_id", UUID, _PATH)


class ExecuteArbitrageView(APIView):
    """Arbitrage."""

    scopes = {"POST": "trade"}

    @extend_schema(
        request=ExecuteIn,
        parameters=[_KEY, _LOCATION],
        responses={
            202: TradeOut,
            409: OpenApiResponse(out.ErrorOut, "It cannot be traded now; nothing was stored or sent."),
            422: OpenApiResponse(out.ErrorOut, "The key was used for another trade; nothing was stored."),
            **documented.NOT_FOUND,
        },
    )
    def post(self, request: Request) -> Response:
        """Trade an opportunity between two exchanges: an order at one, then what it got at the other.

        Everything is checked anew first. A refusal stores nothing, so its key may be used again.
        """
        body = ExecuteIn(data=request.data)
        body.is_valid(raise_exception=True)
        wanted, client = body.validated_data, client_of(request)
        key = request.headers.get("Idempotency-Key", "").strip() or wanted.get("idempotency_key", "")
        if not key:
            raise ApiError(400, ReasonCode.IDEMPOTENCY_KEY_MISSING)
        if len(key) > 100 or not key.isprintable():
            text = "The idempotency key must have 1 to 100 printable characters."
            raise ApiError(400, ReasonCode.INVALID_REQUEST, text)
        try:
            started = start(
                client.pk,
                key,
                wanted["opportunity_id"],
                wanted.get("max_amount"),
                by=f"API of {client.username}",
                token_id=client.token_id,
            )
        except Refused as e:
            raise ApiError(_STATUS.get(e.denial.code, 409), e.denial.code, e.denial.detail) from e
        trade = owned.trades(client).get(pk=started.trade.pk)
        headers = {"Location": f"/api/arbitrage/trades/{trade.pk}"}
        if started.replayed:
            headers["Idempotency-Replayed"] = "true"
        return Response(TradeOut(trade).data, status=202, headers=headers)


class ArbitrageTradesView(APIView):
    """Arbitrage."""

    scopes = {"GET": "read"}
    pagination_class = ByStart

    @extend_schema(
        parameters=[documented.words("state", TradeState), *documented.PAGES],
        responses={200: TradeOut(many=True)},
    )
    def get(self, request: Request) -> Response:
        """Your trades, newest first."""
        trades = owned.trades(client_of(request))
        if state := query.choice(request, "state", list(TradeState)):
            trades = trades.filter(state=state)
        return query.page(request, self, trades, TradeOut)


class ArbitrageTradeView(APIView):
    """Arbitrage."""

    scopes = {"GET": "read"}

    @extend_schema(parameters=[_TRADE_ID], responses={200: TradeOut, **documented.NOT_FOUND})
    def get(self, request: Request, trade_id: str) -> Response:
        """One trade with its orders."""
        trade = owned.trades(client_of(request)).filter(pk=query.uuid(trade_id)).first()
        if trade is None:
            raise NotFound
        return Response(TradeOut(trade).data)
