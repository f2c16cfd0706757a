"""A collector with a real PostgreSQL, without Kafka: events are read from its outbox."""

import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from collector.api.bulk import BulkEndpoint, BulkMiddleware
from collector.api.cors import CorsMiddleware
from collector.api.ingest import IngestEndpoint, IngestMiddleware
from collector.api.otlp import TracesEndpoint, TracesMiddleware
from collector.app import Parts, build_app
from collector.settings import CollectorSettings
from collector.storage.key_origins import KeyOrigins
from shared.testing.clock import FakeClock
from tests.support.api_document import DescribedApi, service_app
from tests.support.databases import as_role, psql

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "s" * 43


def _add_key(
    dsn: str,
    key_id: str,
    *scopes: str,
    project: str = "shop",
    environment: str = "production",
    origins: Sequence[str] = (),
) -> str:
    """Insert an API key of a service. Return its text."""
    psql(
        dsn,
        f"""INSERT INTO collector.api_keys (key_id, revision, secret_hash, subject, subject_kind, project,
              environment, scopes, revoked, origins)
            VALUES ('{key_id}', 1, '{sha256(SECRET.encode()).hexdigest()}', 'app', 'service', '{project}',
              '{environment}', '{{{",".join(scopes)}}}', false, '{{{",".join(origins)}}}')""",
    )
    return f"rk_{key_id}_{SECRET}"


@functools.cache
def _described() -> DescribedApi:
    return DescribedApi(service_app("collector").openapi())


@dataclass
class Running:
    """An instance whose committer runs, and a client."""

    dsn: str
    clock: FakeClock
    parts: Parts
    client: httpx.AsyncClient
    origins: KeyOrigins
    app: Any
    keys: dict[str, str] = field(default_factory=dict)

    async def post(self, route: str, body: Any, **headers: str) -> httpx.Response:
        """Post JSON, or raw bytes, with the key `ingest`."""
        return await self._send("POST", route, body, headers)

    async def put(self, execution_id: str, body: Any, **headers: str) -> httpx.Response:
        """Record or complete an execution."""
        return await self._send("PUT", f"executions/{execution_id}", body, headers)

    async def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        response = await self.client.request(
            method,
            f"/v1/{path}",
            content=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {self.keys['ingest']}",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        undocumented = _described().defects(method, f"/v1/{path}", response)
        assert not undocumented, undocumented
        return response

    def events(self, topic: str) -> list[dict[str, Any]]:
        """Return the payloads in the outbox, in order."""
        rows = psql(
            self.dsn,
            "SELECT convert_from(payload, 'UTF8') FROM collector.outbox_messages"
            f" WHERE topic = '{topic}' ORDER BY id, n",
        )
        return [json.loads(row) for row in rows.splitlines()]

    def grow_old(self, days: int) -> None:
        """Make all stored rows `days` older."""
        older = f"- interval '{days} days'"
        psql(
            self.dsn,
            f"""UPDATE collector.executions SET received_at = received_at {older};
                UPDATE collector.receipts SET received_at = received_at {older};
                UPDATE collector.current_feedback SET updated_at = updated_at {older}""",
        )

    def count(self, table: str) -> int:
        return int(psql(self.dsn, f"SELECT count(*) FROM collector.{table}"))


@contextlib.asynccontextmanager
async def running(dsn: str, clock: FakeClock, **settings: Any) -> AsyncIterator[Running]:
    """An instance on the database `dsn`, with the service's own role."""
    parts = Parts.build(
        CollectorSettings(database_url=as_role(dsn, "ratchet_collector"), kafka_bootstrap="127.0.0.1:1", **settings),
        clock,
    )
    endpoint = IngestEndpoint(parts.service, parts.platform.keys, parts.settings, parts.platform.limiter)
    traces = TracesEndpoint(parts.service, parts.platform.keys, parts.settings, parts.platform.limiter)
    ingest = IngestMiddleware(TracesMiddleware(PlainTextResponse("elsewhere"), traces), endpoint)
    origins = KeyOrigins(parts.platform.reader)
    bulk = BulkEndpoint(parts.service, parts.platform.keys, parts.settings, parts.platform.limiter)
    app = CorsMiddleware(BulkMiddleware(ingest, bulk), parts.platform.keys, origins)
    writer = asyncio.create_task(parts.committer.run())
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://collector") as client:
            yield Running(dsn, clock, parts, client, origins, app)
    finally:
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        for line in (*parts.write_connections, parts.maintenance_connection):
            await line.close()
        await parts.platform.engine.dispose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
async def collector(migrated_dsn: Callable[..., str], clock: FakeClock) -> AsyncIterator[Running]:
    """A collector with a key of the scope `ingest`."""
    dsn = migrated_dsn("collector")
    async with running(dsn, clock) as one:
        one.keys["ingest"] = _add_key(dsn, "ingest", "ingest")
        yield one


@pytest.fixture
def add_key() -> Callable[..., str]:
    """Return a function that takes a DSN, a key's id and scopes and returns the text of a new API key."""
    return _add_key


@pytest.fixture
def instance() -> Callable[..., contextlib.AbstractAsyncContextManager[Running]]:
    """Return a context manager factory that takes a DSN and a clock and yields an instance of the collector."""
    return running


@pytest.fixture
async def reader(collector: Running, add_key: Callable[..., str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an instance on the same database, with a key of the scope `read`."""
    settings = CollectorSettings(
        database_url=as_role(collector.dsn, "ratchet_collector"), kafka_bootstrap="127.0.0.1:9"
    )
    app = build_app(settings, collector.clock)
    headers = {"Authorization": f"Bearer {add_key(collector.dsn, 'reader', 'read')}"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://collector", headers=headers) as client:
        yield client
    await app.state.keys._engine.dispose()
