"""Limits of connections: too slow ones, and those beyond the maximum, are closed so that others get in."""

import asyncio
import resource
from dataclasses import dataclass, field
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.problems import Problem
from shared.web.error_handlers import problem_response

_SHARE_OF_FILES = 0.75
_MAX_CONNECTIONS = 20_000
_CHECKS = 10
"""Checks per deadline."""


def raise_open_files() -> int:
    """Raise this process's limit of open files to the hard limit; return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):  # macOS reports an infinite hard limit and rejects it
        return soft
    return hard


def connection_limit(open_files: int) -> int:
    """Return the maximum of connections under a limit of `open_files`; the rest is for database, bus and logs."""
    if open_files in (resource.RLIM_INFINITY, -1):
        return _MAX_CONNECTIONS
    return max(1, min(_MAX_CONNECTIONS, int(open_files * _SHARE_OF_FILES)))


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """`receipt`: seconds for a complete request, from the connection or its first byte on, and again for each
    `progress` bytes of its body; `stalled`: seconds within which a client must continue to read a response; `max_open`:
    connections at once."""

    receipt: float = 15.0
    progress: int = 1_000_000
    stalled: float = 60.0
    max_open: int = field(default_factory=lambda: connection_limit(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))


class ConnectionGuard:
    """Closes the slow and surplus connections of one server. All methods are called in its event loop."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._open: set[GuardedProtocol] = set()
        self._waiting: dict[GuardedProtocol, float] = {}
        """Connections that have not sent a complete request → since when; the oldest first."""
        self._stalled: dict[GuardedProtocol, float] = {}
        self._next: asyncio.TimerHandle | None = None

    def add(self, connection: "GuardedProtocol") -> bool:
        """Register a new connection; return whether it stays open.

        Above the maximum, the connection that has waited longest for a request is closed, or else the new one.
        """
        self._open.add(connection)
        if len(self._open) > self._limits.max_open:
            oldest = next(iter(self._waiting), connection)
            oldest.refuse(_TOO_MANY)
            self.remove(oldest)
        return connection in self._open

    def remove(self, connection: "GuardedProtocol") -> None:
        self._open.discard(connection)
        self._waiting.pop(connection, None)
        self._stalled.pop(connection, None)

    @property
    def progress(self) -> int:
        """The bytes of a body that start its deadline again."""
        return self._limits.progress

    def start_deadline(self, connection: "GuardedProtocol") -> None:
        """Start the deadline for a request of the client."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = connection.loop.time()
        self._schedule_check(connection.loop)

    def is_waiting(self, connection: "GuardedProtocol") -> bool:
        return connection in self._waiting

    def end_deadline(self, connection: "GuardedProtocol") -> None:
        """End the deadline: the request is complete."""
        self._waiting.pop(connection, None)

    def start_stall(self, connection: "GuardedProtocol") -> None:
        """Note that the client reads its response more slowly than it is sent."""
        self._stalled[connection] = connection.loop.time()
        self._schedule_check(connection.loop)

    def end_stall(self, connection: "GuardedProtocol") -> None:
        self._stalled.pop(connection, None)

    def _schedule_check(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._next is None:
            delay = min(self._limits.receipt, self._limits.stalled) / _CHECKS
            self._next = loop.call_later(delay, self._check, loop)

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close the connections that missed a deadline."""
        self._next, now = None, loop.time()
        for connection, since in list(self._waiting.items()):
            if now - since < self._limits.receipt:
                break
            if connection.flow.read_paused:
                self.start_deadline(connection)  # the server itself paused reading
            elif not connection.between_requests:
                connection.refuse(_TOO_SLOW)
                self.remove(connection)
        for connection, since in list(self._stalled.items()):
            if now - since >= self._limits.stalled:
                connection.transport.abort()
                self.remove(connection)
        if self._waiting or self._stalled:
            self._schedule_check(loop)


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a guard. Keep-alive between requests remains uvicorn's."""

    guard: ConnectionGuard
    _begun = False
    """Whether a request was received in part."""
    _received = 0
    """Bytes of the request's body since its deadline started."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.guard.add(self):
            self.guard.start_deadline(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.guard.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        first = self.timeout_keep_alive_task is not None  # as `between_requests`, without the call
        super().data_received(data)
        if (cycle := self.cycle) is not None and not cycle.response_complete:
            if not self._begun:
                self.guard.end_deadline(self)  # a complete request, which the parser may not have seen
        elif not self.between_requests and (first or not self.guard.is_waiting(self)):
            self.guard.start_deadline(self)  # blank lines before a request, or bytes after an unread body

    def on_body(self, body: bytes) -> None:
        self._received += len(body)
        if self._received >= self.guard.progress:
            self._received = 0
            self.guard.start_deadline(self)
        super().on_body(body)

    def on_message_begin(self) -> None:
        self._begun = True
        self._received = 0
        self.guard.start_deadline(self)
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._begun = False
        self.guard.end_deadline(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._begun:
            self._unset_keepalive_if_required()
        elif self.timeout_keep_alive_task is not None:
            self.guard.start_deadline(self)

    def pause_writing(self) -> None:
        self.guard.start_stall(self)
        super().pause_writing()

    def resume_writing(self) -> None:
        self.guard.end_stall(self)
        super().resume_writing()

    @property
    def between_requests(self) -> bool:
        """Whether a request was answered and no byte of the next one was received."""
        return self.timeout_keep_alive_task is not None

    def refuse(self, answer: bytes) -> None:
        """Close the connection; send `answer` first unless a response has begun."""
        if self.transport.is_closing():
            return
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            self.transport.write(answer)
        self.transport.close()


def guard_connections(protocol: type[HttpToolsProtocol], limits: ConnectionLimits) -> type[HttpToolsProtocol]:
    """Return a subclass of `protocol` for one server, with its own guard."""
    return type(f"Guarded{protocol.__name__}", (GuardedProtocol, protocol), {"guard": ConnectionGuard(limits)})


def _error_response(problem: Problem) -> bytes:
    """Return a complete HTTP response that closes its connection."""
    response = problem_response(problem)
    headers: list[tuple[bytes, Any]] = [*response.raw_headers, (b"connection", b"close")]
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (response.status_code, problem.title.encode(), lines, bytes(response.body))


_TOO_SLOW = _error_response(Problem(408, "too-slow", "The request was not received in time"))
_TOO_MANY = _error_response(
    Problem(503, "too-many-connections", "Too many connections are open", headers={"Retry-After": "1"})
)
