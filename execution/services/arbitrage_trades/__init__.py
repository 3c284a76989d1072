"""Arbitrage that is traded: what could be done now, beginning it, going on with it, and what people decide."""

from execution.services.arbitrage_trades.deciding import accept, trade_rest
from execution.services.arbitrage_trades.offers import Offer, offer_of
from execution.services.arbitrage_trades.runner import advance
from execution.services.arbitrage_trades.starting import Refused, Started, start

__all__ = ["Offer", "Refused", "Started", "accept", "advance", "offer_of", "start", "trade_rest"]
