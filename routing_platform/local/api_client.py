"""A client of the HTTP API in a few lines, as the demo and the tests use it."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and decoded body of an answer."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Calls as a client program makes them."""

    url: str
    token: str
    timeout_s: float = 40.0

    def get(self, path: str) -> Answer:
        """GET a path under the platform's address."""
        return self._call("GET", path, None, {})

    def post(self, path: str, body: Any = None, *, key: str = "") -> Answer:
        """POST JSON; `key` is the Idempotency-Key."""
        return self._call("POST", path, body, {"Idempotency-Key": key} if key else {})

    def _call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        request = urllib.request.Request(  # noqa: S310 - the platform's own address
            self.url + path,
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Token {self.token}", "Content-Type": "application/json", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as answer:  # noqa: S310
                return Answer(answer.status, json.load(answer))
        except urllib.error.HTTPError as e:
            return Answer(e.code, json.load(e))
