"""The route preview: where an order would go now, in which parts, at what price. Nothing is stored, nothing is sent."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from execution.admin.desk import SEES_DESK
from execution.admin.pages import needs, page
from execution.admin.route_charts import book_chart
from execution.display.explained import panel
from execution.domain.orders import OrderType, Side, SignalType
from execution.domain.router import Question
from execution.domain.sizing import Wanted
from execution.selectors.facts import glued_symbols
from execution.selectors.signal_page import candidate_rows, manual_entry
from execution.services.decisions import candidate_body
from execution.services.preview import Compared, Preview, compare, preview
from policies.domain.policy import RouteBy
from policies.domain.symbols import normalise
from policies.forms.preview import RoutePreviewForm
from policies.models.choices import SmartRouteChoices


@needs(SEES_DESK)
def route_preview(request: HttpRequest) -> HttpResponse:
    """A form that asks with GET, so that a preview can be sent to somebody; and the answer beside it."""
    asked = "symbol" in request.GET
    form = RoutePreviewForm(request.GET if asked else None)
    told: dict[str, Any] = {}
    if asked and form.is_valid():
        symbol = normalise(form.cleaned_data["symbol"], glued_symbols())
        if symbol is None:
            form.add_error("symbol", "Write BASE/QUOTE of a spot pair, e.g. BTC/USDT.")
        else:
            told = _told(form.cleaned_data, symbol)
    return page(request, "desk/route_preview.html", "Route preview", form=form, **told)


def _told(values: dict[str, Any], symbol: str) -> dict[str, Any]:
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
    found = preview(question, wanted)
    shown = panel(found.chosen.explanation(symbol)) if found.chosen is not None else None
    return {
        "found": found,
        "panel": shown,
        "chart": book_chart(shown) if shown is not None else "",
        "code": found.denial.code.value if found.denial else "",
        "detail": found.denial.detail if found.denial else "",
        "manual": manual_entry(found.denial.code.value) if found.denial else None,
        "rows": candidate_rows([candidate_body(each) for each in found.candidates], found.exchange),
        "source": _source(found),
        "compared": [_row(each) for each in compare(question, wanted)],
    }


def _source(found: Preview) -> str:
    resolution = found.answer.resolution
    return "" if resolution is None else f"{resolution.source.value} → {found.exchange or 'nothing'}"


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
