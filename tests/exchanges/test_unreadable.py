"""Whatever an exchange answers is a result or an error of ours: no answer may end a worker's task by surprise."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal as D

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from execution.exchanges import ccxt_parse
from execution.exchanges.base import OrderRequest
from execution.exchanges.errors import ExchangeError
from execution.exchanges.firi import FiriExchange

WORDS = [
    "id", "type", "price", "amount", "matched", "cancelled", "remaining", "created_at", "bids", "asks", "currency",
    "available", "balance", "time", "name", "message", "status", "filled", "trades", "fee", "cost", "timestamp",
    "clientOrderId", "symbol", "side", "total", "free", "spot", "active", "precision", "limits", "takerOrMaker", "min",
]  # fmt: skip
NUMBERS = ["NaN", "Infinity", "-1", "1e400", "0.1", "500000", "²", "1_0", "", "1" * 50, "sNaN"]
LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8)
    | st.sampled_from([*NUMBERS, "bid", "BTC/NOK", "buy", "open", "closed", "a" * 32, "2026-11-21T10:00:00Z"])
)  # fmt: skip
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner),
    max_leaves=25,
)
ORDER = {
    "id": "7", "type": "bid", "price": "500000", "amount": "0.1", "matched": "0.1", "cancelled": "0",
    "remaining": "0", "created_at": "2026-11-21T10:00:00Z", "market": "BTCNOK",
}  # fmt: skip
CCXT_ORDER = {
    "id": "7", "clientOrderId": "a" * 32, "symbol": "BTC/NOK", "side": "buy", "status": "closed", "filled": "0.1",
}  # fmt: skip
CCXT_TRADE = {"id": "1", "amount": "0.1", "price": "500000", "fee": {"cost": "1", "currency": "NOK"}, "timestamp": 1}
CCXT_MARKET = {
    "spot": True, "active": True, "symbol": "BTC/NOK", "precision": {"price": "0.01", "amount": "0.1"},
    "limits": {"amount": {"min": "1", "max": None}, "cost": {"min": None}},
}  # fmt: skip
REQUEST = OrderRequest(
    client_order_id="a" * 32, symbol="BTC/NOK", side=Side.BUY, order_type=OrderType.LIMIT, amount=D("0.1"),
    price=D(500000), time_in_force=TimeInForce.GTC, sent_at=time.time() - 100, valid_until=time.time() + 1000,
    exchange_order_id="", baseline={"max_order_id": 3}, filled=D(0),
)  # fmt: skip
KNOWN = replace(REQUEST, exchange_order_id="7")
PATIENT = settings(max_examples=80, deadline=None, derandomize=True, database=None)


def nearly(good):
    """The good answer with up to three fields replaced or missing."""
    changes = st.dictionaries(st.sampled_from(sorted(good)), LEAVES | JSON, max_size=3)
    return st.tuples(changes, st.sets(st.sampled_from(sorted(good)), max_size=1)).map(
        lambda drawn: {name: value for name, value in {**good, **drawn[0]}.items() if name not in drawn[1]}
    )


class Answers:
    """A transport on which every call gets the same answer."""

    def __init__(self, status, body, headers):
        self.status, self.body, self.headers = status, body, headers

    @asynccontextmanager
    async def _answer(self, *_, **__):
        yield self

    get = post = delete = _answer

    async def read(self):
        return self.body


CALLS = {
    "place": lambda firi: firi.place(REQUEST),
    "look up by id": lambda firi: firi.look_up(KNOWN),
    "look up by fingerprint": lambda firi: firi.look_up(REQUEST),
    "cancel": lambda firi: firi.cancel(KNOWN),
    "orders since": lambda firi: firi.orders_since(["BTC/NOK"], 0.0),
    "baseline": lambda firi: firi.baseline(REQUEST),
    "book": lambda firi: firi.order_book("BTC/NOK", 10),
    "markets": lambda firi: firi.markets(),
    "balances": lambda firi: firi.balances(),
    "keys": lambda firi: firi.key_permissions(),
    "ping": lambda firi: firi.ping(),
}
BODIES = st.one_of(
    JSON.map(orjson.dumps),
    nearly(ORDER).map(orjson.dumps),
    st.lists(nearly(ORDER), max_size=3).map(orjson.dumps),
    nearly({"bids": [["1", "1"]], "asks": [["2", "1"]]}).map(orjson.dumps),
    st.lists(nearly({"currency": "NOK", "available": "1", "balance": "1"}), max_size=3).map(orjson.dumps),
    nearly({"time": "1763700000"}).map(orjson.dumps),
    st.binary(max_size=20),
)
RETRY_AFTER = st.none() | st.sampled_from(["5", "²", "-1", "9" * 400, "Wed, 21 Oct 2026 07:28:00 GMT", ""])


@pytest.mark.parametrize("call", CALLS)
@PATIENT
@given(status=st.sampled_from([200, 200, 200, 201, 400, 404, 422, 429, 500, 503]), body=BODIES, retry_after=RETRY_AFTER)
def test_firi_gives_a_result_or_an_error_of_ours(call, status, body, retry_after):
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    firi = FiriExchange(Answers(status, body, headers), timeout_s=1)

    try:
        result = asyncio.run(CALLS[call](firi))
    except ExchangeError:
        return

    if call.startswith("look up") and result is not None:
        assert result.filled_amount.is_finite()
        assert isinstance(result.status, OrderStatus)
    if call == "place":
        assert result.exchange_order_id.isdecimal()


READERS = {
    "is_ours": lambda order, trades: ccxt_parse.is_ours(order, KNOWN),
    "report": lambda order, trades: ccxt_parse.report(order, trades, D("0.1")),
    "order_book": lambda book, _: ccxt_parse.order_book(book, "BTC/NOK", received_at=0),
    "market": lambda market, _: ccxt_parse.market(market),
    "balances": lambda balances, _: ccxt_parse.balances(balances),
}
STRUCTURES = st.one_of(
    JSON,
    nearly(CCXT_ORDER),
    nearly(CCXT_MARKET),
    nearly({"bids": [[1.5, 1]], "asks": [["2", "1", 3]]}),
    nearly({"total": {"NOK": "1"}, "NOK": {"free": "1", "total": "1"}}),
)


@pytest.mark.parametrize("reader", READERS)
@PATIENT
@given(raw=STRUCTURES, trades=st.lists(nearly(CCXT_TRADE) | JSON, max_size=3) | JSON)
def test_a_structure_of_ccxt_is_read_or_refused(reader, raw, trades):
    try:
        result = READERS[reader](raw, trades)
    except ExchangeError:
        return

    if reader == "report":
        assert all(t.amount.is_finite() and t.price.is_finite() and t.fee.is_finite() for t in result.trades)
    if reader == "market" and result is not None:
        assert result.tick > 0
        assert result.lot > 0


def test_what_is_whole_is_read():
    """The strategies above start from answers that are good."""
    firi = FiriExchange(Answers(200, orjson.dumps(ORDER), {}), timeout_s=1)

    assert asyncio.run(firi.look_up(KNOWN)).status == OrderStatus.FILLED
    assert ccxt_parse.report(CCXT_ORDER, [CCXT_TRADE], D("0.1")).status == OrderStatus.FILLED
    assert ccxt_parse.is_ours(CCXT_ORDER, KNOWN)
    assert ccxt_parse.market(CCXT_MARKET).lot == D("0.1")
