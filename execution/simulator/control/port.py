"""The control port: routes control requests."""

from collections.abc import Callable

from execution.simulator.control import accounts, behaviour, books, reports
from execution.simulator.control.body import Body, ControlError, find_exchange
from execution.simulator.http import Connection, Request, Response
from execution.simulator.simulator import Simulator

_EXCHANGES = "/control/exchanges"


class ControlPort:
    """Serves the control endpoint of one simulator."""

    def __init__(self, simulator: Simulator, urls: dict[str, str]) -> None:
        self._simulator = simulator
        self._routes: dict[tuple[str, str], Callable[[Request], Response]] = {
            ("GET", "/control/health"): lambda request: reports.health(simulator, urls),
            ("GET", "/control/stats"): lambda request: reports.stats(simulator),
            ("GET", "/control/ledger"): lambda request: reports.ledger(simulator, request),
            ("GET", "/control/accounts"): lambda request: accounts.read(simulator, request),
            ("POST", "/control/accounts"): lambda request: accounts.upsert(simulator, Body(request)),
            ("GET", _EXCHANGES): lambda request: behaviour.read(simulator),
            ("POST", "/control/faults"): lambda request: behaviour.queue_fault(simulator, Body(request)),
            ("POST", "/control/streams"): lambda request: behaviour.streams(simulator, Body(request)),
            ("POST", "/control/age"): lambda request: behaviour.age(simulator, Body(request)),
            ("POST", "/control/step"): lambda request: books.step(simulator, Body(request)),
            ("POST", "/control/book"): lambda request: books.set_book(simulator, Body(request)),
            ("POST", "/control/reset"): lambda request: behaviour.reset(simulator, Body(request)),
        }

    def handle(self, request: Request, connection: Connection) -> None:
        """Answer one control request."""
        try:
            response = self._answer(request)
        except ControlError as e:
            response = e.response
        connection.respond(response)

    def _answer(self, request: Request) -> Response:
        route = self._routes.get((request.method, request.path))
        if route is not None:
            return route(request)
        slug = request.path.removeprefix(_EXCHANGES + "/")
        if slug != request.path and request.method == "POST":
            return behaviour.patch(self._simulator, find_exchange(self._simulator, slug), Body(request))
        known = ", ".join(f"{method} {path}" for method, path in self._routes)
        raise ControlError(404, "UNKNOWN_PATH", f"no {request.method} {request.path}; known: {known}")
