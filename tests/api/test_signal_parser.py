"""Any body is a signal or a refusal of ours."""

import io
import json

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import APIException

from execution.api.parsers import DecimalJSONParser
from execution.api.signal_input import SignalIn, parse_signal
from execution.services.intake import NewSignal

NAMES = [*SignalIn().fields, "size", "size_usd", "pair", "strategy", "metadata", "unknown"]
NUMBERS = st.sampled_from(
    ["NaN", "sNaN", "Infinity", "-0", "1e400", "1e-400", "0x1", "1_000", "٣", "²", " 1 ", "9" * 200, "1e99999999999"]
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | NUMBERS
    | st.sampled_from(["BTC/USDT", "buy", "entry", "limit", "IOC", "paper", "2026-11-21T10:00:00+14:00", "0001-01-01"])
)  # fmt: skip
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner), max_leaves=10
)
GOOD = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.1"}
BODIES = st.one_of(
    JSON,
    st.dictionaries(st.sampled_from(NAMES), JSON),
    st.dictionaries(st.sampled_from(NAMES), JSON, max_size=2).map(lambda changes: {**GOOD, **changes}),
)
RAW = st.one_of(BODIES.map(lambda body: json.dumps(body).encode()), st.binary(max_size=60))
PATIENT = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@PATIENT
@given(raw=RAW)
def test_any_body_is_a_signal_or_a_refusal(markets, raw):
    refusals = []
    try:
        signal = parse_signal(DecimalJSONParser().parse(io.BytesIO(raw)), key="k")
    except APIException as e:
        refusals = [e.status_code]
    if refusals:
        assert refusals == [400]
        return

    assert isinstance(signal, NewSignal)
    assert (signal.amount is None) != (signal.notional is None)
    size = signal.amount if signal.amount is not None else signal.notional
    assert size.is_finite()
    assert 0 < size < 10**20
    orjson.loads(json.dumps(signal.extra, default=str))  # strict: neither NaN nor half characters
