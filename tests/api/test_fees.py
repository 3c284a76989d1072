"""GET /api/fees: what your accounts pay."""

from decimal import Decimal as D

import pytest

from execution.exchanges.base import AccountFees
from execution.services import account_fees
from policies import snapshot
from policies.domain.policy import Mode
from policies.services import store_credential


@pytest.fixture
def account(api):
    secrets = {"api_key": "k", "secret": "c2VjcmV0LW9mLWE="}
    row = store_credential(user=api.user, exchange="kraken", mode=Mode.LIVE, secrets=secrets, by=None)
    account_fees.record_told(str(row.pk), row.version, AccountFees(D("0.0020"), D("0.0035"), D(11_000), "Pro"))
    account_fees.count_volumes()
    return row


def test_an_accounts_rate_its_source_and_the_way_to_the_next_tier(api, account):
    (row,) = api.get("/api/fees").json()

    assert row["rate"] == {"maker": "0.00200000", "taker": "0.00350000", "source": "told"}
    assert (row["exchange"], row["mode"], row["told_volume"], row["counted"]) == ("kraken", "live", "11000.00", "0.00")
    assert row["progress"] == {
        "volume": "11000.00",
        "next": {"volume": "50000.00", "maker": "0.00140000", "taker": "0.00240000"},
        "share": 0.025,
        "missing": "39000.00",
        "pace": "0.00",
        "days": None,
    }


def test_only_your_own_are_shown_and_staff_see_all(api, stranger, account):
    assert stranger.get("/api/fees").json() == []

    stranger.user.is_staff = True
    stranger.user.save()
    snapshot.refresh()

    assert len(stranger.get("/api/fees").json()) == 1


def test_they_are_filtered_by_exchange(api, account):
    assert api.get("/api/fees?exchange=binance").json() == []
    assert api.get("/api/fees?exchange=mtgox").status_code == 400
