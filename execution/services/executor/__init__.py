"""The executor: one per worker process, an event loop in a thread of its own.

It claims stored signals in batches, routes them, commits their orders, sends them all at once over pooled connections,
and records the answers in batches. It wakes on a Celery message and, because a message may be lost, every second by
itself. Killing it at any point loses nothing: everything it knows is in the database before it matters.
"""

from execution.services.executor.loop import Executor
from execution.services.executor.options import ExecutorOptions

__all__ = ["Executor", "ExecutorOptions"]
