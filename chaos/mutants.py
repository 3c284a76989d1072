"""placeholder"""
from dataclasses import replace
from collections.abc import Callable


def short_waits() -> None:
    """Not a mutant: waits that only protect against clocks and dead workers, shortened so that minutes are enough."""
    from execution.exchanges.quirks import QUIRKS
    from execution.services import claims
    from execution.services.executor import checker

    checker.WINDOW_MARGIN_S = 0.5
    claims.SIGNAL_LEASE_S = 8
    claims.CHECK_LEASE_S = 5
    QUIRKS["alpaca"] = replace(QUIRKS["alpaca"], arrives_late_s=4.0)


def apply(name: str) -> None:
    {"short_waits": short_waits}[name]()
