"""Composition root of the collector: settings to ASGI app."""

from dataclasses import dataclass

from fastapi import APIRouter, FastAPI

from collector.api.cors_middleware import CorsMiddleware
from collector.api.execution_export import execution_export_router
from collector.api.executions import executions_router
from collector.api.fast_path import fast_path
from collector.api.ingest import IngestEndpoint, IngestMiddleware
from collector.api.otlp import TracesEndpoint, TracesMiddleware
from collector.api.otlp_openapi import describe_traces
from collector.api.traces import traces_router
from collector.domain.model import IngestItem, ItemStatus
from collector.handlers import Handlers
from collector.ingest.group_commit import GroupCommitter
from collector.ingest.service import BatchWriter, IngestService, PseudonymKeyCache
from collector.maintenance import Maintenance
from collector.settings import CollectorSettings
from collector.storage.connections import DedicatedConnection
from collector.storage.execution_reader import ExecutionReader
from collector.storage.key_origins import KeyOrigins
from collector.storage.log_reader import ExecutionLogReader
from shared.messaging.flow_control import Flow
from shared.runtime.clock import Clock, SystemClock
from shared.service.service_app import Platform, Service, build_service_app


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an instance. `committer.run` and `maintenance.run` are background tasks."""

    platform: Platform
    settings: CollectorSettings
    committer: "GroupCommitter[IngestItem, ItemStatus]"
    maintenance: Maintenance
    service: IngestService
    pseudonym_key: PseudonymKeyCache
    write_connections: tuple[DedicatedConnection, ...]
    maintenance_connection: DedicatedConnection

    @classmethod
    def build(cls, settings: CollectorSettings, clock: Clock, flow: Flow | None = None) -> "Parts":
        """Return the parts. Opens no connection yet."""
        platform = Platform.create(settings, clock, flow)
        write_connections = tuple(DedicatedConnection(platform.engine) for _ in range(settings.writers))
        maintenance_connection = DedicatedConnection(platform.engine)

        def on_emit() -> None:
            platform.store.on_emit()  # the relay replaces it when it starts

        maintenance = Maintenance(maintenance_connection, settings, clock, on_emit)

        def on_recorded() -> None:
            on_emit()
            maintenance.notify()

        writers = [BatchWriter(connection, settings.relay_shards, on_recorded) for connection in write_connections]
        committer = GroupCommitter[IngestItem, ItemStatus](
            *(writer.write for writer in writers), max_items=settings.queue_items
        )
        key = PseudonymKeyCache(platform.engine)
        service = IngestService(committer, key, clock)
        return cls(platform, settings, committer, maintenance, service, key, write_connections, maintenance_connection)

    def routers(self) -> tuple[APIRouter, ...]:
        """Return the routes that read."""
        log = ExecutionLogReader(self.platform.engine)
        executions = executions_router(ExecutionReader(self.platform.reader), log, self.pseudonym_key)
        return execution_export_router(log, self.pseudonym_key), executions, traces_router(log)


def build_app(settings: CollectorSettings, clock: Clock | None = None, flow: Flow | None = None) -> FastAPI:
    """Return the app of one instance. It opens connections at its startup."""
    parts = Parts.build(settings, clock or SystemClock(), flow)
    keys = parts.platform.keys
    endpoint = IngestEndpoint(parts.service, keys, settings, parts.platform.limiter)
    app = build_service_app(
        Service(
            parts.platform,
            title="Ratchet collector",
            subscriptions=Handlers(parts.service, keys, settings.relay_shards).subscriptions(),
            background=(parts.committer.run, parts.maintenance.run),
            close=tuple(connection.close for connection in (*parts.write_connections, parts.maintenance_connection)),
            routers=parts.routers(),
        )
    )
    traces = TracesEndpoint(parts.service, keys, settings, parts.platform.limiter)
    app.add_middleware(TracesMiddleware, endpoint=traces)
    app.add_middleware(IngestMiddleware, endpoint=endpoint)
    app.add_middleware(CorsMiddleware, keys=keys, origins=KeyOrigins(parts.platform.reader))
    describe_traces(app)
    app.state.http_protocol = fast_path(endpoint)
    return app
