"""The worker's ear: takes the messages this version sends, and drops all others with a line in the log.

Celery alone ends the worker over some unreadable messages, and keeps others unacknowledged, to be delivered again every
minute, until every thread's place is taken. No message is worth that: work lies in the database, and is found without.
"""

import inspect
from collections.abc import Callable
from typing import Any

import structlog
from celery.worker.consumer import Consumer
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)


class StrictConsumer(Consumer):
    """Set as `worker_consumer`."""

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """What is called with every message."""
        handle = super().create_task_handler(*args, **kwargs)

        def on_message(message: Any) -> None:
            try:
                self.check(message)
            except Exception as e:
                self.drop(message, e)
                return
            try:
                handle(message)
            except (OSError, RedisError):  # the broker went away; Celery connects again
                raise
            except Exception as e:
                self.drop(message, e)

        return on_message

    def drop(self, message: Any, error: Exception) -> None:
        """Never to be seen again."""
        reason = f"{type(error).__name__}: {error}"[:300]
        logger.error("message_dropped", error=reason, task=_task_name(message)[:100])
        message.reject_log_error(logger, (OSError, RedisError))

    def check(self, message: Any) -> None:
        """Raises an exception of any kind for a message that no task of this version can run."""
        task = self.app.tasks[message.headers["task"]]
        if not isinstance(message.headers["id"], str):
            raise ValueError("its id is no text")
        arguments, named, embedded = message.payload
        if not isinstance(arguments, list) or not isinstance(named, dict) or not isinstance(embedded, dict):
            raise ValueError("its body is not that of a task")
        inspect.signature(task.run).bind(*arguments, **named)


def _task_name(message: Any) -> str:
    headers = message.headers if isinstance(message.headers, dict) else {}
    return str(headers.get("task", ""))
