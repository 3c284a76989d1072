"""ccxt's unified structures as our exact ones. What cannot be read raises `OutcomeUnknown`: it proves nothing."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from execution.domain.book import OrderBook
from execution.domain.market import Market
from execution.domain.orders import OrderStatus
from execution.exchanges.base import Balance, OrderReport, OrderRequest, Trade
from execution.exchanges.errors import ExchangeError
from execution.exchanges.reading import number, reading

Raw = Mapping[str, Any]


def decimal(value: Any) -> Decimal:
    """A ccxt number (a string, or a float where ccxt insists) as Decimal; None is 0."""
    return Decimal(0) if value is None else number(value)


def positive(value: Any) -> Decimal | None:
    """As Decimal if it is there and above 0: ccxt and some exchanges say 0 for "no bound"."""
    found = decimal(value)
    return found if found > 0 else None


@reading()
def is_ours(order: Raw, request: OrderRequest) -> bool:
    """Whether a looked-up order is the one asked for: exchanges ignore unknown parameters and return another order."""
    theirs = order.get("clientOrderId")
    if request.exchange_order_id:
        # A person may have given the id, and may be wrong: our own id decides wherever it is told.
        if str(order.get("id")) != request.exchange_order_id or theirs not in (None, "", request.client_order_id):
            return False
    elif theirs != request.client_order_id:
        return False
    return bool(order.get("symbol") == request.symbol and order.get("side") == request.side)


def total(trades: Sequence[Raw]) -> Decimal:
    """Sum of the trades' amounts."""
    return sum((decimal(trade["amount"]) for trade in trades), Decimal(0))


@reading()
def report(order: Raw, raw_trades: Sequence[Raw], amount: Decimal) -> OrderReport:
    """What a ccxt order and its trades say, as one consistent report.

    The trades decide what is filled. While they do not add up to what the order claims, it counts as still working.
    """
    trades = tuple(trade(raw) for raw in raw_trades)
    filled = sum((t.amount for t in trades), Decimal(0))
    complete = filled == decimal(order.get("filled"))
    return OrderReport(
        exchange_order_id=str(order["id"]),
        status=status(str(order.get("status") or "open"), filled, amount, complete=complete),
        filled_amount=filled,
        trades=trades,
    )


def status(ccxt_status: str, filled: Decimal, amount: Decimal, *, complete: bool) -> OrderStatus:
    """Ours for ccxt's status. An order whose fills are not all known yet is still open to us."""
    if not complete:
        return OrderStatus.OPEN if filled == 0 else OrderStatus.PARTIALLY_FILLED
    if filled >= amount:
        return OrderStatus.FILLED
    if ccxt_status in {"open", "canceling"}:
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN
    if ccxt_status == "rejected" and not filled:
        return OrderStatus.REJECTED
    return OrderStatus.EXPIRED if ccxt_status == "expired" else OrderStatus.CANCELLED


def trade(raw: Raw) -> Trade:
    """One execution."""
    fee = raw.get("fee") or {}
    maker = {"maker": True, "taker": False}.get(raw.get("takerOrMaker") or "")
    return Trade(
        trade_id=str(raw["id"]),
        amount=decimal(raw["amount"]),
        price=decimal(raw["price"]),
        fee=decimal(fee.get("cost")),
        fee_asset=str(fee.get("currency") or ""),
        at=float(raw.get("timestamp") or 0) / 1000,
        maker=maker,
    )


@reading()
def order_book(raw: Raw, symbol: str, *, received_at: float) -> OrderBook:
    """Levels as Decimal. ccxt parses book numbers as floats; `str` of such a float has the exchange's digits."""
    sequence, time_ms = raw.get("nonce"), raw.get("timestamp")
    return OrderBook(
        symbol,
        _levels(raw["bids"]),
        _levels(raw["asks"]),
        received_at,
        int(sequence) if isinstance(sequence, int) else None,
        time_ms / 1000 if isinstance(time_ms, int | float) else None,
    )


def _levels(rows: Sequence[Sequence[Any]]) -> list[tuple[Decimal, Decimal]]:
    # Some exchanges have a third column (okx: number of orders); NaN and zero sizes are no liquidity.
    levels = [(Decimal(str(row[0])), Decimal(str(row[1]))) for row in rows]
    return [level for level in levels if level[0].is_finite() and level[1].is_finite() and level[1] > 0]


def market(raw: Raw) -> Market | None:
    """An active spot pair, or None for anything else: one pair that cannot be read is as good as not listed."""
    try:
        return _spot_pair(raw)
    except ExchangeError:
        return None


@reading()
def _spot_pair(raw: Raw) -> Market | None:
    if not raw.get("spot") or raw.get("active") is False:
        return None
    precision, limits = raw["precision"], raw["limits"]
    tick, lot = positive(precision.get("price")), positive(precision.get("amount"))
    if tick is None or lot is None:
        return None
    return Market(
        symbol=str(raw["symbol"]),
        tick=tick,
        lot=lot,
        min_amount=positive(limits["amount"].get("min")),
        max_amount=positive(limits["amount"].get("max")),
        min_notional=positive(limits["cost"].get("min")),
    )


@reading()
def balances(raw: Raw) -> dict[str, Balance]:
    """Assets with their free and total amounts."""
    found = {}
    for asset in raw.get("total") or {}:
        row = raw[asset]
        found[asset] = Balance(free=decimal(row.get("free")), total=decimal(row.get("total")))
    return found
