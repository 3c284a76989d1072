"""Whatever clients do: nothing is created or lost, no balance is negative, nobody jumps the queue."""

from collections import defaultdict
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from execution.simulator.engine.accounts import Account
from execution.simulator.engine.book import Maker, maker_price
from execution.simulator.engine.exchange import Exchange
from execution.simulator.engine.market import Market
from execution.simulator.engine.orders import Order, OrderRequest, Refused, Status, TimeInForce
from execution.simulator.engine.prices import Universe
from execution.simulator.facts import EXCHANGES, ClientIds

NOW = 1_700_000_000_000_000
SIDES = st.sampled_from(["buy", "sell"])
KINDS = st.sampled_from(["limit", "limit", "limit", "market", "budget", "post_only"])


class ExchangeMachine(RuleBasedStateMachine):
    """Random orders, cancels, deposits and market moves on one exchange."""

    @initialize(slug=st.sampled_from(sorted(EXCHANGES)), seed=st.integers(0, 10_000))
    def start(self, slug: str, seed: int) -> None:
        self.exchange = Exchange(EXCHANGES[slug], Universe(seed))
        self.step = 0
        self.accounts: list[Account] = []
        for name in ("a", "b", "c"):
            account = self.exchange.upsert_account(name, "secret")
            for asset, decimals in self.exchange.facts.asset_decimals.items():
                whole = 3 if asset in ("BTC", "ETH", "SOL") else 100_000
                self.exchange.settlement.set_balance(account, asset, whole * 10**decimals)
            self.accounts.append(account)

    @rule(data=st.data(), side=SIDES, kind=KINDS, tif=st.sampled_from(list(TimeInForce)))
    def place(self, data: st.DataObject, side: str, kind: str, tif: TimeInForce) -> None:
        market = data.draw(st.sampled_from(list(self.exchange.markets.values())), "market")
        account = data.draw(st.sampled_from(self.accounts), "account")
        request = self._request(data, market, side, kind, tif)
        side = request.side
        queue = [(maker, maker.remaining) for maker in priority(market, side)]
        placed = len(self.exchange.orders)
        try:
            order = self.exchange.place(account, request, NOW)
        except Refused:
            assert len(self.exchange.orders) == placed
            assert [(maker, maker.remaining) for maker in priority(market, side)] == queue
        else:
            if len(self.exchange.orders) > placed:
                check_priority(order, queue)
                return
            assert self.exchange.facts.client_ids is ClientIds.SAME_ORDER
            assert order in account.orders_with(request.client_order_id or "")
            assert [(maker, maker.remaining) for maker in priority(market, side)] == queue

    @rule(data=st.data())
    @precondition(lambda self: any(account.open for account in self.accounts))
    def cancel(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from([o for account in self.accounts for o in account.open.values()]), "order")
        self.exchange.cancel(order, NOW)
        assert order.held == 0

    @rule(steps=st.integers(1, 30))
    def advance(self, steps: int) -> None:
        self.step += steps
        self.exchange.advance(self.step, NOW)

    @rule(data=st.data(), percent=st.integers(90, 110))
    def shock(self, data: st.DataObject, percent: int) -> None:
        market = data.draw(st.sampled_from(list(self.exchange.markets.values())), "market")
        self.exchange.move_mid(market, max(1, market.last_price * percent // 100), NOW)

    @rule(data=st.data(), units=st.integers(0, 10**14))
    def deposit(self, data: st.DataObject, units: int) -> None:
        account = data.draw(st.sampled_from(self.accounts), "account")
        asset = data.draw(st.sampled_from(sorted(self.exchange.facts.asset_decimals)), "asset")
        self.exchange.settlement.set_balance(account, asset, account.balance(asset).held + units)

    @invariant()
    def nothing_is_created_or_lost(self) -> None:
        if not hasattr(self, "exchange"):
            return
        books = self.exchange.settlement
        for asset in self.exchange.facts.asset_decimals:
            owned = sum(account.balance(asset).total for account in self.accounts)
            assert owned + books.fees[asset] + books.street[asset] == books.deposited[asset]

    @invariant()
    def balances_cover_what_open_orders_hold(self) -> None:
        for account in getattr(self, "accounts", []):
            needed: defaultdict[str, int] = defaultdict(int)
            for order in account.open.values():
                spec = order.market.spec
                needed[spec.quote if order.is_buy else spec.base] += order.held
                assert order.held == spec.hold(order.price, order.remaining, is_buy=order.is_buy)
            for asset, balance in account.balances.items():
                assert 0 <= balance.held == needed[asset] <= balance.total

    @invariant()
    def orders_are_consistent(self) -> None:
        for order in getattr(getattr(self, "exchange", None), "orders", []):
            assert 0 <= order.filled == sum(trade.amount for trade in order.trades) <= order.amount
            assert order.notional == sum(trade.notional for trade in order.trades)
            assert (order.status is Status.FILLED) == (order.filled == order.amount) or order.budget is not None
            assert order.status is Status.OPEN or order.held == 0
            sign = 1 if order.is_buy else -1
            assert order.price is None or all(t.price * sign <= order.price * sign for t in order.trades)
            assert order.budget is None or order.notional <= order.budget

    @invariant()
    def books_never_cross(self) -> None:
        for market in getattr(getattr(self, "exchange", None), "markets", {}).values():
            bids, asks = market.book.buys.depth(1), market.book.sells.depth(1)
            assert not bids or not asks or bids[0][0] < asks[0][0]

    def _request(self, data: st.DataObject, market: Market, side: str, kind: str, tif: TimeInForce) -> OrderRequest:
        spec = market.spec
        request = OrderRequest(market=market, side=side, post_only=kind == "post_only")
        if kind == "budget":
            request.side = "buy"
            request.budget = data.draw(st.integers(0, 50_000 * 10**spec.quote_decimals), "budget")
            return request
        request.amount = data.draw(st.integers(0, 2 * 10**spec.base_decimals // spec.lot), "lots") * spec.lot
        if kind != "market":
            offset = data.draw(st.integers(-300, 300), "offset")
            request.price = max(spec.tick, (market.last_price * (10_000 + offset) // 10_000) // spec.tick * spec.tick)
        if kind == "limit":
            request.time_in_force = tif
        request.client_order_id = data.draw(st.sampled_from([None, "x", "y"]), "client_order_id")
        return request


def priority(market: Market, side: str) -> list[Maker]:
    """The makers an order of `side` meets, sorted here from first principles."""
    opposite = market.book.opposite(side)
    makers: list[Any] = [*opposite.levels, *opposite.orders]
    return sorted(makers, key=lambda maker: (maker_price(maker) * opposite.sign, maker.seq))


def check_priority(order: Order, queue: list[tuple[Maker, int]]) -> None:
    """Every maker before the last one touched must be used up, and the trades must follow the queue."""
    traded = [(trade.price, trade.amount) for trade in order.trades]
    expected: list[tuple[int, int]] = []
    left = order.filled
    for maker, remaining in queue:
        if not left:
            break
        expected.append((maker_price(maker), min(left, remaining)))
        left -= expected[-1][1]
    assert traded == expected


TestExchange = ExchangeMachine.TestCase
TestExchange.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
