"""Alerts: rules are evaluated, people are told, and what they were told is kept."""

from execution.services.alerts.deliver import retry, send_due
from execution.services.alerts.evaluate import evaluate
from execution.services.alerts.people import close, take
from execution.services.alerts.trial import send_test

__all__ = ["close", "evaluate", "retry", "send_due", "send_test", "take"]
