"""Data for Chart.js. Blue and orange can be told apart by everybody; no red and green."""

import json
from collections.abc import Iterable
from typing import Any

from execution.selectors.desk import Minute
from execution.selectors.exchange_page import Slot

BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#8a8f98"


def latency_chart(slots: Iterable[Slot]) -> str:
    """Latency of the health checks over a day; a gap where none was answered."""
    slots = list(slots)
    return json.dumps(
        {
            "labels": [f"{slot.at:%H:%M}" for slot in slots],
            "datasets": [
                _line("typical (p50)", [slot.p50_ms for slot in slots], BLUE),
                _line("slow (p95)", [slot.p95_ms for slot in slots], ORANGE),
            ],
        }
    )


def _line(label: str, values: list[float | None], colour: str) -> dict[str, Any]:
    rounded = [None if value is None else round(value, 1) for value in values]
    return {"label": label, "data": rounded, "borderColor": colour, "backgroundColor": colour, "spanGaps": False}


def minutes_chart(minutes: Iterable[Minute]) -> dict[str, Any]:
    """Signals per minute: sent, failed over and denied, stacked."""
    minutes = list(minutes)
    return {
        "labels": [f"{minute.at:%H:%M}" for minute in minutes],
        "datasets": [
            _bars("sent", [minute.signals - minute.denied - minute.failed_over for minute in minutes], BLUE),
            _bars("failed over", [minute.failed_over for minute in minutes], ORANGE),
            _bars("denied", [minute.denied for minute in minutes], GREY),
        ],
    }


def _bars(label: str, values: list[int], colour: str) -> dict[str, Any]:
    return {"label": label, "data": [max(0, value) for value in values], "backgroundColor": colour}
