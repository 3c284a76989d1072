"""Installed fees say where they are from, agree with it where it can be asked, and never hide that they were edited."""

from decimal import Decimal as D

import ccxt
import pytest
from django.urls import reverse

from policies import fee_sources
from policies.defaults import EXCHANGES, FEE_TIERS
from policies.models import Exchange, FeeTier

BASIC = {row["slug"]: row for row in EXCHANGES}


def test_every_installed_fee_has_a_source():
    assert fee_sources.FEE_SOURCES.keys() == BASIC.keys()
    for slug in BASIC:
        source = fee_sources.FEE_SOURCES[slug]
        assert source.basic
        assert (slug in FEE_TIERS) != source.tiers.startswith("none installed")


def bps(rate):
    return D(str(rate)) * 10_000


@pytest.mark.parametrize("slug", [slug for slug, source in fee_sources.FEE_SOURCES.items() if "ccxt 4" in source.basic])
def test_what_is_said_to_be_from_ccxt_is(slug):
    told = getattr(ccxt, slug)().fees["trading"]

    assert (BASIC[slug]["maker_fee_bps"], BASIC[slug]["taker_fee_bps"]) == (bps(told["maker"]), bps(told["taker"]))


def test_the_tiers_of_alpaca_are_those_of_ccxt():
    tiers = ccxt.alpaca().fees["trading"]["tiers"]

    both = [
        (int(volume), bps(maker), bps(taker))
        for (volume, taker), (_, maker) in zip(tiers["taker"], tiers["maker"], strict=True)
    ]
    basic = (0, BASIC["alpaca"]["maker_fee_bps"], BASIC["alpaca"]["taker_fee_bps"])
    assert both == [basic, *((volume, D(maker), D(taker)) for volume, maker, taker in FEE_TIERS["alpaca"])]


def page(client, slug):
    return client.get(reverse("admin:policies_exchange_change", args=[slug])).content.decode()


def test_the_page_of_an_exchange_says_where_its_fees_are_from_and_what_is_unverified(client, risk_manager):
    client.force_login(risk_manager)

    assert "recorded 2025, read 2026-11-20" in page(client, "kraken")
    assert "Unverified" not in page(client, "kraken")
    assert "Unverified: that VIP 1 and VIP 2 begin" in page(client, "bybit")


def test_edited_fees_lose_their_source(client, risk_manager):
    client.force_login(risk_manager)
    Exchange.objects.filter(pk="kraken").update(taker_fee_bps=26)
    FeeTier.objects.filter(exchange="bybit", from_volume=1_000_000).update(taker_bps=7)

    kraken, bybit = page(client, "kraken"), page(client, "bybit")

    assert "Basic fees: changed here" in kraken
    assert "Tiers: the same answer" in kraken
    assert "Tiers: changed here" in bybit
    assert "Unverified" not in bybit
