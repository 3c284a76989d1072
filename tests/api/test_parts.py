"""Signals that are traded in parts and over time, as clients send and see them."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from execution.models import Signal
from tests.execution.parts import part_row

GOOD = {"symbol": "BTC/USDT", "side": "buy", "amount": "2"}


@pytest.mark.parametrize(
    ("fields", "method", "schedule"),
    [
        ({}, "", None),
        ({"execution_method": "twap"}, "twap", None),
        ({"execution_method": "twap", "slices": 12, "horizon_s": 60}, "twap", {"slices": 12, "horizon_s": 60}),
        ({"execution_method": "iceberg", "display_amount": "0.50"}, "iceberg", {"display": "0.5"}),
        ({"execution_method": "passive", "horizon_s": 20}, "passive", {"horizon_s": 20}),
    ],
)
def test_how_a_signal_is_to_be_traded_is_kept_with_it(api, fields, method, schedule):
    response = api.post("/api/signals", {**GOOD, **fields}, idempotency_key="k")

    assert response.status_code == 202
    signal = Signal.objects.get()
    assert (signal.execution_method, signal.schedule) == (method, schedule)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"execution_method": "vwap"}, "execution_method"),
        ({"slices": 5}, "slices"),
        ({"execution_method": "iceberg", "display_amount": "1", "slices": 5}, "slices"),
        ({"execution_method": "twap", "slices": 1}, "slices"),
        ({"execution_method": "twap", "slices": 101}, "slices"),
        ({"execution_method": "twap", "horizon_s": 1}, "horizon_s"),
        ({"horizon_s": 60}, "horizon_s"),
        ({"execution_method": "iceberg"}, "display_amount"),
        ({"execution_method": "iceberg", "display_amount": "3"}, "display_amount"),
        ({"execution_method": "iceberg", "display_amount": "0"}, "display_amount"),
        ({"display_amount": "1"}, "display_amount"),
        ({"execution_method": "iceberg", "display_amount": "1", "notional": "9", "amount": None}, "notional"),
        ({"execution_method": "twap", "order_type": "market"}, "order_type"),
        ({"execution_method": "passive", "order_type": "limit", "limit_price": "9"}, "order_type"),
        (
            {"execution_method": "twap", "order_type": "limit", "limit_price": "9", "time_in_force": "FOK"},
            "time_in_force",
        ),
    ],
)
def test_what_makes_no_sense_together_is_refused_and_named(api, fields, named):
    response = api.post("/api/signals", {**GOOD, **fields}, idempotency_key="k")

    assert response.status_code == 400
    assert list(response.json()["fields"]) == [named]
    assert Signal.objects.count() == 0


@pytest.fixture
def whole(api):
    """A signal in two parts, one of which has ended."""
    api.post("/api/signals", GOOD, idempotency_key="k")
    signal = Signal.objects.get()
    now = timezone.now()
    part_row(
        signal, 0, leg=True, requested_exchange="binance", exchange_id="binance", status="filled", final_at=now,
        filled_amount=D(1), filled_notional=D("50010.5"),
    )  # fmt: skip
    part_row(signal, 1, due_at=now + timedelta(seconds=60))
    return signal


def test_a_signal_shows_its_parts(api, whole):
    body = api.get(f"/api/signals/{whole.pk}").json()

    first, second = body["parts"]
    assert (first["part"], first["exchange"], first["status"], first["average_price"]) == (
        0, "binance", "filled", "50010.5",
    )  # fmt: skip
    assert (second["exchange"], second["average_price"], second["orders"], second["parts"]) == (None, None, [], [])
    assert second["due_at"] is not None


def test_parts_are_neither_listed_nor_asked_for_nor_cancelled_alone(api, whole):
    part = whole.parts.get(part=1)

    listed = api.get("/api/signals").json()["results"]
    assert [row["id"] for row in listed] == [str(whole.pk)]
    assert api.get(f"/api/signals/{part.pk}").status_code == 404
    assert api.post(f"/api/signals/{part.pk}/cancel").status_code == 404

    assert api.post(f"/api/signals/{whole.pk}/cancel").status_code in {200, 202}
    part.refresh_from_db()
    assert part.status == "cancelled"
