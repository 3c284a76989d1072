"""Coinbase for tests: the real ccxt client, and requests signed by hand."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import ccxt.async_support as ccxt

from execution.exchanges.transport import Transport
from execution.simulator.process import RunningSimulator
from tests.coinbase_keys import API_KEY, SECRET

from .clients import BlockingClient, send

ROOT = "/api/v3/brokerage"


def coinbase_client(url: str, api_key: str = API_KEY, secret: str = SECRET) -> ccxt.coinbase:
    """ccxt's Coinbase with exact numbers. Only its socket goes elsewhere: the tokens name the real host."""
    config = {
        "apiKey": api_key,
        "secret": secret,
        "number": str,
        "enableRateLimit": False,
        "session": Transport(url),
        "has": {"fetchCurrencies": False},
        "options": {"fetchBalance": "v3PrivateGetBrokerageAccounts"},
    }
    return ccxt.coinbase(config)


def coinbase_clients(
    simulator: RunningSimulator, runner: asyncio.Runner, connect: Callable[[Any], BlockingClient]
) -> Iterator[Callable[..., BlockingClient]]:
    """A function that opens clients of an account with 100,000 USD and 2 BTC; the BTC/USD book is exact."""
    simulator.control.upsert_account("coinbase", API_KEY, SECRET, {"USD": "100000", "BTC": "2"})
    simulator.control.set_book(
        "coinbase",
        "BTC/USD",
        bids=[("49990", "1"), ("49980", "2")],
        asks=[("50010", "1"), ("50020", "2")],
    )
    opened: list[Transport] = []

    def open_client(api_key: str = API_KEY, secret: str = SECRET) -> BlockingClient:
        async def build() -> Any:
            return coinbase_client(simulator.base_urls["coinbase"], api_key, secret)

        client = runner.run(build())
        opened.append(client.session)
        return connect(client)

    yield open_client

    async def close_all() -> None:
        await asyncio.gather(*(session.close() for session in opened))

    runner.run(close_all())


def token(
    method: str,
    path: str,
    *,
    secret: str = SECRET,
    header: Mapping[str, object] | None = None,
    life_s: int = 120,
    age_s: int = 0,
    **claims: object,
) -> str:
    """A token for one request, `age_s` seconds old. header, claims: what differs from a good one."""
    begins = int(time.time()) - age_s
    good = {
        "iss": "cdp",
        "sub": API_KEY,
        "nbf": begins,
        "exp": begins + life_s,
        "uri": f"{method} api.coinbase.com{path}",
    }
    extra = {"alg": "ES256", "kid": API_KEY, "nonce": "0123456789abcdef", **(header or {})}
    return str(ccxt.Exchange.jwt({**good, **claims}, secret.encode(), "sha256", False, extra))


def signed(
    host: str,
    method: str,
    path: str,
    fields: Mapping[str, object] | None = None,
    authorization: str | None = None,
) -> tuple[int, Any]:
    """Send a private request; return status and answer. A good token is added unless an authorization is given."""
    target, body = f"{ROOT}{path}", None
    bearer = authorization if authorization is not None else f"Bearer {token(method, target)}"
    if method == "POST":
        body = json.dumps(fields)
    elif fields:
        target += "?" + urlencode(fields, doseq=True)
    headers = {"Authorization": bearer, "Content-Type": "application/json"}
    status, answer, _ = send(host, method, target, body, headers)
    return status, answer
