"""Exact decimals in and out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.simulator.numbers import (
    MalformedNumber,
    TooPrecise,
    decimals_of,
    format_scaled,
    format_trimmed,
    parse_scaled,
    rescale,
)


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [("1.5", 8, 150_000_000), ("0.00000001", 8, 1), ("12", 2, 1_200), ("1.", 2, 100), ("0.1000", 1, 1), ("7", 0, 7)],
)
def test_plain_decimals_become_integers(text: str, decimals: int, units: int) -> None:
    assert parse_scaled(text, decimals) == units


@pytest.mark.parametrize("text", ["", "-1", "+1", "1e-5", ".5", "1,5", " 1", "0x1", "١", "nan"])
def test_anything_but_a_plain_unsigned_decimal_is_malformed(text: str) -> None:
    with pytest.raises(MalformedNumber):
        parse_scaled(text, 8)


def test_more_decimals_than_the_unit_has_are_refused_not_rounded() -> None:
    with pytest.raises(TooPrecise):
        parse_scaled("0.123456789", 8)


@given(st.integers(min_value=0, max_value=10**30), st.integers(min_value=0, max_value=16))
def test_what_is_written_reads_back_unchanged(units: int, decimals: int) -> None:
    whole = format_scaled(units, decimals).split(".")[0]
    if len(whole) <= 20:
        assert parse_scaled(format_scaled(units, decimals), decimals) == units
        assert parse_scaled(format_trimmed(units, decimals), decimals) == units


def test_trailing_zeros_are_cut_down_to_what_is_kept() -> None:
    assert format_trimmed(1_500, 3) == "1.5"
    assert format_trimmed(1_500, 3, keep=2) == "1.50"
    assert format_trimmed(1_000, 3) == "1"
    assert format_trimmed(-1_500, 3) == "-1.5"


def test_rescaling_down_truncates() -> None:
    assert rescale(199, 2, 0) == 1
    assert rescale(2, 0, 3) == 2_000


def test_a_step_tells_its_decimals() -> None:
    assert [decimals_of(step) for step in ("0.01", "0.00000001", "1", "0.10")] == [2, 8, 0, 1]
