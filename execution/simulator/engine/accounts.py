"""An API key with its balances and its orders."""

from execution.simulator.engine.orders import Order, Status, Trade


class Balance:
    """Units of one asset: `total` owned, of which `held` is blocked by open orders."""

    __slots__ = ("held", "total")

    def __init__(self) -> None:
        self.total = 0
        self.held = 0

    @property
    def available(self) -> int:
        """Units an order may still use."""
        return self.total - self.held


class Account:
    """One API key on one exchange."""

    def __init__(self, api_key: str, secret: str, client_id: str = "") -> None:
        self.api_key = api_key
        self.secret = secret
        self.client_id = client_id
        """Firi's user id for signed requests; other exchanges leave it empty."""
        self.passphrase = ""
        """What OKX and KuCoin want besides key and secret."""
        self.may_withdraw = False
        """Whether the key may also take money out: a good trading key may not."""
        self.ip_restricted = True
        self.last_nonce = 0
        self.balances: dict[str, Balance] = {}
        self.orders: list[Order] = []
        self.open: dict[str, Order] = {}
        self.closed: list[Order] = []
        """In the order they closed, oldest first."""
        self.by_client_order_id: dict[str, list[Order]] = {}
        self.trades: list[Trade] = []

    def balance(self, asset: str) -> Balance:
        """Return the balance of `asset`, empty if never funded."""
        balance = self.balances.get(asset)
        if balance is None:
            balance = self.balances[asset] = Balance()
        return balance

    def add_order(self, order: Order) -> None:
        """Remember a new, open order."""
        self.orders.append(order)
        self.open[order.id] = order
        if order.client_order_id is not None:
            self.by_client_order_id.setdefault(order.client_order_id, []).append(order)

    def close_order(self, order: Order, status: Status, now: int) -> None:
        """Move an open order to its final state."""
        order.status = status
        order.closed_at = order.updated_at = now
        del self.open[order.id]
        self.closed.append(order)

    def orders_with(self, client_order_id: str) -> list[Order]:
        """All orders that carry this client order id, oldest first."""
        return self.by_client_order_id.get(client_order_id, [])

    def open_order_with(self, client_order_id: str) -> Order | None:
        """The open order that carries this client order id."""
        matches = (order for order in self.orders_with(client_order_id) if order.status is Status.OPEN)
        return next(matches, None)
