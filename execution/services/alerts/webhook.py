"""Signed webhooks: one POST over TLS to an address that was looked at before, without redirects."""

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import certifi

from execution.domain.webhook_signature import sign
from execution.services.alerts.addresses import resolve
from execution.services.alerts.errors import SendError
from policies.domain.alert_targets import https_address

SIGNATURE = "X-Signature"


class _Pinned(http.client.HTTPSConnection):
    """Connects to `ip`, and wants the certificate of the host."""

    def __init__(self, host: str, port: int, ip: str, timeout: float) -> None:
        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        super().__init__(host, port, timeout=timeout, context=context)
        self._ip, self._tls = ip, context

    def connect(self) -> None:
        plain = socket.create_connection((self._ip, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def post(address: str, secret: str, content: Mapping[str, Any], *, timeout_s: float) -> None:
    """Deliver it. Raises SendError; its text names no part of the address but the host. Raises NotAllowed."""
    try:
        parts = urlsplit(https_address(address))
    except ValueError as e:
        raise SendError(str(e)) from e
    host, port = parts.hostname or "", parts.port or 443
    connection = _Pinned(host, port, resolve(host, port), timeout_s)
    body, t = json.dumps(content).encode(), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "routing-platform",
        SIGNATURE: f"t={t},v1={sign(secret, t, body)}",
        "Connection": "close",
    }
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # A socket's timeout is for one read: a server that sends a byte a second would hold us for ever.
    watch = threading.Timer(timeout_s, _cut, (connection,))
    watch.daemon = True
    watch.start()
    try:
        connection.request("POST", path, body, headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as e:
        raise SendError(f"{host}: {_told(e)}") from e
    finally:
        watch.cancel()
        connection.close()
    if 300 <= status < 400:
        raise SendError(f"{host} answered {status}; redirects are not followed.")
    if not 200 <= status < 300:
        raise SendError(f"{host} answered {status}.")


def _cut(connection: http.client.HTTPSConnection) -> None:
    try:
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it ended at this very moment


def _told(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}."
    if isinstance(error, ConnectionRefusedError):
        return "connection refused."
    return f"{type(error).__name__}."
