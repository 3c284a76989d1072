"""One row of the table of what each ccxt exchange does differently."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from execution.domain.orders import TimeInForce
from execution.exchanges.base import AccountFees, KeyPermissions, OrderRequest, SeenOrder
from execution.exchanges.listing import Listing
from execution.exchanges.outcomes import Rule

Params = dict[str, Any]
RawOrder = dict[str, Any]
ALL_TIMES = frozenset(TimeInForce)


def _no_headers(_: OrderRequest, __: int) -> Mapping[str, str]:
    return {}


def _no_options(_: OrderRequest) -> Mapping[str, Any]:
    return {}


def _not_told(_: Mapping[str, str]) -> float | None:
    return None


async def _balance_only(client: Any) -> KeyPermissions:
    await client.fetch_balance()
    return KeyPermissions()


async def _fees_not_told(_: Any) -> AccountFees | None:
    return None


async def _fetch_order(client: Any, request: OrderRequest) -> Sequence[RawOrder]:
    return [await client.fetch_order(request.exchange_order_id, request.symbol)]


def _no_params(_: OrderRequest) -> Params:
    return {}


@dataclass(frozen=True, slots=True)
class PublicTrades:
    """How the market's latest trades are asked for: how many at once, and further parameters of ccxt.

    back_s: where they are asked for from a moment on, how far that is back; 0: the exchange gives the latest.
    """

    limit: int
    params: Mapping[str, Any] = field(default_factory=dict)
    back_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Quirks:
    """One row of the table.

    options: passed to ccxt so that only spot is loaded and no hidden calls are made.
    paths: the only REST paths this client may ever call; nothing that withdraws or transfers is in reach.
    credentials: our field -> ccxt attribute.
    validity: params that make the exchange refuse the order when it arrives after `request.valid_until`; the second
    argument is how many milliseconds our clock is ahead of the exchange's.
    order_params: further params of a placement.
    client_id_param: the ccxt parameter that carries our id.
    fetches_currencies: whether ccxt may ask for the currencies before it loads markets.
    markets_params: what ccxt is told when it loads markets.
    key_permissions: what the keys may do; without an endpoint for it, only whether they are accepted.
    account_fees: what the account pays; None where the exchange has no endpoint for it.
    find_by_client_id: all orders, open or closed, that the exchange has under our id.
    find_by_exchange_id: the same under the exchange's id.
    fetch_trades: the executions of an order as ccxt trades.
    list_orders: all orders created since a moment, and maybe older ones; of one order that is there several times, the
    last is the freshest.
    public_trades: see `PublicTrades`.
    lists_by_symbol: it lists the orders of one pair at a time.
    lists_back_s: how far back it lists closed orders that were filled.
    acknowledges_only: the answer to a placement holds an id but no outcome.
    serial: private calls of one key must arrive one after the other (nonces).
    signs_at_commit: a placement is signed with the committed instant as its time, which the exchange bounds.
    signature_lives_s: how long after its instant a signature is honoured, where that is fixed: a placement is then
    signed as of so long before `request.valid_until` that both end together, rounded up to a whole second.
    signing_options: ccxt options that hold while a placement is signed.
    headers: unsigned headers of a placement.
    retry_after_s: the wait an answer's headers ask for, where they have no Retry-After.
    arrives_late_s: how long after `request.valid_until` the exchange may still accept the order; 0 where it refuses.
    rules: error texts that prove more than their ccxt class does.
    """

    slug: str
    paths: frozenset[str]
    options: Mapping[str, Any]
    validity: Callable[[OrderRequest, int], Params]
    find_by_client_id: Callable[[Any, OrderRequest], Awaitable[Sequence[RawOrder]]]
    fetch_trades: Callable[[Any, RawOrder], Awaitable[Sequence[RawOrder]]]
    list_orders: Callable[[Listing], Awaitable[Sequence[SeenOrder]]]
    public_trades: PublicTrades
    credentials: Mapping[str, str] = field(default_factory=lambda: {"api_key": "apiKey", "secret": "secret"})
    find_by_exchange_id: Callable[[Any, OrderRequest], Awaitable[Sequence[RawOrder]]] = _fetch_order
    key_permissions: Callable[[Any], Awaitable[KeyPermissions]] = _balance_only
    account_fees: Callable[[Any], Awaitable[AccountFees | None]] = _fees_not_told
    order_params: Callable[[OrderRequest], Params] = _no_params
    lists_by_symbol: bool = False
    lists_back_s: float = math.inf
    client_id_param: str = "clientOrderId"
    fetches_currencies: bool = True
    markets_params: Mapping[str, Any] = field(default_factory=dict)
    sandbox: bool = False
    acknowledges_only: bool = False
    serial: bool = False
    signs_at_commit: bool = False
    signature_lives_s: int | None = None
    signing_options: Callable[[OrderRequest], Mapping[str, Any]] = _no_options
    headers: Callable[[OrderRequest, int], Mapping[str, str]] = _no_headers
    retry_after_s: Callable[[Mapping[str, str]], float | None] = _not_told
    arrives_late_s: float = 0.0
    market_orders: bool = True
    times_in_force: frozenset[TimeInForce] = ALL_TIMES
    rules: tuple[Rule, ...] = ()
