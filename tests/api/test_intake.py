"""What is stored, what is refused, and that a key counts once."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from execution.models import Signal
from execution.services import intake


def fields(response):
    return response.json().get("fields", {})


def test_a_signal_is_stored_and_answered_with_a_receipt(api):
    response = api.signal("k1", strategy_id="scalper", details={"note": "x"}, score=0.9)

    assert response.status_code == 202
    stored = Signal.objects.get()
    assert response.json() == {
        "id": str(stored.pk),
        "status": "pending",
        "idempotency_key": "k1",
        "received_at": stored.received_at.isoformat().replace("+00:00", "Z"),
    }
    assert response["Location"] == f"/api/signals/{stored.pk}"
    assert (stored.user, stored.symbol, stored.side, str(stored.amount)) == (
        api.user, "BTC/USDT", "buy", "0.100000000000000000",
    )  # fmt: skip
    assert stored.extra == {"details": {"note": "x"}, "score": 0.9}
    assert (stored.expires_at - stored.received_at).total_seconds() == 300


def test_the_same_key_and_body_give_the_same_bytes_again(api):
    first = api.signal("k1")
    second = api.signal("k1")

    assert (second.status_code, second.content) == (202, first.content)
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert Signal.objects.count() == 1


def test_the_order_of_fields_does_not_matter_to_a_replay(api):
    one = b'{"symbol":"BTC/USDT","side":"buy","amount":"0.1"}'
    other = b'{ "amount": "0.1", "side": "buy", "symbol": "BTC/USDT" }'

    first = api.post("/api/signals", raw=one, idempotency_key="k")
    second = api.post("/api/signals", raw=other, idempotency_key="k")

    assert second.content == first.content


def test_the_same_key_with_another_body_is_refused_and_stores_nothing(api):
    api.signal("k1")

    response = api.signal("k1", amount="0.2")

    assert (response.status_code, response.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSE")
    assert Signal.objects.count() == 1


def test_a_key_may_be_reused_after_a_refusal(api):
    assert api.signal("k1", amount="-1").status_code == 400
    assert api.signal("k1").status_code == 202


def test_keys_belong_to_their_user(api, stranger):
    assert api.signal("k1").json()["id"] != stranger.signal("k1", amount="0.3").json()["id"]


def test_the_body_id_is_a_key_too_and_one_is_required(api):
    body = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.1"}

    assert api.post("/api/signals", {**body, "id": "b1"}).json()["idempotency_key"] == "b1"
    missing = api.post("/api/signals", body)
    assert (missing.status_code, missing.json()["code"]) == (400, "IDEMPOTENCY_KEY_MISSING")


@pytest.mark.django_db(transaction=True)
def test_while_a_twin_is_being_stored_the_answer_is_in_progress(transactional_db, api):
    with ThreadPoolExecutor(1) as pool, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('k1', %s))", [api.user.pk])
        response = pool.submit(_signal_in_thread, api).result()
        cursor.execute("ROLLBACK")

    assert (response.status_code, response.json()["code"]) == (409, "IDEMPOTENCY_IN_PROGRESS")
    assert response["Retry-After"] == "1"


def _signal_in_thread(api):
    try:
        return api.signal("k1")
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_twenty_copies_at_once_store_one_signal(transactional_db, api):
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: _signal_in_thread(api).status_code, range(20)))

    assert set(codes) <= {202, 409}
    assert 202 in codes
    assert Signal.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": "-1"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": 0}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": "Infinity"}, "amount"),
        ({"amount": "-Infinity"}, "amount"),
        ({"amount": "1e400"}, "amount"),
        ({"amount": "1e-400"}, "amount"),
        ({"amount": "abc"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": [1]}, "amount"),
        ({"amount": {"a": 1}}, "amount"),
        ({"amount": "0.0000000000000000001"}, "amount"),
        ({"notional": "-5", "amount": ...}, "notional"),
        ({"side": "hold"}, "side"),
        ({"side": ...}, "side"),
        ({"symbol": ...}, "symbol"),
        ({"symbol": []}, "symbol"),
        ({"limit_price": "100"}, "order_type"),
        ({"order_type": "limit"}, "limit_price"),
        ({"order_type": "stop"}, "order_type"),
        ({"time_in_force": "IOC"}, "time_in_force"),
        ({"signal_type": "maybe"}, "signal_type"),
        ({"priority": 0}, "priority"),
        ({"priority": 6}, "priority"),
        ({"mode": "real"}, "mode"),
        ({"timestamp": "2999-01-01T00:00:00Z"}, "timestamp"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"max_slippage_bps": "-1"}, "max_slippage_bps"),
        ({"exchange": "x" * 33}, "exchange"),
        ({"stop_price": "1"}, "stop_price"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(api, changes, field):
    response = api.signal("k1", **changes)

    assert (response.status_code, response.json()["code"]) == (400, "INVALID_REQUEST")
    assert field in fields(response)
    assert Signal.objects.count() == 0


@pytest.mark.parametrize("changes", [{"notional": "5"}, {"amount": ...}])
def test_both_or_neither_of_amount_and_notional_is_refused(api, changes):
    response = api.signal("k1", **changes)

    assert response.status_code == 400
    assert response.json()["detail"] == "Send exactly one of amount (base units) and notional (quote units)."


@pytest.mark.parametrize("symbol", ["BTC/XYZ", "NOPE", "BTC/USDT:USDT", "../etc", "BTC\u0000/USDT"])
def test_an_unknown_symbol_has_its_own_code(api, symbol):
    response = api.signal("k1", symbol=symbol)

    assert response.status_code == 400
    assert response.json()["code"] in {"UNKNOWN_SYMBOL", "INVALID_REQUEST"}
    assert "symbol" in fields(response)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[1,",
        b"nonsense",
        b'{"amount": NaN}',
        b'{"amount": Infinity}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],  # fmt: skip
)
def test_a_body_that_is_not_json_is_refused(api, raw):
    response = api.post("/api/signals", raw=raw, idempotency_key="k")

    assert response.status_code == 400
    assert response.json()["code"] in {"INVALID_JSON", "INVALID_REQUEST"}


@pytest.mark.parametrize("body", [[], "text", 5, None, [{"symbol": "BTC/USDT"}]])
def test_a_body_that_is_no_object_is_refused(api, body):
    assert api.post("/api/signals", raw=json.dumps(body).encode(), idempotency_key="k").status_code == 400


def test_details_that_are_no_text_are_refused(api):
    raw = rb'{"symbol": "BTC/USDT", "side": "buy", "amount": "1", "details": ["\u0000"]}'

    response = api.post("/api/signals", raw=raw, idempotency_key="k")

    assert response.status_code == 400
    assert "details" in fields(response)


def test_a_body_of_ten_megabytes_is_refused_unread(api):
    response = api.post("/api/signals", raw=b'{"details":"' + b"x" * 10_000_000 + b'"}', idempotency_key="k")

    assert (response.status_code, response.json()["code"]) == (413, "BODY_TOO_LARGE")
    assert response["Connection"] == "close"


def test_a_json_number_keeps_its_digits(api):
    api.post("/api/signals", raw=b'{"symbol":"BTCUSDT","side":"long","amount":0.1}', idempotency_key="k")

    stored = Signal.objects.get()
    assert (str(stored.amount), stored.symbol, stored.side) == ("0.100000000000000000", "BTC/USDT", "buy")


def test_old_names_are_understood(api):
    old = {"pair": "BTC-USDT", "side": "short", "size_usd": 250, "strategy": "apex", "metadata": {"v": 1}, "id": "o1"}

    assert api.post("/api/signals", old).status_code == 202

    stored = Signal.objects.get()
    assert (stored.symbol, stored.side, stored.strategy_id, stored.extra) == (
        "BTC/USDT", "sell", "apex", {"details": {"v": 1}},
    )  # fmt: skip
    assert (stored.amount, str(stored.notional)) == (None, "250.000000000000000000")


def test_a_signals_age_counts_from_its_own_time(api):
    api.signal("k1", timestamp="2026-01-01T00:00:00Z")

    assert Signal.objects.get().expires_at.isoformat() == "2026-01-01T00:05:00+00:00"


def test_a_key_of_any_length_is_not_accepted(api):
    assert api.signal("x" * 101).json()["code"] == "INVALID_REQUEST"
    assert api.signal("x" * 100).status_code == 202


def test_a_batch_gives_each_signal_its_own_result(api):
    api.signal("b0")
    good = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.1"}
    batch = [
        {**good, "id": "b1"},
        {**good, "id": "b2", "amount": "-1"},
        {**good},
        {**good, "id": "b1"},
        {**good, "id": "b1", "side": "sell"},
        {**good, "id": "b0"},
        "no object",
    ]

    response = api.post("/api/signals/batch", {"signals": batch})

    body = response.json()
    assert (response.status_code, body["accepted"], body["refused"]) == (202, 3, 4)
    kinds = [result.get("error", {}).get("code", result["status"]) for result in body["results"]]
    assert kinds == [
        "pending", "INVALID_REQUEST", "IDEMPOTENCY_KEY_MISSING", "pending", "IDEMPOTENCY_KEY_REUSE", "pending",
        "INVALID_REQUEST",
    ]  # fmt: skip
    assert [result.get("replayed") for result in body["results"]] == [False, None, None, True, None, True, None]
    assert body["results"][0]["id"] == body["results"][3]["id"]
    assert Signal.objects.count() == 2


@pytest.mark.parametrize("body", [{"signals": []}, {"signals": [{}] * 1001}, {"signals": "x"}, {}, "x"])
def test_a_batch_that_is_none_is_refused(api, body):
    assert api.post("/api/signals/batch", body).status_code == 400


def test_a_thousand_signals_are_stored_by_one_statement(api):
    api.signal("warm")  # policy, listings and token are known from here on
    batch = [{"symbol": "BTC/USDT", "side": "buy", "amount": "0.1", "id": f"n{n}"} for n in range(1000)]

    with CaptureQueriesContext(connection) as queries:
        response = api.post("/api/signals/batch", {"signals": batch})

    assert response.json()["accepted"] == 1000
    assert sum("INSERT INTO execution_signal" in query["sql"] for query in queries) == 1
    assert len(queries) < 15


def test_one_signal_costs_one_statement(api, django_assert_max_num_queries):
    api.signal("warm")

    with django_assert_max_num_queries(2):  # the statement, and at most one look at the policy version
        api.signal("k1")


def test_body_hashes_are_about_meaning():
    assert intake.body_hash({"a": 1, "b": 2}) == intake.body_hash({"b": 2, "a": 1})
    assert intake.body_hash({"a": 1}) != intake.body_hash({"a": 2})
