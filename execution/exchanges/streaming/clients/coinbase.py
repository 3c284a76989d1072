"""Coinbase: ccxt does not look at the numbers of messages, and does not keep quiet channels open."""

import asyncio
from collections.abc import Mapping
from typing import Any

import ccxt.async_support as ccxt

from execution.exchanges.streaming.clients.base import Gap, Streaming


class Coinbase(Streaming):
    """`sequence_num` counts all messages of a connection, of every channel and pair: where one is missing nobody knows
    whose it was, and all books of the connection are begun anew.

    A channel that says nothing for a minute is closed, unless the connection has subscribed to heartbeats as well. A
    book in USDC is the one in USD, and comes under that name.
    """

    def check_message(self, client: Any, message: Any) -> None:
        number = message.get("sequence_num")
        if number is None:
            return
        last = getattr(client, "last_number", None)
        client.last_number = int(number)
        if last is not None and client.last_number != last + 1:
            raise Gap(f"coinbase: message {number} does not follow {last}")

    def before_book(self, message: Mapping[str, Any]) -> tuple[str, int | None]:
        return str(self.safe_symbol(message["events"][0]["product_id"])), int(message["sequence_num"])

    def source(self, symbol: str) -> str:
        alias = self.market(symbol)["info"].get("alias")
        return str(self.safe_symbol(alias)) if alias and alias in self.markets_by_id else symbol

    def on_connected(self, client: Any, message: Any = None) -> None:
        super().on_connected(client, message)
        asyncio.ensure_future(_keep_open(client))  # noqa: RUF006 - the loop holds it until it has sent one message

    def handle_message(self, client: Any, message: Any) -> None:
        if isinstance(message, dict) and message.get("type") == "error":
            error = ccxt.BadRequest(f"coinbase {message.get('message')} {message.get('reason', '')}"[:200])
            try:
                self.refuse_pending(client, error)
            except ccxt.BadRequest:
                client.on_error(error)
            return
        super().handle_message(client, message)


async def _keep_open(client: Any) -> None:
    try:
        await client.send({"type": "subscribe", "channel": "heartbeats", "product_ids": []})
    except Exception as e:
        client.on_error(ccxt.NetworkError(str(e)[:200]))
