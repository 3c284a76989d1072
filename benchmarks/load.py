"""Load on the HTTP API, from a process of its own. Prints how long the posting took."""

import argparse
import asyncio
import json
import time
import uuid
from typing import Any

import aiohttp
import uvloop

SIGNAL = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.001"}


async def run(url: str, tokens: list[str], orders: int, batch: int, concurrency: int) -> float:
    """Post `orders` signals, `batch` at a time (1: the single endpoint). Seconds it took."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:
        calls = iter(range(orders // batch))
        began = time.perf_counter()

        async def worker() -> None:
            for number in calls:
                await _post(session, url, tokens[number % len(tokens)], batch)

        await asyncio.gather(*(worker() for _ in range(concurrency)))
        return time.perf_counter() - began


async def _post(session: aiohttp.ClientSession, url: str, token: str, batch: int) -> None:
    headers = {"Authorization": f"Token {token}"}
    if batch == 1:
        path = "/api/signals"
        body: dict[str, Any] = {**SIGNAL, "id": uuid.uuid4().hex}
    else:
        path = "/api/signals/batch"
        body = {"signals": [{**SIGNAL, "id": uuid.uuid4().hex} for _ in range(batch)]}
    async with session.post(url + path, json=body, headers=headers) as answer:
        if answer.status != 202:
            raise SystemExit(f"{answer.status}: {await answer.text()}")
        await answer.read()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("tokens", help="JSON list")
    parser.add_argument("--orders", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--concurrency", type=int, default=8)
    options = parser.parse_args()
    print(uvloop.run(run(options.url, json.loads(options.tokens), options.orders, options.batch, options.concurrency)))
