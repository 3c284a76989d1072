"""Moves money: every match, hold and release goes through here, and nothing is ever created or lost."""

from collections import defaultdict
from collections.abc import Callable

from execution.simulator.engine.accounts import Account
from execution.simulator.engine.book import Level, Maker, maker_price
from execution.simulator.engine.market import PublicTrade
from execution.simulator.engine.orders import Order, Status, Trade
from execution.simulator.facts import ExchangeFacts


class Settlement:
    """The money side of one exchange.

    For every asset the sum of all balances + `fees` + `street` (what the synthetic liquidity gained or lost) equals
    `deposited`, to the last unit.
    """

    def __init__(self, facts: ExchangeFacts, first_number: int, trade_id: Callable[[int], str]) -> None:
        self.facts = facts
        self.fees: defaultdict[str, int] = defaultdict(int)
        self.street: defaultdict[str, int] = defaultdict(int)
        self.deposited: defaultdict[str, int] = defaultdict(int)
        self.trades_by_id: dict[str, Trade] = {}
        """The taker's side where both sides of a trade share an id."""
        self._trade_id = trade_id
        self._next_number = first_number

    def set_balance(self, account: Account, asset: str, total: int) -> None:
        """Set what an account owns of `asset`. Raises ValueError if open orders hold more than that."""
        balance = account.balance(asset)
        if total < balance.held:
            raise ValueError(f"open orders of {account.api_key} hold more {asset} than that")
        self.deposited[asset] += total - balance.total
        balance.total = total

    def trade(self, taker: Order, maker: Maker, amount: int, now: int) -> None:
        """Settle one match of an incoming order."""
        price = maker_price(maker)
        number = self._take_number()
        notional = self._book_side(taker, amount, price, now, number=number, is_maker=False)
        if isinstance(maker, Level):
            self._book_street(taker, amount, notional)
            taker.market.book.opposite(taker.side).take(maker, amount)
        else:
            if not self.facts.shares_trade_ids:
                number = self._take_number()
            self._book_side(maker, amount, price, now, number=number, is_maker=True)
            self._settle_maker(maker, now)
        taker.market.note_trade(PublicTrade(taker.side, price, amount, notional, now))

    def trade_resting(self, order: Order, level: Level, now: int) -> None:
        """Settle one match of a resting order, as maker at its own price, with liquidity that came to it."""
        amount, price = min(order.remaining, level.remaining), maker_price(order)
        notional = self._book_side(order, amount, price, now, number=self._take_number(), is_maker=True)
        self._book_street(order, amount, notional)
        order.market.book.opposite(order.side).take(level, amount)
        self._settle_maker(order, now)
        taker_side = "sell" if order.is_buy else "buy"
        order.market.note_trade(PublicTrade(taker_side, price, amount, notional, now))

    def rest(self, order: Order) -> None:
        """Put an open order into its book and hold what it needs."""
        order.market.book.side(order.side).orders.add(order)
        order.market.version += 1
        self._update_hold(order)

    def unrest(self, order: Order) -> None:
        """Take an order out of its book."""
        order.market.book.side(order.side).orders.remove(order)
        order.market.version += 1

    def close(self, order: Order, status: Status, now: int, reason: str = "") -> None:
        """Move an order to its final state and release what it still holds."""
        order.account.close_order(order, status, now)
        order.reason = reason
        self._update_hold(order)

    def _book_side(self, order: Order, amount: int, price: int, now: int, *, number: int, is_maker: bool) -> int:
        """Write one side of a trade into its order and balances; return the notional."""
        spec, account, is_buy = order.market.spec, order.account, order.is_buy
        notional = spec.notional(price, amount)
        ppm = self.facts.maker_ppm if is_maker else self.facts.taker_ppm
        fee = spec.fee(ppm, notional=notional, amount=amount, is_buy=is_buy)
        asset = spec.fee_asset(is_buy=is_buy)
        sign = 1 if is_buy else -1
        account.balance(spec.base).total += sign * amount
        account.balance(spec.quote).total -= sign * notional
        account.balance(asset).total -= fee
        self.fees[asset] += fee
        trade = Trade(number, self._trade_id(number), order, amount, price, notional, fee, asset, is_maker, now)
        order.trades.append(trade)
        account.trades.append(trade)
        self.trades_by_id.setdefault(trade.id, trade)
        order.filled += amount
        order.notional += notional
        order.updated_at = now
        return notional

    def _book_street(self, order: Order, amount: int, notional: int) -> None:
        """Book the synthetic side of a trade."""
        sign = 1 if order.is_buy else -1
        self.street[order.market.spec.base] -= sign * amount
        self.street[order.market.spec.quote] += sign * notional

    def _settle_maker(self, order: Order, now: int) -> None:
        """Give back what a resting order no longer needs, and close it once it is filled."""
        if order.remaining:
            self._update_hold(order)
        else:
            self.unrest(order)
            self.close(order, Status.FILLED, now)

    def _update_hold(self, order: Order) -> None:
        """Make the held balance match what the order still needs."""
        spec, needed = order.market.spec, 0
        if order.status is Status.OPEN:
            needed = spec.hold(maker_price(order), order.remaining, is_buy=order.is_buy)
        order.account.balance(spec.quote if order.is_buy else spec.base).held += needed - order.held
        order.held = needed

    def _take_number(self) -> int:
        self._next_number += 1
        return self._next_number - 1
