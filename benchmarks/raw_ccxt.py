"""The limit: a bare asyncio loop around ccxt, no database, no rules. Prints orders per second."""

import argparse
import asyncio
import json
import re
import time
import uuid

import ccxt.async_support as ccxt
import uvloop


async def run(base_url: str, keys: list[tuple[str, str]], orders: int, concurrency: int) -> float:
    clients = [await _client(base_url, key, secret) for key, secret in keys]
    for client in clients[1:]:
        client.set_markets_from_exchange(clients[0])
    await _place(clients, 100, concurrency)  # connections are opened, caches are warm
    began = time.perf_counter()
    await _place(clients, orders, concurrency)
    took = time.perf_counter() - began
    await asyncio.gather(*(client.close() for client in clients))
    return orders / took


async def _place(clients: list[ccxt.binance], orders: int, concurrency: int) -> None:
    numbers = iter(range(orders))

    async def worker() -> None:
        for number in numbers:
            client = clients[number % len(clients)]
            params = {"timeInForce": "IOC", "clientOrderId": uuid.uuid4().hex}
            order = await client.create_order("BTC/USDT", "limit", "buy", "0.001", "97000", params)
            assert order["status"] == "closed", order

    await asyncio.gather(*(worker() for _ in range(concurrency)))


async def _client(base_url: str, key: str, secret: str) -> ccxt.binance:
    client = ccxt.binance(
        {
            "apiKey": key,
            "secret": secret,
            "enableRateLimit": False,
            "options": {
                "defaultType": "spot",
                "fetchMarkets": {"types": ["spot"]},
                "fetchCurrencies": False,
                "fetchMargins": False,
            },
        }
    )
    for name, url in client.urls["api"].items():
        if isinstance(url, str):
            client.urls["api"][name] = re.sub(r"^https?://[^/]+", base_url, url)
    if not client.markets:
        await client.load_markets()
    return client


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("base_url")
    parser.add_argument("keys", help="JSON list of [key, secret]")
    parser.add_argument("--orders", type=int, default=3000)
    parser.add_argument("--concurrency", type=int, default=100)
    options = parser.parse_args()
    pairs = [tuple(pair) for pair in json.loads(options.keys)]
    print(uvloop.run(run(options.base_url, pairs, options.orders, options.concurrency)))
