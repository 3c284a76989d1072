"""What only OKX does: a deadline in a header, refusals that ccxt does not raise, fills in pages, a demo header."""

import json
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from execution.domain.orders import OrderStatus, OrderType
from execution.exchanges.ccxt_client import new_client
from execution.exchanges.errors import AlreadyPlaced, OrderRejected
from execution.exchanges.quirks import OKX
from policies.domain.reasons import ReasonCode
from tests.exchanges.cases import LIVE
from tests.exchanges.conftest import connect
from tests.exchanges.recording import FOLDER, ReplayingTransport, pool_with, request_for

CASE = next(case for case in LIVE if case.slug == "okx")
RECORDED = json.loads((FOLDER / "okx.json").read_text())


@pytest.fixture
def okx(simulator, pool, run):
    return connect(CASE, simulator, pool, run)


@pytest.mark.parametrize(
    ("s_code", "cls", "code"),
    [
        ("51008", OrderRejected, ReasonCode.INSUFFICIENT_FUNDS),
        ("51020", OrderRejected, ReasonCode.EXCHANGE_REJECTED),
        ("51016", AlreadyPlaced, ReasonCode.OUTCOME_UNKNOWN),
    ],
)
def test_a_refusal_under_code_2_is_a_refusal_though_ccxt_raises_nothing(run, s_code, cls, code):
    item = {"clOrdId": "0f" * 16, "ordId": "", "sCode": s_code, "sMsg": "no", "tag": ""}
    body = json.dumps({"code": "2", "data": [item], "msg": ""})
    before = [exchange["answer"] for exchange in RECORDED["limit_buy"]["exchanges"][:-1]]
    transport = ReplayingTransport([*before, {"status": 200, "content_type": "application/json", "body": body}])

    async def place():
        return await pool_with(transport, CASE).private("okx", CASE.secrets).place(request_for(CASE, time.time()))

    with pytest.raises(cls) as caught:
        run(place())

    assert (type(caught.value), caught.value.code) == (cls, code)


def test_every_order_carries_our_id_and_its_deadline():
    sent = RECORDED["limit_buy"]["exchanges"][-1]["request"]

    assert (sent["body"]["clOrdId"], sent["headers"]["expTime"]) == ("0f" * 16, "<expTime>")


@pytest.mark.parametrize("name", ["market_buy", "market_sell"])
def test_a_market_order_counts_base_and_has_no_price(name):
    body = RECORDED[name]["exchanges"][-1]["request"]["body"]

    assert (body["sz"], body["tgtCcy"], "px" in body) == ("0.5", "base_ccy", False)


def test_the_deadline_is_the_committed_one_on_the_exchanges_clock(okx):
    request = okx.request()

    assert OKX.headers(request, 250) == {"expTime": str(int(request.valid_until * 1000) - 250)}


def test_a_market_order_may_not_be_cut_down_to_the_money_there_is(okx):
    limit, market = okx.request(), okx.request(price=None)

    assert (OKX.order_params(limit), OKX.order_params(market)) == ({}, {"banAmend": True})
    assert market.order_type == OrderType.MARKET


def test_more_fills_than_a_page_holds_are_all_known(okx):
    asks = [(str(50_010 + step), "0.001") for step in range(210)]
    okx.simulator.control.set_book("okx", CASE.symbol, bids=list(CASE.bids), asks=asks)

    report = okx.settled(okx.request("0.21", "50300"))

    assert (report.status, report.filled_amount) == (OrderStatus.FILLED, Decimal("0.21"))
    assert len({trade.trade_id for trade in report.trades}) == 210
    assert sum(trade.fee for trade in report.trades) == Decimal("0.000315")


def test_of_several_orders_under_one_id_only_ours_counts(okx):
    request = okx.request("0.5", "49000")
    okx.place(request)

    assert okx.look_up(replace(request, symbol="ETH/USDT")) is None
    assert okx.look_up(request).status == OrderStatus.OPEN


def test_the_demo_is_asked_for_in_a_header(pool, run):
    async def build():
        pool.public("okx")
        return new_client(OKX, pool._transports["okx"], timeout_s=1, secrets=CASE.secrets, sandbox=True)

    client = run(build())

    assert client.headers["x-simulated-trading"] == "1"
    assert client.urls["api"]["rest"] == "https://{hostname}"


def test_fills_that_are_no_longer_recent_are_asked_from_the_history(run):
    recorded = RECORDED["look_up_by_their_id"]
    *before, order, fills = [exchange["answer"] for exchange in recorded["exchanges"]]
    none = {**fills, "body": json.dumps({"code": "0", "data": [], "msg": ""})}
    transport = ReplayingTransport([before[0], before[1], order, none, fills])
    their_id = recorded["outcome"]["exchange_order_id"]

    async def look_up():
        request = replace(request_for(CASE, time.time()), exchange_order_id=their_id)
        return await pool_with(transport, CASE).private("okx", CASE.secrets).look_up(request)

    report = run(look_up())

    assert (report.status, len(report.trades)) == (OrderStatus.FILLED, 1)
    assert [sent["path"] for sent in transport.requests[-2:]] == ["/api/v5/trade/fills", "/api/v5/trade/fills-history"]
