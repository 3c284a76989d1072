"""Request weight and order counts, as Binance reports them in headers. They are reported, not enforced."""

_MINUTE, _TEN_SECONDS = 60_000_000, 10_000_000

Headers = tuple[tuple[str, str], ...]


class Usage:
    """Counts per clock interval. The simulator has one client IP: the machine it runs on."""

    def __init__(self) -> None:
        self._minute = 0
        self._weight = 0
        self._orders: dict[str, tuple[int, int]] = {}

    def weight_headers(self, weight: int, now: int) -> Headers:
        """Count a request's weight."""
        minute = now // _MINUTE
        if minute != self._minute:
            self._minute, self._weight = minute, 0
        self._weight += weight
        used = str(self._weight)
        return (("X-MBX-USED-WEIGHT", used), ("X-MBX-USED-WEIGHT-1M", used))

    def order_headers(self, api_key: str, now: int) -> Headers:
        """Count an accepted order of an account."""
        interval = now // _TEN_SECONDS
        since, count = self._orders.get(api_key, (interval, 0))
        count = count + 1 if since == interval else 1
        self._orders[api_key] = (interval, count)
        return (("X-MBX-ORDER-COUNT-10S", str(count)),)
