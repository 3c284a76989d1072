"""What executions cost: one row per order that ended with fills."""

from execution.services.costs.measuring import measure, rebuild, sample
from execution.services.costs.retention import drop_books
from execution.services.costs.vwap import measure_vwap

__all__ = ["drop_books", "measure", "measure_vwap", "rebuild", "sample"]
