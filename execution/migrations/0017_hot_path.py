"""An index that `order_live` covers (exchange and status of the orders that are not over) cost every order two writes.

Outside a transaction, because indexes come and go concurrently: orders are taken meanwhile.
"""

from django.contrib.postgres.operations import RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("execution", "0016_market_trades")]

    operations = [RemoveIndexConcurrently(model_name="order", name="order_in_flight")]
