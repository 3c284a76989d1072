"""Refuses requests that come too fast: a log of the instants, independent of how clients count theirs."""

from collections import deque


class Pace:
    """The requests of one exchange in the last window."""

    def __init__(self) -> None:
        self._taken: deque[int] = deque()
        self.refused = 0

    def allows(self, now: int, limit: int, window_ms: float) -> bool:
        """Count a request at `now` (microseconds), unless `limit` came in the window before it."""
        while self._taken and self._taken[0] <= now - window_ms * 1000:
            self._taken.popleft()
        if len(self._taken) >= limit:
            self.refused += 1
            return False
        self._taken.append(now)
        return True
