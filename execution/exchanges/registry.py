"""Which adapter speaks for which exchange. A dict, and the pool that shares their connections."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

from execution.domain.orders import TimeInForce
from execution.domain.sizing import Capabilities
from execution.exchanges.base import Exchange
from execution.exchanges.ccxt_client import new_client
from execution.exchanges.ccxt_exchange import CcxtExchange
from execution.exchanges.firi import FiriExchange
from execution.exchanges.firi_auth import FiriSigning, auth_for
from execution.exchanges.metering import Meter, unmetered
from execution.exchanges.paper import PaperExchange
from execution.exchanges.quirks import QUIRKS
from execution.exchanges.transport import Transport
from policies.domain.credentials import check_secrets

if TYPE_CHECKING:
    from execution.exchanges.streaming import BookStream


@dataclass(frozen=True, slots=True)
class Traits:
    """What the platform must know of an exchange before it sends anything.

    fingerprint: it keeps no client order id, so its orders are exclusive in doubt and get peculiar amounts.
    serial: private calls of one key go one after the other.
    arrives_late_s: how long after its validity an order may still be accepted there.
    exact_quote: its executions tell price and fee exactly, so the money in quote can be compared to the last unit.
    untold_fee: up to this share of what a trade brings in may be missing there: its fee is not told with the execution.
    lists_by_symbol: it lists the orders of one pair at a time, so `orders_since` must be told them.
    lists_back_s: how far back it lists closed orders that were filled; `orders_since` refuses to be asked for more.
    """

    capabilities: Capabilities
    fingerprint: bool = False
    serial: bool = False
    arrives_late_s: float = 0.0
    exact_quote: bool = True
    untold_fee: Decimal = Decimal(0)
    lists_by_symbol: bool = False
    lists_back_s: float = math.inf


_UNTOLD_FEES = {"alpaca": Decimal("0.0025")}
"""The highest fee where it is cut from what a trade brings in and not told with it (Alpaca docs, "Crypto Fees")."""

_FIRI = Traits(
    Capabilities(market_orders=False, times_in_force=frozenset({TimeInForce.GTC})),
    fingerprint=True,
    serial=True,
    exact_quote=False,
)


def adapters() -> tuple[str, ...]:
    """Slugs of the exchanges there is an adapter for."""
    return (*QUIRKS, FiriExchange.slug)


@cache
def traits(slug: str) -> Traits:
    """See `Traits`."""
    if slug == FiriExchange.slug:
        return _FIRI
    quirks = QUIRKS[slug]
    return Traits(
        Capabilities(quirks.market_orders, quirks.times_in_force),
        serial=quirks.serial,
        arrives_late_s=quirks.arrives_late_s,
        exact_quote=slug not in _UNTOLD_FEES,
        untold_fee=_UNTOLD_FEES.get(slug, Decimal(0)),
        lists_by_symbol=quirks.lists_by_symbol,
        lists_back_s=quirks.lists_back_s,
    )


Meters = Callable[[str, str | None], Meter]
_PUBLIC_KEY = "public"


class AdapterPool:
    """Makes adapters; those of one exchange share connections and markets.

    base_urls: slug -> other host. meters: the meter of an exchange, and of one set of keys there.
    firi: how requests to Firi are signed.
    public_secrets: slug -> the platform's own keys, for exchanges whose market data wants keys.
    """

    def __init__(
        self,
        *,
        base_urls: Mapping[str, str],
        timeout_s: float,
        meters: Meters = unmetered,
        public_secrets: Mapping[str, Mapping[str, str]] | None = None,
        firi: FiriSigning | None = None,
    ) -> None:
        self._base_urls = base_urls
        self._timeout_s = timeout_s
        self._meters = meters
        self._public_secrets = public_secrets or {}
        self._firi = firi or FiriSigning()
        self._transports: dict[str, Transport] = {}
        self._public: dict[str, Exchange] = {}

    def public(self, slug: str) -> Exchange:
        """The one adapter without a user's keys."""
        if slug not in self._public:
            self._public[slug] = self._new_public(slug)
        return self._public[slug]

    def private(self, slug: str, secrets: Mapping[str, str], *, key_name: str = "", sandbox: bool = False) -> Exchange:
        """An adapter with one account's keys, counted under `key_name`.

        Raises ValueError when they do not have the right form.
        """
        problems = check_secrets(slug, secrets)
        if problems:
            raise ValueError(" ".join(problems.values()))
        meter = self._meters(slug, key_name or "unnamed")
        if slug == FiriExchange.slug:
            return FiriExchange(
                self._transport(slug), timeout_s=self._timeout_s, auth=auth_for(secrets, self._firi), meter=meter
            )
        quirks = QUIRKS[slug]
        client = new_client(
            quirks, self._transport(slug), timeout_s=self._timeout_s, secrets=secrets, sandbox=sandbox, meter=meter
        )
        public = self.public(slug)
        assert isinstance(public, CcxtExchange)
        return CcxtExchange(quirks, client, public, meter=meter)

    def stream(self, slug: str) -> "BookStream | None":
        """A new stream of this exchange's books; None where we know none."""
        # Late: ccxt.pro takes a second to load, and only one process streams.
        from execution.exchanges.streaming import STREAMED, BookStream

        public = self.public(slug)
        if slug not in STREAMED or not isinstance(public, CcxtExchange):
            return None
        meter = self._meters(slug, None)
        return BookStream(QUIRKS[slug], self._transport(slug), public, timeout_s=self._timeout_s, meter=meter)

    def paper(self, slug: str, *, taker_fee_bps: Decimal, maker_fee_bps: Decimal) -> Exchange:
        """Fills on paper against the live book."""
        return PaperExchange(self.public(slug), taker_fee_bps=taker_fee_bps, maker_fee_bps=maker_fee_bps)

    async def close(self) -> None:
        """Close all connections."""
        for transport in self._transports.values():
            await transport.close()
        self._transports.clear()
        self._public.clear()

    def _new_public(self, slug: str) -> Exchange:
        secrets = self._public_secrets.get(slug)
        meter = self._meters(slug, _PUBLIC_KEY if secrets else None)
        if slug == FiriExchange.slug:
            return FiriExchange(self._transport(slug), timeout_s=self._timeout_s, meter=meter)
        quirks = QUIRKS[slug]
        client = new_client(quirks, self._transport(slug), timeout_s=self._timeout_s, secrets=secrets, meter=meter)
        return CcxtExchange(quirks, client, meter=meter)

    def _transport(self, slug: str) -> Transport:
        if slug not in self._transports:
            self._transports[slug] = Transport(self._base_urls.get(slug))
        return self._transports[slug]
