"""The message queues, and how it is seen that they deliver."""

QUEUES = ("exit", "entry", "reconcile", "health", "background")
"""By urgency. What waits in one never waits behind another."""

CANARY_EVERY_S = 15
CANARY_SILENT_AFTER_S = 45


def canary_name(queue: str) -> str:
    """The row in which a queue's last canary is kept."""
    return f"canary:{queue}"
