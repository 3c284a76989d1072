"""Rows for the admin's tests and screenshots: a desk on a calm day and on a bad one."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Permission, User
from django.db.models import F
from django.utils import timezone

from execution.domain.book import OrderBook
from execution.domain.choosing import Ask, Verdict, choose
from execution.domain.explained import explain
from execution.domain.market import Market as PairRules
from execution.domain.orders import FINAL, OrderStatus, Side, SignalStatus
from execution.domain.prepared import Depths
from execution.domain.queues import QUEUES, canary_name
from execution.domain.regret import kept_books
from execution.domain.rollups import BUCKETS, bucket_of
from execution.domain.scoring import Offer
from execution.models import (
    AccountFee,
    Alert,
    AlertDelivery,
    ArbitrageEvent,
    ArbitrageStep,
    ArbitrageTrade,
    BalanceCheck,
    BookBreak,
    CircuitBreaker,
    Decision,
    ExchangeHealth,
    FeeTotal,
    Fill,
    HealthEvent,
    HealthRollup,
    HealthSample,
    Heartbeat,
    Market,
    Order,
    OrderCost,
    OrderEvent,
    Orphan,
    Position,
    Reconciliation,
    Signal,
    WebhookDelivery,
)
from execution.services.reconcile import epoch
from policies import defaults
from policies.alerts import store_channel
from policies.domain.policy import Mode, RouteBy, Scope, TradingStatus
from policies.domain.reasons import ReasonCode
from policies.domain.smart import INSTALLED
from policies.models import (
    AlertChannel,
    AlertRule,
    ApiToken,
    Exchange,
    ExchangeCredential,
    OrderSizeLimit,
    StrategyPolicy,
    TradingPermission,
    TradingPreference,
    Webhook,
)
from policies.services import create_token, set_frozen, set_trading_state, store_credential
from policies.webhooks import create_webhook

CHAIN = ("binance", "bybit", "okx", "kucoin", "kraken", "firi")
PRICES = {"BTC/USDT": Decimal("64210.4"), "ETH/USDT": Decimal("3120.55"), "SOL/USDT": Decimal("151.2")}
SECRET = "s3cr3t-NEVER-shown-9f27"
BASE64_SECRET = "c2VjcmV0LW9mLWE="


def ago(**kwargs: float) -> datetime:
    return timezone.now() - timedelta(**kwargs)


def healthy(slug: str, latency: float = 58.0, **kwargs: Any) -> ExchangeHealth:
    """The health row of an exchange; `kwargs` make it worse."""
    values = {
        "status": "ok",
        "since": ago(hours=7),
        "checked_at": ago(seconds=4),
        "latency_ms": latency,
        "latency_ewma_ms": latency,
        "markets_version": 1,
        **kwargs,
    }
    return ExchangeHealth.objects.update_or_create(exchange_id=slug, defaults=values)[0]


def all_healthy() -> None:
    """Every exchange answers, and the platform's processes are alive."""
    for number, slug in enumerate(Exchange.objects.values_list("slug", flat=True)):
        healthy(slug, 41.0 + 17 * number)
    processes = [("beat", "beat"), ("worker-1", "worker"), *((canary_name(queue), "canary") for queue in QUEUES)]
    for name, kind in processes:
        Heartbeat.objects.update_or_create(
            name=name,
            defaults={"kind": kind, "version": "1.0", "started_at": ago(hours=7), "seen_at": ago(seconds=2)},
        )


def user(name: str, **kwargs: Any) -> User:
    return User.objects.create_user(name, password="correct horse battery staple", **kwargs)


def trader(name: str = "algo1") -> User:
    """A client that may trade."""
    row = user(name)
    permission = TradingPermission.objects.create(user=row, pairs=["BTC/USDT", "ETH/USDT", "*/NOK"])
    OrderSizeLimit.objects.create(permission=permission, currency="USDT", max_notional=Decimal(5000))
    return row


def candidates(chosen: str = "binance", **codes: tuple[str, str]) -> list[dict[str, str]]:
    """The chain's answers: codes for some, the rest after the chosen one not needed."""
    found = []
    for slug in CHAIN:
        code, detail = codes.get(
            slug, ("", "") if slug == chosen else ("LATER_IN_CHAIN", f"Usable; {chosen} is earlier.")
        )
        found.append({"exchange": slug, "code": code, "detail": detail})
    return found


def make_signal(sender: User, status: str = "filled", **kwargs: Any) -> Signal:
    """A stored signal in some state."""
    received = kwargs.pop("received_at", ago(minutes=4))
    final = status in {"filled", "partial_fill", "rejected", "denied", "failed", "cancelled", "expired"}
    values: dict[str, Any] = {
        "idempotency_key": uuid.uuid4().hex,
        "body_hash": "0" * 64,
        "received_at": received,
        "symbol": "BTC/USDT",
        "side": "buy",
        "amount": Decimal("0.05"),
        "strategy_id": "scalper_btc",
        "expires_at": received + timedelta(minutes=5),
        "final_at": received + timedelta(milliseconds=184) if final else None,
        "exchange_id": None if status in {"denied", "pending"} else "binance",
        **kwargs,
    }
    if values.get("notional") is not None:
        values["amount"] = None
    return Signal.objects.create(user=sender, status=SignalStatus(status), **values)


def decide(signal: Signal, chosen: str = "binance", **kwargs: Any) -> Decision:
    values = {
        "attempt": 1,
        "decided_at": signal.received_at + timedelta(milliseconds=3),
        "policy_version": 418,
        "source": "policy",
        "primary": "binance",
        "exchange": chosen,
        "method": "limit",
        "mode": "paper",
        "candidates": candidates(chosen),
        "took_us": 210,
        **kwargs,
    }
    return Decision.objects.create(signal=signal, **values)


def split_books() -> dict[str, OrderBook]:
    """Four exchanges' books of BTC/USDT that are worth a split."""
    books = {}
    for number, (slug, step) in enumerate((("binance", "0.9"), ("bybit", "1.4"), ("okx", "1.1"), ("kraken", "2.6"))):
        ask = PRICES["BTC/USDT"] + number * Decimal("1.7")
        asks = [(ask + n * Decimal(step), Decimal("0.18") + n * Decimal("0.05")) for n in range(24)]
        bids = [(ask - Decimal("3.2") - n * Decimal(step), Decimal("0.2")) for n in range(24)]
        books[slug] = OrderBook("BTC/USDT", bids, asks, timezone.now().timestamp() - 0.12, sequence=88_120 + number)
    return books


def split_explanation(amount: str = "4.5") -> dict[str, Any]:
    """A real choice over those books, as it is stored."""
    fees = {"binance": "0.001", "bybit": "0.001", "okx": "0.001", "kraken": "0.0026"}
    market = PairRules("BTC/USDT", Decimal("0.1"), Decimal("0.00001"), Decimal("0.0001"), None, Decimal(5))
    offers = [
        Offer(slug, book, market, Decimal(fees[slug]), Decimal(400_000), latency_ms=41.0, age_s=0.12)
        for slug, book in split_books().items()
    ]
    by = RouteBy.OPTIMAL_SPLIT
    ask = Ask(by, INSTALLED[by.value], Side.BUY, Decimal(amount), None, Decimal(100))
    out = {"kucoin": Verdict("kucoin", ReasonCode.BALANCE_UNKNOWN, "The free balance there is not known.")}
    return explain("BTC/USDT", ask, offers, out, choose(ask, offers, Depths()))


_PATH = {
    "queued": ["queued"],
    "submitting": ["queued", "submitting"],
    "open": ["queued", "submitting", "open"],
    "filled": ["queued", "submitting", "filled"],
    "unknown": ["queued", "submitting", "unknown"],
    "needs_attention": ["queued", "submitting", "unknown", "needs_attention"],
    "rejected": ["queued", "submitting", "rejected"],
    "not_placed": ["queued", "submitting", "unknown", "not_placed"],
    "cancelled": ["queued", "submitting", "open", "cancelled"],
}


def make_order(signal: Signal, status: str = "filled", **kwargs: Any) -> Order:
    """An order of the signal, with the events that led to its state."""
    start = signal.received_at + timedelta(milliseconds=4)
    price = PRICES.get(signal.symbol, Decimal(100))
    amount = signal.amount or (signal.notional or Decimal(0)) / price
    amount = amount.quantize(Decimal("0.00001"))
    filled = amount if status == "filled" else Decimal(0)
    path = _PATH[status]
    values: dict[str, Any] = {
        "attempt": 1,
        "mode": Mode.PAPER,
        "symbol": signal.symbol,
        "side": signal.side,
        "order_type": "limit",
        "time_in_force": "IOC",
        "amount": amount,
        "price": price,
        "reference_price": price,
        "priority": 3,
        "expires_at": signal.expires_at,
        "created_at": start,
        "submitted_at": None if status == "queued" else start + timedelta(milliseconds=6),
        "valid_until": None if status == "queued" else start + timedelta(seconds=5),
        "acked_at": start + timedelta(milliseconds=180) if status in {"open", "filled", "rejected"} else None,
        "final_at": start + timedelta(milliseconds=180) if OrderStatus(status) in FINAL else None,
        "exchange_order_id": "8839201175" if status in {"open", "filled", "cancelled"} else "",
        "filled_amount": filled,
        "filled_notional": filled * price,
        "exchange_id": signal.exchange_id or "binance",
        **kwargs,
    }
    order = Order.objects.create(signal=signal, user=signal.user, status=OrderStatus(status), **values)
    for number, new in enumerate(path):
        OrderEvent.objects.create(
            order=order,
            at=start + timedelta(milliseconds=6 * number + (160 if number > 1 else 0)),
            old_status=path[number - 1] if number else "",
            new_status=new,
            reason_code=order.reason_code if number == len(path) - 1 else "",
            detail=order.reason_detail if number == len(path) - 1 else "",
        )
    if status == "filled":
        Fill.objects.create(
            order=order,
            trade_id=f"t{order.id.hex[:8]}",
            at=start + timedelta(milliseconds=170),
            amount=amount,
            price=price,
            fee=(filled * price / 1000).quantize(Decimal("0.0001")),
            fee_asset="USDT",
        )
        Signal.objects.filter(pk=signal.pk).update(filled_amount=filled, filled_notional=filled * price)
    return order


def cost(order: Order, **figures: Any) -> OrderCost:
    """What an order cost, as it is measured after its end."""
    notional = order.filled_notional
    fees = (notional / 1000).quantize(Decimal("0.0001"))
    values: dict[str, Any] = {
        "user": order.user,
        "exchange_id": order.exchange_id,
        "mode": order.mode,
        "strategy_id": order.signal.strategy_id,
        "symbol": order.symbol,
        "quote": order.symbol.partition("/")[2],
        "side": order.side,
        "at": order.final_at,
        "filled_at": order.final_at,
        "amount": order.amount,
        "filled_amount": order.filled_amount,
        "filled_notional": notional,
        "arrival_mid": order.reference_price,
        "average_price": order.reference_price,
        "fill_rate": Decimal(1),
        "fill_ms": 164,
        "arrival_bps": Decimal("1.2"),
        "fees": fees,
        "fees_bps": Decimal(10),
        "expected_fees": fees,
        "fee_off": False,
        "shortfall": fees,
        "shortfall_bps": Decimal("11.2"),
        "vwap_why": "gap",
        "fill_regret_why": "not_compared",
        "computed_at": timezone.now(),
        **figures,
    }
    return OrderCost.objects.create(order=order, **values)


def measured_split(sender: User) -> Signal:
    """A signal that was split over two exchanges and is over, with what it cost; bybit moved away meanwhile."""
    explanation = split_explanation("1.2")
    at = timezone.now() - timedelta(minutes=3)
    price = PRICES["BTC/USDT"]
    legs = {part["exchange"]: part for part in explanation["parts"]}
    signal = make_signal(
        sender, amount=Decimal("1.2"), filled_amount=Decimal("1.2"), allocated_amount=Decimal("1.2"),
        filled_notional=Decimal("1.2") * price, parts_made=len(legs), exchange_id=None,
        routing_strategy="optimal_split", received_at=at, final_at=at,
    )  # fmt: skip
    decide(signal, "", source="smart", ordering="optimal_split", decided_at=at, explanation=explanation)
    books = {slug: replace(book, received_at=at.timestamp()) for slug, book in split_books().items()}
    shown = {slug: replace(book, asks=book.asks[int(slug == "binance") :]) for slug, book in books.items()}
    kept = kept_books(shown, Side.BUY, Decimal("1.2"), at.timestamp())
    for number, (slug, part) in enumerate(legs.items()):
        amount, paid = Decimal(part["amount"]), Decimal(part["price"]) + 60 * number
        child = make_signal(
            sender, parent=signal, part=number, leg=True, exchange_id=slug, amount=amount, allotted=amount,
            received_at=at, final_at=at,
        )  # fmt: skip
        order = make_order(
            child, exchange_id=slug, amount=amount, filled_amount=amount, filled_notional=amount * paid,
            reference_price=price, submitted_at=at, final_at=at,
        )  # fmt: skip
        cost(
            order, average_price=paid, filled_at=at, fill_books=kept, fill_regret_why="part", interval_vwap=price + 1,
            vwap_bps=(paid - price - 1) / (price + 1) * 10_000, vwap_exchanges=4, vwap_why="",
        )  # fmt: skip
    return signal


def costly_week(sender: User, other: User) -> None:
    """Executions at several exchanges, some dearer than others, and accounts on the way to their next fee tier."""
    for n in range(60):
        exchange = ("binance", "bybit", "kraken", "binance", "okx")[n % 5]
        symbol = tuple(PRICES)[n % 3]
        slippage = Decimal(str(((n * 37) % 17 - 4) / 4 + (18 if n % 23 == 0 else 0)))
        fee = {"kraken": 35, "okx": 15}.get(exchange, 10)
        signal = make_signal(
            (sender, other)[n % 4 == 0], exchange_id=exchange, symbol=symbol, received_at=ago(hours=2.3 * n + 0.2),
            strategy_id=("scalper_btc", "swing_eth", "grid_sol")[n % 3],
        )  # fmt: skip
        decide(signal, exchange)
        order = make_order(signal, "filled", mode="paper" if exchange == "okx" else "live")
        cost(
            order, arrival_bps=slippage, fees_bps=Decimal(fee), shortfall_bps=slippage + fee,
            reversion_bps=None if n % 6 == 0 else -slippage / 3, fill_ms=90 + 31 * (n % 11), fee_off=n in {4, 17},
            expected_fees=order.filled_notional * Decimal("0.00075"), **_market_figures(n, order, slippage),
        )  # fmt: skip
    for user_, exchange, volume, pace in (
        (sender, "binance", 0, 400), (sender, "kraken", 41_000, 1_300), (other, "bybit", 1_900_000, 60_000),
    ):  # fmt: skip
        credential = keys(user_, exchange, BASE64_SECRET)
        daily = [Decimal(volume) / 23] * 23 + [Decimal(pace)] * 7
        AccountFee.objects.create(
            credential=credential, keys_version=credential.version, daily=daily, counted_at=ago(minutes=4),
            uncounted={"NOK": "120000"} if exchange == "kraken" else {},
        )  # fmt: skip
    told = AccountFee.objects.filter(credential=keys(sender, "kraken"))
    told.update(maker=Decimal("0.0020"), taker=Decimal("0.0035"), told_volume=47_800, told_at=ago(hours=7), tier="Pro")
    AccountFee.objects.filter(credential=keys(sender, "binance")).update(
        error="binance GET apirestrictions answered 403", asked_at=ago(hours=1)
    )


def _market_figures(n: int, order: Order, slippage: Decimal) -> dict[str, Any]:
    """Against the market and the best of all books, where that is known."""
    market: dict[str, Any] = {"vwap_why": ("gap", "not_followed")[n % 2]}
    if n % 7:
        vwap = order.reference_price * (1 - slippage / 20_000)
        market = {"interval_vwap": vwap, "vwap_bps": slippage / 2, "vwap_exchanges": 4, "vwap_why": ""}
    if n % 3 == 0:
        market |= {"regret_bps": Decimal(n % 5) / 10, "fill_regret_why": "no_books"}
    if n % 3 == 0 and n % 4:
        market |= {"fill_regret_bps": Decimal(n % 9) / 5, "fill_regret_why": ""}
    return market


ORDER_VALUE = (
    "This order is worth up to 5,120.00 USDT; the limit is 5000 USDT (largest order of algo1). "
    "Send a smaller order, or ask to raise the limit."
)


def denied_signal(sender: User, **kwargs: Any) -> Signal:
    """Denied for its size, with the decision that says so."""
    values = {"notional": Decimal(5120), "reason_code": "ORDER_VALUE", "reason_detail": ORDER_VALUE, **kwargs}
    signal = make_signal(sender, "denied", **values)
    decide(signal, "", reason_code=signal.reason_code, detail=signal.reason_detail, mode="", method="")
    return signal


def unknown_order(sender: User, minutes: float = 4.2, **kwargs: Any) -> Order:
    """Sent, and the exchange never answered clearly."""
    signal = make_signal(
        sender, "executing", received_at=ago(minutes=minutes), exchange_id="bybit", strategy_id="scalper_btc"
    )
    decide(
        signal,
        "bybit",
        candidates=candidates("bybit", binance=("UNHEALTHY", "Degraded since 13:58:00 UTC, 610 ms on average.")),
    )
    detail = "read timeout after 5.0 s"
    values = {"exchange_id": "bybit", "reason_code": "OUTCOME_UNKNOWN", "reason_detail": detail, **kwargs}
    order = make_order(signal, "unknown", **values)
    for n in range(2):
        OrderEvent.objects.create(
            order=order,
            at=order.created_at + timedelta(seconds=8 + 4 * n),
            old_status="unknown",
            new_status="unknown",
            detail=f"Look-up {n + 1}: not there.",
        )
    Order.objects.filter(pk=order.pk).update(clean_misses=2, next_check_at=timezone.now() + timedelta(seconds=3))
    order.refresh_from_db()
    return order


@dataclass
class World:
    """What the seeded desk consists of."""

    sender: User
    filled: Signal
    denied: Signal


def calm_day(minutes: int = 6) -> World:
    """Everything works."""
    all_healthy()
    sender, other = trader(), trader("swing")
    for name, slug, mode in (
        ("scalper_btc", "binance", "live"),
        ("swing_eth", "kraken", "paper"),
        ("grid_sol", "bybit", "sandbox"),
    ):
        StrategyPolicy.objects.create(strategy_id=name, exchange_id=slug, mode=mode, notes="Runs on the first cluster.")
    TradingPreference.objects.create(user=sender, preferred_exchanges=["binance", "okx"], risk_tolerance="low")
    create_token(user=sender, name="strategy engine", scopes=["read", "trade"], by=None)
    webhook(sender, "breakout", last_used_at=ago(minutes=3))
    store_credential(
        user=sender,
        exchange="binance",
        mode=Mode.LIVE,
        secrets={"api_key": "k-1234567890a91F", "secret": SECRET},
        by=None,
        label="main account",
    )
    store_credential(
        user=other,
        exchange="kraken",
        mode=Mode.LIVE,
        secrets={"api_key": "k-0987654321b02c", "secret": "c2VjcmV0c2VjcmV0"},
        by=None,
    )
    for minute in range(minutes):
        for n in range(3 + minute * 7 % 5):
            signal = make_signal(
                sender if n % 2 else other,
                received_at=ago(minutes=minute, seconds=n * 7 + 1),
                symbol=list(PRICES)[(minute + n) % 3],
                side="sell" if (minute + n) % 3 == 0 else "buy",
                strategy_id=("scalper_btc", "swing_eth", "grid_sol", "")[(minute + n) % 4],
                attempt=2 if minute % 19 == 0 and n == 0 else 1,
            )
            if minute < 12:
                decide(signal)
                make_order(signal)
    filled = Signal.objects.filter(status="filled", symbol="BTC/USDT").order_by("-received_at").first()
    denied = denied_signal(sender, received_at=ago(minutes=7))
    for n, code in enumerate(("PAIR_NOT_PERMITTED", "LIMIT_MISSING", "PRICE_COLLAR")):
        make_signal(
            sender,
            "denied",
            received_at=ago(minutes=11 + 9 * n),
            reason_code=code,
            reason_detail="Limit 70,000 is 9.0 % from the middle 64,210; the collar is 5 %.",
        )
    working = make_signal(sender, "executing", received_at=ago(minutes=2), side="sell")
    decide(working)
    make_order(working, "open")
    samples()
    positions(sender)
    Market.objects.bulk_create(
        Market(exchange_id=slug, symbol=symbol, tick=Decimal("0.01"), lot=Decimal("0.00001"), min_notional=Decimal(5))
        for slug in CHAIN
        for symbol in PRICES
    )
    assert filled is not None
    return World(sender, filled, denied)


def samples() -> None:
    """A day of health checks of binance, and its changes of state."""
    HealthSample.objects.bulk_create(
        HealthSample(
            exchange_id="binance",
            at=ago(minutes=3 * n),
            ok=n % 97 != 5,
            latency_ms=38 + (n * 13 % 23) + (400 if 150 < n < 162 else 0),
        )
        for n in range(470)
    )
    for hours, old, new, why in (
        (7, "degraded", "ok", "58 ms on average"),
        (8, "ok", "degraded", "612 ms on average"),
        (26, "unknown", "ok", ""),
    ):
        HealthEvent.objects.create(
            exchange_id="binance", at=ago(hours=hours), old_status=old, new_status=new, detail=why
        )


def positions(sender: User) -> None:
    for slug, symbol, bought, sold, fees in (
        ("binance", "BTC/USDT", "1.2", "0.4", "31.5"),
        ("kraken", "ETH/USDT", "10", "10", "12.1"),
        ("bybit", "SOL/USDT", "0", "5", "0.7"),
    ):
        price = PRICES[symbol]
        Position.objects.create(
            user=sender,
            exchange_id=slug,
            mode="paper",
            symbol=symbol,
            bought_amount=Decimal(bought),
            sold_amount=Decimal(sold),
            bought_notional=Decimal(bought) * price,
            sold_notional=Decimal(sold) * price * Decimal("1.013"),
            quote_fees=Decimal(fees),
            updated_at=ago(minutes=3),
        )
    FeeTotal.objects.create(user=sender, exchange_id="binance", mode="paper", asset="BNB", amount=Decimal("0.0421"))


def bad_day(by: User, minutes: int = 6) -> World:
    """Exchanges out, halts, orders in doubt, frozen keys, a silent scheduler."""
    world = bad_day_on(calm_day(minutes), by)
    alert("kraken")
    arbitrage_trade(world.sender)
    return world


_TERMS = {"fee": "0.001", "tick": "0.01", "lot": "0.00001", "min_amount": None, "min_notional": "5"}


def arbitrage_trade(sender: User, state: str = "done", **kwargs: Any) -> ArbitrageTrade:
    """An arbitrage with two orders; of a held one the second was not filled."""
    began = kwargs.pop("started_at", ago(minutes=3))
    held = state == "held"
    values: dict[str, Any] = {
        "idempotency_key": uuid.uuid4().hex, "body_hash": "0" * 64, "started_at": began, "started_by": "risk.two",
        "reason": "the gap has been there for an hour", "symbol": "BTC/USDT", "buy_exchange": "binance",
        "sell_exchange": "kraken", "mode": "live", "amount": Decimal("0.05"), "buy_limit": Decimal("64210.4"),
        "sell_limit": Decimal("64480"), "planned_cost": Decimal("3213.73"), "planned_profit": Decimal("7.05"),
        "planned_bps": Decimal("21.9"), "book_age_s": Decimal("0.412"), "policy": "hold", "max_loss_bps": 20,
        "first": "buy", "terms": {"binance": _TERMS, "kraken": _TERMS}, "doing": "hold", "loss_bps": 20, "state": state,
        "first_why": "binance first, as the harder one: binance holds 1.2 times the amount within the limit and 14.0 "
        "times in all that is seen, 0 % of its latest orders refused, 58 ms; kraken holds 9.0 times the amount within "
        "the limit and 40.2 times in all that is seen, 2 % of its latest orders refused, 120 ms.",
        "reason_code": "ARBITRAGE_ONE_LEGGED" if held else "", "open_amount": Decimal("0.04995" if held else 0),
        "profit": Decimal("-3.21") if held else Decimal("6.87"), "held_at": began if held else None,
        "final_at": None if held else began + timedelta(milliseconds=420), **kwargs,
    }  # fmt: skip
    trade = ArbitrageTrade.objects.create(user=sender, **values)
    second = {"status": "cancelled", "reason_code": "NO_FILL"} if held else {"filled_notional": Decimal("3220.78")}
    orders = (
        ("first", "buy", "binance", {"amount": Decimal("0.05"), "filled_notional": Decimal("3210.52")}),
        ("second", "sell", "kraken", {"amount": Decimal("0.04995"), **second}),
    )
    for number, (kind, side, exchange, more) in enumerate(orders):
        filled = Decimal(0) if "status" in more else more["amount"]
        signal = make_signal(
            sender, received_at=began, side=side, requested_exchange=exchange, exchange_id=exchange, leg=True,
            order_type="limit", limit_price=values[f"{side}_limit"], filled_amount=filled,
            strategy_id="arbitrage", **more,
        )  # fmt: skip
        ArbitrageStep.objects.create(trade=trade, number=number, kind=kind, signal=signal)
        ArbitrageEvent.objects.create(trade=trade, at=began + timedelta(milliseconds=210 * number), state=kind)
    ArbitrageEvent.objects.create(
        trade=trade, at=began + timedelta(milliseconds=420), state=state, reason_code=values["reason_code"]
    )
    return trade


def bad_day_on(world: World, by: User) -> World:
    """A calm day that turns bad."""
    healthy("okx", 610.0, status="degraded", since=ago(minutes=12))
    healthy(
        "firi",
        0,
        status="down",
        since=ago(hours=4, minutes=51),
        last_error="HTTP 503: service unavailable",
        latency_ewma_ms=None,
    )
    healthy("kucoin", 95, checked_at=ago(minutes=5))
    Exchange.objects.filter(pk="alpaca").update(
        maintenance_from=ago(hours=1), maintenance_to=timezone.now() + timedelta(hours=2)
    )
    Exchange.objects.filter(pk="coinbase").update(enabled=False)
    unknown_order(world.sender)
    lost_order(world.sender)
    set_trading_state(
        scope=Scope.EXCHANGE, target="firi", status=TradingStatus.HALTED, reason="503s since 09:12", by=by
    )
    for n in range(9):
        make_signal(
            world.sender,
            "denied",
            received_at=ago(minutes=n + 1),
            reason_code="NO_HEALTHY_EXCHANGE",
            reason_detail="All 6 exchanges of the chain are out: binance UNHEALTHY, okx UNHEALTHY. Nothing was sent.",
        )
    credential = world.sender.exchange_credentials.get()
    set_frozen(credential, frozen=True, reason="The exchange refused the key twice", by=by)
    Heartbeat.objects.filter(kind="beat").update(seen_at=ago(minutes=3))
    open_questions(world.sender)
    return world


def lost_order(sender: User, minutes: float = 21, **kwargs: Any) -> Order:
    """An order in doubt that waits for a person."""
    order = unknown_order(sender, minutes, **kwargs)
    OrderEvent.objects.create(
        order=order,
        at=order.created_at + timedelta(minutes=5),
        old_status="unknown",
        new_status="needs_attention",
        reason_code="NEEDS_ATTENTION",
        detail="Look-up unanswered: HTTP 503: service unavailable",
    )
    Order.objects.filter(pk=order.pk).update(status="needs_attention", reason_code="NEEDS_ATTENTION", clean_misses=0)
    order.refresh_from_db()
    return order


def keys(sender: User, exchange: str, secret: str = SECRET) -> ExchangeCredential:
    """Live keys of a user."""
    found = ExchangeCredential.objects.filter(user=sender, exchange_id=exchange, mode="live").first()
    secrets = {"api_key": f"k-{exchange}-77c1", "secret": secret}
    if exchange == "firi":
        secrets["client_id"] = "firi-1"
    return found or store_credential(user=sender, exchange=exchange, mode=Mode.LIVE, secrets=secrets, by=None)


def uncompared(credential: ExchangeCredential, error: str = "", **kwargs: Any) -> Reconciliation:
    """An account that must be compared before it is used."""
    values: dict[str, Any] = {
        "user": credential.user,
        "exchange": credential.exchange,
        "required_at": ago(minutes=6),
        "since": ago(minutes=40),
        "reason": "No worker was seen for 1204 s.",
        "next_at": timezone.now() + timedelta(seconds=4),
        "last_error": error,
        **kwargs,
    }
    return Reconciliation.objects.update_or_create(credential=credential, defaults=values)[0]


def orphan(credential: ExchangeCredential, client_order_id: str | None = None, **kwargs: Any) -> Orphan:
    """An order at the exchange that no row explains; '' as its client id: at an exchange that keeps none."""
    values: dict[str, Any] = {
        "client_order_id": uuid.uuid4().hex if client_order_id is None else client_order_id,
        "exchange_order_id": f"88{uuid.uuid4().int % 10**8:08}",
        "symbol": "BTC/USDT",
        "side": "buy",
        "amount": Decimal("0.25"),
        "price": Decimal(64010),
        "filled_amount": Decimal("0.25"),
        "status": "filled",
        "placed_at": ago(minutes=31),
        "seen_at": ago(minutes=5),
        **kwargs,
    }
    return Orphan.objects.create(
        credential=credential, user=credential.user, exchange_id=credential.exchange_id, **values
    )


def difference(
    credential: ExchangeCredential, asset: str, expected: str, actual: str, *, confirmed: bool = True
) -> BookBreak:
    """An account that holds something else than our fills explain."""
    BalanceCheck.objects.get_or_create(
        credential=credential, defaults={"next_at": timezone.now(), "agreed_at": ago(minutes=13)}
    )
    return BookBreak.objects.create(
        credential=credential,
        user=credential.user,
        exchange_id=credential.exchange_id,
        asset=asset,
        expected=Decimal(expected),
        actual=Decimal(actual),
        first_seen_at=ago(minutes=12),
        confirmed_at=ago(minutes=11) if confirmed else None,
        last_seen_at=ago(seconds=20),
    )


def alert(slug: str, **kwargs: Any) -> Alert:
    """An alert that nobody has taken, with a notice that a channel refused."""
    channel = AlertChannel.objects.filter(name="pager").first() or store_channel(
        AlertChannel(name="pager", kind="slack"),
        {"slack_hook": "T0CANARY0/B0CANARY0/CANARYabcdefghijklmnopqr"},
        reason="for the tests",
        by=None,
    )
    defaults.install_alert_rules(AlertRule)  # gone with the flush after a test that commits
    values: dict[str, Any] = {
        "rule": AlertRule.objects.get(name="Exchange down"),
        "scope_key": slug,
        "severity": "critical",
        "subject": f"{slug.upper()} is down",
        "evidence": "HTTP 503: service unavailable",
        "link": f"/admin/policies/exchange/{slug}/change/",
        "began_at": ago(minutes=4),
        "opened_at": ago(minutes=4),
        "times_seen": 48,
        "last_seen_at": ago(seconds=3),
        **kwargs,
    }
    row = Alert.objects.create(**values)
    AlertDelivery.objects.create(
        alert=row,
        channel=channel,
        kind="opened",
        text="CRITICAL: OKX is down",
        state="failed",
        attempts=160,
        created_at=ago(hours=25),
        next_at=ago(minutes=5),
        give_up_at=ago(hours=1),
        error="pager answered 500.",
    )
    return row


def open_breaker(slug: str) -> CircuitBreaker:
    """An exchange that is not called for a while."""
    return CircuitBreaker.objects.update_or_create(
        exchange_id=slug, credential=None, defaults={"state": "open", "since": ago(seconds=30), "cause": "5 timeouts"}
    )[0]


def restored() -> None:
    """The halt that a worker sets when it finds a database that went back in time."""
    epoch.restore_found("its ledger stands at 411, and had been at 902", since=ago(minutes=30))


def open_questions(sender: User) -> None:
    """One of each: an account not compared, an orphan with our id and one without, money missing and too much."""
    bybit, kraken, firi = keys(sender, "bybit"), keys(sender, "kraken", "c2VjcmV0c2VjcmV0"), keys(sender, "firi")
    uncompared(kraken, "kraken: 401 EAPI:Invalid key")
    orphan(bybit)
    orphan(
        firi,
        "",
        symbol="BTC/NOK",
        side="sell",
        amount=Decimal("0.02"),
        price=Decimal(512000),
        filled_amount=Decimal(0),
        status="open",
    )
    difference(bybit, "BTC", "1.25", "1.2")
    difference(bybit, "SOL", "40", "60.5")
    expires = timezone.now() + timedelta(minutes=20)
    make_signal(sender, "pending", received_at=ago(minutes=9), expires_at=expires)


def three_halts(by: User) -> None:
    for slug, why in (("firi", "503s since 09:12"), ("bybit", "withdrawals stopped"), ("kraken", "wrong prices")):
        set_trading_state(scope=Scope.EXCHANGE, target=slug, status=TradingStatus.HALTED, reason=why, by=by)


def permissions(*names: str) -> list[Permission]:
    """Django permissions by `app.codename`."""
    return [
        Permission.objects.get(content_type__app_label=app, codename=codename)
        for app, _, codename in (name.partition(".") for name in names)
    ]


def webhook(owner: User, name: str, **kwargs: Any) -> Webhook:
    """A webhook with a delivery of each kind."""
    values: dict[str, Any] = {"strategy_id": "scalper_btc", "allowed_ips": ["52.89.214.238/32"], **kwargs}
    row = Webhook(name=name, owner=owner, **values)
    create_webhook(row, reason="the strategy's alerts", by=None)
    signal = make_signal(owner, idempotency_key=f"hook:{name}:a1")
    for minutes, outcome, code in ((3, "accepted", ""), (2, "duplicate", ""), (1, "refused", "WEBHOOK_ADDRESS")):
        WebhookDelivery.objects.create(
            webhook=row,
            at=ago(minutes=minutes),
            remote_ip="52.89.214.238",
            outcome=outcome,
            reason_code=code,
            signal=None if code else signal,
            body_hash="0" * 64,
            body="" if code else '{"symbol": "BTC/USDT", "side": "buy", "amount": "0.05", "alert_id": "a1"}',
            took_ms=6.2,
        )
    return row


def calm_keys(sender: User) -> None:
    """One set of stored keys."""
    secrets = {"api_key": "k-1234567890a91F", "secret": SECRET}
    store_credential(user=sender, exchange="binance", mode=Mode.LIVE, secrets=secrets, by=None)


def ordinary_changes(by: User) -> None:
    """What people did in the last hours, and what the exchanges did meanwhile."""
    for model in (ExchangeCredential, ApiToken, StrategyPolicy):
        model.history.update(history_date=ago(days=2))
    healthy("okx", 1240.0, status="degraded", since=ago(minutes=12))
    unknown_order(User.objects.get(username="algo1"), minutes=0.4)
    for n, (slug, fee, why) in enumerate(
        (("kraken", 26, "new fee tier from the first of the month"), ("firi", 45, "volume discount agreed with Firi"))
    ):
        exchange = Exchange.objects.get(pk=slug)
        exchange.taker_fee_bps = Decimal(fee)
        exchange._change_reason, exchange._history_user, exchange._history_date = why, by, ago(minutes=9 + 30 * n)
        exchange.save()
    state = {"scope": Scope.EXCHANGE, "target": "bybit", "by": by}
    set_trading_state(**state, status=TradingStatus.HALTED, reason="withdrawals stopped, checking")
    set_trading_state(**state, status=TradingStatus.ACTIVE, reason="withdrawals work again, balances reconciled")


def figures_of(
    slug: str, latency: float = 60.0, *, failing: tuple[int, int] = (0, 0), hours: int = 24, every: int = 5
) -> None:
    """A day of counted calls; `failing`: from so many to so many minutes ago nothing was answered."""
    HealthRollup.objects.filter(exchange_id=slug).delete()
    start = timezone.now().replace(second=0, microsecond=0)
    rows = []
    for back in range(0, hours * 60, every):
        failed = failing[0] <= back < failing[1]
        for kind, calls in (("data", 10), ("place", 4), ("trade", 6), ("cancel", 1)):
            if kind == "cancel" and back % 60:
                continue
            histogram = [0] * BUCKETS
            if not failed:
                wave = 1 + (back * 37 % 100) / 250 + (2.2 if 300 < back < 340 else 0)
                histogram[bucket_of(latency * wave)] = calls - 1
                histogram[bucket_of(latency * wave * 2)] = 1
            rows.append(
                HealthRollup(
                    exchange_id=slug, kind=kind, span_s=60, at=start - timedelta(minutes=back), calls=calls,
                    failures=calls if failed else 0, minutes=1, minutes_up=int(not failed), latencies=histogram,
                )
            )  # fmt: skip
    HealthRollup.objects.bulk_create(rows)


def many_exchanges(count: int) -> None:
    """As many exchanges as that, most of them well."""
    basic = {f.attname: getattr(Exchange.objects.get(pk="kraken"), f.attname) for f in Exchange._meta.concrete_fields}
    for number in range(Exchange.objects.count(), count):
        Exchange.objects.create(**{**basic, "slug": f"venue{number}", "name": f"Venue {number}"})
    all_healthy()
    for number, slug in enumerate(Exchange.objects.values_list("slug", flat=True)):
        figures_of(slug, 30 + 11 * number % 400, every=15)


def failover(sender: User, primary: str = "binance", chosen: str = "bybit", minutes: float = 5) -> Decision:
    """A signal that went elsewhere, because the breaker of its primary was open."""
    signal = make_signal(sender, received_at=ago(minutes=minutes), exchange_id=chosen)
    detail = "Its breaker is open until 14:02:11 UTC: 5 failures in a row: HTTP 503"
    return decide(signal, chosen, primary=primary, candidates=candidates(chosen, **{primary: ("CIRCUIT_OPEN", detail)}))


def night(by: User) -> World:
    """Three in the morning: one exchange down, one whose breaker is open, one slow; signals go elsewhere."""
    world = calm_day(3)
    for number, slug in enumerate(Exchange.objects.values_list("slug", flat=True)):
        figures_of(slug, 34 + 21 * number, failing={"binance": (0, 15), "okx": (0, 25)}.get(slug, (0, 0)))
    healthy(
        "binance", 0, status="down", since=ago(minutes=14), last_error="HTTP 503: service unavailable",
        latency_ewma_ms=None, consecutive_failures=28,
    )  # fmt: skip
    healthy("kraken", 612.0, status="degraded", since=ago(minutes=12))
    for slug, cause in (("binance", "28 failures in a row: HTTP 503"), ("okx", "6 of 9 calls failed: HTTP 502")):
        CircuitBreaker.objects.update_or_create(
            exchange_id=slug,
            credential=None,
            defaults={
                "state": "open", "since": ago(minutes=1), "open_until": timezone.now() + timedelta(seconds=48),
                "trips": 2, "cause": cause,
            },
        )  # fmt: skip
    for n in range(12):
        failover(world.sender, "binance", ("bybit", "kucoin")[n % 2], minutes=n + 0.5)
    return world


def list_pairs(*symbols: str) -> None:
    """Every exchange lists these pairs."""
    for slug in Exchange.objects.values_list("slug", flat=True):
        for symbol in symbols:
            Market.objects.update_or_create(
                exchange_id=slug,
                symbol=symbol,
                defaults={
                    "tick": Decimal("0.1"),
                    "lot": Decimal("0.00001"),
                    "min_amount": Decimal("0.0001"),
                    "min_notional": Decimal(5),
                },
            )
    ExchangeHealth.objects.update(markets_version=F("markets_version") + 1)
