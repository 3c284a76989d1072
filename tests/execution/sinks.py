"""Real receivers of notices on this machine: a mail server, and HTTP servers with and without TLS."""

import datetime
import ipaddress
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Sink:
    """What came in. `answers`: statuses to answer with, the last one for ever, each with `text`."""

    port: int = 0
    connections: int = 0
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=lambda: [200])
    text: bytes = b'{"ok": true}'
    location: str = ""


@contextmanager
def http_sink(certificate: Path | None = None) -> Iterator[Sink]:
    """An HTTP server; with a certificate it speaks TLS."""
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            sink.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            status = sink.answers.pop(0) if len(sink.answers) > 1 else sink.answers[0]
            self.send_response(status)
            if sink.location:
                self.send_header("Location", sink.location)
            self.send_header("Content-Length", str(len(sink.text)))
            self.end_headers()
            self.wfile.write(sink.text)

        do_GET = do_POST

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def get_request(self) -> Any:
            sink.connections += 1
            return super().get_request()

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a caller that hangs up is the caller's matter

    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with _running(server, sink):
        yield sink


@contextmanager
def mail_sink(*, refuse: bool = False) -> Iterator[Sink]:
    """A mail server that takes everything, or refuses every message."""
    sink = Sink()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def handle(self) -> None:
            sink.connections += 1
            self.say("220 sink")
            while line := self.rfile.readline().decode().strip():
                command = line.upper()
                if command.startswith("DATA"):
                    self.say("354 go on")
                    lines = []
                    while (text := self.rfile.readline()) not in (b".\r\n", b""):
                        lines.append(text)
                    if not refuse:
                        sink.mails.append(b"".join(lines).decode())
                    self.say("554 5.7.1 refused" if refuse else "250 taken")
                elif command.startswith("QUIT"):
                    self.say("221 bye")
                    return
                else:
                    self.say("250 sink")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    with _running(Server(("127.0.0.1", 0), Handler), sink):
        yield sink


@contextmanager
def hanging_sink() -> Iterator[Sink]:
    """Takes connections and never says a word."""
    sink, held = Sink(), []
    listener = socket.create_server(("127.0.0.1", 0))
    sink.port = listener.getsockname()[1]

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            sink.connections += 1
            held.append(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in held:
            connection.close()
        thread.join(5)


@contextmanager
def _running(server: Any, sink: Sink) -> Iterator[None]:
    sink.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def make_certificate(folder: Path) -> Path:
    """A certificate for localhost with its key, that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "localhost.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        certificate.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path
