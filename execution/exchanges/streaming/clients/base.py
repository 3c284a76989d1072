"""What all streaming clients have in common: receiving that never ends in silence, and books that are checked."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import ccxt.async_support as ccxt

from execution.exchanges.ccxt_client import Guard

Row = Sequence[float]
"""Price and amount, as ccxt keeps them; there may be more columns."""


_ENDING = re.compile("[:@]")
"""Between the kind of a subscription and whose it is."""


class Gap(ccxt.NetworkError):  # type: ignore[misc]
    """Updates were lost."""


class Restart(ccxt.NetworkError):  # type: ignore[misc]
    """We dropped the connection ourselves."""


class Streaming(Guard):
    """A ccxt.pro client. A book that fails a check is forgotten at once, and its connection is opened anew: for most
    exchanges only that is sure to bring a snapshot.
    """

    clients: dict[str, Any]
    markets: dict[str, Any]
    markets_by_id: dict[str, list[Any]]
    orderbooks: dict[str, Any]

    def client(self, url: str) -> Any:
        """A connection, by its address. A message that is no JSON (a bare NaN, for one) ends it; ccxt would stop
        reading without a word.
        """
        client = super().client(url)
        if "handle_text_or_binary_message" not in vars(client):
            take = client.handle_text_or_binary_message

            def guarded(data: Any) -> None:
                try:
                    take(data)
                except Exception as e:
                    client.on_error(ccxt.NetworkError(f"unreadable: {e!r}"[:200]))

            client.handle_text_or_binary_message = guarded
        return client

    def handle_message(self, client: Any, message: Any) -> None:
        try:
            self.check_message(client, message)
            super().handle_message(client, message)
        except Exception as e:
            # ccxt would stop reading and leave everybody waiting.
            client.on_error(e if isinstance(e, ccxt.BaseError) else ccxt.NetworkError(f"unreadable: {e!r}"[:200]))

    def handle_order_book(self, client: Any, message: Any) -> None:
        symbol, number = self.before_book(message)
        super().handle_order_book(client, message)
        book = self.orderbooks.get(symbol)
        if book is None:
            return
        if number is not None:
            book["nonce"] = number
        self.after_book(client, symbol, book, message)

    def on_error(self, client: Any, error: Any) -> None:
        if not self.is_over(client):
            self.forget_books_of(client)
        super().on_error(client, error)

    def on_close(self, client: Any, error: Any) -> None:
        if not self.is_over(client):
            self.forget_books_of(client)
        super().on_close(client, error)

    def check_message(self, client: Any, message: Any) -> None:
        """Look at any message before it is handled. Raises Gap."""

    def before_book(self, message: Mapping[str, Any]) -> tuple[str, int | None]:
        """The symbol of a message, and the number the book has after it. Raises Gap before anything is changed."""
        return "", None

    def after_book(self, client: Any, symbol: str, book: Mapping[str, Any], message: Mapping[str, Any]) -> None:
        """Check the book once the message is in it. Raises Gap."""

    def source(self, symbol: str) -> str:
        """The symbol under which the book of `symbol` comes."""
        return symbol

    def sides(self, symbol: str, book: Mapping[str, Any]) -> tuple[Sequence[Row], Sequence[Row]] | None:
        """Bids and asks of a book as far as they are known; None: it is being asked for."""
        return book["bids"], book["asks"]

    def symbol_of(self, name: str) -> str:
        """The symbol of a subscription, which ends in it or in the exchange's own id; empty: it is no book's."""
        ending = _ENDING.split(name)[-1]
        if ending in (self.markets or {}):
            return ending
        return str(self.markets_by_id[ending][0]["symbol"]) if ending in (self.markets_by_id or {}) else ""

    def is_over(self, client: Any) -> bool:
        """Whether another connection has taken the place of this one."""
        return self.clients.get(client.url) is not client

    def forget_books_of(self, client: Any) -> None:
        """What came over a connection is not followed any more, and must not be mixed with what the next one brings."""
        for name in client.subscriptions:
            self.orderbooks.pop(self.symbol_of(name), None)

    def refuse_pending(self, client: Any, error: Exception) -> None:
        """An error that names no pair is about those that have no book yet; the others on the connection go on.

        Raises the error where nobody waits for a first book.
        """
        symbols = {name: self.symbol_of(name) for name in client.subscriptions}
        pending = [name for name, symbol in symbols.items() if symbol and symbol not in self.orderbooks]
        if not pending:
            raise error
        for name in pending:
            self.refuse(client, name, error)

    def refuse(self, client: Any, name: str, error: Exception) -> None:
        """Nothing comes of this subscription; the next who waits for its book subscribes again."""
        self.orderbooks.pop(self.symbol_of(name), None)
        client.subscriptions.pop(name, None)
        client.reject(error, name)

    def lost(self, symbol: str, detail: str) -> Gap:
        """Forget a book that is wrong; the error to raise."""
        self.orderbooks.pop(symbol, None)
        return Gap(f"{self.id} {symbol}: {detail}")
