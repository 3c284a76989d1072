"""Webhooks of alerts reach the internet and nothing behind it: not one connection arrives at a sink on this machine."""

import socket

import pytest

from execution.services.alerts import addresses, webhook
from execution.services.alerts.addresses import NotAllowed, is_public
from execution.services.alerts.errors import SendError
from tests.execution.sinks import http_sink, make_certificate

REFUSED = (NotAllowed, SendError)
# {p} is the sink's port: each of these leads there, or to a place like it, for some software.
PAYLOADS = [
    "http://127.0.0.1:{p}/", "http://localhost:{p}/", "ftp://127.0.0.1:{p}/", "file:///etc/passwd", "gopher://127.0.0.1:{p}/_x",
    "//127.0.0.1:{p}/", "https:127.0.0.1:{p}", "https:///127.0.0.1:{p}", "https://127.0.0.1:{p}/", "https://127.0.0.1.:{p}/",
    "https://127.1:{p}/", "https://127.0.1:{p}/", "https://127.255.255.254:{p}/", "https://0:{p}/", "https://0.0.0.0:{p}/",
    "https://2130706433:{p}/", "https://0x7f000001:{p}/", "https://0x7f.0.0.1:{p}/", "https://017700000001:{p}/",
    "https://0177.0.0.1:{p}/", "https://127.0.0.1%00.example.com:{p}/", "https://localhost:{p}/", "https://LOCALHOST:{p}/",
    "https://localhost.:{p}/", "https://localhost.localdomain:{p}/", "https://[::1]:{p}/", "https://[::]:{p}/",
    "https://[0:0:0:0:0:0:0:1]:{p}/", "https://[::ffff:127.0.0.1]:{p}/", "https://[::ffff:7f00:1]:{p}/",
    "https://[0:0:0:0:0:ffff:127.0.0.1]:{p}/", "https://[::127.0.0.1]:{p}/", "https://[64:ff9b::7f00:1]:{p}/",
    "https://[2002:7f00:1::]:{p}/", "https://[fe80::1]:{p}/", "https://[fe80::1%25lo]:{p}/", "https://[fc00::1]:{p}/",
    "https://[fec0::1]:{p}/", "https://[ff02::1]:{p}/", "https://169.254.169.254/latest/meta-data/", "https://2852039166/latest/",
    "https://[::ffff:a9fe:a9fe]/latest/", "https://[fd00:ec2::254]/latest/", "https://100.100.100.200/", "https://10.0.0.1/",
    "https://172.16.0.1/", "https://192.168.1.1/", "https://100.64.0.1/", "https://198.18.0.1/", "https://192.0.0.192/",
    "https://224.0.0.1/", "https://240.0.0.1/", "https://255.255.255.255/", "https://user:pass@127.0.0.1:{p}/",
    "https://example.com@127.0.0.1:{p}/", "https://127.0.0.1:{p}#@example.com/", "https://127.0.0.1:{p}\\@example.com/",
    "https://①②⑦.⓪.⓪.①:{p}/", "https://127。0。0。1:{p}/", "https://127.0.0.1:{p} .example.com/",
    "https://127.0.0.1:{p}\t/", "https://127.0.0.1:{p}\r\nHost: x/", "https://127.0.0.1:99999/", "https://127.0.0.1:-1/",
]  # fmt: skip


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


def test_no_payload_reaches_this_machine(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    let_through = []
    with http_sink(certificate) as tls, http_sink() as plain:
        for payload in PAYLOADS:
            for sink in (tls, plain):
                try:
                    webhook.post(payload.format(p=sink.port), "x" * 20, {}, timeout_s=2)
                except REFUSED:
                    continue
                let_through.append(payload)

        assert len(PAYLOADS) >= 40
        assert let_through == []
        assert (tls.connections, plain.connections) == (0, 0)


def test_the_same_sink_is_reached_when_its_host_is_allowed(certificate, monkeypatch, settings):
    """Otherwise the test above could not fail."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    settings.ENV = {**settings.ENV, "ALERT_WEBHOOK_HOSTS": ["localhost"]}
    with http_sink(certificate) as sink:
        webhook.post(f"https://localhost:{sink.port}/", "x" * 20, {}, timeout_s=5)

        assert sink.connections == 1
        with pytest.raises(NotAllowed):
            webhook.post(f"https://127.0.0.1:{sink.port}/", "x" * 20, {}, timeout_s=5)


def answering(monkeypatch, *answers):
    """A name server whose answers change from one question to the next."""
    left, asked = list(answers), []

    def getaddrinfo(host, port, *args, **kwargs):
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        family = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [(family[6 if ":" in ip else 4], socket.SOCK_STREAM, 6, "", (ip, port)) for ip in found]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_is_asked_for_once_and_that_answer_is_used(certificate, monkeypatch):
    """DNS rebinding: public when it is checked, this machine when it is connected to."""
    connected = []

    def create_connection(address, timeout=None, *args, **kwargs):
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(webhook.socket, "create_connection", create_connection)
    asked = answering(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])

    with pytest.raises(SendError, match="refused"):
        webhook.post("https://rebind.example.com/hook", "x" * 20, {}, timeout_s=2)

    assert asked == ["rebind.example.com"]
    assert connected == [("93.184.216.34", 443)]


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:10.0.0.1"], ["fd00::1"]])
def test_one_private_address_of_a_name_is_enough_to_refuse_it(monkeypatch, answer):
    answering(monkeypatch, answer)

    with pytest.raises(NotAllowed, match="not public"):
        addresses.resolve("hooks.example.com", 443)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111"])
def test_the_internet_is_public(address):
    assert is_public(address)
