"""What the market data process counts; served on its own port like a worker's."""

from prometheus_client import Counter, Gauge

market_data_messages_total = Counter("market_data_messages_total", "Order books that arrived.", ["exchange", "source"])
market_data_resyncs_total = Counter(
    "market_data_resyncs_total", "Streams that were begun anew.", ["exchange", "reason"]
)
market_data_books = Gauge("market_data_books", "Order books that are followed.", ["exchange"])
market_data_books_streamed = Gauge(
    "market_data_books_streamed", "Followed order books whose stream is alive; the others are asked for.", ["exchange"]
)
market_data_book_age_seconds = Gauge(
    "market_data_book_age_seconds", "Age of the oldest book that is followed.", ["exchange"]
)
