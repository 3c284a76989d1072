"""One exchange's matching engine: accounts, time, and placing, matching and cancelling orders."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from execution.simulator.engine.accounts import Account
from execution.simulator.engine.book import Maker, maker_price
from execution.simulator.engine.market import Market
from execution.simulator.engine.orders import Order, OrderRequest, Refusal, Refused, Status, TimeInForce
from execution.simulator.engine.prices import Universe
from execution.simulator.engine.rules import check_rules
from execution.simulator.engine.settlement import Settlement
from execution.simulator.facts import ClientIds, ExchangeFacts
from execution.simulator.markets import MarketSpec

# An idle book with resting orders is caught up over at most this many steps.
_MAX_CATCH_UP = 240


@dataclass(slots=True)
class _Plan:
    """What an order would trade right now, before anything is changed."""

    fills: list[tuple[Maker, int]] = field(default_factory=list)
    amount: int = 0
    notional: int = 0
    is_complete: bool = False


class Exchange:
    """The books, accounts and order history of one exchange."""

    def __init__(
        self,
        facts: ExchangeFacts,
        universe: Universe,
        *,
        first_number: int = 1,
        order_id: Callable[[int], str] = str,
        trade_id: Callable[[int], str] = str,
    ) -> None:
        self.facts = facts
        self.markets = {row.symbol: Market(MarketSpec.of(facts, row), universe) for row in facts.markets}
        self.accounts: dict[str, Account] = {}
        self.accounts_by_client_id: dict[str, Account] = {}
        self.orders: list[Order] = []
        """Everything ever placed, in order: the truth a client's own records are checked against."""
        self.orders_by_id: dict[str, Order] = {}
        self.settlement = Settlement(facts, first_number, trade_id)
        self.step = 0
        self._order_id = order_id
        self._next_number = first_number
        self._seq = 0
        for market in self.markets.values():
            market.refresh(0, self._take_seq())

    def upsert_account(self, api_key: str, secret: str, client_id: str = "", passphrase: str = "") -> Account:
        """Return the account of `api_key`, created if new, with these credentials."""
        account = self.accounts.setdefault(api_key, Account(api_key, secret))
        account.secret, account.client_id, account.passphrase = secret, client_id, passphrase
        if client_id:
            self.accounts_by_client_id[client_id] = account
        return account

    def advance(self, step: int, now: int) -> None:
        """Move every book to `step`, filling resting orders the market crosses on its way."""
        if step <= self.step:
            return
        first = max(self.step + 1, step - _MAX_CATCH_UP)
        for market in self.markets.values():
            has_orders = market.book.buys.orders or market.book.sells.orders
            for at in range(first if has_orders else step, step + 1):
                market.refresh(at, self._take_seq())
                self.match_resting(market, now)
        self.step = step

    def set_book(self, market: Market, bids: list[tuple[int, int]], asks: list[tuple[int, int]], now: int) -> None:
        """Pin a market to exactly these synthetic (price, amount) levels, best first; time no longer moves it."""
        market.is_pinned = True
        market.book.set_levels(bids, asks, self._take_seq())
        market.version += 1
        if bids and asks:
            market.note_price((bids[0][0] + asks[0][0]) // 2)
        self.match_resting(market, now)

    def move_mid(self, market: Market, mid: int, now: int) -> None:
        """Centre a market on `mid` (price units) and let it go on moving from there."""
        market.move_mid(mid, self.step)
        market.refresh(self.step, self._take_seq())
        self.match_resting(market, now)

    def match_resting(self, market: Market, now: int) -> None:
        """Fill resting orders, as makers at their own price, from synthetic levels that cross them."""
        for side in ("buy", "sell"):
            resting, opposite = market.book.side(side).orders, market.book.opposite(side)
            while resting and opposite.levels:
                order, level = next(iter(resting)), opposite.levels[0]
                if not opposite.reaches(level.price, maker_price(order)):
                    break
                self.settlement.trade_resting(order, level, now)

    def place(self, account: Account, request: OrderRequest, now: int) -> Order:
        """Place an order and match it at once. Raises `Refused`, and then nothing has changed."""
        existing = self._same_order(account, request.client_order_id)
        if existing is not None:
            return existing
        check_rules(request)
        plan = _make_plan(request)
        would_take = bool(request.post_only and plan.fills)
        if would_take and self.facts.rejects_crossing_post_only:
            raise Refused(Refusal.POST_ONLY_WOULD_TAKE)
        self._check_funds(account, request, plan)
        order = self._new_order(account, request, now)
        if would_take:
            self.settlement.close(order, Status.CANCELLED, now, "Post only order")
        elif order.time_in_force is TimeInForce.FOK and not plan.is_complete:
            self.settlement.close(order, Status.EXPIRED, now, "Fill or kill")
        else:
            self._execute(order, plan, now)
        return order

    def cancel(self, order: Order, now: int) -> None:
        """Cancel an open order. Raises `Refused` if it is not open."""
        if order.status is not Status.OPEN:
            raise Refused(Refusal.ORDER_NOT_OPEN)
        self.settlement.unrest(order)
        self.settlement.close(order, Status.CANCELLED, now, "User requested")

    def orders_since(self, since: int) -> list[Order]:
        """The orders placed after a moment."""
        return self.orders[bisect_right(self.orders, since, key=lambda order: order.placed_at) :]

    def age(self, by: int) -> None:
        """Move every order and trade into the past, in microseconds: what an exchange forgets depends on their age."""
        for order in self.orders:
            order.placed_at -= by
            order.updated_at -= by
            order.closed_at = None if order.closed_at is None else order.closed_at - by
            for trade in order.trades:
                trade.at -= by

    def _same_order(self, account: Account, client_order_id: str | None) -> Order | None:
        """The order to answer with instead of a new one. Raises `Refused` where a used id is an error."""
        rule = self.facts.client_ids
        if client_order_id is None or rule is ClientIds.IGNORED:
            return None
        if rule is ClientIds.UNIQUE_WHILE_OPEN:
            used = account.open_order_with(client_order_id)
        else:
            used = next(iter(account.orders_with(client_order_id)), None)
        if used is not None and rule is not ClientIds.SAME_ORDER:
            raise Refused(Refusal.DUPLICATE_CLIENT_ORDER_ID)
        return used

    def _check_funds(self, account: Account, request: OrderRequest, plan: _Plan) -> None:
        """Raise `Refused` unless the account can pay the worst case of this order."""
        spec, is_buy = request.market.spec, request.side == "buy"
        if request.price is not None:
            needed = spec.hold(request.price, request.amount, is_buy=is_buy)
        elif is_buy:
            needed = plan.notional + (self._quote_fees(plan, request) if self.facts.fee_asset == "quote" else 0)
        else:
            needed = request.amount if request.budget is None else plan.amount
        if needed > account.balance(spec.quote if is_buy else spec.base).available:
            raise Refused(Refusal.INSUFFICIENT_FUNDS)

    def _quote_fees(self, plan: _Plan, request: OrderRequest) -> int:
        """The fees a market buy pays on top, where they are charged in the quote asset."""
        spec, ppm = request.market.spec, self.facts.taker_ppm
        notionals = (spec.notional(maker_price(maker), amount) for maker, amount in plan.fills)
        return sum(spec.fee(ppm, notional=notional, amount=0, is_buy=True) for notional in notionals)

    def _new_order(self, account: Account, request: OrderRequest, now: int) -> Order:
        number = self._next_number
        self._next_number += 1
        order = Order(request, account, number=number, order_id=self._order_id(number), now=now)
        account.add_order(order)
        self.orders.append(order)
        self.orders_by_id[order.id] = order
        return order

    def _execute(self, order: Order, plan: _Plan, now: int) -> None:
        """Trade what was planned, then close the order or let the rest wait in the book."""
        if order.budget is not None:
            order.amount = plan.amount
        for maker, amount in plan.fills:
            self.settlement.trade(order, maker, amount, now)
        if plan.is_complete:
            self.settlement.close(order, Status.FILLED, now)
        elif order.is_market or order.time_in_force is not TimeInForce.GTC:
            self.settlement.close(order, Status.EXPIRED, now, "No more liquidity")
        else:
            order.seq = self._take_seq()
            self.settlement.rest(order)

    def _take_seq(self) -> int:
        self._seq += 1
        return self._seq


def _make_plan(request: OrderRequest) -> _Plan:
    """Walk the book without touching it. Raises `Refused` if a budget cannot buy a single lot."""
    spec, side, plan = request.market.spec, request.market.book.opposite(request.side), _Plan()
    price = 0
    for maker in side:
        price = maker_price(maker)
        if request.price is not None and not side.reaches(price, request.price):
            break
        wanted = _wanted(request, plan, price)
        if wanted <= 0:
            break
        amount = min(wanted, maker.remaining)
        plan.fills.append((maker, amount))
        plan.amount += amount
        plan.notional += spec.notional(price, amount)
    if request.budget is None:
        plan.is_complete = plan.amount == request.amount
    elif plan.fills:
        plan.is_complete = _wanted(request, plan, price) == 0
    else:
        raise Refused(Refusal.NO_LIQUIDITY)
    return plan


def _wanted(request: OrderRequest, plan: _Plan, price: int) -> int:
    """How much more an order wants at `price`."""
    if request.budget is None:
        return request.amount - plan.amount
    return request.market.spec.affordable(price, request.budget - plan.notional)
