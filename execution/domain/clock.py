"""Whether this machine's clock was set while the process ran. Pure: both times come in."""


class ClockGuard:
    """Compares the clock with one that only ever runs forward at its own pace.

    What was timed by the clock before it was set (an order's validity) says nothing about how much time really passed
    since. Neither a leap second nor a clock that is slewed counts.
    """

    def __init__(self, wall_s: float, steady_s: float) -> None:
        self._offset_s = wall_s - steady_s
        self._set_at = steady_s  # what the clock did before is not known

    def look(self, wall_s: float, steady_s: float) -> float:
        """Take note of both times; by how many seconds the clock was set since the last look (0: it was not)."""
        moved_s = wall_s - steady_s - self._offset_s
        self._offset_s += moved_s
        if abs(moved_s) < STEP_S:
            return 0.0
        self._set_at = steady_s
        return moved_s

    def set_within(self, seconds: float, steady_s: float) -> bool:
        """Whether the clock was seen to be set in the last `seconds`, or not watched for so long yet."""
        return steady_s - self._set_at < seconds


STEP_S = 1.5
"""A clock that moved so far between two looks, seconds apart, was set."""
