"""What is signed for Firi, in each of the ways that its clients use."""

import hashlib
import hmac

import pytest

from execution.exchanges.firi_auth import FieldOrder, FiriHmacAuth, FiriKeyAuth, FiriSigning, auth_for

BODY = {"market": "BTCNOK", "type": "bid", "price": "1000.00", "amount": "0.5"}


def signed(signing):
    return FiriHmacAuth("user-1", "secret", signing).sign(BODY, timestamp_s=1640995200, validity_ms=5900)


@pytest.mark.parametrize(
    ("order", "text"),
    [
        (
            FieldOrder.FIRST,
            '{"timestamp":"1640995200","validity":"5900","market":"BTCNOK","type":"bid","price":"1000.00","amount":"0.5"}',
        ),
        (
            FieldOrder.LAST,
            '{"market":"BTCNOK","type":"bid","price":"1000.00","amount":"0.5","timestamp":"1640995200","validity":"5900"}',
        ),
        (
            FieldOrder.SORTED,
            '{"amount":"0.5","market":"BTCNOK","price":"1000.00","timestamp":"1640995200","type":"bid","validity":"5900"}',
        ),
    ],
)
def test_the_signed_text_has_its_fields_in_the_chosen_order(order, text):
    request = signed(FiriSigning(order))

    expected = hmac.new(b"secret", text.encode(), hashlib.sha256).hexdigest()
    assert request.headers == {"firi-user-clientid": "user-1", "firi-user-signature": expected}
    assert request.params == {"timestamp": "1640995200", "validity": "5900"}


def test_a_validity_in_seconds_never_ends_later_than_asked():
    assert signed(FiriSigning(validity_unit="s")).params["validity"] == "5"


def test_client_id_and_secret_make_the_stronger_scheme():
    both = {"api_key": "k", "secret": "s", "client_id": "c"}

    assert isinstance(auth_for(both, FiriSigning()), FiriHmacAuth)
    assert isinstance(auth_for({"api_key": "k"}, FiriSigning()), FiriKeyAuth)
