"""Which exchange, or which parts: the six strategies, and everything that leaves one exchange out."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from execution.domain.book import OrderBook
from execution.domain.orders import Side
from execution.domain.scoring import Record, latency_band, latency_points, risk_terms
from policies.domain.policy import SMART_ROUTES, RouteBy
from policies.domain.smart import INSTALLED, RiskTolerance
from tests.domain.offers import a_book, amounts, ask, chosen, codes, deep, offer

BALANCED, BEST, COST = RouteBy.BALANCED, RouteBy.BEST_EXECUTION, RouteBy.COST_OPTIMIZATION
FAST, LIQUID, SPLIT = RouteBy.LOWEST_LATENCY, RouteBy.BEST_LIQUIDITY, RouteBy.OPTIMAL_SPLIT
ALL = sorted(SMART_ROUTES)


def test_the_weights_are_those_of_the_requirements():
    assert dict(INSTALLED["best_execution"].weights()) == {
        "price": 40, "liquidity": 30, "latency": 20, "reliability": 10,
    }  # fmt: skip
    assert dict(INSTALLED["balanced"].weights()) == {
        "fees": 30, "latency": 20, "reliability": 25, "load": 15, "pair": 10,
    }  # fmt: skip
    assert INSTALLED["balanced"].min_liquidity == INSTALLED["best_execution"].min_liquidity == 2
    assert {terms.max_latency_ms for terms in INSTALLED.values()} == {1000}
    assert INSTALLED["lowest_latency"].fast_below_ms == 100


@pytest.mark.parametrize(
    ("ms", "band"),
    [(0, "excellent"), (49.9, "excellent"), (50, "good"), (100, "acceptable"), (200, "poor"), (500, "unacceptable")],
)
def test_latency_bands(ms, band):
    assert latency_band(ms) == band
    assert latency_band(5000) == "unacceptable"


def test_points_of_latency_fall_all_the_way():
    points = [latency_points(ms) for ms in range(0, 1100, 10)]

    assert (points[0], points[5], points[10], points[20], points[50], points[100]) == (100, 90, 75, 50, 25, 0)
    assert points == sorted(points, reverse=True)


# --- one exchange


def test_lowest_latency_takes_the_fastest_whatever_it_costs():
    choice = chosen(ask(FAST), offer("a", a_book(ask="100.5"), latency_ms=80.0), offer("b", latency_ms=20.0))

    assert amounts(choice) == {"b": D(1)}
    assert (choice.ranked, choice.best_single) == (("b", "a"), "a")
    assert choice.extra_bps == pytest.approx(-50, abs=2)


def test_those_below_a_hundred_ms_come_first_and_without_one_the_fastest_does():
    slow, slower = offer("a", latency_ms=150.0), offer("b", latency_ms=400.0)

    assert chosen(ask(FAST), slower, slow).ranked == ("a", "b")
    assert chosen(ask(FAST), slower, slow, offer("c", latency_ms=99.0)).ranked == ("c", "a", "b")


def test_best_liquidity_takes_the_deepest_book():
    assert chosen(ask(LIQUID), offer("a"), offer("b", a_book(size="500")), offer("c")).ranked[0] == "b"


def test_cost_optimization_counts_the_fee():
    cheap_book, cheap_fee = offer("a", a_book(ask="100.5"), fee="0.01"), offer("b", fee="0.001")

    assert chosen(ask(COST), cheap_book, cheap_fee).ranked == ("b", "a")
    assert chosen(replace(ask(COST), side=Side.SELL), cheap_book, cheap_fee).ranked == ("b", "a")


def test_best_execution_weighs_price_depth_latency_and_reliability():
    choice = chosen(ask(BEST), offer("a", a_book(ask="100.5")), offer("b", a_book(size="20"), latency_ms=10.0))

    points = {verdict.exchange: verdict.terms for verdict in choice.verdicts}
    assert points["a"].keys() == {"price", "liquidity", "latency", "reliability"}
    assert (points["a"]["price"], points["b"]["price"]) == (100, 0)
    assert (points["a"]["latency"], points["b"]["latency"]) == (92, 98)
    assert choice.ranked == ("a", "b")


def test_balanced_weighs_fees_latency_success_load_and_history():
    good = offer("a", record=Record(98, 98), pair_record=Record(8, 8), in_flight=5, max_in_flight=10, latency_ms=100.0)
    choice = chosen(ask(BALANCED), good, offer("b", fee="0.0026"))

    verdict = choice.verdicts[0]
    assert verdict.terms == {"fees": 90, "latency": 90, "reliability": 99, "load": 50, "pair": 90}
    assert verdict.score == pytest.approx(0.3 * 90 + 0.2 * 90 + 0.25 * 99 + 0.15 * 50 + 0.1 * 90)
    assert choice.verdicts[1].terms["fees"] == 74
    assert choice.verdicts[1].terms["pair"] == 50, "nothing known counts half"


def test_twice_the_liquidity_is_a_demand_of_two_strategies():
    for by in (BEST, BALANCED):
        asked = ask(by, amount="3", terms={"min_liquidity": INSTALLED[by.value].min_liquidity})
        choice = chosen(asked, offer("a"), offer("b", a_book(size="6")))
        assert (choice.ranked, codes(choice)) == (("b",), {"a": "LOW_LIQUIDITY"})


def test_what_is_slower_than_the_limit_is_left_out():
    choice = chosen(ask(), offer("a", latency_ms=1200.0), offer("b"))

    assert (amounts(choice), codes(choice)) == ({"b": D(1)}, {"a": "TOO_SLOW"})
    assert codes(chosen(ask(terms={"max_latency_ms": 500}), offer("a", latency_ms=None))) == {"a": "TOO_SLOW"}


def test_preferred_exchanges_come_first_and_the_others_when_they_cannot_take_it():
    cheap, wanted = offer("a", a_book(ask="100")), offer("b", preferred=True)

    for by in ALL:
        assert amounts(chosen(ask(by), cheap, wanted)) == {"b": D(1)}, by
        assert codes(chosen(ask(by), cheap, wanted)) == {"a": "NOT_PREFERRED"}, by
    assert amounts(chosen(ask(COST, amount="6"), offer("a", a_book(size="9")), wanted)) == {"a": D(6)}
    assert amounts(chosen(ask(amount="6"), cheap, wanted)) == {"a": D(5), "b": D(1)}


# --- several exchanges


def test_a_split_takes_each_level_where_it_is_cheapest_after_fees():
    a, b = offer("a", deep(("100", "2"), ("102", "9")), fee="0"), offer("b", deep(("101", "5")), fee="0.001")
    choice = chosen(ask(amount="4"), a, b)

    assert amounts(choice) == {"a": D(2), "b": D(2)}
    assert choice.unfilled == 0
    assert choice.best_single == "a"
    assert choice.parts[1].fee == D("0.202")
    assert choice.cost_bps is not None
    assert choice.extra_bps > 0
    assert all(part.limit_price <= D("105") for part in choice.parts)


def test_of_splits_that_cost_the_same_the_one_over_fewer_exchanges():
    a, b = offer("a", deep(("100", "5"))), offer("b", deep(("100", "10")))

    assert amounts(chosen(ask(amount="8"), a, b)) == {"b": D(8)}


def test_one_more_exchange_must_save_what_it_costs():
    a, b = offer("a", deep(("100", "5"), ("100.01", "9"))), offer("b", deep(("100", "10"), ("101", "9")))
    asked = ask(amount="12")

    assert len(amounts(chosen(asked, a, b))) == 2
    assert amounts(chosen(ask(amount="12", terms={"leg_bps": D(5)}), a, b)) == {"a": D(12)}


def test_late_orders_old_books_and_rejects_cost_something_and_can_be_switched_off():
    far = offer("a", latency_ms=900.0, age_s=1.5, record=Record(100, 50))
    terms = INSTALLED["optimal_split"]

    costs = risk_terms(terms, far)
    assert costs.keys() == {"late", "stale", "reject"}
    assert float(costs["late"]) == pytest.approx(0.4 * 0.979 * 0.9**0.5, abs=0.006)
    assert costs["reject"] == D("1")
    assert risk_terms(terms.tolerating(RiskTolerance.LOW), far)["reject"] == D("2")
    assert risk_terms(replace(terms, late_factor=D(0), stale_factor=D(0), reject_bps=D(0)), far) == {}
    near = offer("b", a_book(ask="101.005"))
    assert amounts(chosen(ask(), far, near)) == {"a": D(1)}
    assert amounts(chosen(ask(terms={"reject_bps": D(2)}), far, near)) == {"b": D(1)}


def test_balances_bound_the_parts():
    choice = chosen(ask(amount="4"), offer("a", balance="202.2"), offer("b", a_book(ask="101.5"), balance="1000"))

    assert amounts(choice)["a"] == D("1.99998")
    assert choice.parts[0].limit_price * choice.parts[0].amount * D("1.001") <= D("202.2")
    assert sum(amounts(choice).values()) == 4


def test_what_no_exchange_can_take_stays_unfilled_with_the_reason():
    choice = chosen(ask(amount="4"), offer("a", balance="101.101"), offer("b", balance="0"))

    assert (choice.amount + choice.unfilled, str(choice.reason)) == (D(4), "INSUFFICIENT_FUNDS")
    assert chosen(ask(amount="100"), offer("a")).reason == "INSUFFICIENT_LIQUIDITY"
    assert chosen(ask(amount="1", limit_price=D(100)), offer("a")).reason == "LIMIT_PRICE"
    assert chosen(ask(amount="1.000001"), offer("a")).reason == "LOT_REMAINDER"
    assert chosen(ask(amount="9", terms={"max_legs": 1}), offer("a"), offer("b")).reason == "MAX_LEGS"


def test_an_order_by_money_is_never_worth_more():
    for by in ALL:
        choice = chosen(ask(by, amount=None, notional=D(300)), offer("a"), offer("b", a_book(ask="101.5")))
        assert D(299) < sum(part.notional for part in choice.parts) <= 300
    spent = chosen(ask(SPLIT, amount=None, notional=D(300)), offer("a"))
    assert sum(part.notional + part.fee for part in spent.parts) <= 300


def test_an_order_that_rests_needs_no_depth_and_is_not_split():
    asked = ask(amount="50", limit_price=D(100), rests=True, may_split=False)

    assert amounts(chosen(asked, offer("a", fee="0.002"), offer("b"))) == {"b": D(50)}


# --- bad input leaves one exchange out, never stops the others

BROKEN = {
    "empty": OrderBook("BTC/USDT", [], [], 1.0),
    "no bids": OrderBook("BTC/USDT", [], [(D(101), D(5))], 1.0),
    "no asks": OrderBook("BTC/USDT", [(D(99), D(5))], [], 1.0),
    "crossed": a_book(bid="102", ask="101"),
    "touching": a_book(bid="101", ask="101"),
    "not a number": a_book(bid="NaN", ask="101"),
    "an amount that is no number": a_book(size="NaN"),
    "nothing at a level": a_book(size="0"),
    "less than nothing": a_book(size="-1"),
    "out of order": deep(("101", "5"), ("100.5", "5")),
    "endless": a_book(ask="Infinity"),
    "finer than can be counted": a_book(ask="101.0000000000001"),
}


@pytest.mark.parametrize("by", ALL)
@pytest.mark.parametrize("name", BROKEN)
def test_a_book_that_makes_no_sense_leaves_its_exchange_out(by, name):
    choice = chosen(ask(by), offer("bad", BROKEN[name]), offer("good"))

    assert (amounts(choice), codes(choice)) == ({"good": D(1)}, {"bad": "PRICE_UNKNOWN"})
    assert chosen(ask(by), offer("bad", BROKEN[name])).parts == ()


@pytest.mark.parametrize("by", ALL)
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"balance": "0"}, "INSUFFICIENT_FUNDS"),
        ({"balance": "-5"}, "INSUFFICIENT_FUNDS"),
        ({"market": {"lot": D(10), "min_amount": None}}, "BELOW_MINIMUM"),
        ({"market": {"min_amount": D(3)}}, "BELOW_MINIMUM"),
        ({"market": {"min_notional": D(5000)}}, "BELOW_MINIMUM"),
        ({"market": {"lot": D(0)}}, "PRICE_UNKNOWN"),
        ({"market": {"lot": D("NaN")}}, "PRICE_UNKNOWN"),
        ({"fee": "1.5"}, "PRICE_UNKNOWN"),
    ],
)
def test_rules_and_balances_that_do_not_fit_leave_the_exchange_out(by, changes, code):
    changes = dict(changes)
    choice = chosen(ask(by), offer("bad", fee=changes.pop("fee", "0.001"), **changes), offer("good", fee="0.002"))

    assert (amounts(choice), codes(choice)) == ({"good": D(1)}, {"bad": code})


def test_a_largest_order_is_respected():
    most = {"max_amount": D("0.5")}

    assert codes(chosen(ask(COST), offer("a", market=most), offer("b"))) == {"a": "ABOVE_MAXIMUM"}
    assert amounts(chosen(ask(), offer("a", market=most), offer("b", fee="0.002"))) == {"a": D("0.5"), "b": D("0.5")}


def test_books_finer_than_their_rules_are_compared_all_the_same():
    fine = offer("a", deep(("100.123456789", "5")))

    assert amounts(chosen(ask(), fine, offer("b"))) == {"a": D(1)}


def test_no_offers_at_all():
    assert chosen(ask()).parts == ()
    assert chosen(ask()).reason == "NO_ELIGIBLE_EXCHANGE"


def test_books_of_different_exchanges_may_cross():
    choice = chosen(ask(), offer("a", a_book(bid="105", ask="106")), offer("b", a_book(bid="99", ask="101")))

    assert amounts(choice) == {"b": D(1)}
