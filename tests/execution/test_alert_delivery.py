"""Notices reach real receivers, are tried again until they do, and tell nothing secret on the way."""

import email
import email.policy
import json
import logging
import threading
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from execution.domain.webhook_signature import is_signed, parse_header
from execution.models import Alert, AlertDelivery
from execution.services import alerts
from execution.services.alerts import deliver, hosted
from execution.services.alerts.errors import SendError, redact
from execution.services.alerts.notices import harmless, notices_for
from policies.alerts import read_target, store_channel
from policies.crypto import Unreadable
from policies.domain.alerts import ChannelKind
from policies.models import AlertChannel, AlertRule
from tests.execution.sinks import hanging_sink, http_sink, mail_sink, make_certificate

REASON = "people must be told of this"
SECRET = "whs_CANARY-signing-5b1f0c9d"
SLACK = "T0CANARY1/B0CANARY2/canaryCANARYcanaryCANARY"
TELEGRAM = "123456789:AACANARYcanaryCANARYcanaryCANARYcan"
DISCORD = "123456789012345678/CANARYcanaryCANARYcanaryCANARYcanaryCANARYcanaryCANARYcanary12"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(autouse=True)
def local(settings, monkeypatch, certificate):
    """This machine may be told, and its certificate is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    settings.ENV = {**settings.ENV, "ALERT_WEBHOOK_HOSTS": ["localhost"], "ENVIRONMENT_NAME": "Oslo"}


def webhook(port, name="pager", path="/hook/CANARY-in-the-path"):
    target = {"address": f"https://localhost:{port}{path}", "signing_secret": SECRET}
    return store_channel(AlertChannel(name=name, kind="webhook"), target, reason=REASON, by=None)


def mail(port, name="mail"):
    target = {
        "recipients": "desk@example.com, night@example.com",
        "sender": "platform@example.com",
        "smtp_host": "localhost",
        "smtp_port": str(port),
        "smtp_security": "none",
    }
    return store_channel(AlertChannel(name=name, kind="email"), target, reason=REASON, by=None)


def alert(subject="OKX is down", key="okx"):
    rule, _ = AlertRule.objects.get_or_create(name="r", condition="exchange_down", severity="critical")
    now = timezone.now()
    return Alert.objects.create(
        rule=rule,
        scope_key=key,
        severity="critical",
        subject=subject,
        evidence="HTTP 503: service unavailable",
        link="/admin/policies/exchange/okx/change/",
        began_at=now,
        opened_at=now,
        last_seen_at=now,
    )


def notice(channel, found=None, kind="opened"):
    found = found or alert()
    rows = notices_for(found, found.rule, kind, [channel.pk], timezone.now())
    return AlertDelivery.objects.bulk_create(rows)[0]


def due_again():
    """As if the time until the next attempt had passed."""
    AlertDelivery.objects.update(next_at=timezone.now())


@pytest.mark.django_db
def test_a_webhook_is_signed_over_its_raw_body(certificate):
    with http_sink(certificate) as sink:
        row = notice(webhook(sink.port))
        assert alerts.send_due() == 1

    path, headers, body = sink.requests[0]
    signature = parse_header(headers["x-signature"])
    content = json.loads(body)
    row.refresh_from_db()
    assert path == "/hook/CANARY-in-the-path"
    assert is_signed(signature, [SECRET], body)
    assert abs(signature.age_s(timezone.now().timestamp())) < 60
    assert (content["id"], content["kind"], content["severity"]) == (str(row.pk), "opened", "critical")
    assert content["subject"] == "OKX is down"
    assert (row.state, row.attempts, row.error) == ("sent", 1, "")


@pytest.mark.django_db
def test_a_mail_arrives_whole():
    with mail_sink() as sink:
        channel = mail(sink.port)
        notice(channel)
        alerts.send_due()

    found = [email.message_from_string(text, policy=email.policy.default) for text in sink.mails]
    channel.refresh_from_db()
    assert {message["To"] for message in found} == {"desk@example.com", "night@example.com"}
    assert found[0]["Subject"] == "Oslo CRITICAL: OKX is down"
    assert "platform@example.com" in found[0]["From"]
    assert "HTTP 503: service unavailable" in found[0].get_content()
    assert channel.last_ok


@pytest.mark.django_db
def test_a_mail_server_that_refuses_is_tried_again_and_says_why():
    with mail_sink(refuse=True) as sink:
        row = notice(mail(sink.port))
        alerts.send_due()

    row.refresh_from_db()
    assert (row.state, sink.mails) == ("pending", [])
    assert row.error


@pytest.mark.django_db
def test_errors_are_retried_with_growing_waits_and_can_be_seen(certificate):
    with http_sink(certificate) as sink:
        sink.answers = [500, 500, 503, 200]
        channel = webhook(sink.port)
        row = notice(channel)
        waits = []
        for _ in range(3):
            began = timezone.now()
            assert alerts.send_due() == 0
            row.refresh_from_db()
            waits.append(round((row.next_at - began).total_seconds()))
            assert row.state == "pending"
            channel.refresh_from_db()
            assert channel.last_ok is False
            due_again()
        assert row.error == "localhost answered 503."
        assert alerts.send_due() == 1

    row.refresh_from_db()
    channel.refresh_from_db()
    assert [wait // 5 * 5 for wait in waits] == [5, 10, 20]
    assert (row.state, row.attempts, row.error, channel.last_ok) == ("sent", 4, "", True)
    assert len({json.loads(body)["id"] for _, _, body in sink.requests}) == 1


@pytest.mark.django_db
def test_nothing_is_sent_before_its_time(certificate):
    with http_sink(certificate) as sink:
        sink.answers = [500, 200]
        notice(webhook(sink.port))
        alerts.send_due()

        assert alerts.send_due() == 0
        assert len(sink.requests) == 1


@pytest.mark.django_db
def test_waits_end_at_ten_minutes_and_all_of_it_after_a_day(certificate, risk_manager):
    with http_sink(certificate) as sink:
        sink.answers = [500]
        row = notice(webhook(sink.port))
        AlertDelivery.objects.update(attempts=40)
        began = timezone.now()
        alerts.send_due()
        row.refresh_from_db()
        assert 595 <= (row.next_at - began).total_seconds() <= 660

        AlertDelivery.objects.update(next_at=timezone.now(), give_up_at=timezone.now() + timedelta(minutes=5))
        alerts.send_due()
        row.refresh_from_db()
        assert row.state == "failed"
        due_again()
        assert alerts.send_due() == 0

        sink.answers = [200]
        alerts.retry(row.pk, by=risk_manager)
        assert alerts.send_due() == 1
    with pytest.raises(ValidationError, match="sent already"):
        alerts.retry(row.pk, by=risk_manager)


@pytest.mark.django_db
def test_a_recovery_never_overtakes_the_notice_it_belongs_to(certificate):
    with http_sink(certificate) as sink:
        sink.answers = [500, 200]
        channel, found = webhook(sink.port), alert()
        notice(channel, found)
        alerts.send_due()
        notice(channel, found, "recovered")
        assert alerts.send_due() == 0
        due_again()
        assert alerts.send_due() == 2

    assert [json.loads(body)["kind"] for _, _, body in sink.requests] == ["opened", "opened", "recovered"]


@pytest.mark.django_db
def test_a_target_that_hangs_holds_up_nobody_else(certificate, monkeypatch):
    monkeypatch.setattr(deliver, "TIMEOUT_S", 1.5)
    with hanging_sink() as dead, hanging_sink() as dead_mail, http_sink(certificate) as sink:
        stuck = [notice(webhook(dead.port, "dead")), notice(mail(dead_mail.port, "dead mail"), alert(key="b"))]
        healthy = webhook(sink.port, "healthy")
        for n in range(5):
            notice(healthy, alert(key=f"k{n}"))

        assert alerts.send_due() == 5

    for row in stuck:
        row.refresh_from_db()
        assert row.state == "pending"
        assert row.error
    times = AlertDelivery.objects.filter(channel=healthy).values_list("sent_at", flat=True)
    assert max(times) < min(row.next_at for row in stuck)


@pytest.mark.django_db
def test_a_channel_that_is_out_is_asked_once_a_round_however_much_waits(certificate):
    with http_sink(certificate) as sink:
        sink.answers = [500]
        channel = webhook(sink.port)
        for n in range(10):
            notice(channel, alert(key=f"k{n}"))
        alerts.send_due()

        assert len(sink.requests) == 1


@pytest.mark.django_db
def test_redirects_are_not_followed(certificate):
    with http_sink() as inner, http_sink(certificate) as sink:
        sink.answers, sink.location = [302], f"http://127.0.0.1:{inner.port}/latest/meta-data"
        row = notice(webhook(sink.port))
        alerts.send_due()

        row.refresh_from_db()
        assert inner.connections == 0
        assert row.error == "localhost answered 302; redirects are not followed."


@pytest.mark.django_db
def test_a_certificate_that_nobody_vouches_for_is_refused(certificate, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with http_sink(certificate) as sink:
        row = notice(webhook(sink.port))
        alerts.send_due()

        row.refresh_from_db()
        assert "certificate is not valid" in row.error
        assert sink.requests == []


def test_two_senders_share_the_work_and_send_nothing_twice(certificate, transactional_db):
    with http_sink(certificate) as sink:
        for n in range(12):
            notice(webhook(sink.port, f"c{n}"), alert(key=f"k{n}"))
        counts = []

        def work():
            counts.append(alerts.send_due())
            connection.close()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sum(counts) == len(sink.requests) == 12


@pytest.mark.django_db
def test_what_a_dead_process_claimed_is_sent_by_the_next(certificate):
    with http_sink(certificate) as sink:
        row = notice(webhook(sink.port))
        deliver._claim([])
        assert alerts.send_due() == 0
        due_again()
        assert alerts.send_due() == 1

    row.refresh_from_db()
    assert row.attempts == 2


# --- What hosted services get, at the seam where the notice is built --------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "target", "attribute", "address", "path"),
    [
        ("telegram", {"telegram_token": TELEGRAM, "telegram_chat": "-1001234567"}, "notify_url", "/bot", "/bot{}/sendMessage"),  # noqa: E501
        ("slack", {"slack_hook": SLACK}, "webhook_url", "/services", "/services/{}"),
        ("discord", {"discord_hook": DISCORD}, "notify_url", "/api/webhooks", "/api/webhooks/{}"),
    ],
)  # fmt: skip
def test_a_hosted_service_gets_its_own_shape(kind, target, attribute, address, path):
    secret = next(value for name, value in target.items() if name != "telegram_chat")
    plugin = hosted.plugin_for(ChannelKind(kind), target, timeout_s=5)
    assert getattr(plugin, attribute).startswith("https://")
    with http_sink() as sink:
        sink.text = b"ok" if kind == "slack" else sink.text
        setattr(plugin, attribute, f"http://127.0.0.1:{sink.port}{address}")
        hosted.send(plugin, "CRITICAL: OKX is down", "HTTP 503\nBegan 12:00:00 UTC.", "failure")

    asked, _, body = sink.requests[0]
    assert asked.partition("?")[0] == path.format(secret)
    assert "OKX is down" in body.decode()
    assert "HTTP 503" in body.decode()
    if kind == "telegram":
        assert json.loads(body)["chat_id"] in (-1001234567, "-1001234567")


def test_a_hosted_service_that_refuses_is_an_error_with_its_status():
    plugin = hosted.plugin_for(ChannelKind.SLACK, {"slack_hook": SLACK}, timeout_s=5)
    with http_sink() as sink:
        sink.answers = [500]
        plugin.webhook_url = f"http://127.0.0.1:{sink.port}/services"
        with pytest.raises(SendError, match="500"):
            hosted.send(plugin, "title", "body", "failure")


def test_hosted_services_follow_no_redirects():
    plugin = hosted.plugin_for(ChannelKind.SLACK, {"slack_hook": SLACK}, timeout_s=5)
    with http_sink() as inner, http_sink() as sink:
        sink.answers, sink.location = [302], f"http://127.0.0.1:{inner.port}/"
        plugin.webhook_url = f"http://127.0.0.1:{sink.port}/services"
        with pytest.raises(SendError):
            hosted.send(plugin, "title", "body", "failure")

        assert inner.connections == 0


def test_text_of_others_is_never_obeyed():
    told = harmless("<!channel> @everyone [click](http://x) **x** `y`\r\nBcc: all@example.com\u202e")

    assert "<" not in told
    assert "@everyone" not in told
    assert "](" not in told
    assert "\n" not in told
    assert "\r" not in told


# --- Secrets -------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_no_secret_is_in_a_row_an_error_or_a_log(certificate, caplog, monkeypatch, risk_manager):
    monkeypatch.setattr(deliver, "TIMEOUT_S", 3.0)
    targets = {
        "telegram": {"telegram_token": TELEGRAM, "telegram_chat": "-1001234567"},
        "slack": {"slack_hook": SLACK},
        "discord": {"discord_hook": DISCORD},
    }
    # No way out: every hosted service fails at once, and says so.
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with caplog.at_level(logging.DEBUG), http_sink(certificate) as sink:
        sink.answers = [500]
        channels = [webhook(sink.port)]
        for kind, target in targets.items():
            channels.append(store_channel(AlertChannel(name=kind, kind=kind), target, reason=REASON, by=None))
        for n, channel in enumerate(channels):
            notice(channel, alert(key=f"k{n}"))
        alerts.send_due()
        tested = [alerts.send_test(channel, by=risk_manager) for channel in channels]

    rows = [*AlertDelivery.objects.values(), *AlertChannel.objects.values(), *AlertChannel.history.values()]
    texts = [str(row) for row in rows] + tested + [caplog.text, *(str(record.__dict__) for record in caplog.records)]
    assert all(AlertDelivery.objects.values_list("error", flat=True))
    assert all(tested)
    assert not [text[:300] for text in texts if "CANARY" in text.replace("[removed]", "")]


@pytest.mark.django_db
def test_a_ciphertext_moved_to_another_channel_does_not_decrypt():
    one, two = webhook(443, "one"), webhook(443, "two")
    one.ciphertext = two.ciphertext

    with pytest.raises(Unreadable):
        read_target(one)


def test_redaction_takes_out_the_parts_of_a_secret_and_their_spellings():
    told = redact("POST /bot123456789%3AAACANARYcanary/send AACANARYcanary", ["123456789:AACANARYcanary"])

    assert "CANARY" not in told


@pytest.mark.django_db
def test_a_test_says_how_it_ended(certificate, risk_manager):
    with http_sink(certificate) as sink:
        channel = webhook(sink.port)
        assert alerts.send_test(channel, by=risk_manager) == ""
        sink.answers = [404]
        assert alerts.send_test(channel, by=risk_manager) == "localhost answered 404."

    channel.refresh_from_db()
    assert (channel.last_ok, channel.last_error) == (False, "localhost answered 404.")
    assert "Nothing is wrong" in json.loads(sink.requests[0][2])["text"]
    assert not AlertDelivery.objects.exists()
