"""The servers that `benchmarks.ingest` compares: the collector, an echo, and two reduced variants of the collector."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn
from pydantic_core import to_json
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from collector.api.fast_path import fast_path
from collector.api.ingest import IngestEndpoint, IngestMiddleware
from collector.api.request import App, Receive, Scope, Send
from collector.app import Parts
from collector.domain.model import IngestItem, ItemStatus, NewFeedback, Origin, key_hash
from collector.ingest.group_commit import BatchWriter, write_all
from collector.ingest.service import IngestService, PseudonymKeyCache
from collector.settings import CollectorSettings
from collector.storage.connections import DedicatedConnection
from shared.events import new_id
from shared.runtime.clock import SystemClock
from shared.runtime.garbage import tune_garbage_collection
from shared.web.connection_limits import ConnectionLimits, guard_connections

TRANSACTIONS = 16
"""Number of concurrent transactions if each request has its own."""


def full(parts: Parts) -> App:
    """The unchanged collector."""
    return _app(parts, parts.service)


def _app(parts: Parts, service: IngestService) -> App:
    return IngestMiddleware(_nothing, _endpoint(parts, service))


def _endpoint(parts: Parts, service: IngestService) -> IngestEndpoint:
    return IngestEndpoint(service, parts.platform.keys, parts.settings, parts.platform.limiter)


def echo(_: Parts) -> App:
    """Return the body: no work except HTTP."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def bare(parts: Parts) -> App:
    """The same durable effect without any checks."""
    clock = SystemClock()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = json.loads((await receive())["body"])
        values = body if isinstance(body, list) else [body]
        items = [_unchecked(value, Origin("shop", "production", clock.now())) for value in values]
        statuses = await parts.committer.submit(items, 0)
        answer = to_json([{"id": item.id, "status": status} for item, status in zip(items, statuses, strict=True)])
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


def _unchecked(value: dict[str, Any], origin: Origin) -> IngestItem:
    event_id = str(new_id(origin.received_at))
    about = (origin.project, origin.environment, "execution", value["execution_id"])
    payload = to_json({**value, "feedback_id": event_id, "received_at": origin.received_at})
    return NewFeedback(
        origin, event_id, event_id, (), payload, key_hash(*about), key_hash(*about, value["user"])
    )  # fmt: skip


def each(parts: Parts) -> App:
    """The unchanged collector, with a transaction for each request."""
    platform = parts.platform
    service = IngestService(_Direct(parts), PseudonymKeyCache(platform.engine), SystemClock())  # type: ignore[arg-type]
    return _app(parts, service)


class _Direct:
    """Replaces the committer: items get a free connection in order of arrival."""

    def __init__(self, parts: Parts) -> None:
        shards, wake = parts.settings.relay_shards, parts.platform.store.on_emit
        self._free: asyncio.Queue[BatchWriter] = asyncio.Queue()
        for _ in range(TRANSACTIONS):
            self._free.put_nowait(BatchWriter(DedicatedConnection(parts.platform.engine), shards, wake, parts.subjects))

    def submit(self, items: Sequence[IngestItem], _: int) -> "asyncio.Task[list[ItemStatus | Exception]]":
        return asyncio.create_task(self._write(items))

    async def _write(self, items: Sequence[IngestItem]) -> list[ItemStatus | Exception]:
        writer = await self._free.get()
        try:
            return await write_all(writer.write, items)
        finally:
            self._free.put_nowait(writer)


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError(scope["path"])


MODES: dict[str, Callable[[Parts], App]] = {"full": full, "slow": full, "echo": echo, "bare": bare, "each": each}


def _protocol(mode: str, parts: Parts) -> type[HttpToolsProtocol]:
    """Return the server's protocol; without limits of connections for the echo."""
    if mode == "echo":
        return HttpToolsProtocol
    fast = fast_path(_endpoint(parts, parts.service)) if mode == "full" else HttpToolsProtocol
    return guard_connections(fast, ConnectionLimits())


def serve(mode: str, dsn: str, port: int) -> None:
    """Serve one mode until the process is ended."""
    settings = CollectorSettings(database_url=dsn, kafka_bootstrap="127.0.0.1:1", database_pool=TRANSACTIONS + 4)
    parts = Parts.build(settings, SystemClock())
    inner = MODES[mode](parts)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(parts, receive, send)
        else:
            await inner(scope, receive, send)

    config = uvicorn.Config(
        app, port=port, log_level="warning", access_log=False, loop="uvloop", http=_protocol(mode, parts)
    )
    uvicorn.Server(config).run()


async def _lifespan(parts: Parts, receive: Receive, send: Send) -> None:
    await receive()
    writer = asyncio.create_task(parts.committer.run())
    tune_garbage_collection()  # as services do at the end of their start
    await send({"type": "lifespan.startup.complete"})
    await receive()
    writer.cancel()
    await send({"type": "lifespan.shutdown.complete"})
