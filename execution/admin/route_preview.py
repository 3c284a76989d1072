"""The route preview: where an order would go now, in which parts, at what price. Nothing is stored, nothing is sent."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from execution.admin.desk import SEES_DESK
from execution.admin.pages import needs, page
from execution.admin.preview_words import told
from execution.domain.orders import Method, OrderType, Side, SignalType
from execution.domain.router import Question
from execution.domain.sizing import Wanted
from execution.selectors.facts import glued_symbols
from execution.services.preview import compare, preview
from execution.services.previewed import Compared
from policies.domain.policy import RouteBy
from policies.domain.symbols import normalise
from policies.forms.preview import RoutePreviewForm
from policies.models.choices import SmartRouteChoices
from policies.snapshot import current_policy

MOST_NAMES = 500
"""Strategies that the form suggests; others can be typed."""


@needs(SEES_DESK)
def route_preview(request: HttpRequest) -> HttpResponse:
    """A form that asks with GET, so that a preview can be sent to somebody; and the answer beside it.

    Without a pair nothing is asked yet: other pages lead here with what they know.
    """
    asked = "symbol" in request.GET
    form = RoutePreviewForm(request.GET if asked else None, initial=request.GET.dict())
    context: dict[str, Any] = {}
    if asked and form.is_valid():
        symbol = normalise(form.cleaned_data["symbol"], glued_symbols())
        if symbol is None:
            form.add_error("symbol", "Write BASE/QUOTE of a spot pair, e.g. BTC/USDT.")
        else:
            context = _context(form.cleaned_data, symbol)
    names = sorted(current_policy().strategies)[:MOST_NAMES]
    return page(request, "desk/route_preview.html", "Route preview", form=form, strategies=names, **context)


def _context(values: dict[str, Any], symbol: str) -> dict[str, Any]:
    question = Question(
        values["user"].pk,
        symbol,
        values["strategy_id"],
        values["exchange"],
        routing=RouteBy(values["routing"]) if values["routing"] else None,
    )
    limit = values["limit_price"]
    wanted = Wanted(
        side=Side(values["side"]),
        amount=values["amount"],
        notional=values["notional"],
        order_type=OrderType.LIMIT if limit is not None else None,
        limit_price=limit,
        time_in_force=None,
        signal_type=SignalType.ENTRY,
    )
    method = Method(values["execution"]) if values["execution"] else None
    found = preview(question, wanted, method=method)
    return {**told(found, symbol), "compared": [_row(each) for each in compare(question, wanted)]}


def _row(each: Compared) -> dict[str, Any]:
    choice = each.preview.chosen.choice if each.preview.chosen is not None else None
    parts = choice.parts if choice is not None and each.preview.denial is None else ()
    return {
        "name": SmartRouteChoices(each.by.value).label,
        "where": ", ".join(part.exchange for part in parts),
        "cost": None if each.cost_bps is None else f"{each.cost_bps:.2f} bps",
        "extra": None if each.extra_bps is None else f"+{each.extra_bps:.2f} bps",
        "code": each.preview.denial.code.value if each.preview.denial else "",
    }
