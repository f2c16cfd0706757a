"""Loads that used to delay the kill switch. Each calls `begun` when it is in effect, and runs until it is ended."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx

Keys = Mapping[str, str]
Begun = Callable[[], None]
Load = Callable[[str, Keys, str, Begun], Coroutine[Any, Any, None]]

_EVASIVE = "4 1 1 1 1 1 " * 155_000
"""1.9 MB that a scrubber has to search number by number."""
_HELD = "SELECT FROM gatekeeper.projects FOR UPDATE"
_UNLIMITED = httpx.Limits(max_connections=None)


def _bearer(keys: Keys, label: str) -> dict[str, str]:
    return {"authorization": f"Bearer {keys[label]}"}


async def _request_repeatedly(url: str, clients: int, begun: Begun, request: Callable[[], dict[str, Any]]) -> None:
    """Keep `clients` requests in flight: whatever the response, the next request follows at once."""
    begun()

    async def client(http: httpx.AsyncClient) -> None:
        while True:
            try:
                await http.request(**request())
            except httpx.HTTPError:
                await asyncio.sleep(0.01)

    async with httpx.AsyncClient(base_url=url, timeout=60, limits=_UNLIMITED) as http:
        await asyncio.gather(*(client(http) for _ in range(clients)))


async def idle(_: str, __: Keys, ___: str, begun: Begun) -> None:
    """Do nothing."""
    begun()
    await asyncio.Event().wait()


async def texts(url: str, keys: Keys, _: str, begun: Begun) -> None:
    """Let four clients send executions whose output is 1.9 MB of text that is expensive to scrub."""

    def execution() -> dict[str, Any]:
        body = {"id": str(uuid4()), "target": "bot", "prompts": [{"name": "a", "version": "1"}], "output": _EVASIVE}
        return {"method": "POST", "url": "/v1/executions", "json": body, "headers": _bearer(keys, "ingest_key")}

    await _request_repeatedly(url, 4, begun, execution)


async def verifications(url: str, keys: Keys, _: str, begun: Begun) -> None:
    """Let six clients request verification of the audit chain."""
    ask = {"method": "GET", "url": "/v1/audit/verify", "headers": _bearer(keys, "maker_key")}
    await _request_repeatedly(url, 6, begun, lambda: ask)


async def _propose(url: str, keys: Keys, begun: Begun) -> None:
    document = {"schema": "ratchet.prompt/1", "messages": [{"role": "system", "content": "x"}]}

    def proposal() -> dict[str, Any]:
        body = {"name": "p", "target": "bot", "base_digest": None, "document": document, "why": str(uuid4())}
        return {"method": "POST", "url": "/v1/proposals", "json": body, "headers": _bearer(keys, "maker_key")}

    await _request_repeatedly(url, 12, begun, proposal)


async def locked(url: str, keys: Keys, dsn: str, begun: Begun) -> None:
    """Lock the project's row in a transaction, so that twelve clients who propose wait for it and use all
    connections.
    """
    conn = await asyncpg.connect(dsn)
    async with conn.transaction():
        await conn.execute(_HELD)
        await _propose(url, keys, begun)


async def read_only(url: str, keys: Keys, dsn: str, begun: Begun) -> None:
    """Make the database read-only, while twelve clients propose."""
    await set_read_only(dsn, True)
    await _propose(url, keys, begun)


async def set_read_only(dsn: str, on: bool) -> None:
    """Make all sessions' next transactions read-only, or not."""
    conn = await asyncpg.connect(dsn)
    try:
        await conn.execute("SET default_transaction_read_only = off")
        await conn.execute(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if on else 'off'}")
        await conn.execute("SELECT pg_reload_conf()")
    finally:
        await conn.close()


async def slow_clients(url: str, _: Keys, __: str, begun: Begun) -> None:
    """Let 300 sockets send one byte of request headers per second, and reconnect when they are closed."""
    head = b"POST /v1/halt HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\nx-slow: " + b"x" * 5_000

    async def client() -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
                for index in range(len(head)):
                    writer.write(head[index : index + 1])
                    await writer.drain()
                    await asyncio.sleep(1)
            except OSError:
                await asyncio.sleep(0.1)

    begun()
    await asyncio.gather(*(client() for _ in range(300)))


async def streams(url: str, keys: Keys, _: str, begun: Begun) -> None:
    """Let 400 clients keep a stream open, or request it again ten times a second."""

    async def client(http: httpx.AsyncClient) -> None:
        while True:
            try:
                async with http.stream("GET", "/v1/stream", headers=_bearer(keys, "ingest_key")) as answer:
                    async for _ in answer.aiter_bytes():
                        pass
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.1)

    begun()
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=_UNLIMITED) as http:
        await asyncio.gather(*(client(http) for _ in range(400)))
