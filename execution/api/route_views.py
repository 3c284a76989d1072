"""Routing asked about, not used: previews, and how routing did lately."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from execution.api import query
from execution.api import serializers as out
from execution.api.auth import client_of
from execution.api.signal_input import SignalIn, parse_signal
from execution.domain.router import Question, Refused
from execution.domain.sizing import Wanted
from execution.selectors.routing_stats import WINDOWS_S, routing_stats
from execution.services.decisions import candidate_body
from execution.services.intake import NewSignal
from execution.services.preview import Preview, preview


class RouteView(APIView):
    """Preview a route."""

    scopes = {"POST": "read"}

    @extend_schema(request=SignalIn, responses={200: out.RouteOut})
    def post(self, request: Request) -> Response:
        """Where this signal would go now, in which parts, at what price, and why not elsewhere.

        Nothing is stored, nothing is sent. A smart route compares the order books of now, which may take a second.
        """
        signal = parse_signal(request.data)
        told = preview(question_of(signal, client_of(request).pk), wanted_of(signal))
        return Response(out.RouteOut(route_body(signal.symbol, told)).data)


class RoutingStatsView(APIView):
    """Routing statistics."""

    scopes = {"GET": "read"}

    @extend_schema(
        parameters=[OpenApiParameter("window", str, enum=list(WINDOWS_S), description="1h by default.")],
        responses={200: out.RoutingStatsOut},
    )
    def get(self, request: Request) -> Response:
        """Decisions of the window: where they went, by which strategy, failovers, parts, and how long they took.

        Of your own signals; staff see all of them.
        """
        client = client_of(request)
        window = query.choice(request, "window", list(WINDOWS_S)) or "1h"
        return Response(
            out.RoutingStatsOut(routing_stats(WINDOWS_S[window], None if client.sees_all else client.pk)).data
        )


def question_of(signal: NewSignal, user_id: int) -> Question:
    """What routing is asked about a signal."""
    return Question(
        user_id,
        signal.symbol,
        signal.strategy_id,
        signal.requested_exchange,
        signal.requested_mode,
        routing=signal.routing_strategy,
        preferred=signal.preferred_exchanges,
    )


def wanted_of(signal: NewSignal) -> Wanted:
    """What it wants to trade."""
    return Wanted(
        side=signal.side,
        amount=signal.amount,
        notional=signal.notional,
        order_type=signal.order_type,
        limit_price=signal.limit_price,
        time_in_force=signal.time_in_force,
        signal_type=signal.signal_type,
        max_slippage_bps=signal.max_slippage_bps,
    )


def route_body(symbol: str, told: Preview) -> dict[str, Any]:
    """A preview as the API shows it."""
    answer = told.answer
    resolution = answer.resolution
    explanation = told.chosen.explanation(symbol) if told.chosen is not None else None
    refused = isinstance(answer, Refused)
    return {
        "exchange": told.exchange,
        "source": resolution.source.value if resolution else "",
        "primary": resolution.exchange if resolution else "",
        "ordering": _ordering(told),
        "mode": "" if isinstance(answer, Refused) or not told.exchange else answer.mode.value,
        "code": told.denial.code.value if told.denial else "",
        "detail": told.denial.detail if told.denial else "",
        "warning": "" if isinstance(answer, Refused) else answer.warning,
        "candidates": [candidate_body(candidate) for candidate in told.candidates],
        "policy_version": told.policy_version,
        "parts": explanation["parts"] if explanation and not refused and told.denial is None else [],
        "explanation": explanation,
    }


def _ordering(told: Preview) -> str:
    return told.chosen.ask.by.value if told.chosen is not None else getattr(told.answer, "ordering", "")
