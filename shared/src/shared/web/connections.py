"""Connections of clients that are too slow, or too many: closed, so that others get in."""

import asyncio
import resource
from dataclasses import dataclass, field
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.problems import Problem
from shared.web.error_handlers import problem_response

_SHARE_OF_FILES = 0.75
_MOST = 20_000
_LOOKS = 10
"""In how many parts of a deadline it is looked at who missed it."""


def raise_open_files() -> int:
    """Raise this process's limit of open files as far as it may; return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):  # macOS names no bound and takes none
        return soft
    return hard


def connection_limit(open_files: int) -> int:
    """How many connections may be open where `open_files` may be: the rest is for the database, the bus and logs."""
    if open_files in (resource.RLIM_INFINITY, -1):
        return _MOST
    return max(1, min(_MOST, int(open_files * _SHARE_OF_FILES)))


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """`receipt`: seconds for a whole request, from the connection's or its first byte on; `stalled`: seconds in which
    a client must go on reading an answer; `most`: connections at once."""

    receipt: float = 15.0
    stalled: float = 60.0
    most: int = field(default_factory=lambda: connection_limit(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))


class ConnectionGuard:
    """Watches the connections of one server. All methods are called in its event loop."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._open: set[GuardedProtocol] = set()
        self._waiting: dict[GuardedProtocol, float] = {}
        """Those that owe us a request, or the rest of it, since when: the oldest first."""
        self._stalled: dict[GuardedProtocol, float] = {}
        self._next: asyncio.TimerHandle | None = None

    def opened(self, connection: "GuardedProtocol") -> bool:
        """Take a new connection. Where there are too many, the one that waited longest is closed, else the new one."""
        self._open.add(connection)
        if len(self._open) > self._limits.most:
            oldest = next(iter(self._waiting), connection)
            oldest.refuse(_TOO_MANY)
            self.closed(oldest)
        return connection in self._open

    def closed(self, connection: "GuardedProtocol") -> None:
        self._open.discard(connection)
        self._waiting.pop(connection, None)
        self._stalled.pop(connection, None)

    def wait(self, connection: "GuardedProtocol") -> None:
        """From now on the client owes a request."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = connection.loop.time()
        self._look_later(connection.loop)

    def waits_for(self, connection: "GuardedProtocol") -> bool:
        return connection in self._waiting

    def received(self, connection: "GuardedProtocol") -> None:
        """The request is complete."""
        self._waiting.pop(connection, None)

    def stall(self, connection: "GuardedProtocol") -> None:
        """The client does not read as fast as it is written to."""
        self._stalled[connection] = connection.loop.time()
        self._look_later(connection.loop)

    def flows(self, connection: "GuardedProtocol") -> None:
        self._stalled.pop(connection, None)

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._next is None:
            delay = min(self._limits.receipt, self._limits.stalled) / _LOOKS
            self._next = loop.call_later(delay, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close who missed a deadline."""
        self._next, now = None, loop.time()
        for connection, since in list(self._waiting.items()):
            if now - since < self._limits.receipt:
                break
            if connection.flow.read_paused:
                self.wait(connection)  # it is us who do not read
            elif not connection.between_requests:
                connection.refuse(_TOO_SLOW)
                self.closed(connection)
        for connection, since in list(self._stalled.items()):
            if now - since >= self._limits.stalled:
                connection.transport.abort()
                self.closed(connection)
        if self._waiting or self._stalled:
            self._look_later(loop)


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which reports to a guard. Keep-alive between requests is uvicorn's own."""

    guard: ConnectionGuard
    _begun = False
    """Whether a request has come in part."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.guard.opened(self):
            self.guard.wait(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.guard.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        first = self.between_requests
        super().data_received(data)
        owes = not self.between_requests and (self.cycle is None or self.cycle.response_complete)
        if owes and (first or not self.guard.waits_for(self)):
            self.guard.wait(self)  # blank lines before a request, or what follows a body that nobody wanted

    def on_message_begin(self) -> None:
        self._begun = True
        self.guard.wait(self)
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._begun = False
        self.guard.received(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._begun:
            self._unset_keepalive_if_required()
        elif self.between_requests:
            self.guard.wait(self)

    def pause_writing(self) -> None:
        self.guard.stall(self)
        super().pause_writing()

    def resume_writing(self) -> None:
        self.guard.flows(self)
        super().resume_writing()

    @property
    def between_requests(self) -> bool:
        """Whether a request was answered, and no byte of the next one has come."""
        return self.timeout_keep_alive_task is not None

    def refuse(self, answer: bytes) -> None:
        """Close the connection; with an answer, where none was begun."""
        if self.transport.is_closing():
            return
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            self.transport.write(answer)
        self.transport.close()


def guarded(protocol: type[HttpToolsProtocol], limits: ConnectionLimits) -> type[HttpToolsProtocol]:
    """Return `protocol` for one server, with a guard of its own."""
    return type(f"Guarded{protocol.__name__}", (GuardedProtocol, protocol), {"guard": ConnectionGuard(limits)})


def _answer(problem: Problem) -> bytes:
    """A whole HTTP answer that ends its connection."""
    response = problem_response(problem)
    headers: list[tuple[bytes, Any]] = [*response.raw_headers, (b"connection", b"close")]
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (response.status_code, problem.title.encode(), lines, bytes(response.body))


_TOO_SLOW = _answer(Problem(408, "too-slow", "The request came too slowly"))
_TOO_MANY = _answer(Problem(503, "too-many-connections", "Too many connections are open", headers={"Retry-After": "1"}))
