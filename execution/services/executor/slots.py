"""How many orders this process has unanswered: in all, per exchange, and per set of keys that must go one by one."""

from collections import Counter

from execution.exchanges.registry import traits
from policies.domain.policy import ExchangePolicy, Policy

LANE_DEPTH = 8
"""Orders that may wait in line for one set of serial keys before the others stay in the database."""

WORTH_A_CLAIM = 20


class Slots:
    """A bulkhead: a slow exchange or one user's flood holds only its own slots."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._by_exchange: Counter[str] = Counter()
        self._by_lane: Counter[str] = Counter()
        self.in_flight = 0

    def free(self) -> int:
        """Slots left in this process."""
        return self._total - self.in_flight

    def of(self, exchange: str) -> int:
        """Slots that orders of one exchange hold."""
        return self._by_exchange[exchange]

    def gathered(self, policy: Policy, *, promised: int = 0) -> dict[str, int]:
        """Slots left per exchange, where enough have gathered: a claim costs the same for one row as for many.

        promised: slots that orders on their way may want, whichever exchange they go to.
        """
        left = {slug: self._left(exchange) - promised for slug, exchange in policy.exchanges.items()}
        return {slug: count for slug, count in left.items() if count >= self._worth(policy.exchanges[slug])}

    def has_gathered(self, exchange: ExchangePolicy) -> bool:
        """Whether this exchange would be in `gathered`."""
        return self._left(exchange) >= self._worth(exchange)

    def _left(self, exchange: ExchangePolicy) -> int:
        return min(self.free(), exchange.max_in_flight - self._by_exchange[exchange.slug])

    def _worth(self, exchange: ExchangePolicy) -> int:
        return max(1, min(WORTH_A_CLAIM, self._total // 4, exchange.max_in_flight // 4))

    def take(self, policy: Policy, exchange: str, credential_id: str | None) -> bool:
        """Take a slot if there is one."""
        if self.free() <= 0 or self._by_exchange[exchange] >= policy.exchanges[exchange].max_in_flight:
            return False
        lane = _lane(exchange, credential_id)
        if lane and self._by_lane[lane] >= LANE_DEPTH:
            return False
        self._add(exchange, lane, 1)
        return True

    def hold(self, exchange: str, credential_id: str | None) -> None:
        """Take a slot for an order that the database already counts as being sent."""
        self._add(exchange, _lane(exchange, credential_id), 1)

    def release(self, exchange: str, credential_id: str | None) -> None:
        """Give a slot back."""
        self._add(exchange, _lane(exchange, credential_id), -1)

    def _add(self, exchange: str, lane: str | None, count: int) -> None:
        self.in_flight += count
        self._by_exchange[exchange] += count
        if lane:
            self._by_lane[lane] += count
            if not self._by_lane[lane]:
                del self._by_lane[lane]


def _lane(exchange: str, credential_id: str | None) -> str | None:
    return credential_id if credential_id and traits(exchange).serial else None
