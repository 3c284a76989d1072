"""Kraken's ids: a letter and sixteen letters and digits in groups of 6-5-6."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LENGTH = 16
_MODULUS = len(_ALPHABET) ** _LENGTH
# Odd and no multiple of 3: modulo 36**16 no two numbers get one id. Large: neighbours look different.
_MULTIPLIER = 6_364_136_223_846_793_005_142_957
_OFFSET = 2_862_933_555_777_941_757
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


def form_txid(prefix: str, number: int) -> str:
    """Return the id of a number; with one prefix, different numbers below 36**16 have different ids."""
    rest = (number * _MULTIPLIER + ord(prefix) * _OFFSET) % _MODULUS
    text = ""
    for _ in range(_LENGTH // 2):
        rest, digit = divmod(rest, len(_PAIRS))
        text += _PAIRS[digit]
    return f"{prefix}{text[:5]}-{text[5:10]}-{text[10:]}"
