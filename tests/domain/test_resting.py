"""Where an order rests: the lowest maker fee, then the faster exchange, and why not the others."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from execution.domain.explained import explain, read
from execution.domain.orders import Side
from tests.domain.offers import a_book, amounts, ask, chosen, codes, offer

PASSIVE = replace(ask(), passive=True)


def place(exchange, maker, **changes):
    return offer(exchange, maker=None if maker is None else D(maker), **changes)


def test_the_lowest_maker_fee_wins_whatever_the_taker_fee_and_a_rebate_is_lowest():
    offers = [place("a", "0.0008", fee="0.0001"), place("b", "-0.0001", fee="0.002"), place("c", "0")]

    choice = chosen(PASSIVE, *offers)

    assert choice.ranked == ("b", "c", "a")
    part = choice.parts[0]
    assert (part.exchange, part.limit_price, part.fee) == ("b", D(99), D("-0.0099"))
    assert codes(choice) == {"a": "DEARER", "c": "DEARER"}
    told = {verdict.exchange: verdict for verdict in choice.verdicts}
    assert told["a"].detail == "Its maker fee is 8 bps; b asks -1 bps."
    assert told["b"].terms["maker fee"] == -1


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, D(99)), (Side.SELL, D(101))])
def test_it_rests_at_the_best_price_of_its_own_side(side, price):
    choice = chosen(replace(PASSIVE, side=side), place("a", "0.001"))

    assert choice.parts[0].limit_price == price
    assert choice.cost_bps == pytest.approx(-90, abs=0.2), "half of the spread is earned, 10 bps are paid"


def test_a_better_price_on_its_own_side_is_no_reason_to_pay_more():
    choice = chosen(PASSIVE, place("a", "0.001"), place("b", "0.0009", book=a_book(bid="98")))

    assert amounts(choice) == {"b": D(1)}


def test_of_equal_fees_the_faster_exchange_and_one_never_measured_last():
    offers = [place("a", "0", latency_ms=None), place("b", "0", latency_ms=90.0), place("c", "0", latency_ms=20.0)]

    choice = chosen(PASSIVE, *offers)

    assert choice.ranked == ("c", "b", "a")
    assert {verdict.detail for verdict in choice.verdicts} == {"", "Its maker fee is 0 bps too, and c answers sooner."}


def test_preferred_exchanges_come_first_and_without_a_maker_fee_the_takers_counts():
    preferred = chosen(PASSIVE, place("a", "0"), place("b", "0.001", preferred=True))
    unknown = chosen(PASSIVE, place("a", None, fee="0.002"), place("b", "0.001"))

    assert (preferred.ranked, codes(preferred)) == (("b", "a"), {"a": "NOT_PREFERRED"})
    assert unknown.ranked == ("b", "a")


def test_where_it_cannot_rest_it_does_not_go():
    market = {"min_amount": D(2), "lot": D("0.1")}
    offers = [
        place("a", "0", market=market),
        place("b", "0", balance="98"),
        place("c", "0", market={"max_amount": D("0.5")}),
        place("d", "0.001", balance="99.2"),
    ]

    choice = chosen(PASSIVE, *offers)

    assert codes(choice) == {"a": "BELOW_MINIMUM", "b": "INSUFFICIENT_FUNDS", "c": "ABOVE_MAXIMUM"}
    assert amounts(choice) == {"d": D(1)}
    nowhere = chosen(PASSIVE, *offers[:3])
    assert (nowhere.parts, nowhere.ranked) == ((), ())
    assert nowhere.reason in {"BELOW_MINIMUM", "INSUFFICIENT_FUNDS", "ABOVE_MAXIMUM"}


def test_by_money_as_many_lots_as_it_pays_for():
    asked = replace(PASSIVE, amount=None, notional=D(100))

    assert amounts(chosen(asked, place("a", "0", market={"lot": D("0.1")}))) == {"a": D(1)}


def test_a_limit_that_rests_is_measured_with_the_makers_fee():
    asked = replace(ask(), rests=True, may_split=False, limit_price=D(99))
    offers = [place("a", "0.002", fee="0.001"), place("b", "-0.0002", fee="0.003")]

    choice = chosen(asked, *offers)

    assert amounts(choice) == {"b": D(1)}
    assert choice.parts[0].fee == D("-0.0198")


def test_the_record_makes_the_same_choice_again():
    offers = [place("a", "0.0008"), place("b", "-0.0001")]
    choice = chosen(PASSIVE, *offers)

    asked, kept = read(explain("BTC/USDT", PASSIVE, offers, {}, choice))

    assert asked == PASSIVE
    assert chosen(asked, *kept).parts == choice.parts
