"""A thousand signals of twenty users, while one placement in ten fails in one of nine ways."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db.models import Count

from execution.models import OrderEvent, Signal
from tests.stack.conftest import differences, wait_until_final

pytestmark = pytest.mark.stack
USERS, PER_USER = 20, 50


def batch_of(number: int) -> list[dict[str, str]]:
    """Fifty signals: by default to binance, some to kraken by name, a few in kroner to firi."""
    signals = []
    for n in range(PER_USER):
        side = "sell" if n % 3 == 0 else "buy"
        body = {"id": f"t{number}-{n}", "symbol": "BTC/USDT", "side": side, "amount": "0.002"}
        if n % 5 == 0:
            body["exchange"] = "kraken"
        if n % 17 == 0:
            body |= {"symbol": "BTC/NOK", "exchange": "firi"}
        signals.append(body)
    return signals


@pytest.mark.parametrize("stack", [USERS], indirect=True)
def test_every_signal_ends_once_with_a_reason_and_both_books_agree(stack, traders):
    control = stack.simulator.control
    for exchange in ("binance", "kraken", "firi"):
        control.configure(exchange, fault_rate=0.1)

    def post(number: int) -> int:
        client = traders.all[number].client(stack)
        signals = batch_of(number)
        answers = [client.post("/api/signals/batch", {"signals": signals[i : i + 10]}) for i in range(0, PER_USER, 10)]
        # Every client retries as if it had not heard the answer: nothing may happen twice.
        again = client.post("/api/signals/batch", {"signals": signals[:10]})
        assert all(result["replayed"] for result in again.body["results"])
        return sum(answer.body["accepted"] for answer in answers)

    with ThreadPoolExecutor(8) as pool:
        accepted = sum(pool.map(post, range(USERS)))

    assert accepted == USERS * PER_USER
    wait_until_final(accepted, within_s=150)
    stack.check_alive()
    for exchange in ("binance", "kraken", "firi"):
        control.configure(exchange, fault_rate=0)

    statuses = dict(Signal.objects.values_list("status").annotate(Count("pk")))
    assert sum(statuses.values()) == accepted
    assert not Signal.objects.exclude(status="filled").filter(reason_code="").exists()
    assert statuses["filled"] > accepted * 0.9
    faults = Counter()
    for figures in control.stats().values():
        faults.update(figures["faults"])
    assert sum(faults.values()) > 50
    assert OrderEvent.objects.filter(new_status="unknown").exists()
    assert differences(control, traders=USERS) == []
