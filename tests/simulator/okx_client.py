"""ccxt's real OKX client for tests, and an account for it."""

from collections.abc import Callable
from typing import Any

import ccxt.async_support as ccxt

from execution.simulator.process import RunningSimulator

from .clients import BlockingClient, pointed

OKX_KEY, OKX_SECRET, OKX_PASSPHRASE = "okx-key", "okx-secret", "okx-phrase"


def okx_client(
    url: str, api_key: str = OKX_KEY, secret: str = OKX_SECRET, passphrase: str = OKX_PASSPHRASE
) -> ccxt.okx:
    """ccxt's OKX, spot only, with exact numbers and the endpoint of single orders."""
    config = {
        "apiKey": api_key,
        "secret": secret,
        "password": passphrase,
        "number": str,
        "enableRateLimit": False,
        "has": {"fetchCurrencies": False},
        "options": {"fetchMarkets": {"types": ["spot"]}, "createOrder": "privatePostTradeOrder"},
    }
    return pointed(ccxt.okx(config), url)


def open_okx(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    """ccxt's OKX with 100,000 USDT and 2 BTC, and an exact BTC/USDT book."""
    simulator.control.upsert_account(
        "okx", OKX_KEY, OKX_SECRET, {"USDT": "100000", "BTC": "2"}, passphrase=OKX_PASSPHRASE
    )
    simulator.control.set_book(
        "okx",
        "BTC/USDT",
        bids=[("49990", "1"), ("49980", "2")],
        asks=[("50010", "1"), ("50020", "2")],
    )
    return connect(okx_client(simulator.base_urls["okx"]))


def raw(okx: BlockingClient, method: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Call one of ccxt's raw methods, expecting success; return the answer's data."""
    [answer] = okx.together(lambda client: getattr(client, method)(parameters))
    rows: list[dict[str, Any]] = answer["data"]
    return rows
