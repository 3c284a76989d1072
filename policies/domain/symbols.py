"""Pair names. Ours is BASE/QUOTE as ccxt has it: `BTC/USDT`."""

import re
from collections.abc import Iterable, Mapping

_UNIFIED = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,20}")
_ALIASES = {"XBT": "BTC", "XDG": "DOGE"}


def glue_index(listed: Iterable[str]) -> dict[str, str]:
    """`BTCUSDT` -> `BTC/USDT` for every listed pair whose glued spelling is unambiguous."""
    index: dict[str, str] = {}
    twice = set()
    for symbol in listed:
        glued = symbol.replace("/", "")
        if index.setdefault(glued, symbol) != symbol:
            twice.add(glued)
    return {glued: symbol for glued, symbol in index.items() if glued not in twice}


def normalise(text: str, glued: Mapping[str, str]) -> str | None:
    """`BTC/USDT` for `btcusdt`, `BTC-USDT`, `BTC_USDT`, `XBT/USDT`; None if that is no spot pair we could know.

    A name without a separator is only understood if `glued` (see `glue_index`) has it.
    """
    name = text.strip().upper().replace("-", "/").replace("_", "/")
    if "/" not in name:
        return glued.get(_without_alias(name))
    if not _UNIFIED.fullmatch(name):  # also refuses derivatives such as BTC/USDT:USDT
        return None
    base, quote = name.split("/")
    return f"{_ALIASES.get(base, base)}/{_ALIASES.get(quote, quote)}"


def _without_alias(name: str) -> str:
    for alias, ours in _ALIASES.items():
        if name.startswith(alias):
            return ours + name[len(alias) :]
    return name
