"""Order books that are shared by the processes of this installation."""

from execution.domain.book import OrderBook


def shared_books(symbol: str) -> dict[str, OrderBook]:
    """The newest shared book of a pair by exchange, however old each is; exchanges without are missing.

    Nothing shares books yet, so there are none.
    """
    return {}
