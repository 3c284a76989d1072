"""What exchanges tell of an account's fees."""

from decimal import Decimal as D
from types import SimpleNamespace

import pytest

from execution.exchanges.base import AccountFees
from execution.exchanges.errors import ExchangeError
from execution.exchanges.quirks import fees
from execution.simulator.facts import EXCHANGES, PPM
from tests.exchanges.cases import LIVE, PAPER

TELLING = {"binance", "bybit", "okx", "kucoin", "kraken", "coinbase"}
KRAKEN = [case for case in LIVE if case.slug == "kraken"]
telling = pytest.mark.parametrize(
    "connected", [case for case in LIVE if case.slug in TELLING], indirect=True, ids=lambda case: case.name
)
live_and_paper = pytest.mark.parametrize("connected", [*LIVE, PAPER], indirect=True, ids=lambda case: case.name)


@live_and_paper
def test_the_accounts_rates_are_read_where_the_exchange_tells_them(connected):
    told = connected.run(connected.adapter.account_fees())

    if connected.case.paper or connected.case.slug not in TELLING:
        assert told is None
        return
    facts = EXCHANGES[connected.case.slug]
    assert (told.maker, told.taker) == (D(facts.maker_ppm) / PPM, D(facts.taker_ppm) / PPM)


@pytest.mark.parametrize("connected", KRAKEN, indirect=True, ids=lambda case: case.name)
def test_kraken_tells_the_volume_that_counts(connected):
    assert connected.run(connected.adapter.account_fees()).volume == 0

    connected.settled(connected.request("0.5"))

    assert connected.run(connected.adapter.account_fees()).volume == D("25005")


@telling
def test_no_answer_is_no_fee(connected):
    connected.run(connected.adapter._ready())
    connected.simulator.control.configure(connected.case.slug, down=True)

    with pytest.raises(ExchangeError):
        connected.run(connected.adapter.account_fees())


def answering(row):
    async def told(_):
        return {"result": {"list": [row]}}

    markets = {"BTC/USDT": {"id": "BTCUSDT"}}
    return SimpleNamespace(markets=markets, market=markets.get, private_get_v5_account_fee_rate=told)


def test_a_rebate_is_negative(run):
    client = answering({"makerFeeRate": "-0.00015", "takerFeeRate": "0.0004"})

    assert run(fees.bybit(client)) == AccountFees(D("-0.00015"), D("0.0004"))


@pytest.mark.parametrize("taker", ["0.2", "-0.5", "NaN", "ten"])
def test_a_rate_that_cannot_be_meant_is_refused(run, taker):
    with pytest.raises((ValueError, ArithmeticError)):
        run(fees.bybit(answering({"makerFeeRate": "0.001", "takerFeeRate": taker})))


def test_without_a_main_pair_nothing_is_asked(run):
    client = answering({})
    client.markets = {"BTC/NOK": {"id": "BTCNOK"}}

    with pytest.raises(LookupError, match="no main pair"):
        run(fees.bybit(client))
