"""What the adapters send stays what was recorded with the pinned ccxt, and recorded answers stay understood."""

import json

import pytest

from tests.exchanges.cases import LIVE
from tests.exchanges.recording import CALLS, FOLDER, ReplayingTransport, outcome, pool_with, request_for

RECORDED = {case.slug: json.loads((FOLDER / f"{case.slug}.json").read_text()) for case in LIVE}


@pytest.mark.parametrize("case", LIVE, ids=lambda case: case.name)
@pytest.mark.parametrize("name", CALLS)
def test_requests_and_answers_are_as_recorded(case, name, run):
    recording = RECORDED[case.slug][name]
    transport = ReplayingTransport([exchange["answer"] for exchange in recording["exchanges"]])

    async def replay():
        adapter = pool_with(transport, case).private(case.slug, case.secrets)
        return await outcome(CALLS[name], adapter, request_for(case, recording["at"]))

    result = run(replay())

    assert transport.requests == [exchange["request"] for exchange in recording["exchanges"]]
    assert result == recording["outcome"]


def test_every_order_carries_our_id_where_the_exchange_has_one():
    binance = RECORDED["binance"]["limit_buy"]["exchanges"][-1]["request"]
    kraken = RECORDED["kraken"]["limit_buy"]["exchanges"][-1]["request"]
    coinbase = RECORDED["coinbase"]["limit_buy"]["exchanges"][-1]["request"]

    assert binance["body"]["newClientOrderId"] == "0f" * 16
    assert kraken["body"]["cl_ord_id"] == "0f" * 16
    assert coinbase["body"]["client_order_id"] == "0f" * 16


@pytest.mark.parametrize("slug", ["binance", "kraken"])
@pytest.mark.parametrize("name", ["market_buy", "market_sell"])
def test_no_market_order_was_ever_sent_with_a_price_or_a_cost(slug, name):
    body = RECORDED[slug][name]["exchanges"][-1]["request"]["body"]

    assert not {"price", "quoteOrderQty", "oflags"} & set(body)
