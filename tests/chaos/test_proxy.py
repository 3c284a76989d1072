"""Each way of breaking a link does what it says, to connections that exist and to those that come."""

import socket
import threading
import time

import pytest

from chaos.proxy import Mode, running_proxy
from chaos.servers import short_folder

PATIENCE_S = 0.3


class Echo:
    """A server that sends back what it gets, over TCP."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.received = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    self.received += len(data)
                    connection.sendall(data)
            except OSError:
                return

    def close(self):
        self._listener.close()


@pytest.fixture(scope="module")
def echo():
    server = Echo()
    yield server
    server.close()


@pytest.fixture(scope="module")
def proxy(echo):
    with short_folder() as folder, running_proxy(folder, {"one": echo.address, "two": echo.address}) as running:
        yield running


@pytest.fixture(autouse=True)
def _mended(proxy):
    yield
    proxy.mend()


@pytest.fixture
def dial(proxy):
    opened = []

    def connect(link="one"):
        caller = socket.create_connection(("127.0.0.1", proxy.ports[link]), timeout=PATIENCE_S)
        opened.append(caller)
        return caller

    yield connect
    for caller in opened:
        caller.close()


def answer(caller, data=b"hello"):
    caller.sendall(data)
    found = b""
    while len(found) < len(data):
        piece = caller.recv(65536)
        if not piece:
            return found
        found += piece
    return found


def test_pass_forwards_both_ways_and_the_end_of_the_stream(dial):
    caller = dial()

    assert answer(caller, b"x" * 300_000) == b"x" * 300_000
    caller.shutdown(socket.SHUT_WR)
    assert caller.recv(10) == b""


def test_latency_delays_every_piece_and_keeps_the_order(proxy, dial):
    caller = dial()
    answer(caller)
    proxy.switch("one", Mode.LATENCY, 0.1)

    began = time.monotonic()
    assert answer(caller, b"abc") == b"abc"
    assert time.monotonic() - began >= 0.2  # there and back
    caller.sendall(b"1")
    proxy.switch("one", Mode.PASS)
    caller.sendall(b"2")
    time.sleep(0.15)
    assert caller.recv(10) == b"12"


def test_slow_trickles(proxy, dial):
    caller = dial()
    answer(caller)
    proxy.switch("one", Mode.SLOW, 0.02)

    began = time.monotonic()
    assert answer(caller, b"x" * 2560) == b"x" * 2560
    assert time.monotonic() - began >= 0.2


def test_stall_holds_everything_and_loses_nothing(proxy, dial):
    caller = dial()
    answer(caller)
    proxy.switch("one", Mode.STALL)
    caller.sendall(b"held")

    with pytest.raises(TimeoutError):
        caller.recv(10)
    proxy.switch("one", Mode.PASS)
    assert caller.recv(10) == b"held"


def test_cut_resets_what_is_open_and_what_comes(proxy, dial):
    caller = dial()
    answer(caller)
    proxy.switch("one", Mode.CUT)

    with pytest.raises(ConnectionResetError):
        caller.recv(10)
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        answer(dial())
    proxy.switch("one", Mode.PASS)
    assert answer(dial()) == b"hello"


def test_a_black_hole_swallows_and_what_it_swallowed_never_answers(proxy, dial, echo):
    caller = dial()
    answer(caller)
    proxy.switch("one", Mode.BLACK_HOLE)
    before = echo.received

    new = dial()
    for each in (caller, new):
        each.sendall(b"hello")
        with pytest.raises(TimeoutError):
            each.recv(10)
    proxy.switch("one", Mode.PASS)
    for each in (caller, new):
        with pytest.raises(TimeoutError):
            each.recv(10)
    assert echo.received == before
    assert answer(dial()) == b"hello"


def test_half_close_ends_the_stream_and_swallows_what_is_sent(proxy, dial, echo):
    caller = dial()
    answer(caller)
    proxy.switch("one", Mode.HALF_CLOSE)
    before = echo.received

    assert caller.recv(10) == b""
    caller.sendall(b"hello")  # no error: the other direction is still open
    time.sleep(0.05)
    caller.sendall(b"hello")
    assert dial().recv(10) == b""
    assert echo.received == before


def test_refuse_lets_nobody_connect(proxy, dial):
    caller = dial()
    answer(caller)
    proxy.switch("one", Mode.REFUSE)

    with pytest.raises(ConnectionRefusedError):
        dial()
    with pytest.raises(ConnectionResetError):
        caller.recv(10)
    proxy.switch("one", Mode.PASS)
    assert answer(dial()) == b"hello"


def test_links_break_one_by_one_and_mend_together(proxy, dial):
    proxy.switch("one", Mode.CUT)

    assert answer(dial("two")) == b"hello"
    proxy.switch("two", Mode.REFUSE)
    proxy.mend()
    assert (answer(dial("one")), answer(dial("two"))) == (b"hello", b"hello")


def test_a_server_that_is_not_there_is_a_reset_connection():
    with short_folder() as folder, running_proxy(folder, {"gone": str(folder / "nobody.sock")}) as proxy:
        caller = socket.create_connection(("127.0.0.1", proxy.ports["gone"]), timeout=2)
        with caller, pytest.raises(ConnectionResetError):
            caller.recv(10)
