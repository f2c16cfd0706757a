"""Slow, idle or many clients do not block others; connections being served stay open."""

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.web.connection_limits import ConnectionLimits, connection_limit, guard_connections
from tests.support.eventually import eventually

BIG = 20_000_000
RECEIPT_S = 1.0
"""Within it a normal request arrives also on a busy machine."""
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
TRICKLES = {
    "nothing": b"",
    "header": b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ",
    "body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
    "chunked": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n",
    "second request": GET + b"GET / HTTP/1.1\r\n",
}
Connect = Callable[[], Awaitable["Connection"]]


class Connection:
    """The client's side of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.seen = b""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := await self.reader.read(65536):
                self.seen += data

    def send(self, data: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(data)

    def pause(self) -> None:
        cast(asyncio.Transport, self.writer.transport).pause_reading()

    def resume(self) -> None:
        cast(asyncio.Transport, self.writer.transport).resume_reading()

    @property
    def ended(self) -> bool:
        return self._reading.done()

    async def trickle(self, first: bytes, drop: bytes) -> None:
        """Send one byte at a time, much more often than any deadline, until the server closes the connection."""
        self.send(first)
        while not self.ended:
            self.send(drop)
            await asyncio.sleep(0.01)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """An app that reads the whole body; `/stream` responds endlessly, `/early` before reading the body, `/big` with
    more than the buffers hold.
    """
    path = scope["path"]
    if path in ("/", "/slow"):
        if path == "/slow":
            await asyncio.sleep(1.5 * RECEIPT_S)
        more = True
        while more:
            message = await receive()
            more = message["type"] == "http.request" and message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    if path == "/big":
        await send({"type": "http.response.body", "body": b"x" * BIG})
        return
    await send({"type": "http.response.body", "body": b"ok", "more_body": path == "/stream"})
    if path == "/stream":
        while (await receive())["type"] != "http.disconnect":
            pass


@asynccontextmanager
async def server(folder: Path, limits: ConnectionLimits, keep_alive: int = 30) -> AsyncIterator[Connect]:
    config = uvicorn.Config(
        app, uds=str(folder / "s"), http=guard_connections(HttpToolsProtocol, limits), lifespan="off", log_config=None,
        timeout_keep_alive=keep_alive, timeout_graceful_shutdown=1,
    )  # fmt: skip
    one = uvicorn.Server(config)
    one.config.load()
    made: list[Connection] = []

    async def connect() -> Connection:
        made.append(Connection(*await asyncio.open_unix_connection(str(folder / "s"))))
        return made[-1]

    serving = asyncio.create_task(one.serve())
    await eventually(lambda: one.started)
    try:
        yield connect
    finally:
        for connection in made:
            connection.writer.close()
        one.should_exit = True
        await serving


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder with a path short enough for a socket."""
    return tmp_path_factory.mktemp("c")


async def answered(connect: Connect) -> bool:
    """Return whether a normal request on a new connection is answered."""
    honest = await connect()
    honest.send(GET)
    await eventually(lambda: b"\r\n0\r\n" in honest.seen or honest.ended)
    return honest.seen.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("drop", [b"a", b"\r\n", b""])
async def test_incomplete_requests_are_closed(folder: Path, drop: bytes) -> None:
    async with server(folder, ConnectionLimits(receipt=RECEIPT_S, max_open=50)) as connect:
        slow = {kind: await connect() for kind in TRICKLES}
        async with asyncio.TaskGroup() as trickling:
            for kind, first in TRICKLES.items():
                trickling.create_task(slow[kind].trickle(first, drop))
            await eventually(lambda: [kind for kind, one in slow.items() if one.ended] == [*TRICKLES])
        for kind, one in slow.items():
            assert one.seen.count(b"HTTP/1.1 408") == 1 or drop != b"", kind
        assert await answered(connect)


async def test_200_slow_clients_do_not_block_others(folder: Path) -> None:
    async with server(folder, ConnectionLimits(receipt=RECEIPT_S, max_open=100)) as connect:
        slow = [await connect() for _ in range(200)]
        trickling = [
            asyncio.create_task(one.trickle(first, b"a"))
            for one, first in zip(slow, list(TRICKLES.values()) * 40, strict=True)
        ]
        assert all([await answered(connect) for _ in range(50)])
        await eventually(lambda: all(one.ended for one in slow))
        await asyncio.gather(*trickling)


async def test_connection_being_served_is_not_closed(folder: Path) -> None:
    async with server(folder, ConnectionLimits(receipt=RECEIPT_S, max_open=3)) as connect:
        listener = await connect()
        listener.send(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: b"ok" in listener.seen)
        idle = [await connect() for _ in range(10)]
        await eventually(lambda: all(one.ended for one in idle))
        assert await answered(connect)
        assert not listener.ended


async def test_new_connection_is_rejected_if_none_can_be_closed(folder: Path) -> None:
    async with server(folder, ConnectionLimits(max_open=2)) as connect:
        listeners = [await connect() for _ in range(2)]
        for listener in listeners:
            listener.send(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        await eventually(lambda: all(b"ok" in one.seen for one in listeners))
        refused = await connect()
        await eventually(lambda: refused.ended)
        assert refused.seen.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in refused.seen
        assert not any(one.ended for one in listeners)


async def test_idle_connection_is_kept_for_the_keep_alive_time(folder: Path) -> None:
    async with server(folder, ConnectionLimits(receipt=RECEIPT_S, max_open=10)) as connect:
        kept, fresh = await connect(), await connect()
        kept.send(GET)
        await eventually(lambda: fresh.ended)
        await asyncio.sleep(RECEIPT_S)  # several checks later
        kept.send(GET)
        await eventually(lambda: kept.seen.count(b"HTTP/1.1 200") == 2)


async def test_unread_body_does_not_close_the_connection(folder: Path) -> None:
    async with server(folder, ConnectionLimits(receipt=RECEIPT_S, max_open=10)) as connect:
        waiting = await connect()
        waiting.send(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000)
        await eventually(lambda: b"HTTP/1.1 200" in waiting.seen or waiting.ended)
        assert waiting.seen.startswith(b"HTTP/1.1 200")


async def test_client_that_does_not_read_the_response_is_disconnected(folder: Path) -> None:
    async with server(folder, ConnectionLimits(stalled=0.2, max_open=10)) as connect:
        deaf = await connect()
        deaf.pause()
        deaf.send(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.6)  # well after the deadline
        deaf.resume()
        await eventually(lambda: deaf.ended)
        assert 0 < len(deaf.seen) < BIG
        assert await answered(connect)


def test_connection_limit_leaves_file_descriptors_for_other_uses() -> None:
    assert connection_limit(600) == 450
    assert connection_limit(1) == 1
    assert connection_limit(resource.RLIM_INFINITY) == connection_limit(10**9) == 20_000
