from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.domain.book import beyond_collar, protective_price, walk_amount, walk_notional
from execution.domain.orders import OrderType, Side, SignalType, TimeInForce
from execution.domain.sizing import Capabilities, Wanted, fingerprint, size_order
from policies.domain.numbers import ceil_to, floor_to, money, plain
from policies.domain.policy import OnExtraPrecision
from policies.domain.reasons import Denied
from tests.domain.builders import BTC, RULES, book

BOOK = book([("99.90", "1"), ("99.50", "5")], [("100.10", "1"), ("100.50", "5"), ("102.00", "50")])
ALL = Capabilities(market_orders=True, times_in_force=frozenset(TimeInForce))
LIMIT_ONLY = Capabilities(market_orders=False, times_in_force=frozenset({TimeInForce.GTC}))
BUY = Wanted(Side.BUY, D("0.5"), None, None, None, None, SignalType.ENTRY)


def size(wanted, *, capabilities=ALL, rules=RULES, method=""):
    return size_order(wanted, BOOK, BTC, rules, capabilities, method)


def denial(wanted, **kwargs):
    with pytest.raises(Denied) as caught:
        size(wanted, **kwargs)
    return caught.value.denial


def test_walking_the_book_takes_best_levels_first():
    walk = walk_amount(BOOK, Side.BUY, D(3))

    assert (walk.amount, walk.notional, walk.worst) == (D(3), D("301.10"), D("100.50"))
    assert walk_amount(BOOK, Side.BUY, D(100), limit=D("100.50")).amount == D(6)
    assert walk_notional(BOOK, Side.SELL, D("99.90") + D("99.50")).amount == D(2)


def test_the_protective_price_is_rounded_towards_the_touch():
    assert protective_price(BOOK, Side.BUY, D(33), D("0.01")) == D("100.43")  # 100.43033
    assert protective_price(BOOK, Side.SELL, D(33), D("0.01")) == D("99.58")  # 99.57033
    assert protective_price(BOOK, Side.BUY, D("0.01"), D(1)) == D("100.10")  # never worse than the touch itself


def test_an_entry_becomes_a_limit_at_the_protective_price():
    order = size(BUY)

    assert (order.order_type, order.price, order.time_in_force, order.method) == (
        OrderType.LIMIT, D("101.10"), TimeInForce.IOC, "limit",
    )  # fmt: skip
    assert order.worst_notional == D("0.5") * D("101.10")


@pytest.mark.parametrize("signal_type", [SignalType.EXIT, SignalType.STOP_LOSS])
def test_exits_and_stops_go_to_market(signal_type):
    order = size(replace(BUY, signal_type=signal_type))

    assert (order.order_type, order.price) == (OrderType.MARKET, None)


def test_a_strategy_may_override_the_method_and_the_client_overrides_both():
    assert size(BUY, method="market").order_type == OrderType.MARKET
    exit_signal = replace(BUY, signal_type=SignalType.EXIT)
    assert size(exit_signal, method="limit").order_type == OrderType.LIMIT
    assert size(replace(BUY, order_type=OrderType.MARKET), method="limit").order_type == OrderType.MARKET


def test_market_becomes_a_protective_limit_where_the_exchange_has_no_market_orders():
    order = size(replace(BUY, order_type=OrderType.MARKET), capabilities=LIMIT_ONLY)

    assert (order.order_type, order.price, order.method) == (OrderType.LIMIT, D("101.10"), "market")


def test_a_notional_is_turned_into_whole_lots_of_what_the_book_gives():
    order = size(replace(BUY, amount=None, notional=D(200)))

    assert order.amount == D("1.99402")  # 1 at 100.10, 99.90 / 100.50 more, rounded down to the lot


def test_a_clients_limit_price_is_kept_exactly():
    wanted = replace(BUY, order_type=OrderType.LIMIT, limit_price=D("98.76"))

    order = size(wanted)

    assert (order.price, order.time_in_force, order.worst_notional) == (D("98.76"), TimeInForce.GTC, D("49.380"))


def test_a_sell_limit_below_the_market_is_valued_at_the_market():
    wanted = replace(BUY, side=Side.SELL, order_type=OrderType.LIMIT, limit_price=D("98.00"))

    assert size(wanted).worst_notional == D("0.5") * D("99.90")


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"amount": D("0.123456")}, "AMOUNT_PRECISION", "Send 0.12345."),
        ({"amount": D("0.000001")}, "AMOUNT_PRECISION", "The smallest amount is 0.00001."),
        ({"amount": D("0.01")}, "BELOW_MINIMUM", "The order is worth 1.01 USDT; the exchange's minimum is 5 USDT."),
        ({"amount": D(9001), "order_type": OrderType.LIMIT, "limit_price": D(100)}, "ABOVE_MAXIMUM", "9000 BTC"),
        ({"amount": D(10)}, "INSUFFICIENT_LIQUIDITY", "The book holds 6 BTC within 100 bps of 100.1"),
        ({"order_type": OrderType.LIMIT, "limit_price": D("100.123")}, "PRICE_PRECISION", "Send 100.12 or 100.13."),
        ({"order_type": OrderType.LIMIT, "limit_price": D(106)}, "PRICE_COLLAR", "6.0 % beyond the middle"),
        ({"side": Side.SELL, "order_type": OrderType.LIMIT, "limit_price": D(90)}, "PRICE_COLLAR", "10.0 % beyond"),
        ({"amount": None, "notional": D("0.0001")}, "BELOW_MINIMUM", "0 BTC is below"),
    ],
)
def test_what_cannot_be_sent_is_denied_with_a_way_out(changes, code, words):
    refused = denial(replace(BUY, **changes))

    assert refused.code == code
    assert words in refused.detail


def test_a_far_limit_on_the_cheap_side_is_no_collar_breach():
    assert size(replace(BUY, order_type=OrderType.LIMIT, limit_price=D(50))).price == D(50)
    assert beyond_collar(BOOK, Side.SELL, D(200), D(500)) is None


def test_extra_precision_is_rounded_down_when_policy_says_so():
    rules = replace(RULES, on_extra_precision=OnExtraPrecision.ROUND_DOWN)

    assert size(replace(BUY, amount=D("0.123459")), rules=rules).amount == D("0.12345")


def test_an_exchange_without_the_time_in_force_is_refused_but_ioc_is_emulated():
    wanted = replace(BUY, order_type=OrderType.LIMIT, limit_price=D(100), time_in_force=TimeInForce.FOK)

    assert denial(wanted, capabilities=LIMIT_ONLY).code == "ORDER_TYPE_UNSUPPORTED"
    assert size(replace(wanted, time_in_force=TimeInForce.IOC), capabilities=LIMIT_ONLY).price == D(100)


@given(
    amount=st.decimals("0.001", "1000", places=8),
    token=st.integers(0, 2**128),
)
def test_a_fingerprint_never_adds_and_never_takes_more_than_a_hundredth_of_a_percent(amount, token):
    lot = D("0.00000001")

    marked = fingerprint(amount, lot, token)

    assert amount * D("0.9999") <= marked <= amount
    assert marked % lot == 0


@given(value=st.decimals("0.00000001", "1000000", places=8), step=st.sampled_from([D("0.1"), D("0.00001"), D("5")]))
def test_rounding_to_steps_is_exact_and_one_sided(value, step):
    low, high = floor_to(value, step), ceil_to(value, step)

    assert low <= value <= high
    assert high - low in {D(0), step}
    assert low % step == high % step == 0


def test_numbers_read_well():
    assert [plain(D(text)) for text in ("0.57100", "1E+2", "100", "1E-8", "0")] == [
        "0.571", "100", "100", "0.00000001", "0",
    ]  # fmt: skip
    assert [money(D(text)) for text in ("1204.181", "0", "0.00042", "-3.5")] == ["1,204.18", "0.00", "0.00042", "-3.50"]
