"""Clients: they post signals, retry with the same key until they hear a 2xx, and remember what was promised to them."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

import aiohttp

GIVE_UP_S = 60.0
"""So long after everything is mended a client that has not heard a 2xx stops trying."""

TIMEOUT_S = 3.0
AT_ONCE = 4
"""Requests one user has under way at a time: more would only queue up at a server that is coming back."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 3.0
"""Clients pause longer each time, with jitter: as well-made clients do."""
IN_PARTS = 0.12
"""Share of the other signals that are traded in parts."""

EXCHANGES = ("binance", "bybit", "okx", "kucoin", "kraken", "firi", "coinbase", "alpaca")
_TRY_AGAIN = {408, 409, 425, 429}


@dataclass(frozen=True, slots=True)
class Item:
    """One signal. rests: a limit far from the market, which the client cancels `rests` seconds later."""

    key: str
    body: Mapping[str, Any]
    rests: float = 0.0


@dataclass(frozen=True, slots=True)
class Post:
    """One request: a signal or a small batch. at: seconds after the start. repeats: posted again after success."""

    at: float
    user: int
    items: tuple[Item, ...]
    repeats: bool = False


def plan(seed: int, orders: int, seconds: float, users: int) -> list[Post]:
    """Who posts what and when. The same arguments give the same plan."""
    random = Random(f"load:{seed}")  # noqa: S311 - repeatable on purpose
    posts: list[Post] = []
    made = 0
    while made < orders:
        size = min(orders - made, random.choice((2, 3, 5)) if random.random() < 0.15 else 1)
        items = tuple(_item(random, f"s{seed}-{made + n}", single=size == 1) for n in range(size))
        posts.append(Post(seconds * made / orders, random.randrange(users), items, random.random() < 0.15))
        made += size
    return posts


def _item(random: Random, key: str, *, single: bool) -> Item:
    named = random.random() < 0.75
    exchange = random.choices(EXCHANGES, (20, 14, 14, 12, 12, 4, 12, 12))[0] if named else ""
    body: dict[str, Any] = {"symbol": _symbol(random, exchange), "side": random.choice(("buy", "sell"))}
    body["amount"] = f"0.00{random.randint(2, 9)}" if body["symbol"].startswith("BTC") else f"0.{random.randint(3, 9)}"
    if exchange:
        body["exchange"] = exchange
    rests = 0.0
    if single and exchange not in {"", "firi"} and random.random() < 0.06:
        body |= {"order_type": "limit", "time_in_force": "GTC"}
        rests = random.uniform(0.3, 3.0)
    elif random.random() < 0.2:
        body["signal_type"] = "exit"
    elif random.random() < IN_PARTS:
        body |= _in_parts(random, Decimal(body["amount"]))
    return Item(key, body, rests)


def _in_parts(random: Random, amount: Decimal) -> dict[str, Any]:
    """Over time, a little at a time, or over several exchanges at once; each short enough for the end of a run."""
    return random.choice(
        (
            {"execution_method": "twap", "slices": 3, "horizon_s": random.randint(3, 6)},
            {"execution_method": "iceberg", "display_amount": str(amount * Decimal("0.4"))},
            {"routing_strategy": "optimal_split", "exchange": ""},
        )
    )


def _symbol(random: Random, exchange: str) -> str:
    if exchange == "firi":
        return random.choice(("BTC/NOK", "ETH/NOK"))
    if exchange in {"kraken", "coinbase", "alpaca"} and random.random() < 0.4:
        return random.choice(("BTC/USD", "ETH/USD"))
    return "BTC/USDT" if exchange == "alpaca" or random.random() < 0.7 else "ETH/USDT"


@dataclass(slots=True)
class Promises:
    """What clients know. accepted: key -> signal id of the first 2xx. broken: answers that contradict it."""

    accepted: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    """How long each single request took."""

    def heard(self, key: str, signal_id: str) -> None:
        """A 2xx for this key."""
        first = self.accepted.setdefault(key, signal_id)
        if first != signal_id:
            self.broken.append(f"{key} was accepted as {first} and again as {signal_id}")


class Load:
    """Runs a plan in a thread of its own. mids: prices to place resting orders away from."""

    def __init__(
        self, url: str, tokens: Sequence[str], posts: Sequence[Post], mids: Mapping[tuple[str, str], float], seed: int
    ) -> None:
        self._url, self._tokens, self._posts, self._mids = url, tokens, posts, mids
        self._random = Random(f"clients:{seed}")  # noqa: S311 - repeatable on purpose
        self.promises = Promises()
        self.cancelled = 0
        self._until = float("inf")
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._guarded, name="load", daemon=True)

    def start(self) -> None:
        """Begin posting."""
        self._thread.start()

    def mended(self) -> None:
        """Nothing is broken any more: patience is limited from now on."""
        self._until = time.monotonic() + GIVE_UP_S

    @property
    def running(self) -> bool:
        """Whether some client still posts or waits. Raises what ended the clients, if anything did."""
        if self._error is not None:
            raise RuntimeError("the clients failed") from self._error
        return self._thread.is_alive()

    def _guarded(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as e:
            self._error = e

    async def _run(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=10)
        self._turns = [asyncio.Semaphore(AT_ONCE) for _ in self._tokens]
        async with aiohttp.ClientSession(connector=connector) as session:
            began = time.monotonic()
            await asyncio.gather(*(self._client(session, post, began) for post in self._posts))

    async def _client(self, session: aiohttp.ClientSession, post: Post, began: float) -> None:
        await asyncio.sleep(max(0.0, began + post.at - time.monotonic()))
        items = {item.key: {**item.body, **self._limit(item)} for item in post.items}
        if not await self._until_accepted(session, post, items):
            return
        if post.repeats:
            await asyncio.sleep(self._random.uniform(0.0, 4.0))
            await self._until_accepted(session, post, items)
        for item in post.items:
            if item.rests:
                await asyncio.sleep(item.rests)
                await self._cancel(session, post, item)

    def _limit(self, item: Item) -> dict[str, str]:
        if not item.rests:
            return {}
        mid = self._mids[item.body["exchange"], item.body["symbol"]]
        return {"limit_price": str(int(mid * (0.97 if item.body["side"] == "buy" else 1.03)))}

    async def _until_accepted(
        self, session: aiohttp.ClientSession, post: Post, items: Mapping[str, Mapping[str, Any]]
    ) -> bool:
        waiting = dict(items)
        tries = 0
        while waiting:
            if time.monotonic() > self._until:
                self.promises.given_up += waiting
                return False
            for key in await self._post(session, post, waiting, tries):
                waiting.pop(key)
            if waiting:
                await self._pause(tries)
                tries += 1
        return True

    async def _pause(self, tries: int) -> None:
        await asyncio.sleep(min(FIRST_PAUSE_S * 1.6**tries, LONGEST_PAUSE_S) * self._random.uniform(0.5, 1.5))

    async def _post(
        self, session: aiohttp.ClientSession, post: Post, items: Mapping[str, Mapping[str, Any]], tries: int
    ) -> list[str]:
        """Post once; the keys that need no further try."""
        if len(post.items) == 1:
            ((key, body),) = items.items()
            status, answer = await self._call(session, post.user, "/api/signals", body, key, tries)
            return self._noted(key, status, answer)
        batch = {"signals": [{**body, "id": key} for key, body in items.items()]}
        status, answer = await self._call(session, post.user, "/api/signals/batch", batch, "", tries)
        if status not in {202, 400} or not isinstance(answer, dict):
            return []
        done: list[str] = []
        for key, result in zip(items, answer.get("results", []), strict=True):
            code = (result.get("error") or {}).get("code", "")
            done += self._noted(key, 202 if "id" in result and not code else 409 if "PROGRESS" in code else 400, result)
        return done

    def _noted(self, key: str, status: int, answer: Any) -> list[str]:
        if 200 <= status < 300:
            self.promises.heard(key, answer["id"])
            return [key]
        if status == 0 or status >= 500 or status in _TRY_AGAIN:
            return []
        self.promises.broken.append(f"{key} was refused with {status}: {json.dumps(answer)[:300]}")
        return [key]

    async def _cancel(self, session: aiohttp.ClientSession, post: Post, item: Item) -> None:
        path = f"/api/signals/{self.promises.accepted[item.key]}/cancel"
        tries = 0
        while time.monotonic() < self._until:
            status, _ = await self._call(session, post.user, path, None, "", tries)
            if status in {200, 202, 409}:
                self.cancelled += status != 409
                return
            await self._pause(tries)
            tries += 1

    async def _call(
        self, session: aiohttp.ClientSession, user: int, path: str, body: Any, key: str, tries: int
    ) -> tuple[int, Any]:
        """Status (0: no answer) and body."""
        # Patience grows, else a slow server would only work for clients that have left.
        timeout = aiohttp.ClientTimeout(total=min(TIMEOUT_S * 1.3**tries, 4 * TIMEOUT_S))
        headers = {"Authorization": f"Token {self._tokens[user]}"} | ({"Idempotency-Key": key} if key else {})
        async with self._turns[user]:
            return await self._send(session, self._url + path, body, headers, timeout)

    async def _send(
        self,
        session: aiohttp.ClientSession,
        url: str,
        body: Any,
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
    ) -> tuple[int, Any]:
        began = time.monotonic()
        try:
            async with session.post(url, json=body, headers=headers, timeout=timeout) as answer:
                status, data = answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as e:
            self.promises.tries[type(e).__name__] += 1
            return 0, None
        finally:
            self.promises.seconds.append(time.monotonic() - began)
        self.promises.tries[str(status)] += 1
        return status, data
