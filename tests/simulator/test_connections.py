"""Raw connections to a running simulator."""

import socket
from urllib.parse import urlsplit

from execution.simulator.process import RunningSimulator


def exchange_bytes(simulator: RunningSimulator, *parts: bytes) -> bytes:
    """Send raw bytes in parts; return everything until the server closes or one second is over."""
    address = urlsplit(simulator.base_urls["binance"])
    received = b""
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=1) as connection:
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        while chunk := connection.recv(65_536):
            received += chunk
    return received


def test_a_request_may_come_in_pieces_and_two_in_one_piece(simulator: RunningSimulator) -> None:
    one = b"GET /api/v3/time HTTP/1.1\r\nHost: h\r\n\r\n"

    in_pieces = exchange_bytes(simulator, *(bytes([byte]) for byte in one))
    together = exchange_bytes(simulator, one + one)

    assert in_pieces.count(b"HTTP/1.1 200 OK") == 1
    assert together.count(b"HTTP/1.1 200 OK") == 2


def test_a_malformed_request_gets_400_and_the_connection_is_closed(simulator: RunningSimulator) -> None:
    assert exchange_bytes(simulator, b"hello\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request")
