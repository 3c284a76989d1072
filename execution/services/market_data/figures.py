"""What the market data process counts; served on its own port like a worker's."""

from prometheus_client import Counter, Gauge

market_data_messages_total = Counter("market_data_messages_total", "Order books that arrived.", ["exchange", "source"])
market_data_resyncs_total = Counter(
    "market_data_resyncs_total", "Streams that were begun anew.", ["exchange", "reason"]
)
market_trades_total = Counter("market_trades_total", "Trades of the market that were counted.", ["exchange"])
market_trade_gaps_total = Counter(
    "market_trade_gaps_total", "How often trades of the market may have been missed.", ["exchange"]
)
market_trades_refused_total = Counter(
    "market_trades_refused_total", "Trades of the market that could not be what they said.", ["exchange"]
)
market_data_books = Gauge("market_data_books", "Order books that are followed.", ["exchange"])
market_data_books_streamed = Gauge(
    "market_data_books_streamed", "Followed order books whose stream is alive; the others are asked for.", ["exchange"]
)
market_data_book_age_seconds = Gauge(
    "market_data_book_age_seconds", "Age of the oldest book that is followed.", ["exchange"]
)
