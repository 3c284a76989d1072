"""Wake-ups: "there is work", as a Celery message. Only a hint, so it never delays and never fails its caller."""

import threading
import time

import structlog
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)

MIN_INTERVAL_S = 0.02
"""Wake-ups of one process closer together than this become one."""

BACK_OFF_S = 1.0


class Waker:
    """Publishes wake-ups from a thread of its own: a broker that hangs holds up this thread and nobody else."""

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._urgent = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self, *, urgent: bool = False) -> None:
        """Ask for a wake-up. Returns at once."""
        self._urgent = self._urgent or urgent
        self._wanted.set()
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            urgent, self._urgent = self._urgent, False
            time.sleep(MIN_INTERVAL_S if self._publish(urgent=urgent) else BACK_OFF_S)

    def _publish(self, *, urgent: bool) -> bool:
        from execution import tasks  # tasks call services: imported late so that services need no Celery

        task = tasks.wake_executor_urgently if urgent else tasks.wake_executor
        try:
            task.apply_async(retry=False, expires=10)
        except (BrokerError, RedisError, OSError) as e:
            logger.warning("wake_up_not_published", error=str(e))
            return False
        return True


waker = Waker()
