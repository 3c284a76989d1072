"""What only a broken or hostile client sends: refused in our words, nothing stored, never a 5xx."""

import json
from base64 import b64encode

import pytest
from django.test import Client

from execution.models import Signal
from tests.api.hooks import make

GOOD = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.1"}
DEEP = {}
for _ in range(200):
    DEEP = {"a": DEEP}
NOT_JSON = {
    "bad UTF-8": b'{"symbol": "BTC\xff/USDT"}',
    "half a surrogate pair as bytes": b'{"details": "\xed\xa0\x80"}',
    "half a surrogate pair": b'{"details": "\\ud800"}',
    "half a surrogate pair in a name": b'{"\\udc00\\ud800": 1}',
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "a name twice": b'{"symbol":"BTC/USDT","side":"buy","side":"sell","amount":"0.1"}',
    "a name twice inside": b'{"symbol":"BTC/USDT","side":"buy","amount":"0.1","details":{"a":1,"a":2}}',
    "nested 200 deep": json.dumps({**GOOD, "details": DEEP}).encode(),
    "nested 100,000 deep": b'{"details":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "NaN": b'{"amount": NaN}',
    "infinity": b'{"amount": -Infinity}',
    "a number of 100,000 digits": b'{"amount": ' + b"9" * 100_000 + b"}",
    "an impossible exponent": b'{"amount": 1e99999999999999999999}',
    "nothing but a brace": b"{",
    "two documents": b"{}{}",
}


@pytest.mark.parametrize("path", ["/api/signals", "/api/signals/batch", "/api/execute", "/api/route"])
@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_no_clear_json_is_refused(api, path, name):
    response = api.post(path, raw=NOT_JSON[name], idempotency_key="k")

    assert (response.status_code, response.json()["code"]) == (400, "INVALID_JSON")
    assert Signal.objects.count() == 0


@pytest.mark.parametrize("details", ["a\0b", {"a\0b": 1}, [{"a": ["\0"]}]])
def test_details_that_the_database_cannot_keep_do_not_stop_the_rest_of_a_batch(api, details):
    items = [{**GOOD, "id": "1", "details": details}, {**GOOD, "id": "2"}]

    body = api.post("/api/signals/batch", {"signals": items}).json()

    assert [result["status"] for result in body["results"]] == ["refused", "pending"]
    assert body["results"][0]["error"]["fields"] == {"details": "Null characters are not allowed."}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("score", "NaN"),
        ("score", "1e999"),
        ("score", 10**400),
        ("confidence", "-inf"),
        ("score", [1]),
        ("priority", 10**30),
        ("priority", 1.5),
        ("max_slippage_bps", "NaN"),
        ("timestamp", "0001-01-01T00:00:00+14:00"),
        ("expires_at", "9999-12-31T23:59:59-14:00"),
        ("expires_at", 1e300),
        ("strategy_id", "s" * 65),
        ("size", "0.2"),
    ],
)
def test_a_field_out_of_all_bounds_is_named_and_nothing_is_stored(api, field, value):
    response = api.signal("k1", **{field: value})

    assert (response.status_code, response.json()["code"]) == (400, "INVALID_REQUEST")
    assert list(response.json()["fields"]) == ["amount" if field == "size" else field]
    assert Signal.objects.count() == 0


def test_details_may_hold_numbers_with_a_point_and_any_text(api):
    details = {"confidence": 0.75, "text": "½ 😀 \u2028 \\u0000", "list": [1, None, True]}

    assert api.signal("k1", details=details).status_code == 202

    assert Signal.objects.get().extra == {"details": {**details, "confidence": "0.75"}}


def test_a_byte_order_mark_does_no_harm(api):
    assert (
        api.post("/api/signals", raw=b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), idempotency_key="k").status_code
        == 202
    )


@pytest.mark.parametrize("key", ["k" * 101, "a\tb", "\x7f", "\u2028"])
def test_a_key_that_cannot_be_printed_or_is_too_long_is_refused(api, key):
    response = api.post("/api/signals", {**GOOD, "id": key})

    assert (response.status_code, response.json()["code"]) == (400, "INVALID_REQUEST")


def cursor(text):
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "query",
    [
        "signals?limit=0", "signals?limit=-1", "signals?limit=x", "signals?limit=1e3", "signals?limit=²",
        "signals?limit=99999999999999999999", "signals?limit=",
        "signals?cursor=x", f"signals?cursor={cursor('p=yesterday')}", f"signals?cursor={cursor('p=2026-01-01')}",
        f"signals?cursor={cursor('o=x')}", f"signals?cursor={cursor('r=x')}", f"markets?cursor={cursor('p=%00')}",
        f"orders?cursor={cursor('p=%00')}", "signals?cursor=%ff",
        "signals?strategy_id=%00", "signals?symbol=a%00", "signals?status=%00", "signals?since=%00",
        "signals?since=0001-01-01T00:00:00%2B14:00", "orders?status=nonsense", "orders?exchange=%00",
        "orders?exchange=mtgox", "markets?symbol=%00", "markets?exchange=%00",
    ],
)  # fmt: skip
def test_query_parameters_that_make_no_sense_are_refused(api, query):
    response = api.get(f"/api/{query}")

    assert response.status_code == 400
    assert response.json()["code"] in {"INVALID_REQUEST", "UNKNOWN_EXCHANGE"}


def test_a_page_larger_than_the_largest_is_the_largest(api):
    assert api.get("/api/signals?limit=100000").status_code == 200


@pytest.mark.parametrize(
    "signal_id",
    ["0" * 31, "0" * 37, "-" * 32, "-" * 36, "g" * 32, "0" * 33, "%00", "%ff", "A" * 32, "..%2f..", "0" * 5000],
)
@pytest.mark.parametrize("path", ["signals/{}", "signals/{}/", "orders/{}", "signals/{}/cancel", "orders/{}/cancel"])
def test_an_id_that_is_none_is_not_found(api, path, signal_id):
    method = "POST" if path.endswith("cancel") else "GET"

    response = api.call(method, f"/api/{path.format(signal_id)}")

    assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
def test_another_content_type_is_refused(api, content_type):
    response = Client().generic(
        "POST", "/api/signals", json.dumps(GOOD), content_type=content_type, HTTP_AUTHORIZATION=f"Token {api.token}"
    )

    assert (response.status_code, response.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "TRACE", "QUERY", "BREW"])
def test_a_method_that_is_none_names_those_that_are(api, method, slash):
    response = api.call(method, f"/api/signals{slash}", GOOD)

    assert (response.status_code, response.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert response["Allow"] == "GET, POST, HEAD, OPTIONS"


def test_head_and_options_answer_without_doing_anything(api):
    head = api.call("HEAD", "/api/signals")
    options = api.call("OPTIONS", "/api/signals", GOOD)

    assert (head.status_code, head.content, options.status_code) == (200, b"", 200)
    assert Signal.objects.count() == 0


def test_an_answer_in_another_format_is_not_to_be_had(api):
    response = api.get("/api/signals", accept="application/xml")

    assert response.status_code == 406
    assert api.get("/api/signals?format=xml").status_code == 200


def test_an_unknown_host_is_refused_in_the_same_shape(api):
    response = api.get("/api/signals", host="evil.example")

    assert (response.status_code, response.json()["code"]) == (400, "INVALID_REQUEST")


ALERTS = {
    "half a surrogate pair": b'{"symbol": "BTC/USDT", "side": "buy", "amount": "1", "strategy_id": "\\ud800"}',
    "half a surrogate pair in a name": b'{"symbol": "BTC/USDT", "side": "buy", "amount": "1", "\\ud800": 1}',
    "half a surrogate pair in details": b'{"symbol": "BTC/USDT", "side": "buy", "amount": "1", "details": ["\\ud800"]}',
    "half a surrogate pair as id": b'{"symbol": "BTC/USDT", "side": "buy", "amount": "1", "alert_id": "\\ud800"}',
    "NUL as id": b'{"symbol": "BTC/USDT", "side": "buy", "amount": "1", "alert_id": "\\u0000"}',
    "NUL in details": b'{"symbol": "BTC/USDT", "side": "buy", "amount": "1", "details": {"\\u0000": 1}}',
    "bad UTF-8": b'{"symbol": "BTC/USDT", "side": "buy", "amount": "1", "details": "\xff"}',
    "a name twice": b'{"symbol": "BTC/USDT", "side": "buy", "side": "sell", "amount": "1"}',
    "nested 200 deep": json.dumps({**GOOD, "details": DEEP}).encode(),
    "nested 900 deep": b'{"symbol": "BTC/USDT", "side": "buy", "amount": "1", "details": '
    + b"[" * 900
    + b"]" * 900
    + b"}",
    "nested 30,000 deep": b'{"details":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
}


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_that_is_broken_is_refused_and_never_a_fault_of_ours(api, name):
    response = make(api.user).post(ALERTS[name])

    assert response.status_code == 400
    assert Signal.objects.count() == 0
