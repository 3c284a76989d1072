"""The token that KuCoin gives for one websocket connection (docs, "Get Public Token"): good for a day."""

import hashlib
import hmac

from execution.simulator.dialects.base import Call
from execution.simulator.dialects.kucoin.shapes import success
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Response

ENDPOINT = "wss://ws-api-spot.kucoin.com/"
PING_INTERVAL_MS, PING_TIMEOUT_MS = 18_000, 10_000
_LIVES_US = 86_400_000_000
_KEY = b"simulated"


def bullet_public(exchange: Exchange, call: Call) -> Response:
    """POST /api/v1/bullet-public: where to connect, and with what token."""
    server = {
        "endpoint": ENDPOINT,
        "encrypt": True,
        "protocol": "websocket",
        "pingInterval": PING_INTERVAL_MS,
        "pingTimeout": PING_TIMEOUT_MS,
    }
    return success({"token": token_of(call.now), "instanceServers": [server]})


def token_of(issued_at: int) -> str:
    """The token that was given at a moment (microseconds)."""
    return f"{issued_at:x}.{_proof(issued_at)}=="


def problem_of(token: str, now: int) -> str:
    """What KuCoin says of a token; empty: it is good."""
    issued, _, proof = token.partition(".")
    try:
        issued_at = int(issued, 16)
    except ValueError:
        return "token is invalid"
    if not hmac.compare_digest(proof.encode(), f"{_proof(issued_at)}==".encode()):
        return "token is invalid"
    return "" if now - issued_at <= _LIVES_US else "token is expired"


def _proof(issued_at: int) -> str:
    return hmac.new(_KEY, str(issued_at).encode(), hashlib.sha256).hexdigest()
