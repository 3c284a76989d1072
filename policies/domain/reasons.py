"""Every reason the platform can give: a stable code, what it means, the usual cause and what to do about it.

The API, the admin, the metrics and docs/reason-codes.md all read this one table.
"""

from dataclasses import dataclass
from enum import StrEnum

from policies.domain.request_reasons import REQUEST_REASONS
from policies.domain.smart_reasons import SMART_REASONS


class ReasonCode(StrEnum):
    """SUBJECT_CONDITION, stable for ever: clients match on these."""

    # Requests that are refused before anything is stored (4xx, 5xx)
    INVALID_JSON = "INVALID_JSON"
    INVALID_REQUEST = "INVALID_REQUEST"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_AUTHENTICATED = "NOT_AUTHENTICATED"
    SCOPE_MISSING = "SCOPE_MISSING"
    NOT_FOUND = "NOT_FOUND"
    IDEMPOTENCY_KEY_MISSING = "IDEMPOTENCY_KEY_MISSING"
    IDEMPOTENCY_KEY_REUSE = "IDEMPOTENCY_KEY_REUSE"
    IDEMPOTENCY_IN_PROGRESS = "IDEMPOTENCY_IN_PROGRESS"
    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
    SIGNAL_FINAL = "SIGNAL_FINAL"
    ARBITRAGE_OFF = "ARBITRAGE_OFF"
    ARBITRAGE_NOT_PERMITTED = "ARBITRAGE_NOT_PERMITTED"
    ARBITRAGE_TRIANGLE = "ARBITRAGE_TRIANGLE"
    ARBITRAGE_GONE = "ARBITRAGE_GONE"
    ARBITRAGE_UNDER_WAY = "ARBITRAGE_UNDER_WAY"
    ARBITRAGE_ONE_LEGGED = "ARBITRAGE_ONE_LEGGED"
    WEBHOOK_SIGNATURE = "WEBHOOK_SIGNATURE"
    WEBHOOK_REPLAYED = "WEBHOOK_REPLAYED"
    WEBHOOK_ADDRESS = "WEBHOOK_ADDRESS"
    WEBHOOK_BODY = "WEBHOOK_BODY"
    WEBHOOK_STALE = "WEBHOOK_STALE"
    WEBHOOK_SYMBOL = "WEBHOOK_SYMBOL"
    WEBHOOK_RATE = "WEBHOOK_RATE"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    INTERNAL_ERROR = "INTERNAL_ERROR"

    # Signals that we denied: nothing left this system
    USER_DISABLED = "USER_DISABLED"
    NO_PERMISSION = "NO_PERMISSION"
    TRADING_DISABLED = "TRADING_DISABLED"
    PAIR_NOT_PERMITTED = "PAIR_NOT_PERMITTED"
    STRATEGY_DISABLED = "STRATEGY_DISABLED"
    TRADING_HALTED = "TRADING_HALTED"
    TRADING_REDUCING = "TRADING_REDUCING"
    ORDER_IN_DOUBT = "ORDER_IN_DOUBT"
    UNKNOWN_EXCHANGE = "UNKNOWN_EXCHANGE"
    NO_HEALTHY_EXCHANGE = "NO_HEALTHY_EXCHANGE"
    NO_ELIGIBLE_EXCHANGE = "NO_ELIGIBLE_EXCHANGE"
    SIGNAL_EXPIRED = "SIGNAL_EXPIRED"
    LIMIT_MISSING = "LIMIT_MISSING"
    ORDER_VALUE = "ORDER_VALUE"
    PRICE_UNKNOWN = "PRICE_UNKNOWN"
    PRICE_COLLAR = "PRICE_COLLAR"
    INSUFFICIENT_LIQUIDITY = "INSUFFICIENT_LIQUIDITY"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    ABOVE_MAXIMUM = "ABOVE_MAXIMUM"
    AMOUNT_PRECISION = "AMOUNT_PRECISION"
    PRICE_PRECISION = "PRICE_PRECISION"
    ORDER_TYPE_UNSUPPORTED = "ORDER_TYPE_UNSUPPORTED"
    PARTS_TOO_LARGE = "PARTS_TOO_LARGE"

    # Why one exchange of the chain was not chosen
    EXCHANGE_DISABLED = "EXCHANGE_DISABLED"
    OTHER_MODE = "OTHER_MODE"
    EXCHANGE_MAINTENANCE = "EXCHANGE_MAINTENANCE"
    EXCHANGE_DOWN = "EXCHANGE_DOWN"
    UNHEALTHY = "UNHEALTHY"
    HEALTH_STALE = "HEALTH_STALE"
    NOT_RECONCILED = "NOT_RECONCILED"
    CIRCUIT_OPEN = "CIRCUIT_OPEN"
    KEYS_CIRCUIT_OPEN = "KEYS_CIRCUIT_OPEN"
    EXCHANGE_NOT_PERMITTED = "EXCHANGE_NOT_PERMITTED"
    NO_CREDENTIAL = "NO_CREDENTIAL"
    CREDENTIAL_FROZEN = "CREDENTIAL_FROZEN"
    PAIR_NOT_LISTED = "PAIR_NOT_LISTED"
    MARKETS_NOT_LOADED = "MARKETS_NOT_LOADED"
    ALREADY_TRIED = "ALREADY_TRIED"
    LATER_IN_CHAIN = "LATER_IN_CHAIN"
    NOT_PREFERRED = "NOT_PREFERRED"
    NOT_IN_STRATEGY = "NOT_IN_STRATEGY"
    TOO_SLOW = "TOO_SLOW"
    LOW_LIQUIDITY = "LOW_LIQUIDITY"
    LOWER_SCORE = "LOWER_SCORE"
    DEARER = "DEARER"
    FEES_UNKNOWN = "FEES_UNKNOWN"
    BALANCE_UNKNOWN = "BALANCE_UNKNOWN"
    LIMIT_PRICE = "LIMIT_PRICE"

    # Why a part of an order that is split stays unfilled
    LOT_REMAINDER = "LOT_REMAINDER"
    MAX_LEGS = "MAX_LEGS"
    NOTIONAL = "NOTIONAL"

    # What became of an order
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    EXCHANGE_REJECTED = "EXCHANGE_REJECTED"
    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    RATE_LIMITED = "RATE_LIMITED"
    CLOCK_SKEW = "CLOCK_SKEW"
    EXCHANGE_UNAVAILABLE = "EXCHANGE_UNAVAILABLE"
    CREDENTIAL_UNREADABLE = "CREDENTIAL_UNREADABLE"
    NOT_SENT = "NOT_SENT"
    NOT_PLACED = "NOT_PLACED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    ADOPTED = "ADOPTED"
    NEEDS_ATTENTION = "NEEDS_ATTENTION"
    RESOLVED_BY_PERSON = "RESOLVED_BY_PERSON"
    NO_FILL = "NO_FILL"
    PARTLY_FILLED = "PARTLY_FILLED"
    CANCELLED_BY_CLIENT = "CANCELLED_BY_CLIENT"
    CANCELLED_BY_OPERATOR = "CANCELLED_BY_OPERATOR"
    CANCELLED_BY_EXCHANGE = "CANCELLED_BY_EXCHANGE"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the manual."""

    meaning: str
    cause: str
    fix: str


R = ReasonCode
MANUAL: dict[ReasonCode, Entry] = {
    **{ReasonCode(code): Entry(*words) for code, words in REQUEST_REASONS.items()},
    R.USER_DISABLED: Entry("The user account is switched off.", "An operator disabled it.", "Ask an administrator."),
    R.NO_PERMISSION: Entry(
        "This user has no trading permission at all.",
        "A new user.",
        "A risk manager adds one under Trading permissions.",
    ),
    R.TRADING_DISABLED: Entry(
        "Trading is switched off for this user.", "A risk manager disabled it.", "Ask the risk manager."
    ),
    R.PAIR_NOT_PERMITTED: Entry(
        "This user may not trade this pair.", "The pair is not in the user's list.", "Add it under Trading permissions."
    ),
    R.STRATEGY_DISABLED: Entry(
        "The strategy is switched off.", "Its policy is disabled.", "Enable it under Strategies."
    ),
    R.TRADING_HALTED: Entry(
        "Trading is halted for this exchange, strategy, user, pair, or everywhere. Cancels still pass.",
        "Somebody pressed Halt; the sentence says who, when and why.",
        "Wait for the release, or resume it on the Kill switch page with a reason.",
    ),
    R.TRADING_REDUCING: Entry(
        "Only orders that make a position smaller pass at the moment.",
        "An operator chose 'reduce only'.",
        "Send a smaller sell of what is held, or wait for the release.",
    ),
    R.ORDER_IN_DOUBT: Entry(
        "An earlier order of this strategy in this pair may be live at an exchange, and a person has to find out.",
        "The exchange answers no look-ups.",
        "Resolve the order under Needs attention; new signals pass from then on.",
    ),
    R.UNKNOWN_EXCHANGE: Entry(
        "The signal names an exchange that is unknown or not enabled.",
        "A typo in `exchange`.",
        "Use one of the enabled slugs, or leave `exchange` out.",
    ),
    R.NO_HEALTHY_EXCHANGE: Entry(
        "No exchange of the failover chain is healthy and usable. Nothing was sent.",
        "An outage of several exchanges; `detail` gives each one's reason.",
        "Wait, or add exchanges to the chain.",
    ),
    R.NO_ELIGIBLE_EXCHANGE: Entry(
        "No exchange of the failover chain may take this signal. Nothing was sent.",
        "Permissions, keys, listings and halts together leave none; `detail` gives each one's reason.",
        "Correct the first reason that surprises you.",
    ),
    R.SIGNAL_EXPIRED: Entry(
        "The signal became too old before it could be sent.",
        "A backlog, an outage, or a sender's clock that is behind.",
        "Send a fresh signal; set `expires_at` to what you can accept.",
    ),
    R.LIMIT_MISSING: Entry(
        "No largest order size is set for this quote currency, so nothing may be sent.",
        "A pair in a currency nobody decided about.",
        "Add the currency to the user's largest order sizes.",
    ),
    R.ORDER_VALUE: Entry(
        "The order is worth more than the largest size allowed.",
        "A size error in the strategy, or a tight limit.",
        "Send a smaller order, or ask to raise the limit.",
    ),
    R.PRICE_UNKNOWN: Entry(
        "There is no fresh price, so the order's value cannot be checked. Nothing was sent.",
        "The exchange's order book is empty, old or unreachable.",
        "Wait, or route to an exchange with a book.",
    ),
    R.PRICE_COLLAR: Entry(
        "The limit price is too far from the market.", "A typo, or a price in another currency.", "Check the price."
    ),
    R.INSUFFICIENT_LIQUIDITY: Entry(
        "The order book does not hold this size within the slippage limit.",
        "A large order in a thin book.",
        "Send a smaller order, or allow more slippage.",
    ),
    R.BELOW_MINIMUM: Entry(
        "The order is smaller than the exchange's minimum.", "A small order.", "Send at least the named minimum."
    ),
    R.ABOVE_MAXIMUM: Entry(
        "The order is larger than the exchange accepts in one order.", "A large order.", "Send smaller orders."
    ),
    R.AMOUNT_PRECISION: Entry(
        "The amount has more decimals than the exchange's lot.",
        "An amount computed without rounding.",
        "Send the rounded amount the sentence names, or send `notional`, which is rounded for you.",
    ),
    R.PRICE_PRECISION: Entry(
        "The limit price is not a multiple of the exchange's tick.", "A computed price.", "Round to the named tick."
    ),
    R.ORDER_TYPE_UNSUPPORTED: Entry(
        "The exchange does not offer this time in force.",
        "FOK or post-only at an exchange without it.",
        "Use one of those named, or route elsewhere.",
    ),
    R.PARTS_TOO_LARGE: Entry(
        "A plan in parts asked for more than what was left of the signal. Nothing more was sent.",
        "A defect in the planning of parts: please report it with the id of the signal.",
        "Send what is missing as a new signal.",
    ),
    R.EXCHANGE_DISABLED: Entry("The exchange is switched off.", "Policy.", "Enable it under Exchanges."),
    R.OTHER_MODE: Entry(
        "A failover to this exchange would change how real the order is.",
        "One of the two exchanges trades on paper or in its sandbox, the other one live.",
        "Set the mode of the exchanges of one chain alike.",
    ),
    R.EXCHANGE_MAINTENANCE: Entry(
        "The exchange is in maintenance.", "It announced so, or an operator entered it.", "Wait for the end."
    ),
    R.EXCHANGE_DOWN: Entry(
        "The exchange is down: health checks fail. Nothing is sent to it.", "An outage.", "Wait; see Exchanges."
    ),
    R.UNHEALTHY: Entry(
        "The exchange is degraded: it answers slowly or with errors.", "Load at the exchange.", "See Exchanges."
    ),
    R.HEALTH_STALE: Entry(
        "The exchange's last health check is too old to rely on.",
        "The scheduler (beat) does not run.",
        "Start beat; see the Desk's system line.",
    ),
    R.CIRCUIT_OPEN: Entry(
        "The exchange's circuit breaker is open: it failed too often, or an operator opened it.",
        "The exchange fails, is slow, or cannot be reached from here.",
        "Nothing: it is tried again after the time its page shows. An operator may close it by hand.",
    ),
    R.KEYS_CIRCUIT_OPEN: Entry(
        "These keys failed too often at this exchange; others' keys are not affected.",
        "Revoked keys, a changed IP list, or a clock that is off.",
        "Check the keys in the admin and replace them if need be.",
    ),
    R.NOT_RECONCILED: Entry(
        "The user's orders at this exchange have not been compared with ours since the platform was away.",
        "All workers were gone for a while, or a backup was restored, and the exchange has not answered yet.",
        "Wait a few seconds. If it stays, Needs attention says what the exchange answers.",
    ),
    R.EXCHANGE_NOT_PERMITTED: Entry(
        "This user may not trade on this exchange.", "Policy.", "Add the exchange under Trading permissions."
    ),
    R.NO_CREDENTIAL: Entry(
        "This user has no keys for this exchange in this mode.",
        "Keys were never entered, or only for another mode.",
        "Add them under Exchange credentials.",
    ),
    R.CREDENTIAL_FROZEN: Entry(
        "The user's keys for this exchange are frozen.",
        "The exchange refused them, or somebody froze them.",
        "Replace the keys.",
    ),
    R.PAIR_NOT_LISTED: Entry("The exchange does not list this pair.", "Another quote currency.", "Nothing to do."),
    R.MARKETS_NOT_LOADED: Entry(
        "The exchange's list of pairs has not been loaded yet.",
        "A fresh installation, or the exchange was down since.",
        "Wait for the next refresh, or run `manage.py refresh_markets`.",
    ),
    R.ALREADY_TRIED: Entry(
        "An earlier attempt of this signal was proved not placed there.", "Failover.", "Nothing to do."
    ),
    R.LATER_IN_CHAIN: Entry("Usable, but an earlier exchange of the chain was chosen.", "Order.", "Nothing to do."),
    **{ReasonCode(code): Entry(*words) for code, words in SMART_REASONS.items()},
    R.INSUFFICIENT_FUNDS: Entry(
        "The exchange says the account has too little money.", "Balance.", "Deposit, or send a smaller order."
    ),
    R.EXCHANGE_REJECTED: Entry(
        "The exchange refused the order; its own words are quoted.", "Its rules.", "Read the quoted reason."
    ),
    R.AUTHENTICATION_FAILED: Entry(
        "The exchange refused the keys.", "Wrong, revoked or IP-bound keys.", "Replace them under Exchange credentials."
    ),
    R.RATE_LIMITED: Entry(
        "The exchange refused the request because too many were sent.", "A burst.", "Nothing: another is tried."
    ),
    R.CLOCK_SKEW: Entry(
        "The exchange refused the request's timestamp or nonce; the order was not placed.",
        "This server's clock is off, or the same keys are used elsewhere.",
        "Check NTP here, and give every program keys of its own.",
    ),
    R.EXCHANGE_UNAVAILABLE: Entry(
        "The exchange could not be reached; the order provably never arrived.", "An outage.", "Another is tried."
    ),
    R.CREDENTIAL_UNREADABLE: Entry(
        "The stored keys cannot be used: decryption failed, or the secret has the wrong form.",
        "CREDENTIAL_KEYS lacks the key they were stored with, or the secret was pasted incompletely.",
        "Restore the key-encryption key, or enter the exchange keys again.",
    ),
    R.NOT_SENT: Entry("The order was never sent.", "It was stopped before the first byte left.", "Send again."),
    R.NOT_PLACED: Entry(
        "The exchange was asked repeatedly and says the order does not exist.",
        "The request was lost on the way.",
        "Another exchange is tried while the signal is fresh.",
    ),
    R.OUTCOME_UNKNOWN: Entry(
        "The exchange did not answer clearly. The order may be live there and keeps counting against limits.",
        "A time-out or an error after sending.",
        "Nothing: it is looked up and never sent again before that is settled.",
    ),
    R.ADOPTED: Entry(
        "The order was found at the exchange and had no row here, or one that said it had not been sent.",
        "A backup was restored after the order was sent.",
        "Nothing: its fills are fetched and the signal ends by itself. See Needs attention for what else was found.",
    ),
    R.NEEDS_ATTENTION: Entry(
        "The outcome could not be settled automatically.",
        "The exchange does not answer look-ups.",
        "Resolve it by hand.",
    ),
    R.RESOLVED_BY_PERSON: Entry(
        "A person made sure that an order of unknown fate was never placed.",
        "The exchange answered no look-ups.",
        "Send the signal again if it is still wanted.",
    ),
    R.NO_FILL: Entry(
        "The order ended at the exchange without a fill.",
        "The market moved away.",
        "Send again, or allow more slippage.",
    ),
    R.PARTLY_FILLED: Entry(
        "A part was filled and the rest was cancelled.", "Thin book inside the limit.", "Send the rest again if wanted."
    ),
    R.CANCELLED_BY_CLIENT: Entry("The client cancelled it.", "POST …/cancel.", "Nothing to do."),
    R.CANCELLED_BY_OPERATOR: Entry("An operator cancelled it.", "The sentence says who and why.", "Ask them."),
    R.CANCELLED_BY_EXCHANGE: Entry("The exchange cancelled it.", "Its rules.", "Read the quoted reason."),
}


def sentence(code: str) -> str:
    """The meaning of a code, or the code itself if it is not ours (an exchange's own)."""
    try:
        return MANUAL[ReasonCode(code)].meaning
    except ValueError:
        return code


@dataclass(frozen=True, slots=True)
class Denial:
    """Why something was refused: the code and a sentence with the case, the bound, the rule and what to do."""

    code: ReasonCode
    detail: str


class Denied(Exception):
    """Raised where a decision ends with a refusal. Nothing has left this system."""

    def __init__(self, code: ReasonCode, detail: str) -> None:
        super().__init__(detail)
        self.denial = Denial(code, detail)


def as_markdown() -> str:
    """The table of docs/reason-codes.md."""
    rows = ["| code | meaning | usual cause | what to do |", "|---|---|---|---|"]
    rows += [f"| `{code}` | {entry.meaning} | {entry.cause} | {entry.fix} |" for code, entry in MANUAL.items()]
    return "\n".join(rows)


if __name__ == "__main__":
    print(as_markdown())
