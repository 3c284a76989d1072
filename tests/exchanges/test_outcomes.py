"""What an error proves: every class of the pinned ccxt, and the exchanges' own words."""

import asyncio
import inspect

import aiohttp
import ccxt.async_support as ccxt
import pytest

from execution.exchanges.errors import AlreadyPlaced, ExchangeError, NotSent, OrderRejected, OutcomeUnknown
from execution.exchanges.outcomes import BY_CLASS, HttpAnswer, asking, classify, last_answer, placing, refused
from execution.exchanges.quirks import ALPACA, BINANCE, BYBIT, COINBASE, KRAKEN, KUCOIN, OKX, QUIRKS
from policies.domain.reasons import ReasonCode

CLASSES = [cls for _, cls in inspect.getmembers(ccxt, inspect.isclass) if issubclass(cls, ccxt.BaseError)]
PROOF = {
    "AccountNotEnabled", "AccountSuspended", "AddressPending", "ArgumentsRequired", "AuthenticationError", "BadRequest",
    "BadSymbol", "ContractUnavailable", "InsufficientFunds", "InvalidAddress", "InvalidOrder",
    "ManualInteractionNeeded", "MarginModeAlreadySet", "MarketClosed", "NoChange", "NotSupported", "OperationRejected",
    "OrderImmediatelyFillable", "OrderNotCached", "OrderNotFillable", "OrderNotFound", "PermissionDenied",
    "RestrictedLocation",
}  # fmt: skip
NEVER_LEFT = {"DDoSProtection", "ExchangeClosedByUser", "InvalidNonce", "InvalidProxySettings", "RateLimitExceeded"}
NEVER_LEFT |= {"ChecksumError"}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_class_of_ccxt_has_the_verdict_we_decided_on(cls):
    error = classify(cls("binance said something"), ())

    if cls.__name__ in PROOF:
        assert type(error) is OrderRejected
    elif cls.__name__ in NEVER_LEFT:
        assert type(error) is NotSent
    elif cls.__name__ == "DuplicateOrderId":
        assert type(error) is AlreadyPlaced
    else:
        assert type(error) is OutcomeUnknown


def test_the_table_names_only_classes_that_ccxt_has():
    assert set(BY_CLASS) <= set(CLASSES)


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), ValueError("x"), RuntimeError("x"), OSError("x")])
def test_anything_that_is_not_ccxts_is_unknown(error):
    assert type(classify(error, ())) is OutcomeUnknown


@pytest.mark.parametrize(
    ("rules", "text", "cls", "code"),
    [
        (ALPACA.rules, 'alpaca {"message":"client_order_id must be unique"}', AlreadyPlaced, "OUTCOME_UNKNOWN"),
        (ALPACA.rules, 'alpaca {"message":"insufficient balance for USD"}', OrderRejected, "INSUFFICIENT_FUNDS"),
        (ALPACA.rules, r'alpaca {"message":"asset \"X\" is not tradable"}', OrderRejected, "PAIR_NOT_LISTED"),
        (
            ALPACA.rules,
            'alpaca {"message":"new orders are rejected by user request"}',
            OrderRejected,
            "EXCHANGE_REJECTED",
        ),
        (ALPACA.rules, 'alpaca {"code":40310000,"message":"anything"}', OrderRejected, "EXCHANGE_REJECTED"),
        (ALPACA.rules, 'alpaca {"code":40010000,"message":"qty must be > 0"}', OrderRejected, "EXCHANGE_REJECTED"),
        (ALPACA.rules, 'alpaca {"code":50010000,"message":"internal"}', OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (BINANCE.rules, 'binance {"code":-2010,"msg":"Duplicate order sent."}', AlreadyPlaced, "OUTCOME_UNKNOWN"),
        (BINANCE.rules, 'binance {"code":-2015,"msg":"Invalid API-key"}', OrderRejected, "AUTHENTICATION_FAILED"),
        (BYBIT.rules, 'bybit {"retCode":170141,"retMsg":"Duplicate clientOrderId"}', AlreadyPlaced, "OUTCOME_UNKNOWN"),
        (BYBIT.rules, 'bybit {"retCode":110072,"retMsg":"OrderLinkedID duplicate"}', AlreadyPlaced, "OUTCOME_UNKNOWN"),
        (BYBIT.rules, 'bybit {"retCode":12141,"retMsg":"Duplicate clientOrderId."}', AlreadyPlaced, "OUTCOME_UNKNOWN"),
        (BYBIT.rules, 'bybit {"retCode":10014,"retMsg":"Duplicate request"}', AlreadyPlaced, "OUTCOME_UNKNOWN"),
        (BYBIT.rules, 'bybit {"retCode":170146,"retMsg":"Order creation timeout"}', OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (BYBIT.rules, 'bybit {"retCode":170035,"retMsg":"Submitted to the system"}', OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (BYBIT.rules, 'bybit {"retCode":10000,"retMsg":"Server Timeout"}', OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (BYBIT.rules, 'bybit {"retCode":10016,"retMsg":"Server error."}', OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (BYBIT.rules, 'bybit {"retCode":429,"retMsg":"high server load"}', OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (BYBIT.rules, 'bybit {"retCode":10429,"retMsg":"System level frequency protection"}', NotSent, "RATE_LIMITED"),
        (BYBIT.rules, 'bybit {"retCode":170005,"retMsg":"Too many new orders"}', NotSent, "RATE_LIMITED"),
        (BYBIT.rules, 'bybit {"retCode":10009,"retMsg":"IP has been banned."}', NotSent, "RATE_LIMITED"),
        (BYBIT.rules, 'bybit {"retCode":-1,"retMsg":"request expired: o@0"}', NotSent, "CLOCK_SKEW"),
        (BYBIT.rules, 'bybit {"retCode":170121,"retMsg":"Invalid symbol."}', OrderRejected, "PAIR_NOT_LISTED"),
        (BYBIT.rules, 'bybit {"retCode":10024,"retMsg":"Compliance rules"}', OrderRejected, "EXCHANGE_REJECTED"),
        (COINBASE.rules, 'coinbase {"error":"INSUFFICIENT_FUND","message":"x"}', OrderRejected, "INSUFFICIENT_FUNDS"),
        (COINBASE.rules, 'coinbase {"error":"DUPLICATE_CLIENT_ORDER_ID"}', AlreadyPlaced, "OUTCOME_UNKNOWN"),
        (COINBASE.rules, 'coinbase {"error":"INELIGIBLE_PAIR"}', OrderRejected, "PAIR_NOT_LISTED"),
        (COINBASE.rules, 'coinbase {"error":"TRADING_DISABLED"}', OrderRejected, "EXCHANGE_MAINTENANCE"),
        (COINBASE.rules, 'coinbase {"error":"INVALID_LIMIT_PRICE"}', OrderRejected, "EXCHANGE_REJECTED"),
        (COINBASE.rules, 'coinbase {"error":"UNKNOWN_FAILURE_REASON"}', OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (
            KRAKEN.rules,
            'kraken {"error":["EGeneral:Invalid arguments:cl_ord_id not unique"]}',
            AlreadyPlaced,
            "OUTCOME_UNKNOWN",
        ),
        (KRAKEN.rules, 'kraken {"error":["EService:Deadline elapsed"]}', NotSent, "EXCHANGE_UNAVAILABLE"),
        (KRAKEN.rules, 'kraken {"error":["EService:Market in post_only mode"]}', OrderRejected, "EXCHANGE_MAINTENANCE"),
        (KRAKEN.rules, 'kraken {"error":["EOrder:Orders limit exceeded"]}', NotSent, "RATE_LIMITED"),
        (KRAKEN.rules, 'kraken {"error":["EService:Timeout"]}', OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (KUCOIN.rules, 'kucoin {"code":"102411","msg":"clientOid duplicate"}', AlreadyPlaced, "OUTCOME_UNKNOWN"),
        (
            KUCOIN.rules,
            'kucoin {"code":"400100","msg":"validation.createOrder.clientOidDuplicated"}',
            AlreadyPlaced,
            "OUTCOME_UNKNOWN",
        ),
        (KUCOIN.rules, 'kucoin {"code":"126033","msg":"Duplicate order"}', AlreadyPlaced, "OUTCOME_UNKNOWN"),
        (KUCOIN.rules, 'kucoin {"code":"408000","msg":"Network timeout"}', OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (KUCOIN.rules, 'kucoin {"code":"200001","msg":"suspended"}', OrderRejected, "EXCHANGE_MAINTENANCE"),
        (KUCOIN.rules, 'kucoin {"code":"900001","msg":"symbol not exists"}', OrderRejected, "PAIR_NOT_LISTED"),
        (KUCOIN.rules, '{"code":"400100","msg":"account.available.amount"}', OrderRejected, "INSUFFICIENT_FUNDS"),
        (KUCOIN.rules, 'kucoin {"code":"600100","msg":"Funds below the minimum"}', OrderRejected, "EXCHANGE_REJECTED"),
        (KUCOIN.rules, 'kucoin {"code":"400008","msg":"V1 & V2 API keys"}', OrderRejected, "AUTHENTICATION_FAILED"),
        (KUCOIN.rules, 'kucoin {"code":"400301","msg":"local laws"}', OrderRejected, "EXCHANGE_REJECTED"),
        (KUCOIN.rules, 'kucoin {"code":"500000","msg":"Internal Server Error"}', OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (OKX.rules, 'okx {"code":"1","data":[{"sCode":"51016"}]}', AlreadyPlaced, "OUTCOME_UNKNOWN"),
        (OKX.rules, 'okx {"code":"1","data":[{"sCode":"50071"}]}', AlreadyPlaced, "OUTCOME_UNKNOWN"),
        (OKX.rules, 'okx {"code":"1","data":[{"sCode":"51149"}]}', OutcomeUnknown, "OUTCOME_UNKNOWN"),
        (OKX.rules, 'okx {"code":"50001","data":[],"msg":"x"}', OutcomeUnknown, "EXCHANGE_MAINTENANCE"),
        (OKX.rules, 'okx {"code":"1","data":[{"sCode":"50036"}]}', NotSent, "EXCHANGE_UNAVAILABLE"),
        (OKX.rules, 'okx {"code":"1","data":[{"sCode":"50037"}]}', NotSent, "EXCHANGE_UNAVAILABLE"),
        (OKX.rules, 'okx {"code":"50061","data":[],"msg":"x"}', NotSent, "RATE_LIMITED"),
        (OKX.rules, 'okx {"code":"50112","data":[],"msg":"x"}', NotSent, "CLOCK_SKEW"),
        (OKX.rules, 'okx {"code":"50119","data":[],"msg":"API key"}', OrderRejected, "AUTHENTICATION_FAILED"),
        (OKX.rules, 'okx {"code":"1","data":[{"sCode":"51008_1000"}]}', OrderRejected, "INSUFFICIENT_FUNDS"),
        (OKX.rules, 'okx {"code":"1","data":[{"sCode":"51087"}]}', OrderRejected, "PAIR_NOT_LISTED"),
        (OKX.rules, 'okx {"code":"1","data":[{"sCode":"51150"}]}', OrderRejected, "EXCHANGE_REJECTED"),
        (OKX.rules, 'okx {"code":"1","data":[{"sCode":"99999"}]}', OutcomeUnknown, "OUTCOME_UNKNOWN"),
        # An order's own id is no code, whatever digits it has.
        (OKX.rules, 'okx {"code":"1","data":[{"clOrdId":"51008","sCode":"9"}]}', OutcomeUnknown, "OUTCOME_UNKNOWN"),
    ],
)
def test_an_exchanges_own_words_prove_more_than_the_class(rules, text, cls, code):
    error = classify(ccxt.ExchangeError(text), rules)

    assert (type(error), error.code) == (cls, code)


def test_a_revoked_key_does_not_look_like_a_ban():
    # ccxt raises DDoSProtection for -2015 after one good call of the same client.
    error = classify(ccxt.DDoSProtection('binance {"code":-2015,"msg":"Invalid API-key, IP"}'), BINANCE.rules)

    assert (error.code, error.venue_fault) == (ReasonCode.AUTHENTICATION_FAILED, False)


def test_a_429_from_the_web_server_before_okx_does_not_look_like_an_outage():
    text = "okx POST https://www.okx.com/api/v5/trade/order 429 Too Many Requests <html/>"

    error = classify(ccxt.ExchangeNotAvailable(text), OKX.rules)

    assert (type(error), error.code) == (NotSent, ReasonCode.RATE_LIMITED)


def test_an_order_that_ccxt_returns_as_rejected_is_a_refusal():
    error = refused({"id": None, "status": "rejected", "info": {"reason": "no"}}, ())

    assert (type(error), error.code, error.detail) == (OrderRejected, ReasonCode.EXCHANGE_REJECTED, '{"reason": "no"}')


@pytest.mark.parametrize(
    ("s_code", "cls", "code"),
    [
        ("51008", OrderRejected, "INSUFFICIENT_FUNDS"),
        ("51020", OrderRejected, "EXCHANGE_REJECTED"),
        ("51016", AlreadyPlaced, "OUTCOME_UNKNOWN"),
        ("51149", OutcomeUnknown, "OUTCOME_UNKNOWN"),
        ("50011", NotSent, "RATE_LIMITED"),
    ],
)
def test_an_order_that_ccxt_returns_as_rejected_is_classified_by_the_exchanges_code(s_code, cls, code):
    # OKX answers code "2" (bulk partially succeeded), for which ccxt raises nothing.
    error = refused({"id": None, "status": "rejected", "info": {"sCode": s_code, "sMsg": "x"}}, OKX.rules)

    assert (type(error), error.code) == (cls, code)


def test_a_connection_that_was_never_made_proves_that_nothing_was_sent():
    cause = aiohttp.ClientConnectorError(connection_key=None, os_error=OSError("refused"))  # type: ignore[arg-type]
    error = ccxt.ExchangeNotAvailable("binance POST")
    error.__cause__ = cause

    assert type(classify(error, ())) is NotSent
    assert type(classify(ccxt.ExchangeNotAvailable("binance POST"), ())) is OutcomeUnknown


def test_the_exchanges_wish_to_wait_is_kept():
    token = last_answer.set(HttpAnswer(429, {"Retry-After": "17"}))
    try:
        assert classify(ccxt.RateLimitExceeded("x"), ()).retry_after_s == 17
    finally:
        last_answer.reset(token)


def test_signatures_in_urls_are_not_kept():
    url = "https://api.binance.com/api/v3/order?timestamp=1&signature=abcdef0123"

    assert classify(ccxt.RequestTimeout(f"binance POST {url}"), ()).detail == (
        "binance POST https://api.binance.com/api/v3/order"
    )


def test_cancellation_is_not_an_exchange_error():
    with pytest.raises(asyncio.CancelledError), placing(()):
        raise asyncio.CancelledError


def test_a_failed_question_proves_nothing_about_an_order():
    with pytest.raises(ExchangeError) as caught, asking(()):
        raise ccxt.InvalidOrder("unknown order")

    assert type(caught.value) is ExchangeError


@pytest.mark.parametrize("quirks", QUIRKS.values(), ids=lambda quirks: quirks.slug)
def test_nothing_that_moves_money_out_is_in_reach(quirks):
    assert not [path for path in quirks.paths if any(word in path.lower() for word in ("withdraw", "transfer"))]
