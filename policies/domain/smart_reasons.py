"""The manual's entries for what smart routing says of an exchange. Part of `policies.domain.reasons`.

code -> (meaning, usual cause, what to do)
"""

SMART_REASONS: dict[str, tuple[str, str, str]] = {
    "NOT_PREFERRED": (
        "Usable, but the preferred exchanges can take the whole order.",
        "The signal or the user prefers others.",
        "Nothing to do; it is used when those cannot take the order.",
    ),
    "NOT_IN_STRATEGY": (
        "The strategy chooses among other exchanges.",
        "It is not in the strategy's list.",
        "Add it to the list under Strategies, or empty the list to choose among all.",
    ),
    "TOO_SLOW": (
        "It answers more slowly than the routing strategy allows.",
        "A slow exchange, or a low limit.",
        "Look at its latency; the limit is under Routing strategies.",
    ),
    "LOW_LIQUIDITY": (
        "Its book does not hold as many times the order as the routing strategy demands.",
        "A large order, or a strategy that asks for twice the size.",
        "Use optimal_split, which needs no spare depth, or lower the demand under Routing strategies.",
    ),
    "LOWER_SCORE": (
        "Usable, but another exchange has more points.",
        "The weights of the routing strategy.",
        "Nothing to do; it is next if the chosen one does not place the order.",
    ),
    "DEARER": (
        "It could take a part, but the chosen ones are cheaper after fees and costs.",
        "Price, fee, latency or the age of its book.",
        "Nothing to do.",
    ),
    "FEES_UNKNOWN": (
        "What this account pays there is not known, so its price cannot be compared.",
        "The exchange has no taker fee entered.",
        "Enter the taker fee of the exchange.",
    ),
    "BALANCE_UNKNOWN": (
        "The account's free balance there is not known, so no part can be planned for it.",
        "New keys, or the exchange does not tell balances at the moment.",
        "Wait for the next comparison of the account, or let smart routing go without balances (Routing settings).",
    ),
    "LIMIT_PRICE": (
        "Too little is offered there inside the limit price.",
        "The limit price, or the largest slippage.",
        "Change the limit, or allow more slippage.",
    ),
    "LOT_REMAINDER": (
        "What is left is less than one step of amount of any usable exchange.",
        "An amount finer than the lots.",
        "Send a multiple of the lot.",
    ),
    "MAX_LEGS": (
        "More exchanges would be needed than one order may use.",
        "The routing strategy's largest number of parts.",
        "Raise it under Routing strategies, or send a smaller order.",
    ),
    "NOTIONAL": (
        "The money the order may spend, or raise, is used up.",
        "The last part would cost more than is left.",
        "Nothing to do.",
    ),
}
