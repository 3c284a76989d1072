"""How one simulated exchange behaves, patchable while it runs."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from execution.simulator.faults import DEFAULT_WEIGHTS, FaultKind


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """Behaviour of one exchange; times in milliseconds."""

    down: bool = False
    """Close every connection as soon as a request comes in, public ones too."""
    maintenance: bool = False
    """Answer 503 to everything but the status endpoint, which says so."""
    frozen: bool = False
    """Time does not move the books; only a step does."""
    latency_ms: float = 0.0
    """Added to every request, half on the way in and half on the way back."""
    jitter_ms: float = 0.0
    """The latency varies evenly by up to this much either way."""
    fault_rate: float = 0.0
    """The share of requests (of `fault_operations`) that fail."""
    fault_weights: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    fault_operations: tuple[str, ...] = ("create_order",)
    hold_ms: float = 15_000.0
    """How long a timed-out request is held before its connection is closed."""
    late_ms: float = 2_000.0
    """How long a late request is held before the exchange acts on it."""
    limit_requests: int = 0
    """More requests than this in any `limit_window_ms` are refused as too fast; 0: no limit."""
    limit_window_ms: float = 1_000.0
    stream_refused: bool = False
    """Websockets are not opened; those that are stay."""
    stream_silent: bool = False
    """Websockets stay open and answer, but no book is updated."""
    stream_lag_ms: float = 0.0
    """Updates are sent so much later than the moment that they tell."""

    def patched(self, changes: dict[str, object]) -> "ExchangeSettings":
        """Return these settings with some changed. Raises ValueError naming what is wrong."""
        checked: dict[str, object] = {}
        for name, value in changes.items():
            check = _CHECKS.get(name)
            if check is None:
                raise ValueError(f"unknown setting {name!r}; known: {', '.join(_CHECKS)}")
            checked[name] = check(name, value)
        return replace(self, **checked)  # type: ignore[arg-type]


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, was {value!r}")
    return value


def _milliseconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"{name} must be milliseconds >= 0, was {value!r}")
    return float(value)


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} must be a whole number >= 0, was {value!r}")
    return value


def _rate(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name} must be between 0 and 1, was {value!r}")
    return float(value)


def _weights(name: str, value: object) -> dict[str, float]:
    if not isinstance(value, dict) or not value:
        raise ValueError(f"{name} must be an object of fault kind to weight, was {value!r}")
    for kind, weight in value.items():
        if kind not in set(FaultKind):
            raise ValueError(f"unknown fault kind {kind!r}; known: {', '.join(FaultKind)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
            raise ValueError(f"the weight of {kind} must be >= 0, was {weight!r}")
    if not any(value.values()):
        raise ValueError(f"{name} must have a weight above 0")
    return dict(value)


def _operations(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{name} must be a list of operations, was {value!r}")
    return tuple(value)


_CHECKS: dict[str, Callable[[str, object], object]] = {
    "down": _flag,
    "maintenance": _flag,
    "frozen": _flag,
    "latency_ms": _milliseconds,
    "jitter_ms": _milliseconds,
    "fault_rate": _rate,
    "fault_weights": _weights,
    "fault_operations": _operations,
    "hold_ms": _milliseconds,
    "late_ms": _milliseconds,
    "limit_requests": _count,
    "limit_window_ms": _milliseconds,
    "stream_refused": _flag,
    "stream_silent": _flag,
    "stream_lag_ms": _milliseconds,
}
