"""What an exchange's dialect must provide. A dialect is one package; `execution.simulator.dialects` lists them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from execution.simulator.engine.accounts import Account
from execution.simulator.engine.exchange import Exchange
from execution.simulator.http import Request, Response


class WireError(Exception):
    """Ends a request with this error answer, in the exchange's own shape."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through a dialect. `account` is set on private endpoints; `now` in microseconds."""

    request: Request
    now: int
    signed_by: Account | None = None
    path_args: tuple[str, ...] = ()

    @property
    def account(self) -> Account:
        """The account that signed the request."""
        if self.signed_by is None:
            raise AssertionError("a private handler ran without authentication")
        return self.signed_by


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing an exchange can do. `operation` is the same word for all exchanges (used by faults and statistics)."""

    operation: str
    handle: Callable[[Call], Response]
    is_private: bool = True
    path_args: tuple[str, ...] = ()


class Dialect(Protocol):
    """One exchange's wire protocol over one `Exchange` engine."""

    @staticmethod
    def order_id(number: int) -> str:
        """Write an order number the way the exchange does."""

    @staticmethod
    def trade_id(number: int) -> str:
        """Write a trade number the way the exchange does."""

    def __init__(self, exchange: Exchange) -> None: ...

    def endpoint(self, request: Request) -> Endpoint | None:
        """Find what the request asks for."""

    def authenticate(self, request: Request, now: int) -> Account:
        """Verify key, signature, nonce and validity window. Raises `WireError`."""

    def check_window(self, request: Request, arrived_at: int, now: int) -> None:
        """Raise `WireError` if a request that was held since `arrived_at` may no longer be executed."""

    def not_found(self, request: Request) -> Response:
        """Answer a path the exchange does not have."""

    def under_maintenance(self, operation: str, now: int) -> Response:
        """Answer any request during maintenance."""

    def rate_limited(self) -> Response:
        """Refuse a request for going too fast: 429, with Retry-After in seconds."""
