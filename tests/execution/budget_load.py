"""One process of the load in test_budgets: many keys call one endpoint as fast as their budgets let them."""

import asyncio
import json
import sys
import time
from collections import defaultdict

import aiohttp

from execution.services.budgets import Budgets

KEYS = 5
AT_ONCE = 20


async def main(url: str, redis_url: str, share: float, calls: int, name: str) -> None:
    """Prints how many calls were answered and refused, and each key's mean wait in seconds."""
    budgets = Budgets(redis_url, share=share, on_ban=lambda ban: None)
    meters = {f"{name}-{number}": budgets.meter("okx", f"{name}-{number}") for number in range(KEYS)}
    waits: defaultdict[str, list[float]] = defaultdict(list)
    counts: defaultdict[str, int] = defaultdict(int)
    numbers = iter(range(calls))

    async def caller() -> None:
        for number in numbers:
            key = f"{name}-{number % KEYS}"
            began = time.perf_counter()
            await meters[key].take("GET public/time")
            waits[key].append(time.perf_counter() - began)
            async with session.get(f"{url}/api/v5/public/time") as answer:
                counts["answered" if answer.status == 200 else "refused"] += 1
                await answer.read()

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    await budgets.close()
    means = {key: sum(values) / len(values) for key, values in waits.items()}
    print(json.dumps({"answered": counts["answered"], "refused": counts["refused"], "mean_wait_by_key": means}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
