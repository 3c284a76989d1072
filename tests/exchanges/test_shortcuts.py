"""What ccxt is spared comes out as if it had done it."""

import json

import ccxt.async_support as ccxt
import pytest

from execution.exchanges.ccxt_client import new_client
from execution.exchanges.ccxt_shortcuts import Shortcuts
from execution.exchanges.quirks import QUIRKS
from tests.exchanges.cases import LIVE
from tests.exchanges.recording import CALLS, FOLDER, ReplayingTransport, outcome, pool_with, request_for

READ = ("id", "clientOrderId", "symbol", "side", "type", "status", "timestamp", "price", "amount", "filled", "info")
OF_TRADES = ("id", "amount", "price", "takerOrMaker", "timestamp")


@pytest.mark.parametrize("case", [case for case in LIVE if case.slug in QUIRKS], ids=lambda case: case.name)
def test_every_recorded_order_reads_the_same(case, run, monkeypatch):
    compared = []
    short = Shortcuts.safe_order

    def both(self, order, market=None):
        found, usual = short(self, dict(order), market), ccxt.Exchange.safe_order(self, dict(order), market)
        assert {name: found.get(name) for name in READ} == {name: usual.get(name) for name in READ}
        assert [_trade(each) for each in found["trades"]] == [_trade(each) for each in usual["trades"]]
        compared.append(found)
        return found

    monkeypatch.setattr(Shortcuts, "safe_order", both)
    for name, recording in json.loads((FOLDER / f"{case.slug}.json").read_text()).items():

        async def replay(name=name, recording=recording):
            transport = ReplayingTransport([exchange["answer"] for exchange in recording["exchanges"]])
            adapter = pool_with(transport, case).private(case.slug, case.secrets)
            return await outcome(CALLS[name], adapter, request_for(case, recording["at"]))

        run(replay())
    assert compared


def _trade(trade):
    fee = trade.get("fee") or {}
    return [trade.get(name) for name in OF_TRADES], fee.get("cost"), fee.get("currency")


@pytest.mark.parametrize("missing", ["price", "amount", "filled", "side"])
def test_what_an_order_does_not_tell_is_left_to_ccxt_to_conclude(missing):
    client = new_client(QUIRKS["binance"], None, timeout_s=1)
    told = {
        "id": "1", "clientOrderId": "a", "timestamp": 1, "symbol": "BTC/USDT", "type": "market", "side": "buy",
        "price": "100", "amount": "2", "filled": "2", "remaining": "0", "cost": "200", "status": "closed",
        "trades": [{"id": "7", "info": {}, "amount": "2", "price": "100", "cost": "200", "side": "buy"}],
    }  # fmt: skip

    assert client.safe_order({**told, missing: None})[missing] == {"price": "100", "side": "buy"}.get(missing, "2")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"symbol": "BTCUSDT", "quantity": "0.001", "recvWindow": 5000, "price": 97_000.5},
        {"flag": True, "other": False, "none": None},
        {"text": "a b&c=d/e?f", "plus": "+", "bytes": b"x", "umlaut": "ä"},
        {"a=b": "c"},
        {"a&b": "c"},
        {"list": ["1", "2"]},
    ],
)
@pytest.mark.parametrize("doseq", [False, True])
def test_query_strings_are_those_of_ccxt(params, doseq):
    assert Shortcuts.urlencode(params, doseq) == ccxt.Exchange.urlencode(params, doseq)
