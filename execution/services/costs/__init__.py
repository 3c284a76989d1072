"""What executions cost: one row per order that ended with fills."""

from execution.services.costs.measuring import measure, rebuild, sample

__all__ = ["measure", "rebuild", "sample"]
