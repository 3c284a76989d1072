from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from policies.display import formats
from policies.display.words import Tone, short_id, word

NOW = datetime(2026, 11, 20, 14, 2, 11, 204_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1204.18"), "1,204.18"),
        (Decimal("0.00042"), "0.00042"),
        (Decimal("1E+3"), "1,000.00"),
        (Decimal(0), "0.00"),
        (None, "–"),
    ],
)
def test_money(value, text):
    assert formats.money(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(Decimal("12.5"), "+12.50"), (Decimal(-3), "−3.00"), (Decimal(0), "0.00"), (None, "–")]
)
def test_profit_carries_its_sign(value, text):
    assert formats.signed_money(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(Decimal("0.571000"), "0.571"), (Decimal("1E-8"), "0.00000001"), (Decimal("5E+3"), "5000")]
)
def test_an_amount_has_all_its_digits_and_no_exponent(value, text):
    assert formats.amount(value) == text


@pytest.mark.parametrize(("value", "text"), [(412, "412"), (18_200, "18.2k"), (3_400_000, "3.4M"), (None, "–")])
def test_compact(value, text):
    assert formats.compact(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (4.9, "4 s"),
        (192, "3 min 12 s"),
        (180, "3 min"),
        (17_460, "4 h 51 min"),
        (176_400, "2 d 1 h"),
        (-3, "0 s"),
        (None, "–"),
    ],
)
def test_age(seconds, text):
    assert formats.age(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(41.4, "41 ms"), (12_400, "12.4 s"), (None, "–")])
def test_latency(value, text):
    assert formats.latency(value) == text


def test_basis_points_and_shares():
    assert formats.bps(Decimal("3.5")) == "+3.5 bps"
    assert formats.bps(Decimal("-0.25")) == "−0.3 bps"
    assert formats.fee(Decimal("10.000")) == "10 bps"
    assert formats.percent(Decimal(402) / 412) == "97.6 %"
    assert formats.percent(None) == "–"


def test_a_time_of_another_day_names_the_day():
    assert formats.clock(NOW, NOW) == "14:02:11.204"
    assert formats.clock(NOW - timedelta(days=1), NOW) == "11-19 14:02:11"
    assert formats.clock(NOW - timedelta(days=400), NOW) == "2025-10-16 14:02"
    assert formats.instant(NOW) == "2026-11-20 14:02:11.204"


@pytest.mark.parametrize(
    ("delta", "text"), [({"milliseconds": 3}, "+3 ms"), ({"seconds": 1.24}, "+1.24 s"), ({"minutes": 4}, "+4 min")]
)
def test_offset(delta, text):
    assert formats.offset(NOW + timedelta(**delta), NOW) == text


@pytest.mark.parametrize("tone", list(Tone))
def test_a_state_is_a_shape_and_a_word_not_only_a_colour(tone):
    html = word("STATE", tone)

    assert "STATE" in html
    assert any(shape in html for shape in "●▲■◆○")
    assert f"word-{tone}" in html


def test_what_people_wrote_is_escaped():
    assert "<b>" not in word("<b>", Tone.OK, title='"><b>')
    assert "<b>" not in short_id("<b>aaaaaaaa")
