"""Whether this machine's clock was set while the process ran. Pure: both times come in."""


class ClockGuard:
    """Compares the clock with one that only ever runs forward at its own pace.

    What was timed by the clock before it was set (an order's validity) says nothing about how much time really passed
    since. Neither a leap second nor a clock that is slewed counts.
    """

    def __init__(self, wall_s: float, steady_s: float) -> None:
        self.offset_s = wall_s - steady_s
        """What the clock is ahead of the steady one."""

        self.set_at_s = steady_s
        """When it was last set, by the steady clock; at first now: what it did before is not known."""

    def resume(self, offset_s: float, set_at_s: float) -> None:
        """Take over what another guard with the same steady clock saw last, unless the clock was set since then."""
        if abs(offset_s - self.offset_s) < STEP_S:
            self.set_at_s = min(set_at_s, self.set_at_s)

    def look(self, wall_s: float, steady_s: float) -> float:
        """Take note of both times; by how many seconds the clock was set since the last look (0: it was not)."""
        moved_s = wall_s - steady_s - self.offset_s
        self.offset_s += moved_s
        if abs(moved_s) < STEP_S:
            return 0.0
        self.set_at_s = steady_s
        return moved_s

    def set_within(self, seconds: float, steady_s: float) -> bool:
        """Whether the clock was seen to be set in the last `seconds`, or not watched for so long yet."""
        return steady_s - self.set_at_s < seconds


STEP_S = 1.5
"""A clock that moved so far between two looks, seconds apart, was set."""
