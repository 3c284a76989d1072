"""Keeping what an exchange tells of an account's money, so that smart routing knows what may be spent there."""

from collections.abc import Mapping
from decimal import Decimal

from execution.domain.orders import FINAL
from execution.exchanges.base import Balance
from execution.services.reconcile.balances import Booked, Task
from execution.services.sql import as_rows, execute, names_of, recordset

_RESERVED = """
SELECT CASE WHEN o.side = 'sell' THEN split_part(o.symbol, '/', 1) ELSE split_part(o.symbol, '/', 2) END AS asset,
       sum((o.amount - o.filled_amount)
           * CASE WHEN o.side = 'sell' THEN 1 ELSE COALESCE(o.price, o.reference_price) END) AS amount
FROM execution_order o
WHERE o.credential_id = {credential} AND o.exchange_id = {exchange} AND NOT o.status = ANY(%(final)s)
GROUP BY 1
"""
_ROWS = "asset text, free numeric, booked numeric"
_KEEP = f"""
INSERT INTO execution_accountbalance (credential_id, user_id, exchange_id, mode, asset, spendable, booked, at)
SELECT %(credential)s, %(user_id)s, %(exchange)s, %(mode)s, v.asset, v.free + COALESCE(r.amount, 0), v.booked,
       clock_timestamp()
FROM {recordset(_ROWS)}
LEFT JOIN ({_RESERVED.format(credential="%(credential)s", exchange="%(exchange)s")}) r USING (asset)
ON CONFLICT (credential_id, asset)
DO UPDATE SET spendable = EXCLUDED.spendable, booked = EXCLUDED.booked, at = EXCLUDED.at
"""
_FORGET = """
DELETE FROM execution_accountbalance WHERE credential_id = %(credential)s AND NOT asset = ANY(%(assets)s)
"""
_FINAL = sorted(status.value for status in FINAL)
_NOTHING = Balance(Decimal(0), Decimal(0))


def keep(task: Task, held: Mapping[str, Balance], books: Booked) -> None:
    """Replace what is known of this account. books: ours when the exchange told it.

    An asset that we traded there and the exchange does not name is known to be nothing.
    """
    assets = sorted(set(held) | set(books.sums))
    rows = [(asset, held.get(asset, _NOTHING).free, books.sums.get(asset, Decimal(0))) for asset in assets]
    account = {"credential": task.credential_id, "user_id": task.user_id, "exchange": task.exchange}
    more = {"mode": task.mode.value, "rows": as_rows(rows, names_of(_ROWS)), "final": _FINAL}
    execute(_FORGET, {"credential": task.credential_id, "assets": assets})
    execute(_KEEP, {**account, **more})
