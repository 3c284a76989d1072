"""Signatures: what passes, and that no changed bit does."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain.webhook_signature import Signature, is_signed, nonces, parse_header, sign
from execution.domain.webhooks import EXCERPT_BYTES, excerpt

SECRET, OTHER, BODY, T = "whs_first", "whs_second", b'{"symbol": "BTC/USDT"}', "1795183331"
MAC = sign(SECRET, T, BODY)
# `printf '%s.%s' 1795183331 '{"symbol": "BTC/USDT"}' | openssl dgst -sha256 -hmac whs_first`
BY_OPENSSL = "92de274861e2f3546746e7554158ea29ee849d3491d48c8225b24bc56c68012a"


def test_it_is_the_hmac_that_openssl_computes():
    assert MAC == BY_OPENSSL


@pytest.mark.parametrize(
    "header",
    [f"t={T},v1={MAC}", f"v1={MAC},t={T}", f"t={T}, v1={MAC}", f"t={T},v0=old,v1={MAC}",
     f"t={T},v1={MAC[::-1]},v1={MAC}",
     f"t={T},n=abc,v1={MAC}"],
)  # fmt: skip
def test_what_is_signed_passes(header):
    signature = parse_header(header)

    assert signature is not None
    assert is_signed(signature, [SECRET], BODY)
    assert is_signed(signature, [OTHER, SECRET], BODY)


@pytest.mark.parametrize("secrets", [[], [OTHER], [OTHER, "third"], [""], ["", ""], [SECRET[:-1]]])
def test_other_secrets_do_not_pass(secrets):
    assert not is_signed(Signature(T, (MAC,)), secrets, BODY)


def test_the_work_for_nobodys_webhook_can_not_be_signed_by_knowing_the_code():
    from execution.domain.webhook_signature import _NOBODYS_SECRET

    assert not is_signed(Signature(T, (sign(_NOBODYS_SECRET, T, BODY),)), [], BODY)


@pytest.mark.parametrize(
    "header",
    ["", "t", f"v1={MAC}", f"t={T}", f"t=,v1={MAC}", f"t=-1,v1={MAC}", f"t=1e9,v1={MAC}", f"t=٣,v1={MAC}",
     f"t={T},t={T},v1={MAC}", f"t={T},v1={MAC[:-1]}", f"t={T},v1={MAC.upper()}", f"t={T},v1=", f"t={T},v1={MAC},",
     f"t={T}," + ",".join([f"v1={MAC}"] * 6), f"t={T},v1={MAC},n=a,n=b", f"t={T},v1={MAC},n={'x' * 129}",
     f"t={T},v1={MAC}" + ",a=b" * 300, f"t={'1' * 13},v1={MAC}"],
)  # fmt: skip
def test_a_header_of_another_form_is_none(header):
    assert parse_header(header) is None


def test_no_flipped_bit_passes():
    """100,000 times one bit of time, body or MAC is another."""
    rng = random.Random(15)
    message = f"{T}.".encode() + BODY
    passed = 0
    for _ in range(100_000):
        at = rng.randrange((len(message) + 64) * 8)
        if at < len(message) * 8:
            changed = bytearray(message)
            changed[at // 8] ^= 1 << at % 8
            t, point, body = bytes(changed).decode("latin-1").partition(".")
            header, body = f"t={t},v1={MAC}", body.encode("latin-1")
            point_kept = bool(point)
        else:
            mac = bytearray(MAC.encode())
            mac[(at - len(message) * 8) // 8] ^= 1 << at % 8
            header, body, point_kept = f"t={T},v1={mac.decode('latin-1')}", BODY, True
        signature = parse_header(header) if point_kept else None
        passed += signature is not None and is_signed(signature, [SECRET, OTHER], body)

    assert passed == 0


@given(st.text(max_size=300))
def test_no_header_breaks_the_parser(header):
    parse_header(header)


def test_a_request_is_the_same_request_however_it_is_signed():
    one = parse_header(f"t={T},v1={MAC},v1={sign(OTHER, T, BODY)}")
    copy = parse_header(f"t={T},v1={sign(OTHER, T, BODY)},n=new")
    assert one is not None
    assert copy is not None

    assert set(nonces(one, BODY)) & set(nonces(copy, BODY))
    assert set(nonces(one, BODY)).isdisjoint(nonces(one, BODY + b" "))
    assert len(nonces(copy, BODY, "another")) == 3


def test_an_excerpt_holds_no_secret_and_stays_small():
    body = b'{"token": "abc\\"d", "Api-Key":"k1", "note": "wh_secret", "side": "buy", passphrase=pp, \x00 "x": 1}'

    text = excerpt(body, ["wh_secret", ""])

    for gone in ("abc", "k1", "wh_secret", "pp,", "\x00"):
        assert gone not in text
    assert '"side": "buy"' in text
    assert len(excerpt("é".encode() * 5000).encode()) <= EXCERPT_BYTES
    assert "wh_secret"[:5] not in excerpt(b"x" * (EXCERPT_BYTES - 4) + b"wh_secret", ["wh_secret"])


@pytest.mark.parametrize("piece", [b"token", b"a", b"secret-", b'"', b"token=", b'token="\\', b"token "])
def test_an_excerpt_of_a_hostile_body_takes_no_time(piece):
    text = excerpt(piece * (65_536 // len(piece)))

    assert len(text.encode()) <= EXCERPT_BYTES
