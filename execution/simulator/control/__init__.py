"""The control endpoint: accounts, behaviour, time, books, faults and the ledger of one running simulator, as JSON."""

from execution.simulator.control.port import ControlPort

__all__ = ["ControlPort"]
