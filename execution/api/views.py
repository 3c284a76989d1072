"""Doors to the services. A view reads the request, calls one service or selector, and shapes the answer."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from execution.api import documented, query
from execution.api import serializers as out
from execution.api.auth import client_of
from execution.api.errors import ApiError, from_validation
from execution.api.signal_input import MAX_BATCH, BatchIn, SignalIn, parse_signal
from execution.domain.orders import SIGNAL_FINAL, OrderStatus, SignalStatus
from execution.models import Signal
from execution.selectors import owned
from execution.services.cancel import cancel_order, cancel_signal
from execution.services.intake import NewSignal, Outcome, Receipt, store_signals
from execution.services.waiting import final_waiter
from policies.domain.reasons import ReasonCode
from policies.snapshot import current_policy


class SignalsView(APIView):
    """Submit a signal; list signals."""

    scopes = {"GET": "read", "POST": "trade"}
    pagination_class = query.ByReceipt

    @extend_schema(
        request=SignalIn,
        parameters=documented.STORES_SIGNAL,
        responses={202: out.ReceiptOut, **documented.STORING},
    )
    def post(self, request: Request) -> Response:
        """Store one signal. 202 with its receipt; the same key and body again give the same answer."""
        signal = _parse(request)
        receipt = _store([signal], request)[0]
        return _receipt_response(signal, receipt)

    @extend_schema(
        parameters=[
            documented.words("status", SignalStatus),
            OpenApiParameter("strategy_id", str),
            OpenApiParameter("symbol", str),
            OpenApiParameter("since", datetime, description="Received at or after this instant."),
            *documented.PAGES,
        ],
        responses={200: out.SignalOut(many=True)},
    )
    def get(self, request: Request) -> Response:
        """Your signals, newest first."""
        return query.page(request, self, _filtered_signals(request), out.SignalOut)


class SignalBatchView(APIView):
    """Submit up to 1,000 signals."""

    scopes = {"POST": "trade"}

    @extend_schema(
        request=BatchIn,
        responses={
            202: out.BatchOut,
            400: PolymorphicProxySerializer(
                "BatchRefusedOut", [out.BatchOut, out.ErrorOut], resource_type_field_name=None
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Store many signals in one transaction. Each has its own result; a bad one does not stop the others."""
        items = request.data.get("signals") if isinstance(request.data, dict) else request.data
        if not isinstance(items, list) or not 1 <= len(items) <= MAX_BATCH:
            raise ValidationError(f"Send a list of 1 to {MAX_BATCH:,} signals.")
        results: list[dict[str, Any]] = [{} for _ in items]
        valid: dict[int, NewSignal] = {}
        for index, item in enumerate(items):
            try:
                valid[index] = _keyed(parse_signal(item))
            except ValidationError as e:
                results[index] = _refused(index, from_validation(e))
            except ApiError as e:
                results[index] = _refused(index, e)
        for indexes in _without_repeats(valid):
            receipts = _store([valid[index] for index in indexes], request)
            for index, receipt in zip(indexes, receipts, strict=True):
                results[index] = _batch_result(index, valid[index], receipt)
        refused = sum("error" in result for result in results)
        body = {"accepted": len(items) - refused, "refused": refused, "results": results}
        return Response(body, status=202 if refused < len(items) else 400)


class SignalView(APIView):
    """One signal."""

    scopes = {"GET": "read"}

    @extend_schema(
        parameters=[documented.SIGNAL_ID, documented.waits("wait", "Seconds to wait until it is final.")],
        responses={200: out.SignalDetailOut, **documented.NOT_FOUND},
    )
    def get(self, request: Request, signal_id: str) -> Response:
        """State, decisions, orders and fills. With `wait` the answer comes when it is final, or after that time."""
        wait = query.seconds(request, "wait", default=0)
        pk = query.uuid(signal_id)
        if _status_of(request, pk) not in SIGNAL_FINAL and wait:
            final_waiter.wait(pk, wait)
        return Response(_in_full(request, pk))


class SignalCancelView(APIView):
    """Cancel a signal."""

    scopes = {"POST": "cancel"}

    @extend_schema(
        request=None,
        parameters=[documented.SIGNAL_ID],
        responses={200: out.SignalOut, 202: out.SignalOut, **documented.NOT_FOUND, **documented.OVER},
    )
    def post(self, request: Request, signal_id: str) -> Response:
        """200 when it ended cancelled at once, 202 when the exchange must be asked, 409 when it was already over."""
        pk = query.uuid(signal_id)
        if _status_of(request, pk) in SIGNAL_FINAL:
            raise ApiError(409, ReasonCode.SIGNAL_FINAL)
        status = cancel_signal(pk, by=client_of(request))
        signal = owned.signals(client_of(request)).get(pk=pk)
        return Response(out.SignalOut(signal).data, status=200 if status in SIGNAL_FINAL else 202)


class ExecuteView(APIView):
    """Submit a signal and wait for its end."""

    scopes = {"POST": "trade"}

    @extend_schema(
        request=SignalIn,
        parameters=[*documented.EXECUTES_SIGNAL, documented.waits("timeout", "Seconds to wait; 10 by default.")],
        responses={200: out.SignalDetailOut, 202: out.SignalDetailOut, **documented.STORING},
    )
    def post(self, request: Request) -> Response:
        """Route and execute. 200 when final, 202 when the time was up first: ask GET /api/signals/{id} then."""
        timeout = query.seconds(request, "timeout", default=10)
        signal = _parse(request)
        receipt = _store([signal], request)[0]
        if receipt.signal_id is None:
            return _receipt_response(signal, receipt)
        if _status_of(request, receipt.signal_id) not in SIGNAL_FINAL:
            final_waiter.wait(receipt.signal_id, timeout)
        body = _in_full(request, receipt.signal_id)
        status = 200 if body["status"] in SIGNAL_FINAL else 202
        return Response(body, status=status, headers=_replay_header(receipt))


class OrdersView(APIView):
    """Orders."""

    scopes = {"GET": "read"}
    pagination_class = query.ByCreation

    @extend_schema(
        parameters=[
            documented.words("status", OrderStatus),
            OpenApiParameter("exchange", str),
            *documented.PAGES,
        ],
        responses={200: out.OrderOut(many=True)},
    )
    def get(self, request: Request) -> Response:
        """Your orders, newest first."""
        orders = owned.orders(client_of(request))
        if status := query.choice(request, "status", list(OrderStatus)):
            orders = orders.filter(status=status)
        if exchange := query.exchange(request):
            orders = orders.filter(exchange_id=exchange)
        return query.page(request, self, orders, out.OrderOut)


class OrderView(APIView):
    """One order."""

    scopes = {"GET": "read"}

    @extend_schema(parameters=[documented.ORDER_ID], responses={200: out.OrderOut, **documented.NOT_FOUND})
    def get(self, request: Request, order_id: str) -> Response:
        """An order with its fills and events."""
        order = owned.orders(client_of(request)).filter(pk=query.uuid(order_id)).first()
        if order is None:
            raise NotFound
        return Response(out.OrderOut(order).data)


class OrderCancelView(APIView):
    """Cancel an order."""

    scopes = {"POST": "cancel"}

    @extend_schema(
        request=None,
        parameters=[documented.ORDER_ID],
        responses={202: out.OrderOut, **documented.NOT_FOUND, **documented.OVER},
    )
    def post(self, request: Request, order_id: str) -> Response:
        """Ask for its cancellation; 409 when it was already over."""
        pk = query.uuid(order_id)
        if not owned.orders(client_of(request)).filter(pk=pk).exists():
            raise NotFound
        if not cancel_order(pk, by=client_of(request), reason="cancelled over the API"):
            raise ApiError(409, ReasonCode.SIGNAL_FINAL)
        return Response(out.OrderOut(owned.orders(client_of(request)).get(pk=pk)).data, status=202)


class PositionsView(APIView):
    """Positions."""

    scopes = {"GET": "read"}

    @extend_schema(responses={200: out.PositionOut(many=True)})
    def get(self, request: Request) -> Response:
        """What your fills add up to, per exchange and pair."""
        return Response(out.PositionOut(owned.positions(client_of(request)), many=True).data)


def _parse(request: Request) -> NewSignal:
    return _keyed(parse_signal(request.data, key=request.headers.get("Idempotency-Key", "").strip()))


def _keyed(signal: NewSignal) -> NewSignal:
    if not signal.idempotency_key:
        raise ApiError(400, ReasonCode.IDEMPOTENCY_KEY_MISSING)
    if len(signal.idempotency_key) > 100 or not signal.idempotency_key.isprintable():
        raise ApiError(400, ReasonCode.INVALID_REQUEST, "The idempotency key must have 1 to 100 printable characters.")
    return signal


def _store(signals: list[NewSignal], request: Request) -> list[Receipt]:
    client = client_of(request)
    max_age_s = current_policy().rules.signal_max_age_s
    return store_signals(signals, user_id=client.pk, token_id=client.token_id, now=timezone.now(), max_age_s=max_age_s)


def _receipt_response(signal: NewSignal, receipt: Receipt) -> Response:
    error = _receipt_error(receipt)
    if error is not None:
        raise error
    headers = {**_replay_header(receipt), "Location": f"/api/signals/{receipt.signal_id}"}
    return Response(_receipt_body(signal, receipt), status=202, headers=headers)


def _receipt_body(signal: NewSignal, receipt: Receipt) -> dict[str, Any]:
    # Only what never changes: a replay must be the same to the byte.
    return {
        "id": receipt.signal_id,
        "status": SignalStatus.PENDING.value,
        "idempotency_key": signal.idempotency_key,
        "received_at": receipt.received_at,
    }


def _receipt_error(receipt: Receipt) -> ApiError | None:
    if receipt.outcome == Outcome.KEY_REUSED:
        return ApiError(422, ReasonCode.IDEMPOTENCY_KEY_REUSE)
    if receipt.outcome == Outcome.IN_PROGRESS:
        return ApiError(409, ReasonCode.IDEMPOTENCY_IN_PROGRESS, headers={"Retry-After": "1"})
    return None


def _replay_header(receipt: Receipt) -> dict[str, str]:
    return {"Idempotency-Replayed": "true"} if receipt.outcome == Outcome.REPLAYED else {}


def _batch_result(index: int, signal: NewSignal, receipt: Receipt) -> dict[str, Any]:
    error = _receipt_error(receipt)
    if error is not None:
        return _refused(index, error)
    return {"index": index, **_receipt_body(signal, receipt), "replayed": receipt.outcome == Outcome.REPLAYED}


def _refused(index: int, error: ApiError) -> dict[str, Any]:
    return {"index": index, "status": "refused", "error": error.body()}


def _without_repeats(signals: dict[int, NewSignal]) -> list[list[int]]:
    """Indexes in rounds within which every key is unique: a key sent twice in a batch is a replay of itself."""
    rounds: list[list[int]] = []
    seen: dict[str, int] = {}
    for index, signal in signals.items():
        turn = seen.get(signal.idempotency_key, 0)
        seen[signal.idempotency_key] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(index)
    return rounds


def _status_of(request: Request, signal_id: UUID) -> SignalStatus:
    status = owned.signals(client_of(request)).filter(pk=signal_id).values_list("status", flat=True).first()
    if status is None:
        raise NotFound
    return SignalStatus(status)


def _in_full(request: Request, signal_id: UUID) -> dict[str, Any]:
    return dict(out.SignalDetailOut(owned.signals_in_full(client_of(request)).get(pk=signal_id)).data)


def _filtered_signals(request: Request) -> QuerySet[Signal]:
    signals = owned.signals(client_of(request))
    if status := query.choice(request, "status", list(SignalStatus)):
        signals = signals.filter(status=status)
    for name in ("strategy_id", "symbol"):
        if value := query.text(request, name):
            signals = signals.filter(**{name: value})
    if since := query.instant(request, "since"):
        signals = signals.filter(received_at__gte=since)
    return signals
