"""Builds and runs all services in one process: settings, apps, schemas. Slow to import."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import analyzer.app
import analyzer.settings
import collector.app
import collector.settings
import console.app
import console.settings
import evaluator.app
import evaluator.settings
import gatekeeper.app
import gatekeeper.settings
import proposer.app
import proposer.settings
from ratchet_local.backing_services import BackingServices
from ratchet_local.bounded_flow import BoundedFlow
from ratchet_local.embedded import EmbeddedBroker
from ratchet_local.gateway import Gateway, run_lifespans
from ratchet_local.routes import SERVICES
from shared.messaging.republish import RepublishScope, republish
from shared.messaging.topics import WRITERS
from shared.runtime.clock import SystemClock
from shared.runtime.database import SchemaOutdated, check_schema
from shared.runtime.log import logger
from shared.runtime.migrations import heads, migrate
from shared.runtime.roles import database_role

_CONNECTIONS = 4
"""A service's pool: each connection is a PostgreSQL process of some 4 MB."""

_SINGLE_INSTANCE_POLL_S = 30.0
"""A single gatekeeper instance pushes what it makes live itself; polling is a fallback."""

_RETRY_S = 0.5
_INTERNAL_URL = "http://ratchet"


@dataclass(frozen=True, slots=True)
class Installation:
    """The backing services and keys of one installation."""

    servers: BackingServices
    broker: EmbeddedBroker
    signing_key: str
    public_key: str
    ingest_key: str = ""
    """API key of the project's first environment, by which judges' scores are submitted."""

    @property
    def owner_url(self) -> str:
        return self.servers.postgres.dsn().replace("postgresql:", "postgresql+asyncpg:")

    @property
    def archive(self) -> dict[str, str]:
        """Return the settings of the archive of executions: beside PostgreSQL's data."""
        folder = self.servers.postgres.data.with_name("archive")
        return {"archive_url": str(folder / "files"), "archive_folder": str(folder / "work")}

    def settings(self, service: str) -> dict[str, object]:
        """Return the settings of a service; environment variables may add others."""
        return {
            "database_url": self.servers.postgres.dsn(user=database_role(service)),
            "database_pool": _CONNECTIONS,
            "kafka_bootstrap": self.broker.bootstrap,
            "kafka_user": None,
            "redis_url": self.servers.valkey.url,
            "signing_public_keys": self.public_key,
            "embedded_bus": True,
            "instance": "local",
        }


async def migrate_all(owner_url: str) -> None:
    """Migrate the schema of every service that is not at the latest revision."""
    db = create_async_engine(owner_url, poolclass=NullPool)
    try:
        for service in SERVICES:
            try:
                await check_schema(db, service, heads(service))
            except SchemaOutdated:
                await migrate(service, owner_url)
    finally:
        await db.dispose()


def build_apps(installation: Installation, flow: BoundedFlow) -> dict[str, FastAPI]:
    """Return the apps of the services by name, in their start order."""
    clock = SystemClock()
    common = installation.settings
    gatekeeper_settings = gatekeeper.settings.GatekeeperSettings.model_validate(
        {**common("gatekeeper"), "signing_key": installation.signing_key, "poll_seconds": _SINGLE_INSTANCE_POLL_S}
    )
    services = {
        "gatekeeper": gatekeeper.app.build_app(gatekeeper_settings, clock, flow),
        "collector": collector.app.build_app(
            collector.settings.CollectorSettings.model_validate(
                {**common("collector"), "writers": 1, **installation.archive}
            ),
            clock,
            flow,
        ),
        "analyzer": analyzer.app.build_app(
            analyzer.settings.AnalyzerSettings.model_validate(common("analyzer")), clock, flow
        ),
        "proposer": proposer.app.build_app(
            proposer.settings.ProposerSettings.model_validate(common("proposer")), clock, flow
        ),
        "evaluator": evaluator.app.build_app(
            evaluator.settings.EvaluatorSettings.model_validate(
                {"api_keys": installation.ingest_key or None, **common("evaluator")}
            ),
            clock,
            flow,
        ),
    }
    # The console calls the services without a socket.
    transport = httpx.ASGITransport(Gateway(services, services["gatekeeper"]))
    console_settings = console.settings.ConsoleSettings(
        kafka_bootstrap=installation.broker.bootstrap,
        kafka_user=None,
        embedded_bus=True,
        instance="local",
        api_url=_INTERNAL_URL,
    )
    return {**services, "console": console.app.build_app(console_settings, clock, flow, transport)}


class GapRepair:
    """Republishes messages that the broker dropped before every consumer group had read them.

    `wake` is called with a service whose relay has messages to send.
    """

    def __init__(self, owner_url: str) -> None:
        self.wake: Callable[[str], None] = lambda _: None
        self._db = create_async_engine(owner_url, poolclass=NullPool)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._reported: set[str] = set()

    def __call__(self, topic: str) -> None:
        """Start a repair of `topic`, unless one is running; that one is repeated then."""
        if not _writers(topic):
            return
        self._reported.add(topic)
        running = self._tasks.get(topic)
        if running is None or running.done():
            logger(__name__).warning("the broker dropped unread messages: republishing", topic=topic)
            self._tasks[topic] = asyncio.create_task(self._repair(topic))

    async def repair_all(self) -> int:
        """Republish all messages that an inbox lacks, and return their number. The broker keeps nothing at its end."""
        return sum([await self._republish(service, None) for service in SERVICES])

    async def _repair(self, topic: str) -> None:
        """Republish until no new gap was reported; retry while the database is unavailable."""
        while topic in self._reported:
            self._reported.discard(topic)
            try:
                for service in _writers(topic):
                    await self._republish(service, topic)
            except (OSError, SQLAlchemyError):
                self._reported.add(topic)
                await asyncio.sleep(_RETRY_S)

    async def _republish(self, service: str, topic: str | None) -> int:
        count = await republish(self._db, service, RepublishScope(topic=topic, lacking=True))
        self.wake(service)
        return count

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._db.dispose()


def _writers(topic: str) -> list[str]:
    """Return the services that can republish a topic."""
    return [writer for writer in WRITERS.get(topic, ()) if writer in SERVICES]


@asynccontextmanager
async def run_services(installation: Installation) -> AsyncIterator[Mapping[str, FastAPI]]:
    """Run all services until the block ends, and return their apps by name."""
    gap_repair = GapRepair(installation.owner_url)
    flow = BoundedFlow(gap_repair)
    apps = build_apps(installation, flow)
    gap_repair.wake = lambda service: apps[service].state.store.notify_relay()
    for app in apps.values():
        for group, topic in app.state.bus.subscribed:
            flow.subscribe(group, topic)
    try:
        async with run_lifespans(apps.values()):
            await gap_repair.repair_all()
            yield apps
    finally:
        await gap_repair.close()
