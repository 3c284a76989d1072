"""One row of the table of what each ccxt exchange does differently."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from execution.domain.orders import TimeInForce
from execution.exchanges.base import OrderRequest
from execution.exchanges.outcomes import Rule

Params = dict[str, Any]
RawOrder = dict[str, Any]
ALL_TIMES = frozenset(TimeInForce)


def _no_headers(_: OrderRequest, __: int) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Quirks:
    """One row of the table.

    options: passed to ccxt so that only spot is loaded and no hidden calls are made.
    paths: the only REST paths this client may ever call; nothing that withdraws or transfers is in reach.
    credentials: our field -> ccxt attribute.
    validity: params that make the exchange refuse the order when it arrives after `request.valid_until`; the second
    argument is how many milliseconds our clock is ahead of the exchange's.
    client_id_param: the ccxt parameter that carries our id.
    find_by_client_id: all orders, open or closed, that the exchange has under our id.
    fetch_trades: the executions of an order as ccxt trades.
    acknowledges_only: the answer to a placement holds an id but no outcome.
    serial: private calls of one key must arrive one after the other (nonces).
    signs_at_commit: a placement is signed with the committed instant as its time, which the exchange bounds.
    headers: unsigned headers of a placement.
    arrives_late_s: how long after `request.valid_until` the exchange may still accept the order; 0 where it refuses.
    rules: error texts that prove more than their ccxt class does.
    """

    slug: str
    paths: frozenset[str]
    options: Mapping[str, Any]
    validity: Callable[[OrderRequest, int], Params]
    find_by_client_id: Callable[[Any, OrderRequest], Awaitable[Sequence[RawOrder]]]
    fetch_trades: Callable[[Any, RawOrder], Awaitable[Sequence[RawOrder]]]
    credentials: Mapping[str, str] = field(default_factory=lambda: {"api_key": "apiKey", "secret": "secret"})
    client_id_param: str = "clientOrderId"
    sandbox: bool = False
    acknowledges_only: bool = False
    serial: bool = False
    signs_at_commit: bool = False
    headers: Callable[[OrderRequest, int], Mapping[str, str]] = _no_headers
    arrives_late_s: float = 0.0
    market_orders: bool = True
    times_in_force: frozenset[TimeInForce] = ALL_TIMES
    rules: tuple[Rule, ...] = ()
