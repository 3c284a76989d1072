"""Webhooks over really running web processes: every alert once, exact limits, quick answers, no secret anywhere."""

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.db.models import F

from execution.domain.webhook_signature import sign
from execution.models import Signal, WebhookDelivery
from policies.models import Webhook
from policies.webhooks import create_webhook
from routing_platform.local import paths

pytestmark = pytest.mark.stack
ROOT = Path(__file__).resolve().parent.parent.parent
ALERTS, COPIES, THREADS = 500, 4, 16


def post(url, path, body, headers=None):
    """Status and body."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)) as server:
        server.request("POST", path, body, headers or {})
        answer = server.getresponse()
        return answer.status, json.loads(answer.read())


def add(owner, name, **kwargs):
    hook = Webhook(name=name, owner=owner, per_minute=kwargs.pop("per_minute", 100_000), **kwargs)
    return hook, create_webhook(hook, reason="for the tests", by=None)


def alert(**fields):
    return json.dumps({"symbol": "BTC/USDT", "side": "buy", "amount": "0.001", **fields}).encode()


def send_all(stack, path, bodies):
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda body: post(stack.url, path, body), bodies))


def test_the_running_platform_takes_every_alert_once(stack, traders):
    owner = traders.all[0].user
    hook, token = add(owner, "many")
    _, limited_token = add(owner, "limited", per_minute=20)
    _, secret = add(owner, "signed", kind="signed")
    time.sleep(1.0)  # known in every process
    path = f"/api/webhooks/tradingview/{token}"

    # Every alert four times at once, as TradingView repeats what was not answered in time; some have no id.
    bodies = [alert(alert_id=f"a{n}") for n in range(ALERTS)]
    without_id = [alert(details=f"no id {n}") for n in range(50)]
    answers = send_all(stack, path, [body for body in [*bodies, *without_id] for _ in range(COPIES)])
    assert Counter(status for status, _ in answers) == {202: ALERTS + 50, 200: (ALERTS + 50) * (COPIES - 1)}
    assert Signal.objects.count() == ALERTS + 50
    assert len({body["id"] for _, body in answers}) == ALERTS + 50

    # And again after ten minutes and a day: an id counts for ever.
    first = [body["id"] for _, body in answers[: ALERTS * COPIES : COPIES]]
    for later in (timedelta(minutes=10), timedelta(hours=24)):
        Signal.objects.update(received_at=F("received_at") - later)
        WebhookDelivery.objects.update(at=F("at") - later)
        again = send_all(stack, path, bodies)
        assert {status for status, _ in again} == {200}
        assert [body["id"] for _, body in again] == first
    assert Signal.objects.count() == ALERTS + 50

    # A limit is exact over all processes.
    many = [alert(alert_id=f"l{n}") for n in range(60)]
    counted = Counter(status for status, _ in send_all(stack, f"/api/webhooks/tradingview/{limited_token}", many))
    assert counted == {202: 20, 429: 40}

    # A webhook that is stuck answers within a sender's patience, and names its address in no log.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"webhook:{hook.pk}"])
        began = time.monotonic()
        stuck = post(stack.url, path, alert(alert_id="stuck"))
        took = time.monotonic() - began
        cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"webhook:{hook.pk}"])
    assert (stuck[0], stuck[1]["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert took < 3
    assert post(stack.url, path, alert(alert_id="stuck"))[0] == 202

    run_the_examples(stack, secret)
    nothing_secret_is_anywhere(stack, path, token, secret)


def run_the_examples(stack, secret):
    """The examples of docs/webhooks.md, as they stand there."""
    text = (ROOT / "docs/webhooks.md").read_text()
    environment = {**os.environ, "URL": f"{stack.url}/api/webhooks/signed/signed", "SECRET": secret}
    for language, command, key in (("python", [sys.executable], "python-1"), ("sh", ["sh"], "shell-1")):
        example = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL).group(1)
        done = subprocess.run([*command, "-c", example], env=environment, capture_output=True, text=True, check=False)
        assert "202" in done.stdout, (done.stdout, done.stderr)
        assert Signal.objects.filter(idempotency_key=f"hook:signed:{key}").count() == 1


def nothing_secret_is_anywhere(stack, path, token, secret):
    """Not even when a sender puts it into a body, or asks wrongly."""
    assert post(stack.url, path, alert(alert_id="leak", details=f"sent to {token}"))[0] == 400
    assert post(stack.url, path, alert(alert_id="leak2", details="x", token=token))[0] == 400
    assert post(stack.url, f"/api/webhooks/tradingview/{token[:-1]}/", b"{")[0] == 404
    t, body = str(int(time.time())), alert(alert_id="leak3", details=secret)
    signature = {"X-Signature": f"t={t},v1={sign(secret, t, body)}"}
    assert post(stack.url, "/api/webhooks/signed/signed", body, signature)[0] == 400

    log = "".join((paths.LOG_DIR / f"{name}.log").read_text() for name in ("web", "worker1", "beat"))
    assert "/api/webhooks/tradingview/[redacted]" in log  # the 503 was logged
    texts = [log]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
            texts.append(cursor.fetchone()[0] or "")
    assert not [
        text for text in texts if token in text or secret in text or token[4:30] in text or secret[5:30] in text
    ]
