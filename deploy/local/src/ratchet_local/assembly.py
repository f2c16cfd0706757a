"""All services in one process: their settings, their apps, their schemas. Slow to import, quick to run."""

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
import gatekeeper.app
import gatekeeper.settings
import proposer.app
import proposer.settings
from ratchet_local.backing_services import BackingServices
from ratchet_local.bounded_flow import BoundedFlow
from ratchet_local.embedded import EmbeddedBroker
from ratchet_local.gateway import Gateway, running
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

_ALONE_POLL_S = 30.0
"""The only instance of the gatekeeper pushes what it makes live; looking for what others did is a backstop."""

_RETRY_S = 0.5
_INSIDE = "http://ratchet"


@dataclass(frozen=True, slots=True)
class Installation:
    """Where everything is."""

    servers: BackingServices
    broker: EmbeddedBroker
    signing_key: str
    public_key: str

    @property
    def owner_url(self) -> str:
        return self.servers.postgres.dsn().replace("postgresql:", "postgresql+asyncpg:")

    def settings(self, service: str) -> dict[str, object]:
        """What each service is told; the environment may add to it."""
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
    """Bring every service's schema to what its code wants; quick where it stands there already."""
    db = create_async_engine(owner_url, poolclass=NullPool)
    try:
        for service in SERVICES:
            try:
                await check_schema(db, service, heads(service))
            except SchemaOutdated:
                await migrate(service, owner_url)
    finally:
        await db.dispose()


def build_apps(place: Installation, flow: BoundedFlow) -> dict[str, FastAPI]:
    """The services' apps, by name, in the order in which they start."""
    clock = SystemClock()
    told = place.settings
    keeper = gatekeeper.settings.GatekeeperSettings.model_validate(
        {**told("gatekeeper"), "signing_key": place.signing_key, "poll_seconds": _ALONE_POLL_S}
    )
    services = {
        "gatekeeper": gatekeeper.app.build_app(keeper, clock, flow),
        "collector": collector.app.build_app(
            collector.settings.CollectorSettings.model_validate({**told("collector"), "writers": 1}), clock, flow
        ),
        "analyzer": analyzer.app.build_app(
            analyzer.settings.AnalyzerSettings.model_validate(told("analyzer")), clock, flow
        ),
        "proposer": proposer.app.build_app(
            proposer.settings.ProposerSettings.model_validate(told("proposer")), clock, flow
        ),
    }
    # The console asks the others without leaving the process.
    inside = httpx.ASGITransport(Gateway(services, services["gatekeeper"]))
    shown = console.settings.ConsoleSettings(
        kafka_bootstrap=place.broker.bootstrap, kafka_user=None, embedded_bus=True, instance="local", api_url=_INSIDE
    )
    return {**services, "console": console.app.build_app(shown, clock, flow, inside)}


class GapRepair:
    """Sends again what the broker dropped before some group had read it.

    `wake` is called with a service whose relay has something to send again.
    """

    def __init__(self, owner_url: str) -> None:
        self.wake: Callable[[str], None] = lambda _: None
        self._db = create_async_engine(owner_url, poolclass=NullPool)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wanted: set[str] = set()

    def __call__(self, topic: str) -> None:
        """Called for each gap seen: one repair of a topic at a time is enough."""
        if not _writers(topic):
            return
        self._wanted.add(topic)
        running = self._tasks.get(topic)
        if running is None or running.done():
            logger(__name__).warning("messages were overtaken and are sent again", topic=topic)
            self._tasks[topic] = asyncio.create_task(self._repair(topic))

    async def everything(self) -> int:
        """What some inbox lacks, of all services: the broker forgot all at its end."""
        return sum([await self._again(service, None) for service in SERVICES])

    async def _repair(self, topic: str) -> None:
        """Goes on until no gap was seen since it last began; a database that is away delays it."""
        while topic in self._wanted:
            self._wanted.discard(topic)
            try:
                for service in _writers(topic):
                    await self._again(service, topic)
            except (OSError, SQLAlchemyError):
                self._wanted.add(topic)
                await asyncio.sleep(_RETRY_S)

    async def _again(self, service: str, topic: str | None) -> int:
        count = await republish(self._db, service, RepublishScope(topic=topic, lacking=True))
        self.wake(service)
        return count

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._db.dispose()


def _writers(topic: str) -> list[str]:
    """The services that can send a topic's messages again."""
    return [writer for writer in WRITERS.get(topic, ()) if writer in SERVICES]


@asynccontextmanager
async def assembled(place: Installation) -> AsyncIterator[Mapping[str, FastAPI]]:
    """The running services, by name."""
    lost = GapRepair(place.owner_url)
    flow = BoundedFlow(lost)
    apps = build_apps(place, flow)
    lost.wake = lambda service: apps[service].state.store.on_emit()
    for app in apps.values():
        for group, topic in app.state.bus.subscribed:
            flow.subscribe(group, topic)
    try:
        async with running(apps.values()):
            await lost.everything()
            yield apps
    finally:
        await lost.close()
