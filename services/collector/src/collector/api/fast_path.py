"""A shorter way from socket to desk: uvicorn's own HTTP protocol, without a task for what came in one piece."""

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from collector.api.responses import HttpResponse

Take = Callable[[Any, bytes, Callable[[HttpResponse], None]], bool]
"""Takes an ASGI scope, a whole body, and what is to be called with the answer. False: it takes the app to answer."""


def protocol_of(paths: frozenset[str], take: Take) -> type[HttpToolsProtocol]:
    """The protocol class for a server whose requests for `paths` are first offered to `take`."""

    class QuickProtocol(HttpToolsProtocol):
        """Parsing, keep-alive, pipelining and shutdown are uvicorn's; so is a request that comes bit by bit."""

        _held: tuple[RequestResponseCycle, Any] | None = None

        def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
            whole_soon = cycle.more_body and not cycle.waiting_for_100_continue
            if whole_soon and cycle.scope["path"] in paths and not self.flow.write_paused:
                self._held = cycle, app  # the body may be in the bytes at hand
            else:
                super()._start_asgi_task(cycle, app)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._give_up()

        def on_message_complete(self) -> None:
            super().on_message_complete()
            cycle = self.cycle
            if self._held is not None and self._held[0] is cycle:
                if take(cycle.scope, bytes(cycle.body), lambda answer: _send(cycle, answer)):
                    self._held = None
                else:
                    self._give_up()

        def _give_up(self) -> None:
            if self._held is not None:
                (cycle, app), self._held = self._held, None
                super()._start_asgi_task(cycle, app)

    return QuickProtocol


def _send(cycle: RequestResponseCycle, answer: HttpResponse) -> None:
    """Writes a whole answer, and tells the protocol that it may go on."""
    if cycle.disconnected or cycle.transport.is_closing():
        return
    headers = [(b"content-type", answer.media), (b"content-length", b"%d" % len(answer.body)), *cycle.default_headers]
    headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    if not cycle.keep_alive:
        headers.append((b"connection", b"close"))
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    cycle.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[answer.status], lines, answer.body))
    cycle.response_started = cycle.response_complete = True
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
