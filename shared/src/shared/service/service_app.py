"""Composition of a service: an ASGI app whose lifespan starts and stops bus, relay and background jobs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.auth.keys import KeyStore
from shared.messaging.bus import Bus
from shared.messaging.flow_control import Flow, NoFlow
from shared.messaging.producer import KafkaProducer
from shared.messaging.relay import PollIntervals, Relay
from shared.messaging.retention import SWEEP_S, delete_expired
from shared.messaging.sql_dead_letters import DeadLetterRepository
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Broadcast, Subscription
from shared.messaging.topic_stats import TopicStats
from shared.runtime.background import cancel_all, run_every, supervise
from shared.runtime.clock import Clock
from shared.runtime.database import check_schema, engine, reader
from shared.runtime.idle_connections import SHRINK_S, IdleConnections
from shared.runtime.migrations import heads
from shared.runtime.prometheus_metrics import Metrics
from shared.runtime.settings import ServiceSettings
from shared.web.correlation import Correlated
from shared.web.error_handlers import install_problems
from shared.web.health import health_router
from shared.web.host import ValidHost
from shared.web.openapi import Paths, install_openapi
from shared.web.operations_api import operations_router
from shared.web.operator_actions import OperatorActions
from shared.web.query import check_parameters
from shared.web.rate_limiter import RateLimited, RateLimiter

_EMBEDDED = PollIntervals(poll=60.0, renew=60.0, lease=240.0)
"""Intervals on the embedded bus: it has a single instance, whose commits wake its relay."""

Background = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Platform:
    """Infrastructure of a service; create it first, then handlers and routes with it."""

    settings: ServiceSettings
    clock: Clock
    flow: Flow
    engine: AsyncEngine
    store: SqlStore
    keys: KeyStore
    metrics: Metrics
    limiter: RateLimiter

    @classmethod
    def create(cls, settings: ServiceSettings, clock: Clock, flow: Flow | None = None) -> "Platform":
        """Return the infrastructure; connections are opened when they are needed."""
        db = engine(settings)
        store = SqlStore(db, settings.service, settings.relay_shards)
        keys = KeyStore(db, settings.service)
        metrics = Metrics(settings.service)
        limiter = RateLimiter(settings, refused=metrics.refused)
        return cls(settings, clock, flow or NoFlow(), db, store, keys, metrics, limiter)

    @property
    def reader(self) -> AsyncEngine:
        """The engine for reads of the HTTP routes."""
        return reader(self.engine)

    @property
    def source(self) -> str:
        """The `ce_source` of this service's events."""
        return f"ratchet/{self.settings.service}"


@dataclass(frozen=True)
class Service:
    """The parts of a service. `background` jobs run as long as the service does; `close` runs after them.

    `described`: operations for the OpenAPI document that the framework does not know.
    """

    platform: Platform
    title: str
    subscriptions: Sequence[Subscription] = ()
    broadcasts: Sequence[Broadcast] = ()
    routers: Sequence[APIRouter] = ()
    background: Sequence[Background] = ()
    close: Sequence[Background] = ()
    owns_keys: bool = False
    state: dict[str, Any] = field(default_factory=dict)
    described: Paths = field(default_factory=dict)


def build_service_app(service: Service) -> FastAPI:
    """Return the ASGI app of one service instance, with bus, relay and background jobs in its lifespan."""
    platform = service.platform
    settings = platform.settings
    subscriptions = list(service.subscriptions)
    if not service.owns_keys:
        trusted = [key for key in settings.signing_public_keys.split(",") if key]
        subscriptions.append(platform.keys.subscription(trusted))
    bus = Bus(
        settings, subscriptions, service.broadcasts, platform.store, platform.clock, platform.metrics, platform.flow
    )

    app = FastAPI(
        title=service.title,
        lifespan=_lifespan(service, bus, subscriptions),
        docs_url=None,
        redoc_url=None,
        openapi_url=f"/v1/openapi/{settings.service}",
        redirect_slashes=False,
        dependencies=[Depends(check_parameters)],
    )
    app.state.keys = platform.keys
    app.state.bus = bus
    app.state.store = platform.store
    for name, value in service.state.items():
        setattr(app.state, name, value)
    install_problems(app)
    app.add_middleware(ValidHost)
    app.add_middleware(RateLimited, limiter=platform.limiter, keys=platform.keys)
    app.add_middleware(Correlated)
    _add_routes(app, service, bus)
    install_openapi(app, service.described)
    return app


def _lifespan(
    service: Service, bus: Bus, subscriptions: Sequence[Subscription]
) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    platform = service.platform
    schema = platform.settings.service

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await check_schema(platform.engine, schema, heads(schema))
        await platform.store.register_subscriptions(
            [(bus.group(it.name), event.topic) for it in subscriptions for event in it.events]
        )
        tasks = _start(service, bus)
        try:
            yield
        finally:
            await _stop(tasks, service)

    return lifespan


def _add_routes(app: FastAPI, service: Service, bus: Bus) -> None:
    platform = service.platform
    settings = platform.settings
    app.include_router(health_router(platform.reader, bus, platform.metrics.backlog))
    letters = DeadLetterRepository(platform.engine, settings.service)
    stats = TopicStats(settings, platform.engine, bus, platform.metrics, platform.clock.now())
    actions = OperatorActions(platform.store, bus.deliveries, platform.clock)
    app.include_router(operations_router(settings.service, letters, stats, actions))
    for router in service.routers:
        app.include_router(router)

    @app.get("/metrics", include_in_schema=False)
    async def metrics(_: Request) -> Response:
        return Response(generate_latest(platform.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _start(service: Service, bus: Bus) -> list["asyncio.Task[None]"]:
    platform = service.platform
    settings = platform.settings
    relay = Relay(
        platform.store,
        KafkaProducer(settings, platform.flow),
        f"{settings.service}-{settings.instance}",
        settings.relay_shards,
        platform.metrics,
        _EMBEDDED if settings.embedded_bus else PollIntervals(),
    )
    platform.store.on_emit = relay.wake
    jobs: dict[str, Background] = {
        "relay": relay.run,
        "bus": bus.run,
        "retention": lambda: run_every(
            SWEEP_S, lambda: delete_expired(platform.engine, settings.service, settings.retention_hours)
        ),
        **{f"background-{index}": job for index, job in enumerate(service.background)},
    }
    if settings.embedded_bus:  # all services share a machine with their user
        idle = IdleConnections(platform.engine)
        jobs["idle-connections"] = lambda: run_every(SHRINK_S, idle.close)
    return [supervise(name, job) for name, job in jobs.items()]


async def _stop(tasks: Sequence["asyncio.Task[None]"], service: Service) -> None:
    await cancel_all(tasks)
    for close in service.close:
        with contextlib.suppress(Exception):
            await close()
    await service.platform.engine.dispose()
