"""Compares what the adapters send and understand with recordings made by others, if a folder of them is given.

Usage: python .ci/compare_fixtures.py FOLDER
FOLDER/<exchange>/ccxt_*_recorded_requests.json hold requests of a bare ccxt; the raw answers beside them come from the
exchanges' documentation. An extra: nothing here is needed to run or test the project.
"""

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from execution.exchanges import ccxt_parse  # noqa: E402
from execution.exchanges.ccxt_client import new_client  # noqa: E402
from execution.exchanges.firi import _report as firi_report  # noqa: E402
from execution.exchanges.firi_auth import FiriHmacAuth  # noqa: E402
from execution.exchanges.listing import Listing  # noqa: E402
from execution.exchanges.outcomes import classify  # noqa: E402
from execution.exchanges.quirks import BINANCE, QUIRKS  # noqa: E402
from tests.exchanges.cases import LIVE  # noqa: E402
from tests.exchanges.recording import FOLDER as RECORDINGS  # noqa: E402
from tests.exchanges.recording import ReplayingTransport, pool_with, request_for

# Differs by design: times and signatures, the bound on lateness that only we send, values of the order itself.
IGNORED = {"timestamp", "recvWindow", "signature", "nonce", "deadline", "price", "quantity", "volume", "symbol", "pair",
           "newClientOrderId", "cl_ord_id"}  # fmt: skip
PAIRS = {
    "limit_buy": ("create_limit_cid", None),
    "limit_ioc": ("ioc", "extra"),
    "market_buy": ("create_market_buy_base", None),
    "market_sell": ("create_market_sell_base", None),
}
failures: list[str] = []
checked = 0


def check(what: str, got: Any, expected: Any) -> None:
    global checked
    checked += 1
    if got != expected:
        failures.append(f"{what}: got {got!r}, expected {expected!r}")


def theirs(folder: Path, slug: str, name: str, which: str | None) -> dict[str, Any] | None:
    suffix = "_extra" if which else ""
    file = next(folder.glob(f"{slug}/ccxt_*_recorded_requests{suffix}.json"))
    recorded = json.loads(file.read_text()).get(name)
    return recorded["requests"][-1] if recorded and recorded["requests"] else None


def compare_requests(folder: Path) -> None:
    for slug in ("binance", "kraken"):
        ours_all = json.loads((RECORDINGS / f"{slug}.json").read_text())
        for our_name, (their_name, which) in PAIRS.items():
            expected = theirs(folder, slug, their_name, which)
            if expected is None:
                continue
            ours = next(
                e["request"] for e in reversed(ours_all[our_name]["exchanges"]) if e["request"]["method"] == "POST"
            )
            body = dict(parse_qsl(expected["b"]))
            check(f"{slug} {our_name} path", ours["path"], urlsplit(expected["p"]).path)
            check(f"{slug} {our_name} method", ours["method"], expected["m"])
            for field in sorted((set(body) | set(ours["body"])) - IGNORED):
                if field == "timeInForce" and our_name == "limit_buy":
                    continue
                check(
                    f"{slug} {our_name} {field}",
                    _side_free(field, ours["body"].get(field)),
                    _side_free(field, body.get(field)),
                )
            names = {"newClientOrderId", "cl_ord_id"} & set(body)
            check(
                f"{slug} {our_name} carries our id",
                {"newClientOrderId", "cl_ord_id"} & set(ours["body"]) >= names,
                True,
            )


def _side_free(field: str, value: Any) -> Any:
    return value.lower() if field in {"side", "type"} and isinstance(value, str) else value


def compare_answers(folder: Path) -> None:
    markets = json.loads((folder / "binance/ccxt_4.5.90_markets_parsed.json").read_text())
    client = new_client(BINANCE, ReplayingTransport([]), timeout_s=1)
    client.set_markets(markets)
    market = client.market("BTC/USDT")
    raw = json.loads((folder / "binance/new_order_full_response.json").read_text())
    order = client.parse_order(raw, market)
    report = ccxt_parse.report(order, order["trades"], ccxt_parse.decimal("10"))
    check("binance full answer status", report.status.value, "filled")
    check("binance full answer filled", str(report.filled_amount.normalize()), "1E+1")
    check("binance full answer trades", [t.trade_id for t in report.trades], ["56", "57", "58", "59", "60"])
    check("binance full answer fee", str(sum(t.fee for t in report.trades)), "39.98300000")
    balances = ccxt_parse.balances(
        client.parse_balance_custom(json.loads((folder / "binance/account_response.json").read_text()), "spot")
    )
    check("binance balance", str(balances["BTC"].free), "4723846.89208129")
    depth = json.loads((folder / "binance/GET_api_v3_depth_BTCUSDT.json").read_text())
    book = ccxt_parse.order_book(client.parse_order_book(depth, "BTC/USDT"), "BTC/USDT", received_at=0)
    check("binance book", (str(book.asks[0][0]), str(book.asks[0][1])), ("32085.66", "2.048437"))


def compare_errors(folder: Path) -> None:
    import ccxt.async_support as ccxt

    expected = {"InsufficientFunds": "OrderRejected", "InvalidOrder": "OrderRejected", "BadRequest": "OrderRejected",
                "AuthenticationError": "OrderRejected", "InvalidNonce": "NotSent", "RequestTimeout": "OutcomeUnknown",
                "OperationFailed": "OutcomeUnknown", "ExchangeNotAvailable": "OutcomeUnknown",
                "NetworkError": "OutcomeUnknown", "RateLimitExceeded": "NotSent"}  # fmt: skip
    for quirks in QUIRKS.values():
        for row in json.loads((folder / quirks.slug / "errors_to_ccxt_exceptions.json").read_text()):
            name = row["ccxt_exception"].split(" ")[0]
            if name not in expected:
                continue
            text = json.dumps(row.get("body")) if row.get("body") else str(row.get("text"))
            got = type(classify(getattr(ccxt, name)(f"{quirks.slug} {text}"), quirks.rules)).__name__
            allowed = {expected[name], "AlreadyPlaced"} if "uplicate" in text else {expected[name]}
            if any(rule.pattern.search(f"{quirks.slug} {text}") for rule in quirks.rules):
                continue  # its own words say more than the class
            check(f"{quirks.slug} {text[:60]}", got in allowed, True)


def compare_firi(folder: Path) -> None:
    for vector in json.loads((folder / "firi/hmac_vectors.SELF_COMPUTED.json").read_text()):
        auth = FiriHmacAuth("client", vector["secret"])
        signed = auth.sign(vector["body"], timestamp_s=int(vector["timestamp"]), validity_ms=int(vector["validity"]))
        check("firi signature", signed.headers["firi-user-signature"], vector["signature"])
    ours = json.loads((RECORDINGS / "firi.json").read_text())["limit_buy"]["exchanges"]
    placed = next(e["request"] for e in ours if e["request"]["method"] == "POST")
    theirs_body = json.loads((folder / "firi/POST_v2_orders.request.json").read_text())
    check("firi order fields", list(placed["body"]), list(theirs_body))
    raw = json.loads((folder / "firi/GET_v2_orders.SHAPE.json").read_text())[0]
    case = next(case for case in LIVE if case.slug == "firi")
    check("firi open order", firi_report(raw, request_for(case, 0)).status.value, "open")


# Values that belong to the order itself, or that only we send on purpose (a bound on lateness, no cutting down of the
# order). OKX's single-order endpoint instead of the list of one is an option of ours.
OF_THE_ORDER = {"orderLinkId", "clOrdId", "clientOid", "client_order_id", "price", "px", "limit_price", "qty", "sz",
                "size", "base_size", "product_id"}  # fmt: skip
JSON_PAIRS = {
    ("bybit", "limit_buy"): ("create_limit_cid", False),
    ("bybit", "market_buy"): ("create_market_buy_base", False),
    ("bybit", "market_sell"): ("create_market_sell_base", False),
    ("okx", "limit_buy"): ("single", True),
    ("okx", "limit_ioc"): ("ioc", True),
    ("kucoin", "limit_buy"): ("create_limit_cid", False),
    ("kucoin", "market_buy"): ("create_market_buy_base", False),
    ("kucoin", "market_sell"): ("create_market_sell_base", False),
    ("coinbase", "limit_buy"): ("create_raw_cid", True),
    ("alpaca", "limit_buy"): ("create_limit_cid", False),
    ("alpaca", "market_buy"): ("create_market_buy_base", False),
    ("alpaca", "market_sell"): ("create_market_sell_base", False),
}


def shape(value: Any) -> Any:
    """A body without what belongs to one order."""
    if isinstance(value, dict):
        parts = {name: part for name, part in value.items() if name != "banAmend"}
        return {name: "…" if name in OF_THE_ORDER else shape(part) for name, part in parts.items()}
    return value


def compare_json_requests(folder: Path) -> None:
    for (slug, our_name), (their_name, extra) in JSON_PAIRS.items():
        expected = theirs(folder, slug, their_name, "extra" if extra else None)
        if expected is None:
            failures.append(f"{slug} {their_name}: not recorded there")
            continue
        recorded = json.loads((RECORDINGS / f"{slug}.json").read_text())[our_name]["exchanges"]
        ours = next(e["request"] for e in reversed(recorded) if e["request"]["method"] == "POST")
        check(f"{slug} {our_name} path", ours["path"], urlsplit(expected["p"]).path)
        check(f"{slug} {our_name} body", shape(ours["body"]), shape(json.loads(expected["b"])))
        missing = {name for name in expected["h"] if name in {"Content-Type", "CB-VERSION", "KC-API-KEY-VERSION"}}
        check(f"{slug} {our_name} headers", missing - set(ours["headers"]), set())


# Others ask for all trades of a pair; we ask for the executions of one order, by its id.
OURS_ALONE = {
    "binance": {("GET", "/api/v3/myTrades")},
    "bybit": {("GET", "/v5/execution/list")},
    "coinbase": {("GET", "/api/v3/brokerage/orders/historical/fills")},
    "kraken": {("POST", "/0/private/QueryTrades")},
    "kucoin": {("GET", "/api/v1/hf/fills")},
    "okx": {("GET", "/api/v5/trade/fills")},
}
NOT_COMPARED = {"timestamp", "signature", "recvWindow", "limit", "start_date", "end_date", "after", "page_size",
                "page_token", "direction", "sz", "count"}  # fmt: skip
IDS = re.compile(r"/(\d{4,}|[0-9a-f-]{16,}|oro[0-9a-z]+|[0-9a-zA-Z-]{20,})(?=/|$)")


def call(method: str, path: str, names: Any) -> tuple[str, str, frozenset[str]]:
    """A request without what changes from one to the next."""
    return method, IDS.sub("/{id}", path), frozenset(names) - NOT_COMPARED


def compare_calls(folder: Path) -> None:
    for slug in QUIRKS:
        known = set()
        for file in folder.glob(f"{slug}/ccxt_*_recorded_requests*.json"):
            for row in json.loads(file.read_text()).values():
                for request in row.get("requests") or []:
                    url = urlsplit(request["p"])
                    known.add(call(request["m"], url.path, dict(parse_qsl(url.query))))
        recorded = json.loads((RECORDINGS / f"{slug}.json").read_text())
        ours = {
            call(e["request"]["method"], e["request"]["path"], e["request"]["query"])
            for row in recorded.values()
            for e in row["exchanges"]
        }
        for one in sorted(ours, key=str):
            check(f"{slug} {one[0]} {one[1]} {sorted(one[2])} is a recorded call",
                  one in known or one[:2] in OURS_ALONE.get(slug, set()), True)  # fmt: skip


async def answered(folder: Path, slug: str, file: str, ask: Callable[[Any], Awaitable[Any]]) -> Any:
    """What our adapter makes of a documented answer."""
    case = next(case for case in LIVE if case.slug == slug)
    body = (folder / slug / file).read_text()
    transport = ReplayingTransport([{"status": 200, "content_type": "application/json", "body": body}])
    adapter = pool_with(transport, case).private(slug, case.secrets)
    markets = json.loads((folder / slug / "ccxt_4.5.90_markets_parsed.json").read_text())
    adapter._client.set_markets(markets)  # type: ignore[attr-defined]
    return await ask(adapter)


BALANCES = {
    "bybit": ("http_get_wallet_balance.json", "USDT"),
    "okx": ("http_get_account_balance.json", "USDT"),
}
BOOKS = {
    "bybit": ("http_get_orderbook.json", "BTC/USDT", "27451.00", "1.200"),
    "okx": ("http_get_order_book.json", "BTC/USDT", "41006.8", "0.60038921"),
    "coinbase": ("http_product_book.json", "BTC/USD", "68923.67", "0.16987193"),
}


def raw_of(folder: Path, slug: str, file: str, *path: Any) -> Any:
    found = json.loads((folder / slug / file).read_text())
    for part in path:
        found = found[part]
    return found


def compare_documented_orders(folder: Path) -> None:
    """Orders and executions of the exchanges' documentation, as far as they are spot."""
    clients = {}
    for slug in ("bybit", "okx", "coinbase"):
        clients[slug] = new_client(QUIRKS[slug], ReplayingTransport([]), timeout_s=1)
        clients[slug].set_markets(raw_of(folder, slug, "ccxt_4.5.90_markets_parsed.json"))
    market = {slug: client.market("BTC/USDT") for slug, client in clients.items()}
    raw = raw_of(folder, "okx", "http_transaction_detail.json")
    trade = ccxt_parse.trade(clients["okx"].parse_trade(raw, market["okx"]))
    check(
        "okx execution",
        (trade.trade_id, str(trade.amount), str(trade.price)),
        (raw["tradeId"], raw["fillSz"], raw["fillPx"]),
    )
    check("okx execution is a taker's", trade.maker, False)
    raw = raw_of(folder, "bybit", "http_get_orders_history.json", "result", "list", 0)
    order = clients["bybit"].parse_order(raw, market["bybit"])
    report = ccxt_parse.report(order, [], Decimal(raw["qty"]))
    check(
        "bybit order",
        (report.exchange_order_id, report.status.value, str(report.filled_amount)),
        (raw["orderId"], "cancelled", "0"),
    )
    check("bybit order carries our id", order["clientOrderId"], raw["orderLinkId"])
    raw = raw_of(folder, "coinbase", "http_order.json", "order")
    order = clients["coinbase"].parse_order(raw)
    check(
        "coinbase order carries our id", (order["clientOrderId"], order["symbol"]), (raw["client_order_id"], "BTC/USD")
    )
    raw = raw_of(folder, "coinbase", "http_fills.json", "fills", 0)
    trade = ccxt_parse.trade(clients["coinbase"].parse_trade(raw))
    got = (trade.trade_id, str(trade.amount), str(trade.price), str(trade.fee), trade.maker)
    check("coinbase execution", got, (raw["trade_id"], raw["size"], raw["price"], raw["commission"], True))


LISTINGS: dict[str, tuple[tuple[str, ...], list[tuple[str, str, str]]]] = {
    "binance": (
        ("open_orders_response.json", "all_orders_response.json"),
        [("1", "myOrder1", "open"), ("1", "myOrder1", "open")],
    ),
    "bybit": (
        ("http_get_orders_realtime.json", "http_get_orders_history.json", "http_get_orders_realtime.json"),
        [
            ("open-order-1", "client-open-1", "open"),
            ("open-order-2", "client-open-2", "open"),
            ("abcdef123456", "client-1", "cancelled"),
            ("open-order-1", "client-open-1", "open"),
            ("open-order-2", "client-open-2", "open"),
        ],
    ),
    "okx": (
        ("http_get_orders_pending.json", "http_get_orders_history.json"),
        [("1234567890123456789", "client-order-1", "open"), ("2497956918703120384", "", "filled")],
    ),
    "kraken": (
        ("http_open_orders.json", "http_closed_orders.json"),
        [
            ("O26VBY-ISGAE-JP5TLU", "", "open"),
            ("OYEQF4-FDE4C-NMUYUI", "", "open"),
            ("O5KZFT-GH3AD-LP6TLU", "", "filled"),
            ("OCLOSED-2-TESTID", "", "filled"),
        ],
    ),
}


async def compare_listings(folder: Path) -> None:
    """The documented lists of orders."""
    for slug, (files, expected) in LISTINGS.items():
        answers = [raw_of(folder, slug, file) for file in files]
        for answer in answers:
            if slug == "bybit":
                answer["result"]["nextPageCursor"] = ""  # these are all there is
        client = new_client(QUIRKS[slug], ReplayingTransport([]), timeout_s=1)
        client.set_markets(raw_of(folder, slug, "ccxt_4.5.90_markets_parsed.json"))

        async def ask(*_: Any, answers: list[Any] = answers) -> Any:
            return answers.pop(0)

        orders = await QUIRKS[slug].list_orders(Listing(client, ask, {"BTC/USDT"}, 1, 2))
        got = [(order.exchange_order_id, order.client_order_id, order.status.value) for order in orders]
        check(f"{slug} list of orders", got, expected)


async def compare_documented_answers(folder: Path) -> None:
    for slug, (file, asset) in BALANCES.items():
        balance = (await answered(folder, slug, file, lambda adapter: adapter.balances()))[asset]
        check(f"{slug} balance of {asset} adds up", 0 <= balance.free <= balance.total, True)
        check(f"{slug} balance of {asset} is exact", str(balance.free) in (folder / slug / file).read_text(), True)
    for slug, (file, symbol, price, amount) in BOOKS.items():
        book = await answered(folder, slug, file, lambda adapter, symbol=symbol: adapter.order_book(symbol, 20))
        check(f"{slug} book", book.asks[0], (Decimal(price), Decimal(amount)))


async def main(folder: Path) -> None:
    compare_documented_orders(folder)
    await compare_documented_answers(folder)
    await compare_listings(folder)
    compare_calls(folder)
    compare_requests(folder)
    compare_json_requests(folder)
    compare_answers(folder)
    compare_errors(folder)
    compare_firi(folder)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
    print(f"{checked} comparisons, {len(failures)} differences")
    print("\n".join(failures))
    sys.exit(bool(failures))
