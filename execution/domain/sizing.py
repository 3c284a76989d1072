"""From what a client wants to one order an exchange accepts: amount, price, type. Pure, exact, or Denied."""

from dataclasses import dataclass
from decimal import Decimal

from execution.domain.book import OrderBook, beyond_collar, protective_price, walk_amount, walk_notional
from execution.domain.market import Market
from execution.domain.orders import OrderType, Side, SignalType, TimeInForce
from policies.domain.numbers import floor_to, is_multiple, money, plain, rounded
from policies.domain.policy import OnExtraPrecision, RoutingRules
from policies.domain.reasons import Denied, ReasonCode


@dataclass(frozen=True, slots=True)
class Wanted:
    """The part of a signal that sizing needs. Exactly one of amount (base) and notional (quote) is given.

    order_type None leaves the execution method to policy. limit_price only with order_type limit.
    capped: one of several parts, so a notional holds even at the worst price, and what is less than a lot is left over.
    """

    side: Side
    amount: Decimal | None
    notional: Decimal | None
    order_type: OrderType | None
    limit_price: Decimal | None
    time_in_force: TimeInForce | None
    signal_type: SignalType
    max_slippage_bps: Decimal | None = None
    capped: bool = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an exchange can do. IOC is emulated (limit, short wait, cancel) where it is missing; the others are not."""

    market_orders: bool
    times_in_force: frozenset[TimeInForce]


@dataclass(frozen=True, slots=True)
class SizedOrder:
    """An order ready for the risk check.

    `worst_notional`: its value in quote units at the worst price it may get. `reference_price`: the best price now.
    """

    order_type: OrderType
    amount: Decimal
    price: Decimal | None
    time_in_force: TimeInForce
    method: str
    worst_notional: Decimal
    reference_price: Decimal


def size_order(
    wanted: Wanted, book: OrderBook, market: Market, rules: RoutingRules, capabilities: Capabilities, method: str = ""
) -> SizedOrder:
    """Turn a wish into an order for one exchange. `method` is the strategy's override of the execution method.

    Raises Denied with a sentence that names the bound and what to send instead.
    """
    if wanted.limit_price is not None:
        order = _client_limit(wanted, wanted.limit_price, book, market, rules, capabilities)
    else:
        order = _protected(wanted, book, market, rules, capabilities, method)
    _check_bounds(order, market)
    return order


def execution_method(wanted: Wanted, override: str = "") -> str:
    """`market` or `limit`: what the client asked for, else the strategy's override, else by signal type."""
    if wanted.order_type is not None:
        return wanted.order_type.value
    if override in {"market", "limit"}:
        return override
    return "market" if wanted.signal_type in {SignalType.EXIT, SignalType.STOP_LOSS} else "limit"


def fingerprint(amount: Decimal, lot: Decimal, token: int) -> Decimal:
    """Make an amount recognisable where the exchange keeps no client order id: take off 1 to 999 lots.

    Never more than 0.01 % of the amount, so a small order may stay as it is.
    """
    lots = int(amount / lot)
    return amount - min(token % 999 + 1, lots // 10_000) * lot


def _client_limit(
    wanted: Wanted,
    price: Decimal,
    book: OrderBook,
    market: Market,
    rules: RoutingRules,
    capabilities: Capabilities,
) -> SizedOrder:
    if not is_multiple(price, market.tick):
        nearest = floor_to(price, market.tick)
        raise Denied(
            ReasonCode.PRICE_PRECISION,
            f"Limit price {plain(price)} is not a multiple of the tick {plain(market.tick)}. Send {plain(nearest)} "
            f"or {plain(nearest + market.tick)}.",
        )
    beyond = beyond_collar(book, wanted.side, price, rules.price_collar_bps)
    if beyond is not None:
        raise Denied(
            ReasonCode.PRICE_COLLAR,
            f"Limit {plain(price)} is {rounded(beyond / 100, 1)} % beyond the middle of the market; the collar is "
            f"{rounded(rules.price_collar_bps / 100, 1)} %. Check the price.",
        )
    time_in_force = wanted.time_in_force or TimeInForce.GTC
    _check_time_in_force(time_in_force, capabilities)
    amount = _amount(wanted, market, rules, at_price=price)
    best = book.best(wanted.side)
    worst_price = price if wanted.side == Side.BUY else max(price, best)
    return SizedOrder(OrderType.LIMIT, amount, price, time_in_force, "limit", amount * worst_price, best)


def _protected(
    wanted: Wanted, book: OrderBook, market: Market, rules: RoutingRules, capabilities: Capabilities, override: str
) -> SizedOrder:
    slippage = wanted.max_slippage_bps if wanted.max_slippage_bps is not None else rules.max_slippage_bps
    limit = protective_price(book, wanted.side, slippage, market.tick)
    if wanted.notional is not None:
        walk = walk_notional(book, wanted.side, wanted.notional, limit)
        enough = walk.notional == wanted.notional
    else:
        walk = walk_amount(book, wanted.side, wanted.amount or Decimal(0), limit)
        enough = walk.amount == wanted.amount
    best = book.best(wanted.side)
    if not enough:
        raise Denied(
            ReasonCode.INSUFFICIENT_LIQUIDITY,
            f"The book holds {plain(floor_to(walk.amount, market.lot))} {market.base} within {plain(slippage)} bps of "
            f"{plain(best)}, less than this order. Send a smaller order, or allow more slippage.",
        )
    capped = wanted.capped and wanted.side == Side.BUY
    amount = _amount(wanted, market, rules, at_price=max(limit, walk.average) if capped else walk.average)
    worst = amount * (limit if wanted.side == Side.BUY else best)
    method = execution_method(wanted, override)
    if method == "market" and capabilities.market_orders:
        return SizedOrder(OrderType.MARKET, amount, None, TimeInForce.IOC, method, worst, best)
    return SizedOrder(OrderType.LIMIT, amount, limit, wanted.time_in_force or TimeInForce.IOC, method, worst, best)


def _check_time_in_force(time_in_force: TimeInForce, capabilities: Capabilities) -> None:
    if time_in_force in capabilities.times_in_force or time_in_force == TimeInForce.IOC:
        return
    offered = ", ".join(sorted(capabilities.times_in_force | {TimeInForce.IOC}))
    raise Denied(
        ReasonCode.ORDER_TYPE_UNSUPPORTED, f"This exchange has no {time_in_force} orders. It offers {offered}."
    )


def _amount(wanted: Wanted, market: Market, rules: RoutingRules, *, at_price: Decimal) -> Decimal:
    if wanted.notional is not None:
        return floor_to(wanted.notional / at_price, market.lot)
    assert wanted.amount is not None
    rounded = floor_to(wanted.amount, market.lot)
    if rounded != wanted.amount and rules.on_extra_precision == OnExtraPrecision.DENY and not wanted.capped:
        advice = f"Send {plain(rounded)}." if rounded else f"The smallest amount is {plain(market.lot)}."
        raise Denied(
            ReasonCode.AMOUNT_PRECISION,
            f"{plain(wanted.amount)} {market.base} is finer than the exchange's lot of {plain(market.lot)}. {advice}",
        )
    return rounded


def _check_bounds(order: SizedOrder, market: Market) -> None:
    smallest = market.min_amount or market.lot
    if order.amount < smallest:
        raise Denied(
            ReasonCode.BELOW_MINIMUM,
            f"{plain(order.amount)} {market.base} is below the exchange's minimum of {plain(smallest)} {market.base}.",
        )
    if market.max_amount is not None and order.amount > market.max_amount:
        raise Denied(
            ReasonCode.ABOVE_MAXIMUM,
            f"{plain(order.amount)} {market.base} is above the exchange's maximum of {plain(market.max_amount)} "
            f"{market.base} in one order.",
        )
    value = order.amount * (order.price if order.price is not None else order.reference_price)
    if market.min_notional is not None and value < market.min_notional:
        raise Denied(
            ReasonCode.BELOW_MINIMUM,
            f"The order is worth {money(value)} {market.quote}; the exchange's minimum is {plain(market.min_notional)} "
            f"{market.quote}.",
        )
