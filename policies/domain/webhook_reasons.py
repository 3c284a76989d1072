"""The manual's entries for webhooks: code -> (meaning, usual cause, what to do). Part of `policies.domain.reasons`."""

WEBHOOK_REASONS: dict[str, tuple[str, str, str]] = {
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
