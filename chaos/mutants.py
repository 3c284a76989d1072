"""placeholder"""
from dataclasses import replace
from collections.abc import Callable


def short_waits() -> None:
    """Not a mutant: waits that only protect against clocks and dead workers, shortened so that minutes are enough."""
    from execution.exchanges.quirks import QUIRKS
    from execution.services import claims, process

    options = process.options_from_settings

    def shortened():
        found = options()
        return replace(found, checks=replace(found.checks, window_margin_s=0.5))

    process.options_from_settings = shortened
    claims.SIGNAL_LEASE_S = 8
    claims.CHECK_LEASE_S = 5
    QUIRKS["alpaca"] = replace(QUIRKS["alpaca"], arrives_late_s=4.0)


def apply(name: str) -> None:
    {"short_waits": short_waits}[name]()
