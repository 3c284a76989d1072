"""KuCoin for tests: the real ccxt client, and requests signed by hand."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import ccxt.async_support as ccxt

from execution.simulator.process import RunningSimulator

from .clients import BlockingClient, pointed, send

KUCOIN_SECRET = "kucoin-secret"
KUCOIN_PASSPHRASE = "kucoin-passphrase"


def kucoin_client(
    url: str, api_key: str = "kucoin-key", secret: str = KUCOIN_SECRET, passphrase: str = KUCOIN_PASSPHRASE
) -> ccxt.kucoin:
    """ccxt's KuCoin, spot on an account for high-frequency trading, with exact numbers."""
    options = {"fetchMarkets": {"types": ["spot"], "fetchTickersFees": False}, "hf": True, "uta": False}
    keys = {"apiKey": api_key, "secret": secret, "password": passphrase}
    return pointed(ccxt.kucoin({**keys, "number": str, "enableRateLimit": False, "options": options}), url)


def open_kucoin(simulator: RunningSimulator, connect: Callable[[Any], BlockingClient]) -> BlockingClient:
    """ccxt's KuCoin with 100,000 USDT and 2 BTC, an exact BTC/USDT book, and the markets loaded."""
    simulator.control.upsert_account(
        "kucoin", "kucoin-key", KUCOIN_SECRET, {"USDT": "100000", "BTC": "2"}, passphrase=KUCOIN_PASSPHRASE
    )
    simulator.control.set_book(
        "kucoin",
        "BTC/USDT",
        bids=[("49990", "1"), ("49980", "2")],
        asks=[("50010", "1"), ("50020", "2")],
    )
    client = connect(kucoin_client(simulator.base_urls["kucoin"]))
    client.load_markets(False, {"marginables": False})
    return client


def sign(message: str, secret: str = KUCOIN_SECRET) -> str:
    """Base64 of the HMAC-SHA256."""
    return base64.b64encode(hmac.digest(secret.encode(), message.encode(), "sha256")).decode()


def signed(
    host: str, method: str, path: str, fields: Mapping[str, object], *, offset_ms: int = 0, **headers: str | None
) -> tuple[int, Any]:
    """Send a private request signed by hand; return status and answer. `offset_ms` moves its timestamp."""
    timestamp = str(int(time.time() * 1000) + offset_ms)
    body = json.dumps(fields) if method == "POST" else ""
    target = path if method == "POST" else f"{path}?{urlencode(fields)}"
    sent: dict[str, str | None] = {
        "KC-API-KEY": "kucoin-key",
        "KC-API-KEY-VERSION": "2",
        "KC-API-TIMESTAMP": timestamp,
        "KC-API-PASSPHRASE": sign(KUCOIN_PASSPHRASE),
        "KC-API-SIGN": sign(timestamp + method + target + body),
        "Content-Type": "application/json",
    }
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {name: value for name, value in sent.items() if value is not None}
    status, answer, _ = send(host, method, target, body or None, kept)
    return status, answer
