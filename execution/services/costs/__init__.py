"""What executions cost: one row per order that ended with fills."""

from execution.services.costs.measuring import measure, rebuild, sample
from execution.services.costs.vwap import measure_vwap

__all__ = ["measure", "measure_vwap", "rebuild", "sample"]
