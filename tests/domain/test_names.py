import pytest

from policies.domain.credentials import check_secrets
from policies.domain.permissions import parse_order_size, parse_pair_pattern
from policies.domain.reasons import MANUAL, ReasonCode
from policies.domain.symbols import glue_index, normalise

GLUED = glue_index(["BTC/USDT", "BTC/USD", "ETH/BTC", "A/BC", "AB/C"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BTC/USDT", "BTC/USDT"),
        ("btcusdt", "BTC/USDT"),
        ("BTC-USD", "BTC/USD"),
        ("btc_usdt", "BTC/USDT"),
        ("XBT/USD", "BTC/USD"),
        ("XBTUSD", "BTC/USD"),
        (" eth/btc ", "ETH/BTC"),
        ("ABC", None),  # A/BC or AB/C: not ours to guess
        ("BTC/USDT:USDT", None),  # a perpetual, not spot
        ("BTC", None),
        ("", None),
        ("BTC/USDT/X", None),
        ("BTC/US$", None),
    ],
)
def test_pair_names_are_normalised_or_refused(text, expected):
    assert normalise(text, GLUED) == expected


@pytest.mark.parametrize("text", ["BTCUSDT", "BTC/", "/USDT", "BTC/US DT"])
def test_a_pair_pattern_that_is_none_is_refused_with_a_hint(text):
    with pytest.raises(ValueError, match="is not a pair. Write BTC/USDT"):
        parse_pair_pattern(text)


@pytest.mark.parametrize("text", ["USDT", "USDT -5", "USDT 0", "USDT NaN", "USDT Infinity", "5000"])
def test_an_order_size_must_be_a_currency_and_a_positive_number(text):
    with pytest.raises(ValueError, match="is not a size"):
        parse_order_size(text)


def test_every_reason_code_has_a_manual_entry():
    assert set(MANUAL) == set(ReasonCode)
    assert all(entry.meaning and entry.cause and entry.fix for entry in MANUAL.values())


@pytest.mark.parametrize(
    ("exchange", "secrets", "wrong"),
    [
        ("binance", {"api_key": "k", "secret": "s"}, set()),
        ("binance", {"api_key": "k"}, {"secret"}),
        ("binance", {"api_key": "k", "secret": "s", "passphrase": "p"}, {"passphrase"}),
        ("binance", {"api_key": "k", "secret": "s\n"}, {"secret"}),
        ("kraken", {"api_key": "k", "secret": "not base64!"}, {"secret"}),
        ("kraken", {"api_key": "k", "secret": "c2VjcmV0"}, set()),
        ("okx", {"api_key": "k", "secret": "s"}, {"passphrase"}),
        ("coinbase", {"api_key": "k", "secret": "abc"}, {"secret"}),
        ("firi", {"api_key": "k"}, set()),
        ("firi", {"api_key": "k", "secret": "s"}, {"client_id"}),
    ],
)
def test_secrets_of_the_wrong_form_are_refused_by_field(exchange, secrets, wrong):
    assert set(check_secrets(exchange, secrets)) == wrong
