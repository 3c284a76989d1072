"""Webhooks: alerts that become signals. A view proves who sends; `execution.services.webhooks` does the rest.

What a sender did wrong is always answered 4xx: senders repeat what is answered 5xx, and it would be wrong again.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from execution.api import serializers as out
from execution.api.auth import client_address
from execution.api.errors import ApiError, from_validation
from execution.api.parsers import RawParser
from execution.api.signal_input import parse_signal
from execution.domain.webhook_signature import TOLERANCE_S, is_signed, nonces, parse_header
from execution.domain.webhooks import DeliveryOutcome
from execution.selectors.hooks import find_by_token, find_signed
from execution.services import webhooks
from execution.services.intake import NewSignal
from policies.domain.reasons import ReasonCode

STATUS = {
    ReasonCode.WEBHOOK_SIGNATURE: 401,
    ReasonCode.WEBHOOK_REPLAYED: 401,
    ReasonCode.WEBHOOK_ADDRESS: 403,
    ReasonCode.WEBHOOK_SYMBOL: 403,
    ReasonCode.IDEMPOTENCY_IN_PROGRESS: 409,
    ReasonCode.IDEMPOTENCY_KEY_REUSE: 422,
    ReasonCode.WEBHOOK_RATE: 429,
}
"""HTTP status by code; 400 for the others."""

_HEADERS: dict[ReasonCode, dict[str, str]] = {
    ReasonCode.WEBHOOK_SIGNATURE: {"WWW-Authenticate": "Signature"},
    ReasonCode.WEBHOOK_REPLAYED: {"WWW-Authenticate": "Signature"},
    ReasonCode.WEBHOOK_RATE: {"Retry-After": "60"},
    ReasonCode.IDEMPOTENCY_IN_PROGRESS: {"Retry-After": "1"},
}


def _error(description: str) -> OpenApiResponse:
    return OpenApiResponse(out.ErrorOut, description=description)


_RESPONSES: dict[int, Any] = {
    200: OpenApiResponse(out.AlertOut, description="A repetition: this alert has its signal already."),
    202: OpenApiResponse(out.AlertOut, description="Stored; it will end with a reason."),
    400: _error("The body gives no signal: WEBHOOK_BODY, WEBHOOK_STALE, INVALID_REQUEST or UNKNOWN_SYMBOL."),
    403: _error("WEBHOOK_ADDRESS or WEBHOOK_SYMBOL."),
    409: _error("IDEMPOTENCY_IN_PROGRESS: another request stores this alert at this moment."),
    413: _error("BODY_TOO_LARGE: more than 64 kB."),
    422: _error("IDEMPOTENCY_KEY_REUSE: the alert's id came before with another body."),
    429: _error("WEBHOOK_RATE: more signals within a minute than this webhook may give."),
    503: _error("DATABASE_UNAVAILABLE: nothing was stored; send it again."),
}
_HEADERS_OF_ANSWERS = [
    OpenApiParameter("Location", str, "header", description="Path of the signal.", response=[200, 202], required=True),
    OpenApiParameter("Retry-After", int, "header", description="Seconds.", response=[409, 429, 503], required=True),
]
_BODY = {"application/json": OpenApiTypes.OBJECT, "text/plain": OpenApiTypes.STR}


class AnyAccept(BaseContentNegotiation):
    """Answers JSON whatever the sender would like, and takes whatever it sends."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        """The only one."""
        return next(iter(parsers))

    def select_renderer(self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None) -> Any:
        """The only one."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class WebhookView(APIView):
    """What both kinds have in common."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (RawParser,)
    content_negotiation_class = AnyAccept
    metadata_class = None  # nobody is told more about it than that it takes POST
    documents_its_errors = True


class TradingViewWebhookView(WebhookView):
    """Alerts of senders that cannot sign, such as TradingView."""

    @extend_schema(
        auth=[],
        request=_BODY,
        parameters=[
            OpenApiParameter("token", str, OpenApiParameter.PATH, description="The webhook's secret address."),
            *_HEADERS_OF_ANSWERS,
        ],
        responses=_RESPONSES | {404: _error("NOT_FOUND: unknown, rotated or switched off; the answer is the same.")},
    )
    def post(self, request: Request, token: str) -> Response:
        """Take one alert, as JSON or plain text. The address itself is the secret."""
        now = timezone.now()
        hook = find_by_token(token, now)
        if hook is None:
            raise NotFound
        arrived = webhooks.Request(_bytes(request), client_address(request), now, secrets=[token])
        if not hook.is_from(arrived.address):
            raise _refuse(hook, arrived, ReasonCode.WEBHOOK_ADDRESS)
        return _answer(webhooks.deliver(hook, arrived, build_signal))


class SignedWebhookView(WebhookView):
    """Alerts of senders that sign what they send."""

    @extend_schema(
        auth=[],
        request=_BODY,
        parameters=[
            OpenApiParameter("name", str, OpenApiParameter.PATH, description="The webhook's name."),
            OpenApiParameter(
                "X-Signature",
                str,
                OpenApiParameter.HEADER,
                required=True,
                description='`t=<unix>,v1=<hex hmac-sha256(secret, t + "." + raw body)>`; several `v1` and one nonce '
                "`n` are allowed.",
            ),
            OpenApiParameter("X-Nonce", str, OpenApiParameter.HEADER, description="A nonce, if not in X-Signature."),
            *_HEADERS_OF_ANSWERS,
            OpenApiParameter("WWW-Authenticate", str, "header", response=[401], required=True),
        ],
        responses=_RESPONSES
        | {
            401: _error(
                "WEBHOOK_SIGNATURE: no such webhook, or a wrong signature; the answer is the same. WEBHOOK_REPLAYED: "
                f"more than {TOLERANCE_S} s old, or seen before."
            )
        },
    )
    def post(self, request: Request, name: str) -> Response:
        """Take one signed alert, as JSON or plain text."""
        now, body = timezone.now(), _bytes(request)
        hook, signature = find_signed(name), parse_header(request.headers.get("X-Signature", ""))
        nonce = request.headers.get("X-Nonce", "").strip()
        arrived = webhooks.Request(
            body,
            client_address(request),
            now,
            nonces=nonces(signature, body, nonce) if signature else (),
            secrets=hook.secrets if hook else (),
        )
        if signature is None or not is_signed(signature, hook.secrets if hook else (), body) or hook is None:
            raise _refuse(hook, arrived, ReasonCode.WEBHOOK_SIGNATURE)
        age_s = signature.age_s(now.timestamp())
        if abs(age_s) > TOLERANCE_S:
            detail = f"The signature is {age_s:.0f} s old; it may be {TOLERANCE_S} s off either way."
            raise _refuse(hook, arrived, ReasonCode.WEBHOOK_REPLAYED, detail)
        if not hook.is_from(arrived.address):
            raise _refuse(hook, arrived, ReasonCode.WEBHOOK_ADDRESS)
        return _answer(webhooks.deliver(hook, arrived, build_signal))


def build_signal(fields: Mapping[str, Any], key: str) -> NewSignal:
    """A signal by the rules of POST /api/signals. Raises Refused, with what is wrong with each field."""
    try:
        return parse_signal(dict(fields), key=key)
    except ValidationError as e:
        error = from_validation(e)
        raise webhooks.Refused(error.code, error.text, error.fields or {}) from e


def _bytes(request: Request) -> bytes:
    body: Any = request.data
    # Without a body rest_framework calls no parser.
    return body if isinstance(body, bytes) else b""


def _refuse(hook: Any, arrived: webhooks.Request, code: ReasonCode, detail: str = "") -> ApiError:
    if hook is not None:
        webhooks.refuse(hook, arrived, code, detail)
    return _api_error(code, detail)


def _answer(delivery: webhooks.Delivery) -> Response:
    if delivery.code is not None:
        raise _api_error(delivery.code, delivery.detail, delivery.fields)
    return Response(
        {"id": delivery.signal_id, "status": delivery.status},
        status=202 if delivery.outcome == DeliveryOutcome.ACCEPTED else 200,
        headers={"Location": f"/api/signals/{delivery.signal_id}"},
    )


def _api_error(code: ReasonCode, detail: str, fields: Mapping[str, str] | None = None) -> ApiError:
    return ApiError(STATUS.get(code, 400), code, detail, fields=fields, headers=_HEADERS.get(code))
