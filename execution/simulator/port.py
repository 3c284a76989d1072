"""One exchange's port: finds out what a request wants, lets it fail if it must, and has the dialect answer it."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from execution.simulator.dialects.base import Call, Endpoint, WireError
from execution.simulator.engine.accounts import Account
from execution.simulator.faults import FaultKind
from execution.simulator.http import Connection, Request, Response, html_response
from execution.simulator.simulator import SimulatedExchange, Simulator
from execution.simulator.streams.hub import StreamHub

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request at an exchange. `delay` in seconds, one way."""

    exchange: SimulatedExchange
    request: Request
    connection: Connection
    endpoint: Endpoint | None
    delay: float

    @property
    def operation(self) -> str:
        """What is asked for."""
        return "unknown" if self.endpoint is None else self.endpoint.operation


class ExchangePort:
    """Serves one exchange."""

    def __init__(self, simulator: Simulator, slug: str, loop: asyncio.AbstractEventLoop) -> None:
        self._simulator = simulator
        self._slug = slug
        self._loop = loop
        self._streams = StreamHub(simulator, slug, loop)
        self._faults: dict[FaultKind, Callable[[Visit], None]] = {
            FaultKind.ERROR_500_BEFORE: lambda visit: self._respond(visit, _INTERNAL_ERROR),
            FaultKind.ERROR_503_AFTER: self._answer_503,
            FaultKind.TIMEOUT_BEFORE: self._hold,
            FaultKind.TIMEOUT_AFTER: self._answer_and_hold,
            FaultKind.DISCONNECT_BEFORE: lambda visit: visit.connection.drop(),
            FaultKind.DISCONNECT_AFTER: self._answer_and_drop,
            FaultKind.LATE: self._be_late,
            FaultKind.RATE_LIMIT: lambda visit: self._respond(visit, visit.exchange.dialect.rate_limited()),
            FaultKind.HTML_200: lambda visit: self._respond(visit, _PAGE),
        }

    def handle(self, request: Request, connection: Connection) -> None:
        """Take a request in; with latency it reaches the exchange later."""
        if self._streams.wants(request):
            self._streams.open(request, connection)
            return
        exchange = self._simulator.exchanges[self._slug]
        settings = exchange.settings
        endpoint = exchange.dialect.endpoint(request)
        delay = exchange.faults.draw_latency(settings.latency_ms, settings.jitter_ms) / 2
        visit = Visit(exchange, request, connection, endpoint, delay)
        exchange.requests[visit.operation] += 1
        if settings.down:
            connection.drop()
        elif delay:
            self._later(delay, visit, self._serve)
        else:
            self._serve(visit)

    def _serve(self, visit: Visit) -> None:
        """Answer a request that has reached the exchange, or do to it what was drawn."""
        exchange, settings = visit.exchange, visit.exchange.settings
        if settings.limit_requests and not exchange.pace.allows(
            self._simulator.clock(), settings.limit_requests, settings.limit_window_ms
        ):
            self._respond(visit, exchange.dialect.rate_limited())
            return
        if settings.maintenance:
            self._respond(visit, exchange.dialect.under_maintenance(visit.operation, self._simulator.clock()))
            return
        rate = settings.fault_rate if visit.operation in settings.fault_operations else 0.0
        fault = exchange.faults.draw(visit.operation, rate, settings.fault_weights)
        if fault is None:
            self._respond(visit, self._answer(visit))
            return
        exchange.injected[fault] += 1
        logger.info("%s %s: %s", exchange.slug, visit.operation, fault)
        self._faults[fault](visit)

    def _answer(self, visit: Visit) -> Response:
        """Let the exchange act on a request."""
        if visit.endpoint is None:
            return visit.exchange.dialect.not_found(visit.request)
        now = self._simulator.clock()
        try:
            return self._execute(visit, visit.endpoint, self._authenticate(visit, visit.endpoint, now), now)
        except WireError as e:
            return e.response

    def _authenticate(self, visit: Visit, endpoint: Endpoint, now: int) -> Account | None:
        return visit.exchange.dialect.authenticate(visit.request, now) if endpoint.is_private else None

    def _execute(self, visit: Visit, endpoint: Endpoint, account: Account | None, now: int) -> Response:
        self._simulator.advance(visit.exchange, now)
        return endpoint.handle(Call(visit.request, now, account, endpoint.path_args))

    def _respond(self, visit: Visit, response: Response) -> None:
        if visit.delay:
            self._loop.call_later(visit.delay, visit.connection.respond, response)
        else:
            visit.connection.respond(response)

    def _later(self, delay: float, visit: Visit, part: Callable[[Visit], None]) -> None:
        self._loop.call_later(delay, visit.connection.run, partial(part, visit))

    def _answer_503(self, visit: Visit) -> None:
        self._answer(visit)
        self._respond(visit, _UNAVAILABLE)

    def _answer_and_hold(self, visit: Visit) -> None:
        self._answer(visit)
        self._hold(visit)

    def _answer_and_drop(self, visit: Visit) -> None:
        self._answer(visit)
        visit.connection.drop()

    def _hold(self, visit: Visit) -> None:
        self._loop.call_later(visit.exchange.settings.hold_ms / 1000, visit.connection.drop)

    def _be_late(self, visit: Visit) -> None:
        """The gateway takes the request now, so key and nonce are checked now; the engine sees it later."""
        arrived_at = self._simulator.clock()
        try:
            if visit.endpoint is not None:
                account = self._authenticate(visit, visit.endpoint, arrived_at)
                part = partial(self._execute_late, endpoint=visit.endpoint, account=account, arrived_at=arrived_at)
                self._later(visit.exchange.settings.late_ms / 1000, visit, part)
        except WireError:
            logger.info("%s refused a late %s at its gateway", visit.exchange.slug, visit.operation)
        self._hold(visit)

    def _execute_late(self, visit: Visit, *, endpoint: Endpoint, account: Account | None, arrived_at: int) -> None:
        now = self._simulator.clock()
        try:
            visit.exchange.dialect.check_window(visit.request, arrived_at, now)
            self._execute(visit, endpoint, account, now)
        except WireError:
            logger.info("%s refused a late %s", visit.exchange.slug, visit.operation)


_INTERNAL_ERROR = html_response(500, "Internal Server Error")
_UNAVAILABLE = html_response(503, "Service Unavailable")
_PAGE = html_response(200, "We will be right back")
