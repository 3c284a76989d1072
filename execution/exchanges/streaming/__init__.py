"""Order books over websockets. ccxt.pro keeps them; what it does not check or does wrongly, `clients` puts right."""

from execution.exchanges.streaming.book_stream import BookStream, LiveBook, StreamBroken
from execution.exchanges.streaming.clients import STREAMED

__all__ = ["STREAMED", "BookStream", "LiveBook", "StreamBroken"]
