"""OKX: ccxt puts an update into the book before it looks at its number, and an error ends everybody's waiting."""

import re
from collections.abc import Mapping
from typing import Any

import ccxt.async_support as ccxt

from execution.exchanges.streaming.clients.base import Streaming

_NAMED = re.compile(r"channel:\s*(?P<channel>[\w-]+)\s*,\s*instId:\s*(?P<id>[\w-]+)")
"""A refused subscription, in the text of the error (60018)."""


class Okx(Streaming):
    """Every message names the one before it; numbers have holes, and may begin anew at a maintenance.

    Where nothing changes, a message every minute repeats its own number. The checksum is deprecated and 0 in all of
    them, so there is nothing to compare.
    """

    def before_book(self, message: Mapping[str, Any]) -> tuple[str, int | None]:
        symbol = str(self.safe_symbol(message["arg"]["instId"]))
        known = self.orderbooks.get(symbol)
        number = None if known is None else known["nonce"]
        for data in message["data"]:
            before = int(data["prevSeqId"])
            if message["action"] != "snapshot" and (number is None or before != number):
                raise self.lost(symbol, f"an update follows {before}, not {number}")
            number = int(data["seqId"])
        return symbol, number

    def handle_error_message(self, client: Any, message: Any) -> Any:
        if isinstance(message, str) or message.get("event") != "error":
            return super().handle_error_message(client, message)
        error = ccxt.BadRequest(f"okx {message.get('code')} {message.get('msg')}"[:200])
        named = _NAMED.search(str(message.get("msg")))
        name = f"{named['channel']}:{self.safe_symbol(named['id'])}" if named else ""
        if name in client.subscriptions:
            self.refuse(client, name, error)
        else:
            self.refuse_pending(client, error)
        return False
