"""What the listings of all ccxt exchanges have in common: whole or not at all, page by page, every page metered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from execution.domain.orders import OrderStatus, OrderType, Side
from execution.exchanges.base import SeenOrder
from execution.exchanges.ccxt_parse import Raw, decimal, positive
from execution.exchanges.errors import ExchangeError
from policies.domain.reasons import ReasonCode

MOST_PAGES = 1_000
"""More than any account has; a list that is longer goes round in circles."""

DAY_MS = 86_400_000
_AT_ONCE = 8

S = OrderStatus


class Ask(Protocol):
    """One request to the exchange: counted, in turn where the keys want that, and patient with the limits."""

    async def __call__(self, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """Raises ExchangeError."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What is asked of one account. Times in epoch milliseconds by the exchange's clock, `since_ms` with its slack."""

    client: Any
    ask: Ask
    symbols: Collection[str]
    since_ms: int
    now_ms: int

    async def of_each_symbol(self, ask: Callable[[Any], Awaitable[Iterable[SeenOrder]]]) -> list[SeenOrder]:
        """Ask for every pair, several at once; `ask` gets ccxt's market. The first failure ends all.

        A pair that the exchange does not know has no orders; one that is only suspended is known.
        """
        known = sorted(symbol for symbol in set(self.symbols) if symbol in self.client.markets)
        slots = asyncio.Semaphore(_AT_ONCE)

        async def in_turn(symbol: str) -> Iterable[SeenOrder]:
            async with slots:
                return await ask(self.client.market(symbol))

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(in_turn(symbol)) for symbol in known]
        except ExceptionGroup as e:
            raise e.exceptions[0] from None
        return [order for task in tasks for order in task.result()]

    def windows(self, longest_ms: int) -> list[tuple[int, int | None]]:
        """From `since_ms` until now, in parts of at most `longest_ms`, both ends included. The last has no end."""
        begins = range(min(self.since_ms, self.now_ms), self.now_ms + 1, longest_ms)
        return [(begin, begin + longest_ms - 1 if begin + longest_ms <= self.now_ms else None) for begin in begins]


async def cursor_pages(
    ask: Callable[[Mapping[str, Any]], Awaitable[tuple[Sequence[dict[str, Any]], Mapping[str, Any]]]],
) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """All pages of a list. `ask` gets what continues it (nothing at first) and gives a page and what comes after.

    The last page is followed by nothing.
    """
    more: Mapping[str, Any] = {}
    for _ in range(MOST_PAGES):
        page, following = await ask(more)
        yield page
        if not following:
            return
        if following == more:
            break
        more = following
    raise incomplete("Its list of orders does not end.")


def incomplete(why: str) -> ExchangeError:
    """Why a listing cannot be whole."""
    return ExchangeError(ReasonCode.EXCHANGE_UNAVAILABLE, why)


def seen(order: Raw, word: Any, words: Mapping[str, OrderStatus], *, client_order_id: Any, **known: Any) -> SeenOrder:
    """A ccxt order as we show it. word: the exchange's own for its state; one that is not in `words` is an error.

    known: what ccxt does not tell right: `amount`, `price`, `filled` or `symbol`.
    """
    if word not in words:
        raise ExchangeError(ReasonCode.EXCHANGE_UNAVAILABLE, f"An order is in a state we do not know: {word!r}.")
    told = {**order, **known}
    if not (told.get("id") and told.get("symbol") and told.get("timestamp")):
        raise incomplete("An order has no id, no pair or no time.")
    filled, price = decimal(told.get("filled")), positive(told.get("price"))
    is_market = told.get("type") == "market" or price is None
    return SeenOrder(
        client_order_id=str(client_order_id or ""),
        exchange_order_id=str(told["id"]),
        symbol=str(told["symbol"]),
        side=Side(told["side"]),
        order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
        amount=filled if told.get("amount") is None else decimal(told["amount"]),
        price=None if is_market else price,
        status=_status(words[word], filled),
        filled_amount=filled,
        created_at=int(told["timestamp"]) / 1000,
    )


def _status(status: OrderStatus, filled: Decimal) -> OrderStatus:
    return S.PARTIALLY_FILLED if status == S.OPEN and filled else status
