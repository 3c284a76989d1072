"""Which orders a market accepts, before it looks at its book."""

from execution.simulator.engine.orders import OrderRequest, Refusal, Refused
from execution.simulator.markets import MarketSpec


def check_rules(request: OrderRequest) -> None:
    """Raise `Refused` if the order breaks the market's tick, lot or minimum."""
    market = request.market
    spec = market.spec
    if request.budget is not None:
        if request.budget <= 0 or request.budget < spec.min_notional:
            raise Refused(Refusal.NOTIONAL_BELOW_MINIMUM)
        return
    _check_amount(spec, request.amount)
    if request.price is not None and (request.price <= 0 or request.price % spec.tick):
        raise Refused(Refusal.PRICE_OFF_TICK)
    price = market.last_price if request.price is None else request.price
    if spec.notional(price, request.amount) < spec.min_notional:
        raise Refused(Refusal.NOTIONAL_BELOW_MINIMUM)


def _check_amount(spec: MarketSpec, amount: int) -> None:
    if amount <= 0 or amount % spec.lot:
        raise Refused(Refusal.AMOUNT_OFF_LOT)
    if amount < spec.min_amount:
        raise Refused(Refusal.AMOUNT_BELOW_MINIMUM)
