"""What accounts pay: told by the exchange with the key check, else by the volume of our own fills."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from execution.domain.fees import FeeRate, FeeSource, taker_fee
from execution.exchanges.base import AccountFees
from execution.models import AccountFee, Order
from execution.selectors import facts
from execution.selectors.fees import accounts, known_rates
from execution.services import account_fees, housekeeping
from policies import policy_file, snapshot
from policies.domain.policy import Mode
from policies.models import Exchange, ExchangeCredential, FeeTier
from policies.services import store_credential
from tests.admin import world

TOLD = AccountFees(D("0.0002"), D("0.0004"), D(750_000), "VIP 3")


@pytest.fixture
def sender(db):
    return world.trader()


def keys(sender, slug="kraken", key="k"):
    secrets = {"api_key": key, "secret": "c2VjcmV0LW9mLWE="}
    return store_credential(user=sender, exchange=slug, mode=Mode.LIVE, secrets=secrets, by=None)


def filled(sender, credential, notional, *, days=0.5, symbol="BTC/USDT"):
    order = world.make_order(world.make_signal(sender, symbol=symbol), "filled", mode="live", symbol=symbol)
    Order.objects.filter(pk=order.pk).update(
        credential=credential, created_at=timezone.now() - timedelta(days=days), filled_notional=notional
    )
    return order


def rate(credential):
    policy = snapshot.refresh()
    return known_rates(policy).get((credential.exchange_id, str(credential.pk)))


def test_the_key_check_reads_what_the_account_pays(platform):
    Exchange.objects.update(maker_fee_bps=99, taker_fee_bps=99)

    platform.executor.submit(platform.executor.duties.check_due_keys()).result(20)

    told = {row.credential.exchange_id: row for row in AccountFee.objects.select_related("credential")}
    assert (told["binance"].maker, told["binance"].taker) == (D("0.001"), D("0.001"))
    assert (told["kraken"].taker, told["kraken"].told_volume) == (D("0.004"), 0)
    assert (told["firi"].taker, told["firi"].told_at) == (None, None)
    facts.forget()
    policy, known = snapshot.refresh(), facts.refresh_facts()
    keys_of = {row.exchange_id: str(row.pk) for row in ExchangeCredential.objects.all()}
    assert taker_fee(policy, known, "kraken", keys_of["kraken"]) == D("0.004")
    assert taker_fee(policy, known, "firi", keys_of["firi"]) == D("0.0099")
    # A second check of keys that are not due asks nothing.
    assert platform.executor.submit(platform.executor.duties.check_due_keys()).result(20) == 0


def test_fees_that_are_not_told_leave_keys_and_earlier_answers_alone(platform):
    platform.executor.submit(platform.executor.duties.check_due_keys()).result(20)
    ExchangeCredential.objects.update(checked_at=timezone.now() - timedelta(days=2))
    platform.simulator.control.queue_fault("kraken", "error_500_before", operation="fetch_trading_fee")

    platform.executor.submit(platform.executor.duties.check_due_keys()).result(20)

    row = AccountFee.objects.get(credential__exchange_id="kraken")
    assert (row.taker, bool(row.error)) == (D("0.004"), True)
    mine = ExchangeCredential.objects.get(exchange_id="kraken")
    assert (mine.check_result, mine.frozen) == ("accepted", False)


def test_what_was_told_of_replaced_keys_does_not_count(sender):
    credential = keys(sender)
    account_fees.record_told(str(credential.pk), credential.version, TOLD)
    assert rate(credential) == FeeRate(D("0.0002"), D("0.0004"), FeeSource.TOLD)

    replaced = keys(sender, key="other")
    account_fees.record_told(str(credential.pk), replaced.version - 1, TOLD)

    assert rate(replaced) == FeeRate(D("0.0025"), D("0.004"), FeeSource.BASIC)
    (shown,) = accounts(snapshot.refresh(), ExchangeCredential.objects.all(), 10)
    assert (shown.told_volume, shown.tier) == (None, "")


def test_the_volume_of_our_own_fills_decides_where_nothing_is_told(sender):
    credential = keys(sender)
    filled(sender, credential, 6_000)
    filled(sender, credential, 5_000, days=20)
    filled(sender, credential, 90_000, days=31)
    filled(sender, credential, 777, symbol="ETH/BTC")
    filled(sender, None, 90_000)

    assert housekeeping.count_volumes() == 1
    assert housekeeping.count_volumes() == 1

    row = AccountFee.objects.get()
    assert (sum(row.daily), row.daily[-1], row.daily[-21], len(row.daily)) == (11_000, 6_000, 5_000, 30)
    assert row.uncounted == {"BTC": "777"}
    assert rate(credential) == FeeRate(D("0.0020"), D("0.0035"), FeeSource.TIER)


def test_the_volume_that_the_exchange_tells_beats_ours(sender):
    credential = keys(sender)
    filled(sender, credential, 6_000)
    housekeeping.count_volumes()
    account_fees.record_told(str(credential.pk), credential.version, TOLD)
    AccountFee.objects.update(told_at=timezone.now() - timedelta(days=4))

    assert rate(credential) == FeeRate(D("0.0008"), D("0.0018"), FeeSource.TIER)


def test_a_changed_table_is_in_force_with_the_policy(sender):
    credential = keys(sender)
    filled(sender, credential, 11_000)
    housekeeping.count_volumes()
    snapshot.refresh()
    before = facts.refresh_facts().fees[("kraken", str(credential.pk))]

    FeeTier.objects.filter(exchange_id="kraken", from_volume=10_000).update(taker_bps=31)
    snapshot.refresh()
    after = facts.refresh_facts().fees[("kraken", str(credential.pk))]

    assert (before.taker, after.taker) == (D("0.0035"), D("0.0031"))


def test_tiers_are_part_of_the_policy_file(db):
    dumped = policy_file.dump()
    assert "fee_tiers:\n      10000:\n      - '20'\n      - '35'" in dumped

    changes = policy_file.apply(
        "exchanges: {alpaca: {fee_tiers: {5000: [14.5, 24]}}}", reason="the table of November", by=None
    )

    assert len(changes) == 1
    assert [str(tier) for tier in FeeTier.objects.filter(exchange_id="alpaca")] == ["alpaca from 5,000"]
    assert policy_file.plan(policy_file.dump()) == []
    with pytest.raises(policy_file.PolicyFileError, match="maker, taker"):
        policy_file.apply("exchanges: {alpaca: {fee_tiers: {5000: 3}}}", reason="the table of November", by=None)


def test_an_order_keeps_the_price_and_the_fees_it_was_decided_on(platform):
    platform.executor.submit(platform.executor.duties.check_due_keys()).result(20)
    facts.forget()
    facts.refresh_facts()

    order = platform.settle(amount="0.1").orders.get()

    assert (order.arrival_mid, order.maker_rate, order.taker_rate) == (50_000, D("0.001"), D("0.001"))
