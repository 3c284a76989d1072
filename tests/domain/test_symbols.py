"""Any text is a pair in our spelling, or none."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.domain.symbols import glue_index, normalise

PAIR = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,20}")
LISTED = glue_index(["BTC/USDT", "ETH/USDT", "BTC/USD", "DOGE/USDT", "A/BC", "AB/C"])
TEXT = st.one_of(
    st.text(max_size=50),
    st.text(alphabet="abxtXBTusdUSD/-_: .ßıſ\0²٣", max_size=14),
    st.sampled_from(["xbtusdt", "XDG-USDT", "btc_usdt", "BTC/USDT:USDT", "abc", "/", "//", "BTC/", "/USDT"]),
)


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(text=TEXT)
def test_any_text_is_a_pair_or_nothing(text):
    found = normalise(text, LISTED)

    assert found is None or PAIR.fullmatch(found)
    if found is not None:
        assert normalise(found, LISTED) == found
        assert normalise(found.replace("/", "-").lower(), LISTED) == found


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(listed=st.lists(st.text(alphabet="AB/", max_size=6)))
def test_a_glued_name_of_two_pairs_means_neither(listed):
    index = glue_index(listed)

    for glued, symbol in index.items():
        assert symbol.replace("/", "") == glued
        assert {other for other in listed if other.replace("/", "") == glued} == {symbol}
