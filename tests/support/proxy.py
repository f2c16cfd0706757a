"""A proxy in front of a server that disturbs connections, as a network does."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

Fault = Literal["hold", "delay", "half-open", "reset"]
"""hold: nothing passes until `heal`, then everything does (a partition). delay: each chunk is delayed by `delay_s`.
half-open: existing connections receive nothing any more, new connections work. reset: existing and new connections are
reset until `heal`.
"""
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
_PIECE = 65_536


class _Connection:
    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.writers = (client, server)
        self.dead = False

    def abort(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


class Proxy:
    """Forwards connections to the server that `connect` reaches. `hits` counts the effects of each fault."""

    def __init__(self, connect: Connect, delay_s: float = 1.0) -> None:
        self.hits: Counter[Fault] = Counter()
        self._connect = connect
        self._delay_s = delay_s
        self._fault: Fault | None = None
        self._healed = asyncio.Event()
        self._connections: set[_Connection] = set()

    def disturb(self, fault: Fault) -> None:
        """Disturb the connections with this fault until `heal`."""
        self._fault = fault
        self._healed.clear()
        for connection in set(self._connections):
            if fault == "half-open":
                connection.dead = True
            if fault == "reset":
                self.hits[fault] += 1
                connection.abort()

    def heal(self) -> None:
        self._fault = None
        self._healed.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection until either side ends it."""
        if self._fault == "reset":
            self.hits["reset"] += 1
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(writer, server_writer)
        self._connections.add(connection)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(connection, reader, server_writer))
                pumps.create_task(self._pump(connection, server_reader, writer))
        except* OSError:
            pass
        finally:
            self._connections.discard(connection)
            connection.abort()

    async def _pump(self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE):
            if connection.dead:
                self.hits["half-open"] += 1
                continue
            if self._fault == "hold":
                self.hits["hold"] += 1
                await self._healed.wait()
            elif self._fault == "delay":
                self.hits["delay"] += 1
                await asyncio.sleep(self._delay_s)
            writer.write(piece)
            await writer.drain()
        connection.abort()


@asynccontextmanager
async def proxy_of_port(port: int, target: int) -> AsyncIterator[Proxy]:
    """Start a proxy on the loopback `port` for a server on the loopback port `target`."""
    proxy = Proxy(lambda: asyncio.open_connection("127.0.0.1", target))
    async with _serving(await asyncio.start_server(proxy.serve, "127.0.0.1", port), proxy):
        yield proxy


@asynccontextmanager
async def proxy_of_socket(path: Path, target: Path) -> AsyncIterator[Proxy]:
    """Start a proxy on the Unix socket `path` for a server on the Unix socket `target`."""
    proxy = Proxy(lambda: asyncio.open_unix_connection(target))
    async with _serving(await asyncio.start_unix_server(proxy.serve, path), proxy):
        yield proxy


@asynccontextmanager
async def _serving(server: asyncio.Server, proxy: Proxy) -> AsyncIterator[None]:
    try:
        yield
    finally:
        proxy.heal()
        server.close()
        for connection in set(proxy._connections):
            connection.abort()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 5)
