"""How late a stream's messages are, by the exchange's own clock. Pure.

Nobody knows how far the exchange's clock is from ours, but it does not change much: the quickest message of the last
minute shows it, and how much later than that one another comes is how old it is.
"""

from collections import deque

_SPAN_S = 10.0
_SPANS = 6


class Lag:
    """One exchange's clock against ours."""

    def __init__(self) -> None:
        self._spans: deque[tuple[int, float]] = deque(maxlen=_SPANS)

    def true_at(self, now: float, exchange_time: float | None) -> float:
        """When, by our clock (epoch seconds), what the exchange said at `exchange_time` and came `now` was true."""
        if exchange_time is None:
            return now
        ahead, span = now - exchange_time, int(now // _SPAN_S)
        if not self._spans or self._spans[-1][0] != span:
            self._spans.append((span, ahead))
        elif ahead < self._spans[-1][1]:
            self._spans[-1] = span, ahead
        usual = min(least for at, least in self._spans if at > span - _SPANS)
        return min(now, exchange_time + usual)
