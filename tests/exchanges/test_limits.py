"""The table of request limits: nothing is sent uncounted, or counted against what it does not use."""

from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from execution.exchanges.firi import FiriExchange
from execution.exchanges.limits import LIMITS, Limit, Per
from execution.exchanges.quirks import QUIRKS
from execution.services.budgets.buckets import bucket

METHODS = {"GET", "POST", "DELETE"}
FIRI = (
    "GET /time",
    "GET /v2/markets",
    "GET /v2/markets/BTCNOK/depth",
    "GET /v2/balances",
    "GET /v2/order/1",
    "GET /v2/orders/BTCNOK",
    "GET /v2/orders/BTCNOK/history",
    "GET /v2/orders",
    "GET /v2/orders/history",
    "POST /v2/orders",
    "DELETE /v2/orders/1/BTCNOK/detailed",
)
ALL_LIMITS = [(slug, limit) for slug, known in LIMITS.items() for limit in known.limits]
each_exchange = pytest.mark.parametrize("slug", QUIRKS)
each_limit = pytest.mark.parametrize(
    ("slug", "limit"), ALL_LIMITS, ids=[f"{slug}-{limit.name}".replace(" ", "-") for slug, limit in ALL_LIMITS]
)


def _endpoints(node: Any, section: tuple[str, ...] = ()) -> Iterator[tuple[bool, str, str]]:
    """(public, method, path) of every endpoint that ccxt knows."""
    for name, inner in node.items():
        if name.upper() in METHODS:
            yield from ((section[-1].lower().endswith("public"), name.upper(), path) for path in inner)
        elif isinstance(inner, dict):
            yield from _endpoints(inner, (*section, name))


def calls(slug: str) -> dict[str, bool]:
    """Endpoint -> whether it is public, for every whitelisted path with every method ccxt has for it."""
    paths = QUIRKS[slug].paths
    found: dict[str, bool] = {}
    for public, method, path in _endpoints(getattr(ccxt, slug)().describe()["api"]):
        if path in paths:
            endpoint = f"{method} {path}"
            found[endpoint] = public or found.get(endpoint, False)
    listed = {endpoint.partition(" ")[2] for endpoint in found}
    # What ccxt has no name for is asked with keys.
    return found | {f"GET {path}": False for path in paths - listed}


@each_exchange
def test_every_call_is_counted_by_a_limit_of_its_address_or_its_keys(slug):
    limits = LIMITS[slug].limits

    for endpoint, public in calls(slug).items():
        counting = {limit.per for limit in limits if limit.weight(endpoint)}
        assert counting, endpoint
        if public:
            # A client without keys is counted by its address only.
            assert Per.IP in counting, endpoint


@each_exchange
def test_public_and_private_calls_have_their_own_pools_unless_an_address_has_one_for_all(slug):
    public = {endpoint for endpoint, is_public in calls(slug).items() if is_public}

    for limit in LIMITS[slug].limits:
        counted = {endpoint for endpoint in calls(slug) if limit.weight(endpoint)}
        if limit.per is Per.KEY:
            assert not counted & public, limit.name
        else:
            assert counted <= public or counted == set(calls(slug)), limit.name


@each_exchange
def test_weights_name_whitelisted_paths_only(slug):
    known = set(calls(slug)) | QUIRKS[slug].paths

    for limit in LIMITS[slug].limits:
        assert set(limit.weights) <= known, limit.name


def test_every_call_to_firi_is_counted_per_address_and_per_key_whatever_ids_are_in_its_path():
    limits = LIMITS[FiriExchange.slug].limits

    assert {limit.per for limit in limits} == {Per.IP, Per.KEY}
    for limit in limits:
        assert not limit.weights
        assert {limit.weight(endpoint) for endpoint in FIRI} == {1}


def test_every_exchange_of_the_table_is_one_we_talk_to():
    assert set(LIMITS) == {*QUIRKS, FiriExchange.slug}


def test_a_method_is_looked_up_before_its_path_and_both_before_the_rest():
    limit = Limit("x", Per.IP, 10, 1, {"POST order": 1, "order": 4, "GET time": 0}, other=7)

    endpoints = ("POST order", "GET order", "GET time", "POST time", "GET order/1")
    assert [limit.weight(endpoint) for endpoint in endpoints] == [1, 4, 0, 7, 7]


@each_limit
def test_a_call_never_waits_for_a_limit_that_nobody_has_used(slug, limit):
    heaviest = max([limit.other, *limit.weights.values()])

    assert limit.seconds > 0
    assert min([limit.other, *limit.weights.values()]) >= 0
    # With half of what is published, the half being another installation's.
    taken = bucket("x", limit, heaviest, 0.5)
    assert 0 < taken.cost <= taken.burst


@each_limit
def test_what_fits_at_once_and_what_comes_back_never_exceed_the_amount(slug, limit):
    unit = bucket("x", limit, 1, 1.0)

    at_once, per_window = unit.burst / unit.cost, limit.seconds * 1_000_000 / unit.cost
    assert at_once + per_window == pytest.approx(limit.amount)


@pytest.mark.parametrize(("name", "most", "falls_by"), [("counter", 15, 1 / 3), ("orders", 60, 1.0)])
def test_krakens_falling_counters_are_filled_no_faster_than_they_fall(name, most, falls_by):
    limit = next(limit for limit in LIMITS["kraken"].limits if limit.name == name)
    unit = bucket("x", limit, 1, 1.0)

    assert unit.burst / unit.cost == pytest.approx(most)
    assert 1_000_000 / unit.cost == pytest.approx(falls_by)
