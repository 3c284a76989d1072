"""Accounts: API keys with balances. Secrets go in and never come out."""

from execution.simulator.control.body import Body, ControlError, asked_exchanges, decimal, find_exchange
from execution.simulator.engine.accounts import Account
from execution.simulator.http import Request, Response, json_response
from execution.simulator.numbers import format_trimmed
from execution.simulator.simulator import SimulatedExchange, Simulator


def read(simulator: Simulator, request: Request) -> Response:
    """GET /control/accounts?exchange=."""
    rows = []
    for exchange in asked_exchanges(simulator, request):
        simulator.advance(exchange, simulator.clock())
        rows += [_entry(exchange, account) for account in exchange.engine.accounts.values()]
    return json_response({"accounts": rows})


def upsert(simulator: Simulator, body: Body) -> Response:
    """POST /control/accounts: create or change an account. A balance given is set, one not given is kept."""
    body.allow("exchange", "api_key", "secret", "client_id", "passphrase", "may_withdraw", "ip_restricted", "balances")
    exchange = find_exchange(simulator, body.text("exchange"))
    simulator.advance(exchange, simulator.clock())
    balances = _read_balances(exchange, body)
    engine = exchange.engine
    account = engine.upsert_account(
        body.text("api_key"), body.text("secret"), body.text("client_id", ""), body.text("passphrase", "")
    )
    account.may_withdraw = body.flag("may_withdraw", account.may_withdraw)
    account.ip_restricted = body.flag("ip_restricted", account.ip_restricted)
    for asset, total in balances.items():
        try:
            engine.settlement.set_balance(account, asset, total)
        except ValueError as e:
            raise ControlError(409, "FUNDS_HELD", str(e)) from e
    return json_response(_entry(exchange, account))


def _read_balances(exchange: SimulatedExchange, body: Body) -> dict[str, int]:
    given, decimals = body.fields.get("balances", {}), exchange.engine.facts.asset_decimals
    if not isinstance(given, dict):
        raise ControlError(400, "INVALID_FIELD", 'balances must be an object like {"BTC": "1.5"}')
    for asset in given:
        if asset not in decimals:
            raise ControlError(400, "UNKNOWN_ASSET", f"{asset!r} is not one of {', '.join(decimals)}")
    return {asset: decimal(amount, decimals[asset], "balances") for asset, amount in given.items()}


def _entry(exchange: SimulatedExchange, account: Account) -> dict[str, object]:
    decimals = exchange.engine.facts.asset_decimals
    return {
        "exchange": exchange.slug,
        "api_key": account.api_key,
        "client_id": account.client_id,
        "balances": {
            asset: {
                "total": format_trimmed(balance.total, decimals[asset]),
                "held": format_trimmed(balance.held, decimals[asset]),
                "available": format_trimmed(balance.available, decimals[asset]),
            }
            for asset, balance in account.balances.items()
        },
    }
