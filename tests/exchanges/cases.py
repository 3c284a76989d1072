"""The exchanges of the contract suite, and what a test needs of each."""

import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from execution.domain.orders import OrderType, Side, TimeInForce
from execution.exchanges.base import Exchange, OrderReport, OrderRequest
from execution.simulator.client import SimulatorControl
from execution.simulator.process import RunningSimulator
from tests import coinbase_keys

Levels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Case:
    """One exchange with an exact book: 1 at the best ask, 2 at the next.

    pays_in: asset of a buy's fee, empty where no fee is told. tells_price: whether it tells the price of an execution.
    repeats: a used client order id gets the existing order instead of an error. bounds_lateness: it refuses an order
    that arrives too late.
    tells_permissions: whether it tells what its keys may do. public_keys: its market data wants keys.
    too_small: an amount below the minimum. wrong_secret: has the right form and is not the account's.
    """

    name: str
    slug: str
    symbol: str
    secrets: Mapping[str, str]
    balances: dict[str, str]
    bids: Levels
    asks: Levels
    fee_bps: Decimal
    pays_in: str
    acknowledges_only: bool = False
    immediate: bool = True
    market_orders: bool = True
    tells_price: bool = True
    paper: bool = False
    repeats: bool = False
    bounds_lateness: bool = True
    tells_permissions: bool = False
    public_keys: bool = False
    too_small: str = "0.00001"
    wrong_secret: str = "d3JvbmctcGxhbnRlZC1zZWNyZXQ="

    def open_account(self, control: SimulatorControl, **permissions: bool) -> None:
        """Fund it at the simulator, with an exact book."""
        names = {name: self.secrets[name] for name in ("client_id", "passphrase") if name in self.secrets}
        key, secret = self.secrets["api_key"], self.secrets["secret"]
        control.upsert_account(self.slug, key, secret, self.balances, **names, **permissions)
        control.set_book(self.slug, self.symbol, bids=list(self.bids), asks=list(self.asks))

    @property
    def best_ask(self) -> Decimal:
        return Decimal(self.asks[0][0])


_BIDS: Levels = (("49990", "1"), ("49980", "2"))
_ASKS: Levels = (("50010", "1"), ("50020", "2"))
_BINANCE = Case(
    "binance", "binance", "BTC/USDT", {"api_key": "binance-key", "secret": "binance-secret"},
    {"USDT": "1000000", "BTC": "20"}, _BIDS, _ASKS, Decimal(10), "BTC", tells_permissions=True,
)  # fmt: skip
_KRAKEN = Case(
    "kraken", "kraken", "BTC/USD", {"api_key": "kraken-key", "secret": "a3Jha2VuLXNlY3JldA=="},
    {"USD": "1000000", "BTC": "20"}, _BIDS, _ASKS, Decimal(40), "USD",
    acknowledges_only=True, tells_permissions=True,
)  # fmt: skip
_OKX = Case(
    "okx", "okx", "BTC/USDT", {"api_key": "okx-key", "secret": "okx-secret", "passphrase": "okx-phrase"},
    {"USDT": "1000000", "BTC": "20"}, _BIDS, _ASKS, Decimal(15), "BTC",
    acknowledges_only=True, tells_permissions=True, too_small="0.000001",
)  # fmt: skip
_FIRI = Case(
    "firi", "firi", "BTC/NOK", {"api_key": "firi-key", "secret": "firi-secret", "client_id": "user-1"},
    {"NOK": "10000000", "BTC": "20"}, _BIDS, _ASKS, Decimal(50), "NOK",
    acknowledges_only=True, immediate=False, market_orders=False, tells_price=False,
)  # fmt: skip
_BYBIT = Case(
    "bybit", "bybit", "BTC/USDT", {"api_key": "bybit-key", "secret": "bybit-secret"},
    {"USDT": "1000000", "BTC": "20"}, _BIDS, _ASKS, Decimal(10), "BTC",
    acknowledges_only=True, tells_permissions=True,
)  # fmt: skip
_COINBASE = Case(
    "coinbase", "coinbase", "BTC/USD", {"api_key": coinbase_keys.API_KEY, "secret": coinbase_keys.SECRET},
    {"USD": "1000000", "BTC": "20"}, _BIDS, _ASKS, Decimal(120), "USD",
    acknowledges_only=True, market_orders=False, repeats=True, tells_permissions=True,
    wrong_secret=coinbase_keys.WRONG_SECRET,
)  # fmt: skip
_KUCOIN = Case(
    "kucoin", "kucoin", "BTC/USDT",
    {"api_key": "kucoin-key", "secret": "kucoin-secret", "passphrase": "kucoin-passphrase"},
    {"USDT": "1000000", "BTC": "20"}, _BIDS, _ASKS, Decimal(10), "USDT",
    acknowledges_only=True, tells_permissions=True, too_small="0.000001",
)  # fmt: skip
_ALPACA = Case(
    "alpaca", "alpaca", "BTC/USD", {"api_key": "alpaca-key", "secret": "alpaca-secret"},
    {"USD": "1000000", "BTC": "20"}, _BIDS, _ASKS, Decimal(25), "",
    acknowledges_only=True, bounds_lateness=False, public_keys=True,
)  # fmt: skip
PAPER = replace(_BINANCE, name="paper", paper=True, pays_in="USDT")
LIVE = (_ALPACA, _BINANCE, _BYBIT, _COINBASE, _KRAKEN, _KUCOIN, _OKX, _FIRI)
CASES = (*LIVE, PAPER)
PUBLIC_SECRETS = {case.slug: case.secrets for case in LIVE if case.public_keys}


@dataclass(frozen=True)
class Connected:
    """An exchange as a test holds it."""

    case: Case
    adapter: Exchange
    simulator: RunningSimulator
    run: Callable[[Coroutine[Any, Any, Any]], Any]

    def request(self, amount: str = "0.5", price: str | None = "50010", **changes: Any) -> OrderRequest:
        """A buy; the baseline is taken as the sender does."""
        now = time.time()
        basic = OrderRequest(
            client_order_id=uuid.uuid4().hex,
            symbol=self.case.symbol,
            side=Side.BUY,
            order_type=OrderType.LIMIT if price else OrderType.MARKET,
            amount=Decimal(amount),
            price=Decimal(price) if price else None,
            time_in_force=TimeInForce.GTC,
            sent_at=now,
            valid_until=now + 5,
        )
        request = replace(basic, **changes)
        return replace(request, baseline=self.run(self.adapter.baseline(request)))

    def place(self, request: OrderRequest) -> OrderReport:
        """Send it."""
        report: OrderReport = self.run(self.adapter.place(request))
        return report

    def look_up(self, request: OrderRequest, report: OrderReport | None = None) -> OrderReport | None:
        """Find it: by the exchange's id if a report is given, else by what identifies it."""
        known = replace(request, exchange_order_id=report.exchange_order_id) if report else request
        found: OrderReport | None = self.run(self.adapter.look_up(known))
        return found

    def settled(self, request: OrderRequest) -> OrderReport:
        """Place, and look once where the exchange only acknowledges."""
        report = self.place(request)
        if self.case.acknowledges_only:
            found = self.look_up(request, report)
            assert found is not None
            return found
        return report

    def ledger(self) -> list[dict[str, Any]]:
        """What was really placed."""
        return self.simulator.control.ledger(self.case.slug)
