"""Answers ordinary single-object POSTs from the HTTP parser, without an ASGI task for each.

Only requests that arrive in one read are answered here, and of them only those that `IngestEndpoint.submit` accepts;
all others go the general way, through `IngestMiddleware`, as if this module did not exist. Both give the same answers.
"""

from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from collector.api.ingest import ROUTES, IngestEndpoint, Submitted, response_of_error
from collector.api.responses import HttpResponse
from shared.runtime.log import logger

_ROUTES = {path.encode(): route for path, route in ROUTES.items()}
"""URL, exactly as sent → route and scopes."""


class _NoEvent:
    """Replaces the event with which uvicorn wakes a request's task: on the fast path there is no task to wake."""

    def set(self) -> None: ...


class FastCycle:
    """A request being answered, in the place of uvicorn's RequestResponseCycle: pipelined requests wait for its end."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")
    message_event = _NoEvent()
    response_started = False

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False


class FastPathProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which holds a request back until its read ends, and answers it if that is possible."""

    endpoint: IngestEndpoint
    _held: bytes | None = None
    """The body so far of a request that is held back; None if there is none."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._held is not None:  # the rest of its body is still to come
            held, self._held = self._held, None
            if not self.transport.is_closing():
                self._hand_over(held)

    def on_message_begin(self) -> None:
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        # The ASGI scope follows in `_begin_generally`, if the request needs one.

    def on_headers_complete(self) -> None:
        if self.url in _ROUTES and self._may_answer():
            self._held = b""
        else:
            self._begin_generally()

    def _begin_generally(self) -> None:
        """Let uvicorn handle a request whose headers are complete."""
        url, expects, headers = self.url, self.expect_100_continue, self.headers
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # the list is the scope's
        super().on_headers_complete()

    def _may_answer(self) -> bool:
        return (
            self.parser.get_method() == b"POST"
            and (self.cycle is None or self.cycle.response_complete)
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
            and not self.root_path
            and self.limit_concurrency is None
            and not self.flow.write_paused
        )

    def on_body(self, body: bytes) -> None:
        if self._held is None:
            super().on_body(body)
        else:
            self._held += body

    def on_message_complete(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            if self._answer(held):
                return
            self._hand_over(held)
        super().on_message_complete()

    def _hand_over(self, held: bytes) -> None:
        """Let uvicorn handle the request from its headers on."""
        self._begin_generally()
        if held:
            super().on_body(held)

    def _answer(self, content: bytes) -> bool:
        """Begin to answer a complete request; return False, without an effect, if it must go the general way."""
        route, scopes = _ROUTES[self.url]
        try:
            submitted = self.endpoint.submit(self.headers, route, scopes, content)
        except Exception as error:
            self._respond(self._new_cycle(), response_of_error(error))
            return True
        if submitted is None:
            return False
        submitted.on_written = partial(self._respond_written, self._new_cycle())
        return True

    def _new_cycle(self) -> FastCycle:
        keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        cycle: Any = FastCycle(keep_alive)
        self.cycle = cycle
        return cycle  # type: ignore[no-any-return]

    def _respond_written(self, cycle: FastCycle, submitted: Submitted) -> None:
        try:
            self._respond(cycle, submitted.response())
        except Exception as error:  # the others of its group must be answered
            logger(__name__).error("a response failed", error=type(error).__name__)
            self.transport.abort()

    def _respond(self, cycle: FastCycle, response: HttpResponse) -> None:
        if cycle.disconnected:
            return
        if response.headers.get("Connection") == "close":
            cycle.keep_alive = False
        self.transport.write(self._encoded(response, cycle.keep_alive))
        cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _encoded(self, response: HttpResponse, keep_alive: bool) -> bytes:
        """Return the response as uvicorn writes it."""
        headers = [b"%b: %b\r\n" % header for header in (*self.server_state.default_headers, *response.raw_headers())]
        if not keep_alive and "Connection" not in response.headers:
            headers.append(b"connection: close\r\n")
        return b"%b%b\r\n%b" % (STATUS_LINE[response.status], b"".join(headers), response.body)


def fast_path(endpoint: IngestEndpoint) -> type[FastPathProtocol]:
    """Return the protocol of servers whose app has `endpoint` in front."""
    return type("FastPathProtocol", (FastPathProtocol,), {"endpoint": endpoint})
