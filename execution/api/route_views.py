"""Routing asked about, not used: previews, and how routing did lately."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from execution.api import query
from execution.api import serializers as out
from execution.api.auth import client_of
from execution.api.signal_input import SignalIn, parse_signal
from execution.selectors.routing_stats import WINDOWS_S, routing_stats
from execution.services.decisions import candidate_body
from execution.services.preview import preview_signal
from execution.services.previewed import Preview
from policies.domain.numbers import plain, rounded


class RouteView(APIView):
    """Preview a route."""

    scopes = {"POST": "read"}

    @extend_schema(request=SignalIn, responses={200: out.RouteOut})
    def post(self, request: Request) -> Response:
        """Where this signal would go now, in which parts, at what price, and why not elsewhere.

        Made as a worker would make it, on the order books of now, which may take a second or two where none is shared.
        Nothing is stored, nothing is sent.
        """
        signal = parse_signal(request.data)
        told = preview_signal(signal, client_of(request).pk)
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


def route_body(symbol: str, told: Preview) -> dict[str, Any]:
    """A preview as the API shows it."""
    resolution = told.answer.resolution
    explanation = told.chosen.explanation(symbol) if told.chosen is not None else None
    return {
        "exchange": told.exchange,
        "source": told.source,
        "primary": resolution.exchange if resolution else "",
        "ordering": told.decided.ordering,
        "method": told.decided.method,
        "mode": told.mode,
        "code": told.denial.code.value if told.denial else "",
        "detail": told.denial.detail if told.denial else "",
        "warning": told.decided.warning,
        "candidates": [candidate_body(candidate) for candidate in told.candidates],
        "policy_version": told.policy_version,
        "expected": _expected(told, explanation),
        "notes": list(told.notes),
        "parts": explanation["parts"] if explanation and told.exchange else [],
        "explanation": explanation,
    }


def _expected(told: Preview, explanation: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What it should get and cost now; None for nothing, and for what may rest."""
    if told.denial is not None:
        return None
    if explanation is not None:
        known = explanation["expected"]
        return {name: known[name] for name in ("amount", "price", "fees", "cost_bps")}
    if (alone := told.expected) is None:
        return None
    return {
        "amount": plain(alone.amount),
        "price": plain(rounded(alone.price, 12)),
        "fees": plain(rounded(alone.fee, 12)),
        "cost_bps": round(float(alone.cost_bps), 4),
    }
