"""Actual against expected fees, fill by fill."""

from decimal import Decimal as D

import pytest

from execution.domain.fee_check import Charged, check_fee
from execution.domain.fees import FeeRate

RATE = FeeRate(D("0.0002"), D("0.0010"))
NOBODY_KNOWS: dict[str, D] = {}


def charged(fee, asset, maker=False, price="50000", amount="0.1"):
    return Charged(D(price), D(amount), D(fee), asset, maker)


@pytest.mark.parametrize(
    ("fill", "actual", "off"),
    [
        (charged("5", "USDT"), D(5), False),
        (charged("0.0001", "BTC"), D(5), False),
        (charged("1", "USDT", maker=True), D(1), False),
        # A quarter of a basis point of 5,000 is 0.125.
        (charged("5.125", "USDT"), D("5.125"), False),
        (charged("5.126", "USDT"), D("5.126"), True),
        (charged("4.874", "USDT"), D("4.874"), True),
        (charged("1", "USDT"), D(1), True),
        (charged("0", "USDT"), D(0), True),
    ],
)
def test_a_fee_is_compared_in_quote_units_whichever_of_the_pairs_assets_it_was_charged_in(fill, actual, off):
    found = check_fee("BTC/USDT", fill, RATE, NOBODY_KNOWS)

    assert (found.actual, found.off) == (actual, off)
    assert found.gap == actual - found.expected


def test_a_third_asset_counts_at_its_price_and_is_unknown_without_one():
    fill = charged("0.00625", "BNB")

    unknown = check_fee("BTC/USDT", fill, RATE, NOBODY_KNOWS)
    known = check_fee("BTC/USDT", fill, RATE, {"BNB": D(600)})

    assert (unknown.actual, unknown.expected, unknown.off, unknown.gap) == (None, D(5), None, None)
    # Paid in BNB there is a discount of a quarter, which is not what was expected.
    assert (known.actual, known.off, known.gap) == (D("3.75"), True, D("-1.25"))


def test_a_fee_that_is_not_told_is_unknown_not_free():
    assert check_fee("BTC/USD", charged("0", ""), RATE, NOBODY_KNOWS).off is None


def test_a_rebate_is_expected_where_the_rate_is_negative():
    rebate = FeeRate(D("-0.0001"), D("0.001"))

    assert check_fee("BTC/USDT", charged("-0.5", "USDT", maker=True), rebate, NOBODY_KNOWS).off is False
    assert check_fee("BTC/USDT", charged("0.5", "USDT", maker=True), rebate, NOBODY_KNOWS).off is True


@pytest.mark.parametrize(("fee", "off"), [("5", False), ("1", False), ("3", True)])
def test_where_the_side_is_not_told_either_rate_will_do(fee, off):
    found = check_fee("BTC/USDT", charged(fee, "USDT", maker=None), RATE, NOBODY_KNOWS)

    assert (found.off, found.expected) == (off, None)


def test_what_an_exchange_rounds_is_no_difference():
    # 0.00000015 BTC would be 0.10 %; it can only charge whole units of the eighth place.
    fill = charged("0.00000014", "BTC", amount="0.0001499")

    assert check_fee("BTC/USDT", fill, RATE, NOBODY_KNOWS).off is False


def test_without_an_expectation_nothing_can_be_off():
    found = check_fee("BTC/USDT", charged("5", "USDT"), None, NOBODY_KNOWS)

    assert (found.actual, found.expected, found.off) == (D(5), None, None)
