"""The websocket side of the simulator, byte by byte and by each exchange's own rules."""

import base64
import json
import os
import socket
import time
import urllib.request
import zlib
from urllib.parse import urlencode, urlsplit

import pytest

from execution.simulator.client import SimulatorControl, SimulatorError
from execution.simulator.dialects.kucoin.token import token_of
from execution.simulator.process import RunningSimulator
from execution.simulator.streams.frames import MalformedFrame, Opcode, accept_key, encode, read_frame

PATHS = {"binance": "/ws/0", "bybit": "/v5/public/spot", "kraken": "/v2"}


def masked(payload: bytes, opcode: Opcode = Opcode.TEXT) -> bytes:
    """A frame as clients send it."""
    mask = os.urandom(4)
    frame = encode(payload, opcode)
    start = len(frame) - len(payload)
    body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return frame[:1] + bytes((frame[1] | 0x80,)) + frame[2:start] + mask + body


class Stream:
    """A websocket by hand."""

    def __init__(self, simulator: RunningSimulator, slug: str, path: str | None = None) -> None:
        address = urlsplit(simulator.base_urls[slug])
        self.socket = socket.create_connection((address.hostname or "", address.port or 0), timeout=3)
        key = base64.b64encode(b"0123456789abcdef").decode()
        lines = (
            f"GET {path or PATHS[slug]} HTTP/1.1",
            "Host: h",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        self.socket.sendall("\r\n".join((*lines, "", "")).encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.socket.recv(65_536)
        self.head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        self.accepted = f"Sec-WebSocket-Accept: {accept_key(key)}".encode() in self.head

    def send(self, message: object) -> None:
        self.socket.sendall(masked(json.dumps(message).encode()))

    def frame(self) -> tuple[int, bytes]:
        """The next frame of the server, which masks nothing."""
        while True:
            if len(self.buffer) >= 2:
                size, start = self.buffer[1], 2
                if size == 126:
                    size, start = int.from_bytes(self.buffer[2:4], "big"), 4
                if len(self.buffer) >= start + size:
                    opcode, payload = self.buffer[0] & 0x0F, self.buffer[start : start + size]
                    self.buffer = self.buffer[start + size :]
                    return opcode, payload
            data = self.socket.recv(65_536)
            if not data:
                raise ConnectionError
            self.buffer += data

    def message(self) -> dict:
        return json.loads(self.frame()[1], parse_float=str)


def test_frames_are_read_whole_or_not_at_all():
    payload = b"x" * 70_000
    data = masked(b"hi") + masked(payload)

    first = read_frame(data)
    assert first is not None
    (frame, rest) = first
    second = read_frame(rest)

    assert frame.payload == b"hi"
    assert second is not None
    assert second[0].payload == payload
    assert second[1] == b""
    assert all(read_frame(masked(b"hello")[:size]) is None for size in range(11))
    with pytest.raises(MalformedFrame):
        read_frame(encode(b"not masked"))


def test_the_handshake_of_the_standard():
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_pings_are_answered_and_a_close_is_returned(simulator: RunningSimulator):
    stream = Stream(simulator, "binance")
    assert stream.accepted

    stream.socket.sendall(masked(b"are you there", Opcode.PING) + masked(b"\x03\xe8", Opcode.CLOSE))

    assert stream.frame() == (Opcode.PONG, b"are you there")
    assert stream.frame() == (Opcode.CLOSE, b"\x03\xe8")
    with pytest.raises(ConnectionError):
        stream.frame()


def test_only_where_the_exchange_has_a_stream(simulator: RunningSimulator, control: SimulatorControl):
    assert b"404" in Stream(simulator, "kraken", "/v1").head
    assert b"404" in Stream(simulator, "okx", "/ws/v5/private").head
    assert b"404" in Stream(simulator, "firi", "/").head
    control.configure("kraken", stream_refused=True)
    assert b"503" in Stream(simulator, "kraken").head


def test_binance_numbers_its_changes_without_a_hole(simulator: RunningSimulator, control: SimulatorControl):
    control.set_book("binance", "BTC/USDT", bids=[("100.00", "1"), ("99.00", "2")], asks=[("101.00", "1")])
    stream = Stream(simulator, "binance")
    stream.send({"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms", "btcusdt@depth5"], "id": 7})
    assert stream.message() == {"result": None, "id": 7}

    control.set_book("binance", "BTC/USDT", bids=[("100.00", "3")], asks=[("101.00", "1"), ("102.00", "4")])
    diff, partial = stream.message(), stream.message()
    control.set_book("binance", "BTC/USDT", bids=[("100.00", "3")], asks=[("102.00", "4")])
    then = stream.message()

    assert diff["e"] == "depthUpdate"
    assert diff["s"] == "BTCUSDT"
    assert sorted(diff["b"]) == [["100.00000000", "3.00000000"], ["99.00000000", "0.00000000"]]
    assert diff["a"] == [["102.00000000", "4.00000000"]]
    assert partial["bids"] == [["100.00000000", "3.00000000"]]
    assert partial["lastUpdateId"] == diff["u"]
    assert (then["U"], then["a"]) == (diff["u"] + 1, [["101.00000000", "0.00000000"]])


def test_krakens_checksum_is_over_the_digits_of_the_message(simulator: RunningSimulator, control: SimulatorControl):
    control.set_book("kraken", "BTC/USD", bids=[("100.5", "1.5")], asks=[("101.0", "0.0002")])
    stream = Stream(simulator, "kraken")
    assert stream.message()["channel"] == "status"
    stream.send({"method": "subscribe", "params": {"channel": "book", "symbol": ["BTC/USD"], "depth": 10}})
    assert stream.message()["success"] is True

    data = stream.message()["data"][0]

    assert data["asks"] == [{"price": "101.0", "qty": "0.00020000"}]
    assert data["checksum"] == zlib.crc32(b"1010" + b"20000" + b"1005" + b"150000000")
    stream.send({"method": "subscribe", "params": {"channel": "book", "symbol": ["BTC/USD"], "depth": 10}})
    assert "Already subscribed" in stream.message()["error"]
    assert stream.message() == {"channel": "heartbeat"}


def test_bybit_counts_its_messages(simulator: RunningSimulator, control: SimulatorControl):
    control.set_book("bybit", "BTC/USDT", bids=[("100.0", "1")], asks=[("101.0", "1")])
    stream = Stream(simulator, "bybit")
    stream.send({"op": "subscribe", "args": ["orderbook.50.BTCUSDT"], "req_id": "1"})
    assert stream.message()["success"] is True
    snapshot = stream.message()
    control.set_book("bybit", "BTC/USDT", bids=[("100.0", "2")], asks=[("101.0", "1")])
    delta = stream.message()

    assert (snapshot["type"], snapshot["data"]["b"]) == ("snapshot", [["100", "1"]])
    assert (delta["type"], delta["data"]["b"], delta["data"]["a"]) == ("delta", [["100", "2"]], [])
    assert delta["data"]["u"] == snapshot["data"]["u"] + 1
    stream.send({"op": "subscribe", "args": ["orderbook.50.NOPE"]})
    assert stream.message()["success"] is False
    stream.send({"op": "ping"})
    assert stream.message()["ret_msg"] == "pong"


def test_okx_names_the_message_before(simulator: RunningSimulator, control: SimulatorControl):
    control.set_book("okx", "BTC/USDT", bids=[("100.0", "1")], asks=[("101.0", "1")])
    stream = Stream(simulator, "okx", "/ws/v5/public")
    topic = {"channel": "books", "instId": "BTC-USDT"}
    stream.send({"op": "subscribe", "args": [topic, {"channel": "books", "instId": "NOPE-USDT"}]})
    acknowledged, snapshot, refused = stream.message(), stream.message(), stream.message()
    control.set_book("okx", "BTC/USDT", bids=[("100.0", "2")], asks=[("101.5", "1")])
    update = stream.message()

    assert (acknowledged["event"], acknowledged["arg"]) == ("subscribe", topic)
    (whole,), (changes,) = snapshot["data"], update["data"]
    assert (snapshot["action"], whole["bids"], whole["prevSeqId"]) == ("snapshot", [["100", "1", "0", "1"]], -1)
    assert (refused["code"], "instId:NOPE-USDT" in refused["msg"]) == ("60018", True)
    assert (update["action"], update["arg"], changes["bids"]) == ("update", topic, [["100", "2", "0", "1"]])
    assert changes["asks"] == [["101.5", "1", "0", "1"], ["101", "0", "0", "0"]]
    assert (changes["prevSeqId"], changes["checksum"]) == (whole["seqId"], 0)
    assert changes["seqId"] > whole["seqId"]
    stream.socket.sendall(masked(b"ping"))
    assert stream.frame() == (Opcode.TEXT, b"pong")
    stream.send({"op": "dance"})
    assert stream.message()["code"] == "60012"


def kucoin_path(simulator: RunningSimulator) -> str:
    """Where KuCoin says that one may connect."""
    request = urllib.request.Request(f"{simulator.base_urls['kucoin']}/api/v1/bullet-public", method="POST")
    with urllib.request.urlopen(request, timeout=3) as answer:
        told = json.load(answer)["data"]
    assert told["instanceServers"][0]["endpoint"] == "wss://ws-api-spot.kucoin.com/"
    return f"/?{urlencode({'token': told['token'], 'connectId': 'c-1'})}"


def test_kucoin_welcomes_who_has_its_token(simulator: RunningSimulator):
    stream = Stream(simulator, "kucoin", kucoin_path(simulator))
    assert stream.message() == {"id": "c-1", "type": "welcome", "pingInterval": 18000, "pingTimeout": 10000}
    stream.send({"id": "7", "type": "ping"})
    assert {**stream.message(), "timestamp": 0} == {"id": "7", "type": "pong", "timestamp": 0}

    old = token_of(int((time.time() - 86_500) * 1_000_000))
    for token, told in (("12ab.forged==", "token is invalid"), ("", "token is invalid"), (old, "token is expired")):
        turned_away = Stream(simulator, "kucoin", f"/?{urlencode({'token': token})}")
        assert (turned_away.accepted, turned_away.message()["data"]) == (True, told)


def test_kucoin_numbers_its_changes_without_a_hole(simulator: RunningSimulator, control: SimulatorControl):
    control.set_book("kucoin", "BTC/USDT", bids=[("100.0", "1")], asks=[("101.0", "1")])
    stream = Stream(simulator, "kucoin", kucoin_path(simulator))
    stream.message()
    for topic, code in (("/market/level2:NOPE-USDT", 404), ("/market/level9:BTC-USDT", 404)):
        stream.send({"id": "1", "type": "subscribe", "topic": topic, "response": True})
        refused = stream.message()
        assert (refused["id"], refused["type"], refused["code"]) == ("1", "error", code)
    stream.send({"id": "2", "type": "subscribe", "topic": "/market/level2:BTC-USDT", "response": True})
    assert stream.message() == {"id": "2", "type": "ack"}
    control.set_book("kucoin", "BTC/USDT", bids=[("100.0", "3")], asks=[("102.0", "1")])
    first = stream.message()
    control.break_streams("kucoin", "gap")
    control.set_book("kucoin", "BTC/USDT", bids=[("100.0", "4")], asks=[("102.0", "1")])
    time.sleep(0.2)
    control.set_book("kucoin", "BTC/USDT", bids=[("100.0", "5")], asks=[("102.0", "1")])
    after = stream.message()["data"]

    changes, end = first["data"]["changes"], first["data"]["sequenceEnd"]
    assert (first["topic"], first["subject"]) == ("/market/level2:BTC-USDT", "trade.l2update")
    assert changes["bids"] == [["100", "3", str(end)]]
    assert changes["asks"] == [["102", "1", str(end)], ["101", "0", str(end)]]
    assert after["sequenceStart"] > end + 1, "one was lost, and it is missing in the numbers"


def test_coinbase_numbers_all_that_it_says(simulator: RunningSimulator, control: SimulatorControl):
    control.set_book("coinbase", "BTC/USD", bids=[("100.5", "1")], asks=[("101", "0.002")])
    stream = Stream(simulator, "coinbase", "/")
    stream.send({"type": "subscribe", "channel": "level2", "product_ids": ["BTC-USD"]})
    snapshot, acknowledged = stream.message(), stream.message()
    stream.send({"type": "subscribe", "channel": "heartbeats", "product_ids": []})
    both = stream.message()
    control.set_book("coinbase", "BTC/USD", bids=[("100.5", "2")], asks=[("101", "0.002")])
    update, heartbeat = stream.message(), stream.message()

    (whole,), (changes,) = snapshot["events"], update["events"]
    assert (snapshot["channel"], whole["type"], whole["product_id"]) == ("l2_data", "snapshot", "BTC-USD")
    levels = [(level["side"], level["price_level"], level["new_quantity"]) for level in whole["updates"]]
    assert levels == [("bid", "100.5", "1"), ("offer", "101", "0.002")]
    assert acknowledged["events"] == [{"subscriptions": {"level2": ["BTC-USD"]}}]
    assert both["events"] == [{"subscriptions": {"level2": ["BTC-USD"], "heartbeats": ["heartbeats"]}}]
    assert (changes["type"], [level["new_quantity"] for level in changes["updates"]]) == ("update", ["2"])
    assert (heartbeat["channel"], heartbeat["events"][0]["heartbeat_counter"]) == ("heartbeats", "1")
    said = [snapshot, acknowledged, both, update, heartbeat]
    assert [message["sequence_num"] for message in said] == [0, 1, 2, 3, 4]
    stream.send({"type": "subscribe", "channel": "level2", "product_ids": ["NOPE-USD"]})
    assert stream.message()["type"] == "error"


@pytest.mark.parametrize(
    ("kind", "asks"),
    [("crossed", ["50", "0.000011"]), ("nonsense", ["101", "-0.000011"]), ("nan", ["101", "NaN"])],
)
def test_an_update_can_be_made_wrong(simulator: RunningSimulator, control: SimulatorControl, kind, asks):
    control.set_book("bybit", "BTC/USDT", bids=[("100.0", "1")], asks=[("101.0", "1")])
    stream = Stream(simulator, "bybit")
    stream.send({"op": "subscribe", "args": ["orderbook.50.BTCUSDT"]})
    stream.message(), stream.message()

    control.break_streams("bybit", kind)

    assert stream.message()["data"]["a"] == [asks]


def test_a_silent_stream_says_nothing_until_it_speaks_again(simulator: RunningSimulator, control: SimulatorControl):
    control.set_book("bybit", "BTC/USDT", bids=[("100.0", "1")], asks=[("101.0", "1")])
    stream = Stream(simulator, "bybit")
    stream.send({"op": "subscribe", "args": ["orderbook.50.BTCUSDT"]})
    stream.message(), stream.message()
    control.configure("bybit", stream_silent=True)
    control.set_book("bybit", "BTC/USDT", bids=[("100.0", "2")], asks=[("101.0", "1")])
    time.sleep(0.2)
    stream.send({"op": "ping"})

    assert stream.message()["ret_msg"] == "pong"
    control.configure("bybit", stream_silent=False)
    assert stream.message()["data"]["b"] == [["100", "2"]]


def test_a_late_update_still_tells_its_own_time(simulator: RunningSimulator, control: SimulatorControl):
    control.set_book("bybit", "BTC/USDT", bids=[("100.0", "1")], asks=[("101.0", "1")])
    stream = Stream(simulator, "bybit")
    stream.send({"op": "subscribe", "args": ["orderbook.50.BTCUSDT"]})
    stream.message(), stream.message()
    control.configure("bybit", stream_lag_ms=400)
    control.set_book("bybit", "BTC/USDT", bids=[("100.0", "2")], asks=[("101.0", "1")])

    told = stream.message()["ts"] / 1000

    assert time.time() - told >= 0.39


def test_streams_end_with_a_reset_and_with_an_outage(simulator: RunningSimulator, control: SimulatorControl):
    first, second = Stream(simulator, "bybit"), Stream(simulator, "binance")
    control.reset(7)
    with pytest.raises(ConnectionError):
        first.frame()
    control.configure("binance", down=True)
    with pytest.raises(ConnectionError):
        second.frame()


def test_unknown_ways_to_break_a_stream_are_refused(control: SimulatorControl):
    with pytest.raises(SimulatorError) as refused:
        control.break_streams("bybit", "explode")

    assert refused.value.code == "UNKNOWN_FAULT"
