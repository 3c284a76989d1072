"""What a plan says: legs, reasons, bounds, the best single exchange; and the numbers at its edges."""

import random
from decimal import Decimal as D

import pytest

from execution.domain.orders import Side
from execution.domain.split import (
    Scale,
    ScaleTooCoarse,
    SplitReason,
    SplitRequest,
    Terms,
    candidate,
    depth_of,
    plan_split,
    prepare_depth,
    search,
)
from execution.domain.split.scale import scaled, scaled_quickly
from tests.domain.builders import book

SCALE = Scale(2, 4)
R = SplitReason


def offer(name, levels, *, side=Side.BUY, fee="0.001", lot="0.01", balance=None, scale=SCALE, **terms):
    """One candidate; levels as (price, amount)."""
    facts = {key: D(value) for key, value in terms.items()}
    made = Terms(taker_fee=D(fee), lot=D(lot), tick=D("0.01"), **facts).on(scale, side)
    depth = prepare_depth(levels, side, scale, received_at=1.5)
    return candidate(name, depth, made, None if balance is None else D(balance))


def buy(amount, *offers, **request):
    return plan_split(SplitRequest(Side.BUY, D(amount), **request), offers)


def amounts(plan):
    return {leg.exchange: leg.amount for leg in plan.legs}


def reasons(plan):
    return {bounds.exchange: bounds.reason for bounds in plan.bounds}


def test_the_cheapest_price_after_fees_is_taken_first():
    plan = buy(3, offer("a", [("100", "2"), ("101", "9")]), offer("b", [("100.05", "5")], fee="0"))

    assert amounts(plan) == {"b": D(3)}
    assert plan.cost == D("300.15")
    assert plan.lower_bound == plan.cost
    assert plan.gap_bps == 0
    assert reasons(plan) == {"a": R.DEARER, "b": None}


def test_a_leg_says_what_it_costs_and_how_old_its_book_is():
    plan = buy(3, offer("a", [("100", "2"), ("101", "9")], leg_cost="0.5"))

    leg = plan.legs[0]
    assert (leg.amount, leg.notional, leg.fee, leg.leg_cost) == (D(3), D(301), D("0.301"), D("0.5"))
    assert (leg.worst_price, leg.average_price.quantize(D("0.0001")), leg.book_received_at) == (
        D(101), D("100.3333"), 1.5,
    )  # fmt: skip
    assert plan.cost == leg.notional + leg.fee + leg.leg_cost


def test_a_sale_counts_what_is_received():
    bids = [("100", "1"), ("99", "5")]
    plan = plan_split(SplitRequest(Side.SELL, D(2)), [offer("a", bids, side=Side.SELL, fee="0.01")])

    assert plan.cost == D("-197.01")
    assert plan.legs[0].fee == D("1.99")
    assert plan.legs[0].worst_price == 99


@pytest.mark.parametrize(
    ("side", "slippage", "limit", "expected"),
    [
        (Side.BUY, "10", None, "101.10"),  # 101.101 down
        (Side.BUY, "0", None, "101"),
        (Side.BUY, "100", "101.05", "101.05"),
        (Side.SELL, "10", None, "98.91"),  # 98.901 up
        (Side.SELL, "100", "98.95", "98.95"),
    ],
)
def test_a_protective_price_is_rounded_towards_the_touch_inside_the_limit(side, slippage, limit, expected):
    levels = [("100", "1"), ("101" if side == Side.BUY else "99", "5")]
    request = SplitRequest(side, D(2), limit_price=None if limit is None else D(limit))
    plan = plan_split(request, [offer("a", levels, side=side)])

    assert plan.protective_price(plan.legs[0], D(slippage)) == D(expected)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"levels": []}, R.PRICE_UNKNOWN),
        ({"levels": [("100", "0.005")]}, R.INSUFFICIENT_LIQUIDITY),
        ({"levels": [("102", "9")]}, R.LIMIT_PRICE),
        ({"max_amount": "0.5", "min_amount": "1"}, R.ABOVE_MAXIMUM),
        ({"balance": "0.9"}, R.INSUFFICIENT_FUNDS),
        ({"balance": "-5"}, R.INSUFFICIENT_FUNDS),
        ({"min_notional": "250"}, R.BELOW_MINIMUM),
        ({"min_amount": "2.5"}, R.BELOW_MINIMUM),
    ],
)
def test_an_excluded_exchange_has_its_reason_and_so_has_what_stays_unfilled(change, reason):
    change = {"levels": [("100", "9")], **change}
    plan = buy(2, offer("a", change.pop("levels"), **change), limit_price=D(101))

    assert plan.legs == ()
    assert reasons(plan) == {"a": reason}
    assert (plan.filled, plan.unfilled, plan.cost, plan.best_single) == (0, 2, 0, None)
    assert plan.is_full
    # With an exchange that could take more, only the order is too small.
    assert plan.unfilled_reason == reason


@pytest.mark.parametrize(
    ("amount", "change", "request_change", "reason"),
    [
        ("2.005", {}, {}, R.LOT_REMAINDER),
        ("20", {}, {}, R.INSUFFICIENT_LIQUIDITY),
        ("20", {"balance": "500"}, {}, R.INSUFFICIENT_FUNDS),
        ("20", {"max_amount": "3"}, {}, R.ABOVE_MAXIMUM),
        ("20", {}, {"limit_price": D(100)}, R.LIMIT_PRICE),
        ("7", {"max_amount": "3"}, {"max_legs": 2}, R.MAX_LEGS),
        ("3", {"max_amount": "2", "min_amount": "2"}, {}, R.BELOW_MINIMUM),
    ],
)
def test_what_stays_unfilled_has_a_reason(amount, change, request_change, reason):
    offers = [offer(name, [("100", "2"), ("101", "3")], **change) for name in "abc"]
    plan = buy(amount, *offers, **request_change)

    assert plan.unfilled_reason == reason
    assert plan.filled > 0
    assert plan.filled + plan.unfilled == D(amount)


def test_a_full_plan_leaves_no_reason():
    plan = buy(2, offer("a", [("100", "9")]))

    assert (plan.unfilled, plan.unfilled_reason) == (0, None)


def test_an_order_is_completed_over_minimums_that_a_merge_would_break():
    """Cheapest first would leave 0.02 to an exchange that takes no less than 0.5."""
    plan = buy("1.02", offer("a", [("100", "1")]), offer("b", [("101", "9")], min_amount="0.5"))

    assert amounts(plan) == {"a": D("0.52"), "b": D("0.5")}
    assert plan.is_full


def test_a_balance_is_spent_to_the_last_lot_in_the_middle_of_a_level():
    plan = buy(2, offer("a", [("100", "1"), ("101", "5")], balance="150.15"), offer("b", [("110", "9")]))

    assert amounts(plan) == {"a": D("1.49"), "b": D("0.51")}


def test_leg_costs_keep_an_order_together_and_a_leg_limit_does_too():
    near = [("100", "1"), ("100.2", "9")]
    apart = buy(2, offer("a", near), offer("b", [("100.1", "9")]))

    assert set(amounts(apart)) == {"a", "b"}
    assert amounts(buy(2, offer("a", near, leg_cost="1"), offer("b", [("100.1", "9")], leg_cost="1"))) == {"a": D(2)}
    assert set(amounts(buy(2, offer("a", near), offer("b", [("100.1", "9")]), max_legs=1))) == {"a"}


def test_the_best_single_exchange_is_compared_in_bps():
    plan = buy(2, offer("a", [("100", "1"), ("103", "9")], fee="0"), offer("b", [("101", "9")], fee="0"))

    single = plan.best_single
    assert (single.exchange, single.filled, single.cost) == ("b", D(2), D(202))
    assert single.extra_bps.quantize(D("0.001")) == D("49.751")
    thin = buy(2, offer("a", [("100", "1")]), offer("b", [("101", "1")]))
    assert (thin.best_single.exchange, thin.best_single.extra_bps) == ("a", None)


def test_equal_prices_go_to_the_first():
    assert amounts(buy(1, offer("a", [("100", "9")]), offer("b", [("100", "9")]))) == {"a": D(1)}


def test_rebates_and_fees_of_zero_are_prices_like_others():
    plan = buy(1, offer("a", [("100", "9")], fee="0"), offer("b", [("100.01", "9")], fee="-0.0002"))

    assert amounts(plan) == {"b": D(1)}
    assert plan.legs[0].fee == D("-0.020002")


def test_lots_that_do_not_divide_each_other_give_an_allowed_plan_and_an_honest_proof():
    first, second = offer("a", [("100", "9")], lot="0.4"), offer("b", [("101", "9")], lot="0.6", min_amount="1.2")
    plan = buy("2.3", first, second)

    assert amounts(plan) == {"a": D(2)}
    assert not plan.is_full  # 1 x 0.4 + 3 x 0.6 is 2.2
    assert plan.lower_bound <= plan.cost


def test_lots_that_do_not_divide_each_other_need_no_search_where_the_merge_fits():
    plan = buy("1", offer("a", [("100", "0.4")], lot="0.4"), offer("b", [("101", "9")], lot="0.6"))

    assert amounts(plan) == {"a": D("0.4"), "b": D("0.6")}
    assert plan.is_full


def test_a_search_that_is_cut_short_says_how_good_its_plan_is(monkeypatch):
    monkeypatch.setattr(search, "MAX_NODES", 1)
    offers = [
        offer(name, [("100", "1")], min_amount="0.7", leg_cost=cost)
        for name, cost in zip("abcde", "12345", strict=True)
    ]
    plan = buy("3.3", *offers)

    assert plan.filled <= D("3.3")
    assert plan.lower_bound < plan.cost or not plan.is_full


def test_an_order_without_candidates_stays_unfilled():
    plan = plan_split(SplitRequest(Side.BUY, D(1)), [])

    assert (plan.legs, plan.unfilled, plan.unfilled_reason) == ((), 1, R.PRICE_UNKNOWN)


def test_a_buy_in_quote_units_spends_no_more_than_that_with_fees():
    offers = offer("a", [("100", "1"), ("101", "1")]), offer("b", [("102", "9")])
    plan = plan_split(SplitRequest(Side.BUY, notional=D("250")), offers)

    assert plan.filled == D("2.47")
    assert plan.cost == D("249.188940")
    assert plan.unfilled_reason == R.NOTIONAL


def test_a_sale_in_quote_units_raises_no_more_than_that():
    plan = plan_split(
        SplitRequest(Side.SELL, notional=D(150)), [offer("a", [("100", "1"), ("99", "3")], side=Side.SELL)]
    )

    assert plan.filled == D("1.5")
    assert plan.cost == D("-149.3505")


@pytest.mark.parametrize(
    "wrong",
    [{"amount": D(0)}, {"amount": D(1), "notional": D(1)}, {}, {"amount": D("NaN")}, {"amount": D(1), "max_legs": 0}],
)
def test_a_request_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        SplitRequest(Side.BUY, **wrong)


@pytest.mark.parametrize(
    "levels",
    [
        [("100", "1"), ("100", "1")],
        [("101", "1"), ("100", "1")],
        [("100", "0")],
        [("-1", "1")],
        [("nan", "1")],
        [("100", "inf")],
        [("100", "x")],
    ],
)
def test_a_book_out_of_order_is_refused(levels):
    with pytest.raises(ValueError, match="out of order|not a"):
        prepare_depth(levels, Side.BUY, SCALE)


@pytest.mark.parametrize("side", list(Side))
def test_floats_texts_and_decimals_are_the_same_book_however_deep_it_is_read(side):
    rng = random.Random(20261121)
    for _ in range(200):
        cents = sorted(rng.sample(range(1, 10 ** rng.choice([3, 7, 14])), 30), reverse=side == Side.SELL)
        texts = [
            [f"{D(each) / 100}", f"{D(rng.randrange(1, 10 ** rng.choice([3, 9, 17]))) / 10_000}"] for each in cents
        ]
        exact = [[D(price), D(amount)] for price, amount in texts]
        floats = [[float(price), float(amount), 1.0] for price, amount in texts]
        told = [[D(str(price)), D(str(amount))] for price, amount, _ in floats]
        for enough in (None, 1, rng.randrange(1, 10**12)):
            depth = prepare_depth(exact, side, SCALE, enough=enough)
            assert prepare_depth(texts, side, SCALE, enough=enough) == depth
            assert prepare_depth(floats, side, SCALE, enough=enough) == prepare_depth(told, side, SCALE, enough=enough)
        assert prepare_depth([*floats[:9], *exact[9:]], side, SCALE) == prepare_depth(
            [*told[:9], *exact[9:]], side, SCALE
        )


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1.0, 0.0, "x", 1.001])
@pytest.mark.parametrize("column", [0, 1])
def test_a_float_that_makes_no_sense_is_refused_wherever_it_stands(wrong, column):
    levels = [[100.0, 1.0], [101.0, 1.0], [102.0, 1.0]]
    levels[2][column] = wrong if column == 0 or wrong != 1.001 else 1.00001
    with pytest.raises(ValueError, match=r"finite|out of order|not a number|decimal places"):
        prepare_depth(levels, Side.BUY, SCALE)


def test_books_of_another_scale_or_side_are_refused():
    with pytest.raises(ValueError, match="another side or scale"):
        buy(1, offer("a", [("100", "1")]), offer("b", [("100", "1")], scale=Scale(3, 4)))
    with pytest.raises(ValueError, match="another side or scale"):
        buy(1, offer("a", [("100", "1")], side=Side.SELL))


def test_a_crossed_book_prices_nothing():
    crossed = book([("100", "1")], [("99", "1")])
    fine = book([("99", "1")], [("100", "1"), ("101", "2")])

    assert depth_of(crossed, Side.BUY, SCALE).is_empty
    depth = depth_of(fine, Side.BUY, SCALE)
    assert (depth.prices, depth.amounts, depth.values) == (
        (10_000, 10_100), (0, 10_000, 30_000), (0, 10**8, 10**8 + 2 * 101 * 10**6),
    )  # fmt: skip


@pytest.mark.parametrize(
    "value", [0.1, 112822.09, "112822.09", 1e-8, "0.00001832", D("7.5"), 3, "1e-5", 4503599627370.5]
)
def test_numbers_become_integers_exactly(value):
    assert scaled_quickly(value, 1e8, 8) == int(D(str(value)) * 10**8) == scaled(value, 8)


@pytest.mark.parametrize("value", [0.1 + 0.2, "1.0000000000000000001", D("0.000000001"), "0.123456789"])
def test_a_number_finer_than_the_scale_is_not_rounded(value):
    with pytest.raises(ScaleTooCoarse):
        scaled_quickly(value, 1e8, 8)


def test_the_coarsest_scale_that_fits_is_found():
    assert Scale.fitting(["1.50", 2], [0.25, "1e-3"], ["0.00075"]) == Scale(1, 3, 5)
