"""What bodies mean: maps, templates, ids, times, and that what cannot be read is refused."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.api.signal_input import SignalIn
from policies.domain.reasons import Denied
from policies.domain.webhook_body import (
    SIGNAL_FIELDS,
    BodyRules,
    check_age,
    match_template,
    parse_pair,
    parse_template,
    parse_time,
    read_body,
    signal_key,
    value_at,
)

NOW = datetime(2026, 11, 20, 14, 2, 11, tzinfo=UTC)
STRATEGY = {
    "ticker": "BINANCE:BTCUSDT",
    "strategy": {"order": {"action": "buy", "contracts": 0.1}, "legs": [{"px": "1.5"}]},
    "alert_id": 17,
}
MAP = {"symbol": "ticker", "side": "strategy.order.action", "amount": "strategy.order.contracts"}


def read(body, **rules):
    return read_body(body if isinstance(body, bytes) else json.dumps(body).encode(), BodyRules(**rules))


def refusal(body, **rules):
    with pytest.raises(Denied) as caught:
        read(body, **rules)
    assert caught.value.denial.code == "WEBHOOK_BODY"
    return caught.value.denial.detail


def test_what_can_be_mapped_is_what_a_signal_has():
    assert set(SIGNAL_FIELDS) == set(SignalIn().fields) - {"id"}


def test_a_map_takes_values_from_anywhere_in_the_body_and_keeps_their_digits():
    reading = read(STRATEGY, body_map={**MAP, "limit_price": "strategy.legs.0.px"})

    assert reading.fields == {"symbol": "BTCUSDT", "side": "buy", "amount": Decimal("0.1"), "limit_price": "1.5"}
    assert reading.alert_id == "17"


def test_with_a_map_nothing_else_of_the_body_counts():
    assert "mode" not in read({**STRATEGY, "mode": "live"}, body_map=MAP).fields


def test_without_a_map_the_body_is_a_signal_in_our_words():
    reading = read({"symbol": "BTC/USDT", "side": "buy", "alert_id": "x", "made": "2026-11-20T14:00:00Z", "typo": 1},
                   time_field="made")  # fmt: skip

    assert reading.fields == {"symbol": "BTC/USDT", "side": "buy", "typo": 1}  # which the signal parser refuses
    assert reading.alert_id == "x"
    assert read({"symbol": "BTC/USDT", "id": "own"}).alert_id == "own"


def test_defaults_fill_gaps_and_a_default_size_steps_back():
    defaults = {"notional": "250", "side": "buy", "strategy_id": "s"}

    assert read({"side": "sell"}, defaults=defaults).fields == {"side": "sell", "notional": "250", "strategy_id": "s"}
    assert "notional" not in read({"amount": "1"}, defaults=defaults).fields
    assert read({"side": "", "amount": None}, defaults=defaults).fields["notional"] == "250"


@pytest.mark.parametrize(
    ("symbol", "read_as"),
    [("BINANCE:BTCUSDT", "BTCUSDT"), ("BTC/USDT:USDT", "BTC/USDT:USDT"), ("BTC/USDT", "BTC/USDT")],
)
def test_only_an_exchange_in_front_of_a_pair_is_dropped(symbol, read_as):
    assert read({"symbol": symbol}).fields["symbol"] == read_as


TEMPLATE = "{side} {symbol} {amount} @ {limit_price}; id={alert_id}"


def test_a_text_is_read_by_its_template():
    reading = read(b"buy  BTCUSDT 0.1\n@ 64000.5; id=a 7 ", text_template=TEMPLATE)

    assert reading.fields == {"side": "buy", "symbol": "BTCUSDT", "amount": "0.1", "limit_price": "64000.5"}
    assert reading.alert_id == "a 7"
    assert read(b"order buy now BTCUSDT", text_template="order {side} {_} {symbol}").fields == {
        "side": "buy", "symbol": "BTCUSDT",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        b"buy",
        b"buy BTCUSDT 0.1",
        b"buy BTCUSDT 0.1 @ 1; id=",
        b"x",
        b"buy BTCUSDT  @ 1; id=7",
        b" buy BTCUSDT0.1@1;id=1",
    ],
)
def test_a_text_that_does_not_fit_is_refused(text):
    assert refusal(text, text_template=TEMPLATE)


def test_a_template_that_ends_before_the_text_does_is_refused():
    assert "goes on" in refusal(b"buy BTC.USDT.", text_template="{side} {symbol}.")


@pytest.mark.parametrize(
    "template", ["{side", "side}", "{}", "{a b}", "{side}{symbol}", "{side} {side}", "{side} {{x}}"]
)
def test_a_template_that_cannot_be_read_says_so(template):
    with pytest.raises(ValueError, match=r"\.$"):
        parse_template(template)


@pytest.mark.parametrize("line", ["side", "side =", "= x", "color = x", "id = x", ""])
def test_a_line_of_a_map_that_cannot_be_read_says_so(line):
    with pytest.raises(ValueError, match=r"\.$"):
        parse_pair(line)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"  \n", b"\xff\xfe", b"{", b'{"a": NaN}', b'{"a": 1', b"buy BTC", b"[1]", b"5", b'"text"', b"a\x00b",
        b'{"symbol": "\\ud800"}', b'{"details": "\\u0000"}', b'{"symbol": "a\\u0000b"}', b'{"a":' * 5000,
        b'{"a":' * 60 + b"1" + b"}" * 60, b'{"side": "buy", "side": "sell"}',

        b'{"symbol": "{{ticker}}"}', b'{"alert_id": "{{strategy.order.id}}"}', b'{"alert_id": [1]}',
        b'{"alert_id": true}', b'{"a": ' + b"1" * 5000 + b"}", b'{"a": 1e999999999999999999999}',
    ],
)  # fmt: skip
def test_what_is_no_readable_body_is_refused_with_a_sentence(body):
    assert refusal(body).endswith((".", "?"))


@given(st.binary(max_size=300))
def test_no_body_at_all_breaks_the_reader(body):
    rules = BodyRules(text_template=TEMPLATE, time_field="t", max_age_s=60)
    try:
        reading = read_body(body, rules)
    except Denied:
        return
    assert "\x00" not in json.dumps(dict(reading.fields), default=str, ensure_ascii=False)


@given(st.text(max_size=200), st.text(alphabet="{} abc_", max_size=30))
def test_no_text_and_no_template_breaks_the_matcher(text, template):
    try:
        parse_template(template)
    except ValueError:
        return
    try:
        found = match_template(text, template)
    except Denied:
        return
    assert all(found.values())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b", 1),
        ("c.d", 2),
        ("e.0.f", 3),
        ("e.1.f", None),
        ("e.x", None),
        ("a.b.c", None),
        ("", None),
        ("e.00000001", None),
    ],
)
def test_paths(path, value):
    assert value_at({"a": {"b": 1}, "c.d": 2, "e": [{"f": 3}]}, path) == value


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-20T14:02:11Z", NOW),
        ("2026-11-20T15:02:11+01:00", NOW),
        ("2026-11-20 14:02:11", NOW),
        (1795183331, NOW),
        ("1795183331", NOW),
        (1795183331000, NOW),
        ("1795183331000", NOW),
        (Decimal("1795183331.5"), NOW + timedelta(seconds=0.5)),
        *[(value, None) for value in ("", "soon", True, [], {}, 10**400, Decimal("1e400"), -1e30, "20:00")],
    ],
)
def test_times(value, at):
    assert parse_time(value) == at


@pytest.mark.parametrize(("age", "fresh"), [(0, True), (60, True), (61, False), (-60, True), (-61, False)])
def test_age_counts_from_the_alerts_own_time(age, fresh):
    rules = BodyRules(time_field="made", max_age_s=60)
    reading = read({"made": (NOW - timedelta(seconds=age)).isoformat()}, time_field="made", max_age_s=60)

    if fresh:
        check_age(reading, rules, NOW)
    else:
        with pytest.raises(Denied, match=r"WEBHOOK_STALE|old|future"):
            check_age(reading, rules, NOW)


def test_an_alert_that_hides_its_age_is_stale():
    with pytest.raises(Denied, match="made is missing"):
        check_age(
            read({"side": "buy"}, time_field="made", max_age_s=60), BodyRules(time_field="made", max_age_s=60), NOW
        )
    assert "no time" in refusal({"made": "soon"}, time_field="made", max_age_s=60)


def test_keys_name_hook_and_alert_and_stay_within_bounds():
    name = "x" * 30

    assert signal_key("breakout", "17") == "hook:breakout:17"
    assert len({signal_key(name, "a" * n) for n in range(1, 300)}) == 299
    assert all(len(signal_key(name, "a" * n)) <= 100 for n in range(1, 300))
    assert signal_key(name, "a\nb").isprintable()
    assert signal_key("a", "b") != signal_key("a-b", "")
