"""What alert rules look at, and what they find."""

from execution.selectors.alerts.conditions import EVALUATORS, Finding, findings
from execution.selectors.alerts.look import Look, look

__all__ = ["EVALUATORS", "Finding", "Look", "findings", "look"]
