"""Answers ordinary single-object POSTs when they are received, without the HTTP parser and an ASGI task for each.

Only requests that arrive in one read and in the common form are answered here, and of them only those that
`IngestEndpoint.submit` accepts; all others go the general way, through the parser and `IngestMiddleware`, as if this
module did not exist. Both give the same answers.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from collector.api.ingest import ROUTES, IngestEndpoint
from collector.api.ordinary_request import read_ordinary_request
from collector.api.responses import HttpResponse, response_of_error
from shared.runtime.log import logger

_ROUTES = {b"POST %b HTTP/1.1" % path.encode(): route for path, route in ROUTES.items()}
"""First line of a request → route and scopes."""


class _NoEvent:
    """Replaces the event with which uvicorn wakes a request's task: on the fast path there is no task to wake."""

    def set(self) -> None: ...


class FastCycle:
    """A request being answered, in the place of uvicorn's RequestResponseCycle: pipelined requests wait for its end."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")
    message_event = _NoEvent()
    response_started = False

    def __init__(self) -> None:
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False


class FastPathProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which gets only the requests that are not answered here."""

    endpoint: IngestEndpoint
    _parser_is_free = True
    """Whether the parser has no part of a request."""
    _possible = True
    _default_headers: Sequence[tuple[bytes, bytes]] = ()
    _default_lines = b""
    """The headers of all responses of the server, and the same as lines."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._possible = not self.root_path and self.limit_concurrency is None

    def data_received(self, data: bytes) -> None:
        cycle = self.cycle
        is_idle = self._parser_is_free and (cycle is None or cycle.response_complete) and not self.flow.write_paused
        if not (is_idle and self._possible and self._answer(data)):
            super().data_received(data)

    def on_message_begin(self) -> None:
        self._parser_is_free = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._parser_is_free = True
        super().on_message_complete()

    def _answer(self, data: bytes) -> bool:
        """Begin to answer a request; return False, without an effect, if it must go the general way."""
        request = read_ordinary_request(data)
        if request is None or (route := _ROUTES.get(request.head.line)) is None:
            return False
        cycle: Any = FastCycle()
        try:
            if not self.endpoint.submit(request, *route, partial(self._respond, cycle)):
                return False
        except Exception as error:
            self._begin(cycle)
            self._respond(cycle, response_of_error(error))
            return True
        self._begin(cycle)
        return True

    def _begin(self, cycle: Any) -> None:
        self._unset_keepalive_if_required()
        self.cycle = cycle

    def _respond(self, cycle: FastCycle, response: HttpResponse) -> None:
        try:
            self._write(cycle, response)
        except Exception as error:  # the others of its group must be answered
            logger(__name__).error("a response failed", error=type(error).__name__)
            self.transport.abort()

    def _write(self, cycle: FastCycle, response: HttpResponse) -> None:
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
        headers = self.server_state.default_headers
        if headers is not self._default_headers:  # a new list each second, because of the date
            self._default_headers = headers
            self._default_lines = b"".join([b"%b: %b\r\n" % header for header in headers])
        close = b"" if keep_alive or "Connection" in response.headers else b"connection: close\r\n"
        lines = (
            STATUS_LINE[response.status],
            self._default_lines,
            response.header_lines(),
            close,
            b"\r\n",
            response.body,
        )
        return b"".join(lines)


def fast_path(endpoint: IngestEndpoint) -> type[FastPathProtocol]:
    """Return the protocol of servers whose app has `endpoint` in front."""
    return type("FastPathProtocol", (FastPathProtocol,), {"endpoint": endpoint})
