"""Alpaca for tests: the real ccxt client, and requests made by hand."""

import json
from collections.abc import Callable, Mapping
from http.client import HTTPMessage
from typing import Any
from urllib.parse import urlencode

import ccxt.async_support as ccxt

from execution.simulator.process import RunningSimulator

from .clients import BlockingClient, pointed, send

ALPACA_SECRET = "alpaca-secret"


def alpaca_client(url: str, api_key: str = "alpaca-key", secret: str = ALPACA_SECRET) -> ccxt.alpaca:
    """ccxt's Alpaca with exact numbers."""
    config = {"apiKey": api_key, "secret": secret, "number": str, "enableRateLimit": False}
    return pointed(ccxt.alpaca(config), url)


def open_alpaca(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    """ccxt's Alpaca with 100,000 USD and 2 BTC, and an exact BTC/USD book."""
    simulator.control.upsert_account("alpaca", "alpaca-key", ALPACA_SECRET, {"USD": "100000", "BTC": "2"})
    simulator.control.set_book(
        "alpaca",
        "BTC/USD",
        bids=[("49990", "1"), ("49980", "2")],
        asks=[("50010", "1"), ("50020", "2")],
    )
    return connect(alpaca_client(simulator.base_urls["alpaca"]))


def ask(
    host: str,
    method: str,
    path: str,
    fields: Mapping[str, object] | None = None,
    *,
    key: str = "alpaca-key",
    secret: str = ALPACA_SECRET,
) -> tuple[int, Any, HTTPMessage]:
    """Send a private request; return status, answer and headers. Empty keys are left out."""
    headers = {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": secret}
    headers = {name: value for name, value in headers.items() if value}
    if method == "POST":
        return send(host, method, path, json.dumps(fields), {**headers, "Content-Type": "application/json"})
    return send(host, method, f"{path}?{urlencode(fields)}" if fields else path, None, headers)
