"""A preview as the pages show it."""

from typing import Any

from execution.admin.route_charts import book_chart
from execution.display.explained import panel
from execution.selectors.signal_page import candidate_rows, manual_entry
from execution.services.decisions import candidate_body
from execution.services.previewed import Preview
from policies.display.formats import NOTHING, amount, money
from policies.domain.numbers import rounded


def told(found: Preview, symbol: str) -> dict[str, Any]:
    """The context of `desk/preview_answer.html`."""
    shown = panel(found.chosen.explanation(symbol)) if found.chosen is not None else None
    code = found.denial.code.value if found.denial else ""
    rows = candidate_rows([candidate_body(each) for each in found.candidates], found.exchange)
    return {
        "found": found,
        "panel": shown,
        "chart": book_chart(shown) if shown is not None else "",
        "code": code,
        "detail": found.denial.detail if found.denial else "",
        "manual": manual_entry(code) if code else None,
        "rows": [row for row in rows if shown is None or row.exchange not in shown.exchanges],
        "source": f"{found.source or NOTHING} → {', '.join(_destinations(found)) or 'nothing yet'}",
        "sentence": shown.sentence if shown is not None and not code else _sentence(found, symbol),
    }


def _destinations(found: Preview) -> list[str]:
    """Where it goes, most of it first."""
    parts = found.chosen.choice.parts if found.chosen is not None else ()
    if not found.exchange or len(parts) < 2:
        return [found.exchange] if found.exchange else []
    return [part.exchange for part in sorted(parts, key=lambda part: -part.amount)]


def _sentence(found: Preview, symbol: str) -> str:
    """Of a route that compares nothing."""
    base, _, quote = symbol.partition("/")
    expected, order = found.expected, (found.first or found.decided).order
    if expected is not None:
        return (
            f"{amount(expected.amount)} {base} on {found.exchange} at {money(expected.price)} {quote} on average, fees "
            f"{money(expected.fee)} {quote}: {rounded(expected.cost_bps, 2)} bps beyond the middle of its book, with "
            "fees."
        )
    if order is not None and order.price is not None:
        return f"{amount(order.amount)} {base} on {order.exchange} with the limit {amount(order.price)} {quote}."
    return f"To {found.exchange}." if found.exchange else ""
