"""When each queue last delivered a message."""

from collections.abc import Iterable
from datetime import datetime

from execution.domain.queues import CANARY_SILENT_AFTER_S, QUEUES, canary_name
from execution.models import Heartbeat

CANARY = "canary"


def heard(beats: Iterable[Heartbeat]) -> dict[str, datetime | None]:
    """Queue -> when its last canary arrived; None: never."""
    seen = {beat.name: beat.seen_at for beat in beats if beat.kind == CANARY}
    return {queue: seen.get(canary_name(queue)) for queue in QUEUES}


def deaf_queues(heard_at: dict[str, datetime | None], now: datetime) -> list[str]:
    """The queues whose messages do not arrive."""
    return [queue for queue, at in heard_at.items() if at is None or (now - at).total_seconds() > CANARY_SILENT_AFTER_S]
