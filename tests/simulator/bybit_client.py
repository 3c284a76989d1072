"""Bybit for tests: the real ccxt client, and requests signed by hand."""

import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import ccxt.async_support as ccxt

from execution.simulator.process import RunningSimulator

from .clients import BlockingClient, pointed, send

BYBIT_SECRET = "bybit-secret"


def bybit_client(url: str, api_key: str = "bybit-key", secret: str = BYBIT_SECRET) -> ccxt.bybit:
    """ccxt's Bybit, spot on a unified account, with exact numbers."""
    options = {
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        "enableUnifiedAccount": True,
        "enableUnifiedMargin": False,
        "unifiedMarginStatus": 6,
    }
    config = {"apiKey": api_key, "secret": secret, "number": str, "enableRateLimit": False, "options": options}
    return pointed(ccxt.bybit({**config, "has": {"fetchCurrencies": False}}), url)


def open_bybit(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    """ccxt's Bybit with 100,000 USDT and 2 BTC, and an exact BTC/USDT book."""
    simulator.control.upsert_account("bybit", "bybit-key", BYBIT_SECRET, {"USDT": "100000", "BTC": "2"})
    simulator.control.set_book(
        "bybit",
        "BTC/USDT",
        bids=[("49990", "1"), ("49980", "2")],
        asks=[("50010", "1"), ("50020", "2")],
    )
    return connect(bybit_client(simulator.base_urls["bybit"]))


def signed(
    host: str,
    method: str,
    path: str,
    fields: Mapping[str, object],
    *,
    offset_ms: int = 0,
    window: str | None = "5000",
    **headers: str,
) -> tuple[int, Any]:
    """Send a private request signed by hand; return status and answer. `offset_ms` moves its timestamp."""
    timestamp = str(int(time.time() * 1000) + offset_ms)
    payload = json.dumps(fields) if method == "POST" else urlencode(fields)
    text = timestamp + "bybit-key" + (window or "") + payload
    sent = {
        "X-BAPI-API-KEY": "bybit-key",
        "X-BAPI-TIMESTAMP": timestamp,
        "X-BAPI-SIGN": hmac.new(BYBIT_SECRET.encode(), text.encode(), "sha256").hexdigest(),
        "Content-Type": "application/json",
    }
    if window is not None:
        sent["X-BAPI-RECV-WINDOW"] = window
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {name: value for name, value in sent.items() if value}
    target, body = (path, payload) if method == "POST" else (f"{path}?{payload}", None)
    status, answer, _ = send(host, method, target, body, sent)
    return status, answer
