"""The manual's entries for requests that are refused before anything is stored. Part of `policies.domain.reasons`.

code -> (meaning, usual cause, what to do)
"""

REQUEST_REASONS: dict[str, tuple[str, str, str]] = {
    "INVALID_JSON": (
        "The body is not valid JSON.",
        "A template left a placeholder unfilled, or NaN or Infinity was sent.",
        "Send one JSON object (or, for a batch, an object with `signals`).",
    ),
    "INVALID_REQUEST": (
        "One or more fields are missing or wrong; `fields` names each.",
        "A typo in a field, or a number out of range.",
        "Correct the named fields and send again; the idempotency key may be reused.",
    ),
    "BODY_TOO_LARGE": (
        "The request body is larger than MAX_BODY_BYTES.",
        "Too many signals in one batch, or a runaway `details`.",
        "Send at most 1,000 signals a batch and keep `details` small.",
    ),
    "UNSUPPORTED_MEDIA_TYPE": (
        "The body is not sent as application/json.",
        "A missing header.",
        "Add `Content-Type: application/json`.",
    ),
    "METHOD_NOT_ALLOWED": ("This address does not take that HTTP method.", "A wrong method or path.", "See /api/docs."),
    "NOT_AUTHENTICATED": (
        "The token is missing, unknown, expired or revoked, or this IP address may not use it.",
        "No `Authorization: Token …` header, or a token of another installation.",
        "Create one with `manage.py create_api_client`, and check its expiry and IP list in the admin.",
    ),
    "SCOPE_MISSING": (
        "The token is valid but lacks the scope this call needs.",
        "A read-only token was used to trade.",
        "Use a token with the scope that `detail` names.",
    ),
    "NOT_FOUND": (
        "There is no such object, or it belongs to somebody else.",
        "A wrong id.",
        "List your own with GET /api/signals.",
    ),
    "IDEMPOTENCY_KEY_MISSING": (
        "A signal needs an Idempotency-Key header or an `id` in its body.",
        "An old client.",
        "Send a value that is new for every new signal and the same for every retry of it.",
    ),
    "IDEMPOTENCY_KEY_REUSE": (
        "This key was used before with another body. Nothing was stored.",
        "A client reuses ids.",
        "Send a new key for a new signal.",
    ),
    "IDEMPOTENCY_IN_PROGRESS": (
        "The first request with this key is still being stored.",
        "Two copies at the same moment.",
        "Retry after 1 s.",
    ),
    "UNKNOWN_SYMBOL": (
        "No enabled exchange lists this pair.",
        "A typo, or a derivative such as BTC/USDT:USDT (only spot is traded).",
        "Write BASE/QUOTE as listed at the exchange, e.g. BTC/USDT.",
    ),
    "SIGNAL_FINAL": (
        "The signal or order has already ended, so it cannot be cancelled.",
        "It filled first.",
        "Read its state.",
    ),
    "DATABASE_UNAVAILABLE": (
        "The database cannot be reached; nothing was stored and nothing was sent.",
        "PostgreSQL restarts or is unreachable.",
        "Retry with the same idempotency key.",
    ),
    "INTERNAL_ERROR": (
        "A fault on our side. It was logged.",
        "A bug.",
        "Retry with the same idempotency key; report the time.",
    ),
    "ARBITRAGE_OFF": (
        "Arbitrage is found and shown here, and not traded. Nothing was sent.",
        "It is off until a risk manager switches it on: its orders are not atomic.",
        "Switch on Trade arbitrage in the routing settings, or send the orders as signals of your own.",
    ),
    "ARBITRAGE_NOT_PERMITTED": (
        "This user may not trade arbitrage. Nothing was sent.",
        "The user's trading permission does not say so.",
        "A risk manager ticks May trade arbitrage under Trading permissions.",
    ),
    "ARBITRAGE_TRIANGLE": (
        "Only opportunities between two exchanges are traded here. Nothing was sent.",
        "The opportunity is a triangle within one exchange: three orders, none of which can wait for the other.",
        "Send its orders as signals of your own.",
    ),
    "ARBITRAGE_GONE": (
        "The opportunity is not there any more at the newest books and this account's fees. Nothing was sent.",
        "Somebody was faster, the books moved, or this account pays more than the exchange's basic fee.",
        "Take the next one. If it happens always, look at the account's fees and at the least profit.",
    ),
    "ARBITRAGE_UNDER_WAY": (
        "This user has an arbitrage in this pair that is not over. Nothing was sent.",
        "It is still being traded, or one of its orders failed and a person has to decide.",
        "Wait for it, or decide about it under Arbitrage trades.",
    ),
    "ARBITRAGE_ONE_LEGGED": (
        "One order of an arbitrage was filled and the other one was not: the rest is open, and a person decides.",
        "The book moved between the two orders, or the second exchange refused.",
        "Complete it, trade it back or accept it as a position, on the trade's page.",
    ),
    "WEBHOOK_SIGNATURE": (
        "There is no such webhook, or the signature is missing or wrong.",
        "Another secret, or a body that was changed after it was signed.",
        "Sign the raw bytes that are sent: HMAC-SHA256 of `t`, a point and the body; see docs/webhooks.md.",
    ),
    "WEBHOOK_REPLAYED": (
        "The signature is right, but more than 300 s old or used before. Nothing was stored.",
        "A repeated request, or a sender's clock that is off.",
        "Sign every request anew with the current time; the alert's id keeps retries from trading twice.",
    ),
    "WEBHOOK_ADDRESS": (
        "This webhook may not be used from this address.",
        "The sender is not in the webhook's list, or a proxy in front is not counted.",
        "Add the address to the webhook; behind a proxy set TRUSTED_PROXY_COUNT.",
    ),
    "WEBHOOK_BODY": (
        "The webhook cannot read this body.",
        "A message that is neither JSON nor fits the webhook's template, or an unfilled placeholder.",
        "Paste the body into Send a test on the webhook's page; it says what is read.",
    ),
    "WEBHOOK_STALE": (
        "The alert is older than the webhook allows, or does not say when it was made.",
        "A delayed or repeated alert, or a clock that is off.",
        "Put the current time into the message ({{timenow}} at TradingView), or allow more seconds.",
    ),
    "WEBHOOK_SYMBOL": (
        "This webhook may not trade this pair.",
        "The pair is not among the webhook's allowed pairs.",
        "Add it to the webhook, or correct the alert.",
    ),
    "WEBHOOK_RATE": (
        "The webhook has had as many signals within a minute as it may. Nothing was stored.",
        "An alert that fires on every tick.",
        "Let the alert fire once per bar, or raise the webhook's signals per minute.",
    ),
}
