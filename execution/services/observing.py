"""An adapter that tells how each of its calls went. Everything the platform asks an exchange passes through here."""

import asyncio
import time
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from execution.domain.book import OrderBook
from execution.domain.market import Market
from execution.domain.reports import OrderReport
from execution.domain.trade_tape import RecentTrades
from execution.exchanges.base import AccountFees, Balance, Exchange, KeyPermissions, OrderRequest, Ping, SeenOrder
from execution.exchanges.errors import ExchangeError, NotSent
from policies.domain.reasons import ReasonCode

T = TypeVar("T")


class CallKind(StrEnum):
    """What was asked: market data, a new order, anything about orders and accounts, or a cancel.

    Only placements decide about the circuit breaker: an exchange that answers questions and takes no orders is no use.
    """

    DATA = "data"
    PLACE = "place"
    TRADE = "trade"
    CANCEL = "cancel"


_THEIR_FAULT = frozenset({ReasonCode.OUTCOME_UNKNOWN, ReasonCode.EXCHANGE_UNAVAILABLE, ReasonCode.EXCHANGE_MAINTENANCE})
_FAULT_OF_THE_KEYS = frozenset({ReasonCode.AUTHENTICATION_FAILED, ReasonCode.CLOCK_SKEW})


@dataclass(frozen=True, slots=True)
class Call:
    """One call that has ended. failed: the exchange is to blame. keys_failed: these keys are.

    is_book: it brought an order book.
    """

    exchange: str
    credential: str | None
    kind: CallKind
    at: float
    took_s: float
    failed: bool
    keys_failed: bool
    why: str = ""
    is_book: bool = False


class Watch(Protocol):
    """Who is told."""

    def note(self, call: Call) -> None:
        """This call has ended. Never raises, never waits."""


class ObservedExchange:
    """An `Exchange` that is watched."""

    def __init__(self, adapter: Exchange, watch: Watch, credential: str | None = None) -> None:
        self.slug = adapter.slug
        self._adapter = adapter
        self._watch = watch
        self._credential = credential

    async def place(self, request: OrderRequest) -> OrderReport:
        """See `Exchange.place`."""
        return await self._watched(CallKind.PLACE, self._adapter.place(request))

    async def look_up(self, request: OrderRequest) -> OrderReport | None:
        """See `Exchange.look_up`."""
        return await self._watched(CallKind.TRADE, self._adapter.look_up(request))

    async def cancel(self, request: OrderRequest) -> OrderReport | None:
        """See `Exchange.cancel`."""
        return await self._watched(CallKind.CANCEL, self._adapter.cancel(request))

    async def orders_since(self, symbols: Collection[str], since: float) -> Sequence[SeenOrder]:
        """See `Exchange.orders_since`."""
        return await self._watched(CallKind.TRADE, self._adapter.orders_since(symbols, since))

    async def baseline(self, request: OrderRequest) -> Mapping[str, Any] | None:
        """See `Exchange.baseline`."""
        return await self._watched(CallKind.TRADE, self._adapter.baseline(request))

    async def order_book(self, symbol: str, depth: int) -> OrderBook:
        """See `Exchange.order_book`."""
        return await self._watched(CallKind.DATA, self._adapter.order_book(symbol, depth), is_book=True)

    async def trades(self, symbol: str) -> RecentTrades:
        """See `Exchange.trades`."""
        return await self._watched(CallKind.DATA, self._adapter.trades(symbol))

    async def markets(self) -> Sequence[Market]:
        """See `Exchange.markets`."""
        return await self._watched(CallKind.DATA, self._adapter.markets())

    async def balances(self) -> Mapping[str, Balance]:
        """See `Exchange.balances`."""
        return await self._watched(CallKind.TRADE, self._adapter.balances())

    async def key_permissions(self) -> KeyPermissions:
        """See `Exchange.key_permissions`."""
        return await self._watched(CallKind.TRADE, self._adapter.key_permissions())

    async def account_fees(self) -> AccountFees | None:
        """See `Exchange.account_fees`. Keys that may not ask for it are as good as before."""
        return await self._adapter.account_fees()

    async def ping(self) -> Ping:
        """See `Exchange.ping`. The poller stores what it finds itself."""
        return await self._adapter.ping()

    async def _watched(self, kind: CallKind, call: Awaitable[T], *, is_book: bool = False) -> T:
        began = time.perf_counter()
        try:
            answer = await call
        except ExchangeError as e:
            failed, keys_failed = e.venue_fault or e.code in _THEIR_FAULT, e.code in _FAULT_OF_THE_KEYS
            answered = not isinstance(e, NotSent) and e.code != ReasonCode.RATE_LIMITED
            if failed or keys_failed or answered:
                self._tell(kind, began, failed=failed, keys_failed=keys_failed, why=e.detail)
            raise
        except asyncio.CancelledError:
            # The caller's patience was over first.
            self._tell(kind, began, failed=True, why="No answer in time.")
            raise
        self._tell(kind, began, is_book=is_book)
        return answer

    def _tell(
        self,
        kind: CallKind,
        began: float,
        *,
        failed: bool = False,
        keys_failed: bool = False,
        why: str = "",
        is_book: bool = False,
    ) -> None:
        took_s = time.perf_counter() - began
        ended = Call(self.slug, self._credential, kind, time.time(), took_s, failed, keys_failed, why, is_book)
        self._watch.note(ended)
