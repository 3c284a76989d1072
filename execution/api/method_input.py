"""The fields of a signal that say how it is traded over time."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from execution.domain.orders import Method, OrderType, TimeInForce
from policies.domain.numbers import plain

_FOR = {
    "slices": {Method.TWAP},
    "horizon_s": {Method.TWAP, Method.ICEBERG, Method.PASSIVE},
    "display_amount": {Method.ICEBERG},
}


def check_method(attrs: Mapping[str, Any]) -> None:
    """Rules over several fields. Raises rest_framework's ValidationError."""
    method = attrs.get("execution_method")
    problems = {
        name: [f"Only for execution_method {' or '.join(sorted(methods))}."]
        for name, methods in _FOR.items()
        if name in attrs and method not in methods
    }
    if method == Method.ICEBERG and "display_amount" not in attrs:
        problems["display_amount"] = ["execution_method iceberg needs a display_amount."]
    if method == Method.ICEBERG and "notional" in attrs:
        problems["notional"] = ["execution_method iceberg needs an amount."]
    if "amount" in attrs and attrs.get("display_amount", 0) > attrs["amount"]:
        problems["display_amount"] = ["Must not be more than amount."]
    if method and attrs.get("order_type") == OrderType.MARKET:
        problems["order_type"] = [f"Not market with execution_method {method}."]
    if method == Method.PASSIVE and attrs.get("order_type"):
        problems["order_type"] = ["execution_method passive finds its own price."]
    if method and attrs.get("time_in_force", TimeInForce.GTC) not in {TimeInForce.GTC, TimeInForce.IOC}:
        problems["time_in_force"] = [f"Only GTC or IOC with execution_method {method}."]
    if problems:
        raise serializers.ValidationError(problems)


def asked_schedule(valid: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the client asked for, as it is kept with the signal."""
    asked = {name: valid[name] for name in ("slices", "horizon_s") if name in valid}
    if "display_amount" in valid:
        asked["display"] = plain(valid["display_amount"])
    return asked or None
