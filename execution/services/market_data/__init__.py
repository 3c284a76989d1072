"""Order books: one process follows them for all and shares them over Redis; whoever prices an order reads them there.

Redis is a cache: without it, or without a fresh book in it, the exchange is asked.
"""

from execution.services.market_data.cache import BookCache
from execution.services.market_data.shared import SharedBooks

__all__ = ["BookCache", "SharedBooks"]
