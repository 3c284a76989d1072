"""A real worker meets messages that nobody of this version sent: it drops each with a line in its log, and goes on."""

import json
import pickle
import time
import uuid
from pathlib import Path

import pytest
from celery import Celery
from django.conf import settings
from django.utils import timezone
from kombu import Producer
from redis import Redis

from execution.domain import queues
from execution.models import Heartbeat, Order, Signal
from policies.models import Exchange
from routing_platform import redis_urls
from routing_platform.local import paths
from tests.stack.conftest import Traders, add_traders, differences, platform_stack, wait_until_final, wait_until_usable

pytestmark = pytest.mark.stack
ROUTE = {"symbol": "BTC/USDT", "side": "buy", "amount": "0.01"}
OWN_DATABASE = 7
COPIES = 8
"""Of every bad message in every queue: more than a worker has threads, so that one stuck kind would stop it."""


class Bomb:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


@pytest.fixture
def broker(transactional_db):
    """The URL of a database of Valkey that only this test uses."""
    url = redis_urls.with_database(settings.REDIS_URL, OWN_DATABASE)
    with Redis.from_url(url) as redis:
        redis.flushdb()
        yield url
        redis.flushdb()


@pytest.fixture
def stack(broker, transactional_db):
    Exchange.objects.update(mode="live", health_interval_s=2, stale_after_s=60)
    traders = Traders()

    def before_start(control):
        traders.all = add_traders(1, control)

    environment = {"REDIS_URL": broker, "LOG_LEVEL": "WARNING"}
    with platform_stack(before_start, environment=environment, web_processes=1) as running:
        running.client = traders.all[0].client(running)
        wait_until_usable(running.client)
        yield running


def bad_messages(bomb):
    """Headers, body, and how the body is written; None for the headers: those of the oldest protocol, in the body."""
    wake, canary = "execution.tasks.wake_executor", "execution.tasks.canary"
    json_of = {"content_type": "application/json", "content_encoding": "utf-8"}

    def call(name, args=(), kwargs=None, **headers):
        ident = str(uuid.uuid4())
        envelope = {
            "lang": "py",
            "task": name,
            "id": ident,
            "root_id": ident,
            "argsrepr": "",
            "kwargsrepr": "",
            **headers,
        }
        return envelope, json.dumps([list(args), kwargs or {}, {}]), json_of

    yield call("execution.tasks.sell_everything")  # of a newer version
    yield call("execution.tasks.place_order", [str(uuid.uuid4())])  # of an older one, about something long gone
    yield call(wake, [1, 2], {"signal_id": str(uuid.uuid4())})  # more arguments than we take
    yield call(canary)  # fewer
    yield call(canary, ["no such queue"])
    yield call(canary, ["\0" * 1000])
    yield call(canary, [{"a": [None]}])
    yield call(wake, eta="tomorrow")
    yield call(wake, expires="never")
    yield call(wake, timelimit=["x", "y"])
    yield call(wake, retries="many", group=5, parent_id=[], origin=None)
    yield {"task": "execution.tasks.gone"}, "[[], {}, {}]", json_of  # no id
    yield {"task": None, "id": "1"}, "[[], {}, {}]", json_of
    yield {"task": ["x"], "id": "1"}, "[[], {}, {}]", json_of
    yield {"task": wake}, "[[], {}, {}]", json_of
    yield {"task": wake, "id": {"a": 1}}, "[[], {}, {}]", json_of
    for body in ("", "null", "5", "{}", "[]", "[1, 2, 3]", "[[], [], []]", '{"args": []}', "[[], {}", "[[], {}, 5]"):
        yield {"task": wake, "id": str(uuid.uuid4())}, body, json_of
        yield {}, body, json_of
    yield {}, json.dumps({"task": wake, "id": "1", "args": [], "kwargs": {}}), json_of  # the oldest protocol
    yield {}, json.dumps({"task": wake, "args": 5}), json_of
    yield {}, json.dumps({"task": "gone"}), json_of
    pickled = pickle.dumps(([], {}, Bomb(bomb)))
    binary = {"content_type": "application/x-python-serialize", "content_encoding": "binary"}
    yield {"task": wake, "id": str(uuid.uuid4())}, pickled, binary
    yield {}, pickled, binary
    yield (
        {"task": wake, "id": str(uuid.uuid4())},
        "- x",
        {"content_type": "application/x-yaml", "content_encoding": "utf-8"},
    )
    yield {"task": wake, "id": str(uuid.uuid4())}, b"\xff\xfe", json_of
    yield {"task": wake, "id": str(uuid.uuid4())}, b"[[], {}, {}]", {"content_type": "x", "content_encoding": "klingon"}
    yield {"task": wake, "id": str(uuid.uuid4())}, b"[[], {}, {}]", {**json_of, "content_encoding": "klingon"}


def publish(broker, messages):
    """As another program on the same broker would."""
    app = Celery("stranger", broker=redis_urls.for_celery(broker))
    app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    with app.connection_for_write() as connection, connection.channel() as channel:
        producer = Producer(channel, auto_declare=False)
        for queue in queues.QUEUES:
            for headers, body, written in messages:
                producer.publish(body, routing_key=queue, exchange="", headers=headers, serializer=None, **written)


def all_canaries_since(moment):
    """Whether every queue has delivered a message sent after this."""
    names = [queues.canary_name(queue) for queue in queues.QUEUES]
    return Heartbeat.objects.filter(name__in=names, seen_at__gte=moment).count() == len(names)


def test_a_worker_survives_every_message_and_sends_nothing_twice(stack, broker, tmp_path):
    bomb = tmp_path / "unpickled"
    worker = stack.processes["worker1"].pid
    accepted = [stack.client.post("/api/signals", ROUTE, key=f"before-{n}").status for n in range(20)]

    publish(broker, [message for _ in range(COPIES) for message in bad_messages(bomb)])
    accepted += [stack.client.post("/api/signals", ROUTE, key=f"after-{n}").status for n in range(20)]
    app = Celery("ours", broker=redis_urls.for_celery(broker))
    app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    moment = timezone.now()
    for queue in queues.QUEUES:
        app.send_task("execution.tasks.canary", args=[queue], queue=queue)
        for _ in range(40):  # wake-ups that come again and again
            app.send_task("execution.tasks.wake_executor", queue=queue, headers={"redelivered": True})

    deadline = time.monotonic() + 45
    while not all_canaries_since(moment):
        assert time.monotonic() < deadline, "a queue delivers no more"
        time.sleep(0.1)
    wait_until_final(40, within_s=30)
    stack.check_alive()
    assert stack.processes["worker1"].pid == worker
    assert set(accepted) == {202}
    assert set(Signal.objects.values_list("status", flat=True)) == {"filled"}
    assert Order.objects.count() == 40
    assert differences(stack.simulator.control, traders=1) == []
    assert not bomb.exists()
    assert not Heartbeat.objects.filter(name__contains="no such queue").exists()
    with Redis.from_url(broker) as redis:
        assert redis.hlen("routing:unacked") <= 10  # none is kept to be delivered for ever
    log = (paths.LOG_DIR / "worker1.log").read_text()
    assert "sell_everything" in log
