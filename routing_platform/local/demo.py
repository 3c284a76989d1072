"""The demo: six signals as a client submits them, and a table of where each went and why."""

import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from policies.domain.numbers import money, plain
from routing_platform.local.api_client import ApiClient
from routing_platform.local.stack import Stack

WAIT_S = 20


@dataclass(frozen=True, slots=True)
class Scene:
    """One signal of the demo and what must come of it."""

    title: str
    body: dict[str, Any]
    status: str
    exchange: str | None
    source: str = ""
    code: str = ""


SCENES = (
    Scene(
        "explicit route",
        {"symbol": "BTC/USDT", "side": "buy", "amount": "0.01", "exchange": "kraken"},
        "filled", "kraken", "explicit",
    ),
    Scene(
        "strategy route",
        {"symbol": "BTC/NOK", "side": "buy", "notional": "5000", "strategy_id": "nordic_spot"},
        "filled", "firi", "policy",
    ),
    Scene("default route", {"symbol": "BTCUSDT", "side": "buy", "notional": "250"}, "filled", "binance", "default"),
    Scene("denied: too large", {"symbol": "BTC/USDT", "side": "buy", "notional": "50000"}, "denied", None, "default",
          "ORDER_VALUE"),
    Scene("large: sliced (TWAP)", {"symbol": "BTC/USDT", "side": "buy", "notional": "12000"}, "filled", None,
          "default"),
)  # fmt: skip
FAILOVER = Scene(
    "failover (binance is off)", {"symbol": "BTC/USDT", "side": "buy", "amount": "0.01"}, "filled", "kraken", "default"
)


def play(stack: Stack, token: str, console: Console) -> bool:
    """Submit everything, print the table; True if all came out as it must."""
    client = ApiClient(stack.url, token)
    assert stack.simulator is not None
    with _step(console, "waiting for the first health checks"):
        _wait_until_usable(client, "binance", "kraken", "firi", usable=True)
    results = [(scene, _submit(client, scene)) for scene in SCENES]
    with _step(console, "switching binance off at the exchange, and waiting until the platform notices"):
        stack.simulator.control.configure("binance", down=True)
        _wait_until_usable(client, "binance", usable=False)
    results.append((FAILOVER, _submit(client, FAILOVER)))
    stack.simulator.control.configure("binance", down=False)
    console.print(_table(results))
    for sentence in filter(None, (_sentence(scene, signal) for scene, signal in results)):
        console.print(f"  {sentence}")
    problems = [problem for scene, signal in results if (problem := _problem(scene, signal))]
    for problem in problems:
        console.print(f"[red]✘ {problem}")
    return not problems


def _submit(client: ApiClient, scene: Scene) -> dict[str, Any]:
    answer = client.post(f"/api/execute?timeout={WAIT_S}", scene.body, key=f"demo-{uuid.uuid4()}")
    if answer.status >= 400:
        return {"status": "refused", "reason_code": answer.body["code"], "reason_detail": answer.body["detail"]}
    body: dict[str, Any] = answer.body
    return body


def _wait_until_usable(client: ApiClient, *slugs: str, usable: bool) -> None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        rows = {row["exchange"]: row for row in client.get("/api/exchanges/status").body}
        if all(rows[slug]["usable"] == usable and rows[slug]["markets"] for slug in slugs):
            return
        time.sleep(0.2)
    raise TimeoutError(f"{', '.join(slugs)} did not become {'usable' if usable else 'unusable'} within {WAIT_S} s.")


@contextmanager
def _step(console: Console, text: str) -> Iterator[None]:
    began = time.monotonic()
    with console.status(f"{text} …"):
        yield
    console.print(f"[dim]{text}: {time.monotonic() - began:.1f} s")


def _table(results: list[tuple[Scene, dict[str, Any]]]) -> Table:
    table = Table(title="Six signals, as a client submitted them", title_justify="left")
    for column in ("signal", "asked for", "exchange", "source", "reason", "price", "fee", "to ack"):
        right = column in {"price", "fee", "to ack"}
        table.add_column(column, justify="right" if right else "left", no_wrap=True)
    for scene, signal in results:
        table.add_row(scene.title, _asked(scene.body), *_columns(signal))
    return table


def _asked(body: dict[str, Any]) -> str:
    size = f"{body['amount']}" if "amount" in body else f"for {body['notional']}"
    target = body.get("exchange") or body.get("strategy_id") or ""
    return f"{body['side']} {size} {body['symbol']}" + (f" → {target}" if target else "")


def _columns(signal: dict[str, Any]) -> tuple[str, ...]:
    decisions, orders = signal.get("decisions") or [{}], signal.get("orders") or []
    decision = decisions[-1]
    where = signal.get("exchange") or "–", decision.get("source", "–")
    if parts := signal.get("parts"):
        return _in_parts(where, signal, parts)
    if not orders:
        return *where, f"{signal['status']} {signal['reason_code']}", "–", "–", "–"
    order = orders[-1]
    filled = Decimal(order["filled_amount"])
    price = money(Decimal(order["filled_notional"]) / filled) if filled else "–"
    fees: dict[str, Decimal] = defaultdict(Decimal)
    for fill in order["fills"]:
        fees[fill["fee_asset"]] += Decimal(fill["fee"])
    fee = ", ".join(f"{plain(round(amount, 8))} {asset}" for asset, amount in fees.items()) or "–"
    return *where, _reason(signal, decision), price, fee, _to_ack(signal, order)


def _in_parts(where: tuple[str, str], signal: dict[str, Any], parts: list[dict[str, Any]]) -> tuple[str, ...]:
    """The whole: where its parts went, and the average of all of them."""
    orders = [order for part in parts for order in part["orders"]]
    filled = sum(Decimal(order["filled_amount"]) for order in orders)
    worth = sum(Decimal(order["filled_notional"]) for order in orders)
    exchanges = ", ".join(sorted({order["exchange"] for order in orders})) or "–"
    outcome = f"{signal['status'].replace('_', ' ')} in {len(parts)} parts"
    return exchanges, where[1], outcome, money(worth / filled) if filled else "–", "–", "–"


def _reason(signal: dict[str, Any], decision: dict[str, Any]) -> str:
    outcome = str(signal["status"]).replace("_", " ") + (f" {signal['reason_code']}" if signal["reason_code"] else "")
    passed = [c for c in decision["candidates"] if c["code"] and c["code"] != "LATER_IN_CHAIN"]
    if decision["exchange"] == decision["primary"] or not passed:
        return outcome
    return f"{outcome}, failed over: {passed[0]['exchange']} {passed[0]['code']}"


def _sentence(scene: Scene, signal: dict[str, Any]) -> str:
    """What a person wants to read when it did not go the straight way."""
    if signal["reason_detail"]:
        return f"{scene.title}: {signal['reason_detail']}"
    decision = (signal.get("decisions") or [{}])[-1]
    if decision.get("exchange") and decision["exchange"] != decision["primary"]:
        return f"{scene.title}: {decision['candidates'][0]['detail']}"
    return ""


def _to_ack(signal: dict[str, Any], order: dict[str, Any]) -> str:
    if not order["acked_at"]:
        return "–"
    took = datetime.fromisoformat(order["acked_at"]) - datetime.fromisoformat(signal["received_at"])
    return f"{took.total_seconds() * 1000:.0f} ms"


def _problem(scene: Scene, signal: dict[str, Any]) -> str:
    decisions = signal.get("decisions") or [{}]
    got = (signal["status"], signal.get("exchange"), decisions[-1].get("source", ""), signal["reason_code"])
    expected = (scene.status, scene.exchange, scene.source, scene.code)
    return "" if got == expected else f"{scene.title}: expected {expected}, got {got} {signal['reason_detail']}"
