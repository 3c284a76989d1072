"""JSON from outside, read so that it means one thing and can be kept and written again.

Numbers with a point become Decimal: 0.1 stays 0.1. Refused: NaN and Infinity, a name given twice (readers differ in
which one counts), half a surrogate pair, and what is nested too deeply.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

MAX_DEPTH = 50


def loads(text: str) -> Any:
    """The text as Python data. Raises ValueError with a reason."""
    try:
        found = json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_object)
    except RecursionError as e:
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep") from e
    except ArithmeticError as e:
        raise ValueError("a number is out of all bounds") from e
    if "\\u" in text or text.count("{") + text.count("[") > MAX_DEPTH:
        for part in texts(found):
            _require_whole(part)
    return found


def texts(value: Any) -> Iterator[str]:
    """Every text in it, names too. Raises ValueError when it is nested too deeply."""
    waiting = [(value, 1)]  # no recursion: depth is what is in doubt
    while waiting:
        item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice in one object")
    return found


def _require_whole(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as e:
        raise ValueError("a text holds half a surrogate pair") from e
